// A file that appears under its name complete or not at all. It is written under a temporary name in the same folder
// (".NAME.xxxxxxxxxxxxxxxx.tmp"), synced and renamed; destroying it without commit() removes it. A process that is
// killed leaves at most that temporary file. Two writers of one path do not meet: the later rename wins.
#pragma once

#include "runtime/support/status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cadenza {

class AtomicFile {
public:
  /// `bytes`, if not 0, are reserved at once, so that a full disk shows before the work is done. If `path` is a
  /// symbolic link, the file that it names is replaced. Errors: Io, InvalidArgument if `path` is there and no regular
  /// file.
  static StatusOr<AtomicFile> create(const std::string &path, uint64_t bytes = 0);

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&other) = delete;
  ~AtomicFile();

  /// Writes at a place of the file; safe from several threads. What is never written is zero.
  Status writeAt(uint64_t offset, std::span<const std::byte> bytes) const;
  /// Syncs the file, renames it and syncs the folder.
  Status commit() { return commit({this, 1}); }
  /// The same for several: none is renamed before all are synced.
  static Status commit(std::span<AtomicFile> files);

private:
  AtomicFile() = default;
  Status fail(std::string_view action, int error) const;

  std::string path_;
  std::string temporary_; // empty: nothing to remove
  int descriptor_ = -1;
};

/// Writes a small file in one go, atomically.
Status writeFileAtomically(const std::string &path, std::string_view text);

} // namespace cadenza

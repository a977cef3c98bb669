// A file that appears under its name complete or not at all. It is written without a name (O_TMPFILE), synced, and
// given its name at the end: destroying it without commit(), or killing the process, leaves nothing. To replace an
// older file it needs a second name (".NAME.xxxxxxxxxxxxxxxx.tmp") for the moment before the rename. File systems that
// have no files without names get that one at once; then what a signal leaves is removed by endOnSignals, and SIGKILL
// leaves it. Two writers of one path do not meet: the later rename wins.
#pragma once

#include "runtime/support/interrupt.h"
#include "runtime/support/status.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace cadenza {

class AtomicFile {
public:
  /// `bytes`, if not 0, are reserved at once, so that a full disk shows before the work is done. If `path` is a
  /// symbolic link, the file that it names is replaced. Errors: Io, InvalidArgument if `path` is there and no regular
  /// file.
  static StatusOr<AtomicFile> create(const std::string &path, uint64_t bytes = 0) {
    return create(path, bytes, /*unnamed=*/true);
  }
  /// With a temporary name from the beginning, whatever the file system can.
  static StatusOr<AtomicFile> createNamed(const std::string &path, uint64_t bytes = 0) {
    return create(path, bytes, /*unnamed=*/false);
  }

  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&other) = delete;
  ~AtomicFile();

  /// Makes the file `bytes` long, on disk, so that a full one shows now.
  Status reserve(uint64_t bytes) const;
  /// Writes at a place of the file; safe from several threads. What is never written is zero.
  Status writeAt(uint64_t offset, std::span<const std::byte> bytes) const;
  /// Syncs the file, names it and syncs the folder.
  Status commit() { return commit({this, 1}); }
  /// The same for several: none is named before all are synced.
  static Status commit(std::span<AtomicFile> files);
  /// Its two halves.
  Status sync() const;
  Status publish();

private:
  AtomicFile() = default;
  static StatusOr<AtomicFile> create(const std::string &path, uint64_t bytes, bool unnamed);
  /// Calls `name` with temporary names until it makes a file of that name; the errno of what keeps it from that, or 0.
  template <typename Name> int takeTemporaryName(const Name &name);
  Status giveName();
  Status fail(std::string_view action, int error) const;

  std::string path_;
  std::string temporary_;                          // empty: nothing to remove
  std::unique_ptr<RemoveOnSignal> removeOnSignal_; // temporary_
  int descriptor_ = -1;
};

/// Writes a small file in one go, atomically.
Status writeFileAtomically(const std::string &path, std::string_view text);

} // namespace cadenza

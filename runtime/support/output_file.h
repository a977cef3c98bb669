// Where a tool's output goes, as its user names it: to a file, which appears complete or not at all (AtomicFile); or,
// by
// "-" or the name of a device, a pipe or a descriptor (/dev/stdout, /dev/fd/3), to what is open already, which is
// written to as it is and never replaced.
#pragma once

#include "runtime/support/atomic_file.h"

#include <optional>
#include <span>

namespace cadenza {

class OutputFile {
public:
  /// Errors: as AtomicFile::create; Io for a device or descriptor that cannot be written to.
  static StatusOr<OutputFile> create(const std::string &path);

  OutputFile(OutputFile &&other) noexcept;
  OutputFile &operator=(OutputFile &&other) = delete;
  ~OutputFile();

  /// The size that all of it will have, if that is known: reserved in a file.
  Status reserve(uint64_t bytes) const { return file_ ? file_->reserve(bytes) : Status::ok(); }
  Status append(std::span<const std::byte> bytes);
  Status append(std::string_view text) { return append(std::as_bytes(std::span(text))); }
  Status commit() { return commit({this, 1}); }
  /// The same for several: no file has its name before all are written.
  static Status commit(std::span<OutputFile> outputs);

private:
  explicit OutputFile(std::string path) : path_(std::move(path)) {}

  std::string path_;
  std::optional<AtomicFile> file_; // or
  int descriptor_ = -1;
  uint64_t offset_ = 0;
};

/// Whether `path` names standard output: "-", "/dev/stdout".
bool isStandardOutput(const std::string &path);

/// Writes all of an output in one go.
Status writeOutput(const std::string &path, std::string_view text);

/// Whether an output can be written, as far as that shows before there is anything to write: for what takes long. An
/// empty path is none. Leaves no trace.
Status checkOutput(const std::string &path);

} // namespace cadenza

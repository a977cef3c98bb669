// A file as read-only bytes in memory. Nothing is read until it is touched. As with every mapping, shrinking the file
// while it is in use raises SIGBUS: writers replace files (AtomicFile), they do not change them in place.
#pragma once

#include "runtime/support/status.h"

#include <cstddef>
#include <span>
#include <string>

namespace cadenza {

class MappedFile {
public:
  /// Maps `path`. Io if it cannot be opened or is not a regular file (a directory, a FIFO: never waits on one);
  /// OutOfMemory if there is no room for it in the address space.
  static StatusOr<MappedFile> open(const std::string &path);

  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return bytes_; }

private:
  std::span<const std::byte> bytes_;
};

} // namespace cadenza

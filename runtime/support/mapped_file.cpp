#include "runtime/support/mapped_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace cadenza {

StatusOr<MappedFile> MappedFile::open(const std::string &path) {
  const auto fail = [&](std::string_view what) { return Status(StatusCode::Io, path + ": " + std::string(what)); };
  if (path.find('\0') != std::string::npos)
    return fail("the path holds a NUL byte");
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fail(std::strerror(errno));
  struct stat info;
  Status status;
  MappedFile file;
  if (fstat(descriptor, &info) != 0) {
    status = fail(std::strerror(errno));
  } else if (!S_ISREG(info.st_mode)) {
    status = fail("not a regular file");
  } else if (info.st_size > 0) { // an empty file cannot be mapped, and is an empty span
    const auto size = static_cast<size_t>(info.st_size);
    void *address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED)
      status = Status(errno == ENOMEM ? StatusCode::OutOfMemory : StatusCode::Io,
                      path + ": cannot be mapped: " + std::strerror(errno));
    else
      file.bytes_ = {static_cast<const std::byte *>(address), size};
  }
  ::close(descriptor); // the mapping stays
  if (!status.isOk())
    return status;
  return file;
}

MappedFile::MappedFile(MappedFile &&other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty())
    munmap(const_cast<std::byte *>(bytes_.data()), bytes_.size());
}

} // namespace cadenza

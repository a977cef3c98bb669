#include "runtime/support/atomic_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace cadenza {
namespace fs = std::filesystem;

namespace {

/// Where `path` leads: through symbolic links to a file that is there or can be made.
StatusOr<fs::path> resolve(const std::string &path) {
  if (path.empty() || path.find('\0') != std::string::npos)
    return Status(StatusCode::InvalidArgument, "'" + path + "' is not a file name");
  std::error_code error;
  fs::path target(path);
  if (fs::is_symlink(fs::symlink_status(target, error))) {
    target = fs::canonical(target, error);
    if (error)
      return Status(StatusCode::Io, path + ": " + error.message());
  }
  const fs::file_status status = fs::status(target, error);
  if (fs::exists(status) && !fs::is_regular_file(status))
    return Status(StatusCode::InvalidArgument, path + ": is there and not a regular file");
  if (!target.has_filename())
    return Status(StatusCode::InvalidArgument, path + ": names a folder");
  return target;
}

std::string folderOf(const std::string &path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

/// Waits until the folder's entry is on disk. File systems that cannot sync a folder say EINVAL.
int syncFolder(const std::string &folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return errno == EACCES ? 0 : errno; // a folder that may be written but not read cannot be synced
  const int error = fsync(descriptor) != 0 && errno != EINVAL ? errno : 0;
  ::close(descriptor);
  return error;
}

} // namespace

StatusOr<AtomicFile> AtomicFile::create(const std::string &path, uint64_t bytes) {
  CADENZA_ASSIGN_OR_RETURN(const fs::path target, resolve(path));
  AtomicFile file;
  file.path_ = target.string();
  std::random_device random;
  std::string base = target.filename().string();
  base.resize(std::min<size_t>(base.size(), 200)); // names are limited to 255 bytes
  for (int attempt = 0; file.descriptor_ < 0; ++attempt) {
    char suffix[24];
    std::snprintf(suffix, sizeof suffix, ".%08x%08x.tmp", random(), random());
    file.temporary_ = folderOf(file.path_) + "/." + base + suffix;
    file.descriptor_ = ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.descriptor_ < 0 && (errno != EEXIST || attempt == 100)) {
      const int error = errno;
      file.temporary_.clear();
      return file.fail("cannot be created", error);
    }
  }
  if (bytes > 0) {
    if (bytes > static_cast<uint64_t>(INT64_MAX))
      return file.fail("cannot be written", EFBIG);
    if (fallocate(file.descriptor_, 0, 0, static_cast<off_t>(bytes)) != 0 &&
        (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR))
      return file.fail("cannot reserve " + std::to_string(bytes) + " bytes", errno);
    if (ftruncate(file.descriptor_, static_cast<off_t>(bytes)) != 0)
      return file.fail("cannot be resized", errno);
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
  if (!temporary_.empty())
    unlink(temporary_.c_str());
}

Status AtomicFile::fail(std::string_view action, int error) const {
  return Status(StatusCode::Io, path_ + ": " + std::string(action) + ": " + std::strerror(error));
}

Status AtomicFile::writeAt(uint64_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const size_t length = std::min<size_t>(bytes.size(), size_t(64) << 20);
    const ssize_t written = pwrite(descriptor_, bytes.data(), length, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return fail("write at offset " + std::to_string(offset), written == 0 ? EIO : errno);
    offset += static_cast<uint64_t>(written);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Status::ok();
}

Status AtomicFile::commit(std::span<AtomicFile> files) {
  for (AtomicFile &file : files) {
    if (fsync(file.descriptor_) != 0)
      return file.fail("fsync", errno);
    if (::close(std::exchange(file.descriptor_, -1)) != 0)
      return file.fail("close", errno);
  }
  for (AtomicFile &file : files) {
    if (rename(file.temporary_.c_str(), file.path_.c_str()) != 0)
      return file.fail("rename", errno);
    file.temporary_.clear();
  }
  for (const AtomicFile &file : files)
    if (const int error = syncFolder(folderOf(file.path_)))
      return file.fail("written, but its folder cannot be synced", error);
  return Status::ok();
}

Status writeFileAtomically(const std::string &path, std::string_view text) {
  CADENZA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  CADENZA_RETURN_IF_ERROR(file.writeAt(0, std::as_bytes(std::span(text))));
  return file.commit();
}

} // namespace cadenza

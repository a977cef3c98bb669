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

/// The file of a descriptor, by a name that can be linked to.
std::string nameOf(int descriptor) { return "/proc/self/fd/" + std::to_string(descriptor); }

/// A file in `folder` without a name, or -1 where there can be none, or none that can be named later.
int openUnnamed(const std::string &folder) {
  const int descriptor = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor < 0 || access(nameOf(descriptor).c_str(), F_OK) == 0)
    return descriptor;
  ::close(descriptor); // no /proc
  return -1;
}

} // namespace

template <typename Name> int AtomicFile::takeTemporaryName(const Name &name) {
  std::random_device random;
  std::string base = fs::path(path_).filename().string();
  base.resize(std::min<size_t>(base.size(), 200)); // names are limited to 255 bytes
  for (int attempt = 0;; ++attempt) {
    char suffix[24];
    std::snprintf(suffix, sizeof suffix, ".%08x%08x.tmp", random(), random());
    temporary_ = folderOf(path_) + "/." + base + suffix;
    removeOnSignal_ = std::make_unique<RemoveOnSignal>(temporary_);
    if (name(temporary_.c_str()))
      return 0;
    const int error = errno;
    removeOnSignal_.reset();
    temporary_.clear();
    if (error != EEXIST || attempt == 100)
      return error;
  }
}

StatusOr<AtomicFile> AtomicFile::create(const std::string &path, uint64_t bytes, bool unnamed) {
  CADENZA_ASSIGN_OR_RETURN(const fs::path target, resolve(path));
  AtomicFile file;
  file.path_ = target.string();
  if (unnamed)
    file.descriptor_ = openUnnamed(folderOf(file.path_));
  if (file.descriptor_ < 0) {
    const int error = file.takeTemporaryName([&file](const char *name) {
      file.descriptor_ = ::open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      return file.descriptor_ >= 0;
    });
    if (error != 0)
      return file.fail("cannot be created", error);
  }
  if (bytes > 0)
    CADENZA_RETURN_IF_ERROR(file.reserve(bytes));
  return file;
}

Status AtomicFile::reserve(uint64_t bytes) const {
  if (bytes > static_cast<uint64_t>(INT64_MAX))
    return fail("cannot be written", EFBIG);
  if (fallocate(descriptor_, 0, 0, static_cast<off_t>(bytes)) != 0 &&
      (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR))
    return fail("cannot reserve " + std::to_string(bytes) + " bytes", errno);
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0)
    return fail("cannot be resized", errno);
  return Status::ok();
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, {})),
      removeOnSignal_(std::move(other.removeOnSignal_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

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

Status AtomicFile::giveName() {
  const std::string file = nameOf(descriptor_);
  const auto link = [&file](const char *name) {
    return linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0;
  };
  if (link(path_.c_str()))
    return Status::ok();
  const int error = errno == EEXIST ? takeTemporaryName(link) : errno; // an older file is replaced by a rename only
  return error == 0 ? Status::ok() : fail("cannot be named", error);
}

Status AtomicFile::sync() const { return fsync(descriptor_) == 0 ? Status::ok() : fail("fsync", errno); }

Status AtomicFile::publish() {
  if (temporary_.empty())
    CADENZA_RETURN_IF_ERROR(giveName());
  if (::close(std::exchange(descriptor_, -1)) != 0)
    return fail("close", errno);
  if (!temporary_.empty() && rename(temporary_.c_str(), path_.c_str()) != 0)
    return fail("rename", errno);
  removeOnSignal_.reset();
  temporary_.clear();
  if (const int error = syncFolder(folderOf(path_)))
    return fail("written, but its folder cannot be synced", error);
  return Status::ok();
}

Status AtomicFile::commit(std::span<AtomicFile> files) {
  for (const AtomicFile &file : files)
    CADENZA_RETURN_IF_ERROR(file.sync());
  for (AtomicFile &file : files)
    CADENZA_RETURN_IF_ERROR(file.publish());
  return Status::ok();
}

Status writeFileAtomically(const std::string &path, std::string_view text) {
  CADENZA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  CADENZA_RETURN_IF_ERROR(file.writeAt(0, std::as_bytes(std::span(text))));
  return file.commit();
}

} // namespace cadenza

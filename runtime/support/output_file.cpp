#include "runtime/support/output_file.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <iostream>
#include <unistd.h>
#include <utility>

namespace cadenza {
namespace fs = std::filesystem;

namespace {

Status cannotWrite(const std::string &path, int error) {
  return {StatusCode::Io, path + ": cannot be written: " + std::strerror(error)};
}

/// The descriptor that a name stands for, itself or by symbolic links: "/dev/stdout" is one to "/proc/self/fd/1". To
/// open such a name would open the file behind it a second time, from its beginning.
std::optional<int> namedDescriptor(const std::string &path) {
  if (path == "-")
    return STDOUT_FILENO;
  fs::path name(path);
  for (int links = 0; links < 40; ++links) {
    for (std::string_view folder : {"/proc/self/fd/", "/dev/fd/"}) {
      const std::string &text = name.native();
      int descriptor = -1;
      if (!text.starts_with(folder))
        continue;
      const auto [end, problem] = std::from_chars(text.data() + folder.size(), text.data() + text.size(), descriptor);
      if (problem == std::errc() && end == text.data() + text.size() && descriptor >= 0)
        return descriptor;
    }
    std::error_code error;
    const fs::path target = fs::read_symlink(name, error);
    if (error)
      break;
    name = target.is_absolute() ? target : name.parent_path() / target;
  }
  return std::nullopt;
}

/// Whether `path` is there and can only be written as it is.
bool isDevice(const std::string &path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
}

} // namespace

StatusOr<OutputFile> OutputFile::create(const std::string &path) {
  OutputFile output(path);
  if (const auto descriptor = namedDescriptor(path)) {
    std::fflush(stdout); // what was printed before stands before it
    std::cout.flush();
    output.descriptor_ = fcntl(*descriptor, F_DUPFD_CLOEXEC, 0);
  } else if (isDevice(path)) {
    output.descriptor_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY);
  } else {
    CADENZA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
    output.file_.emplace(std::move(file));
    return output;
  }
  if (output.descriptor_ < 0)
    return cannotWrite(path, errno);
  return output;
}

OutputFile::OutputFile(OutputFile &&other) noexcept
    : path_(std::move(other.path_)), file_(std::move(other.file_)), descriptor_(std::exchange(other.descriptor_, -1)),
      offset_(other.offset_) {}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

Status OutputFile::append(std::span<const std::byte> bytes) {
  if (file_) {
    CADENZA_RETURN_IF_ERROR(file_->writeAt(offset_, bytes));
    offset_ += bytes.size();
    return Status::ok();
  }
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return cannotWrite(path_, written == 0 ? EIO : errno);
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return Status::ok();
}

Status OutputFile::commit(std::span<OutputFile> outputs) {
  for (const OutputFile &output : outputs)
    if (output.file_)
      CADENZA_RETURN_IF_ERROR(output.file_->sync());
  for (OutputFile &output : outputs)
    if (output.file_)
      CADENZA_RETURN_IF_ERROR(output.file_->publish());
  return Status::ok();
}

bool isStandardOutput(const std::string &path) { return namedDescriptor(path) == STDOUT_FILENO; }

Status writeOutput(const std::string &path, std::string_view text) {
  CADENZA_ASSIGN_OR_RETURN(OutputFile output, OutputFile::create(path));
  CADENZA_RETURN_IF_ERROR(output.append(text));
  return output.commit();
}

Status checkOutput(const std::string &path) {
  if (path.empty())
    return Status::ok();
  if (const auto descriptor = namedDescriptor(path))
    return fcntl(*descriptor, F_GETFL) >= 0 ? Status::ok() : cannotWrite(path, errno);
  if (isDevice(path)) // to open a pipe would wait for its reader, and end what it reads
    return access(path.c_str(), W_OK) == 0 ? Status::ok() : cannotWrite(path, errno);
  return AtomicFile::create(path).status();
}

} // namespace cadenza

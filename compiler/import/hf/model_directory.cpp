#include "compiler/import/hf/model_directory.h"
#include "compiler/import/hf/directory_hints.h"
#include "compiler/import/text.h"

#include <filesystem>

namespace cadenza {
namespace {

namespace fs = std::filesystem;

bool isInside(const std::string &path, const std::string &root) {
  return !root.empty() && path.size() > root.size() && path.starts_with(root) &&
         (root.back() == '/' || path[root.size()] == '/');
}

Status invalid(std::string_view name, const std::string &message) {
  return {StatusCode::InvalidInput, quotedName(name) + " " + message};
}

} // namespace

StatusOr<ModelDirectory> ModelDirectory::open(const std::string &path) {
  std::error_code error;
  if (path.empty() || path.find('\0') != std::string::npos || !fs::is_directory(path, error))
    return noDirectory(path);
  ModelDirectory directory;
  directory.path_ = path;
  fs::path root = fs::canonical(path, error);
  if (error)
    return Status(StatusCode::Io, quotedName(path) + ": " + error.message());
  directory.root_ = root.string();
  if (root.parent_path().filename() == "snapshots") {
    fs::path blobs = fs::canonical(root.parent_path().parent_path() / "blobs", error);
    if (!error)
      directory.blobs_ = blobs.string();
  }
  return directory;
}

bool ModelDirectory::has(std::string_view name) const {
  std::error_code error;
  return fs::exists(fs::symlink_status(fs::path(root_) / name, error));
}

StatusOr<MappedFile> ModelDirectory::file(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos ||
      name.find('\0') != std::string_view::npos || name.size() > 255)
    return invalid(name, "is no plain file name inside the model's directory");
  std::error_code error;
  fs::path path = fs::canonical(fs::path(root_) / name, error);
  if (error == std::errc::no_such_file_or_directory && has(name))
    return invalid(name, "is a symbolic link to a file that is not there: " +
                             escaped(fs::read_symlink(fs::path(root_) / name, error).string(), 300));
  if (error)
    return Status(error == std::errc::no_such_file_or_directory ? StatusCode::InvalidInput : StatusCode::Io,
                  escaped(name, 80) + ": " + error.message());
  if (!isInside(path.string(), root_) && !isInside(path.string(), blobs_))
    links_.push_back(quotedName(name) + " to " + escaped(path.string(), 300));
  auto file = MappedFile::open(path.string());
  if (!file.isOk()) {
    // "PATH: reason": the name says enough.
    std::string_view message = file.status().message();
    if (message.starts_with(path.string()))
      message.remove_prefix(path.string().size());
    return Status(file.status().code(), escaped(name, 80) + std::string(message));
  }
  return file;
}

void ModelDirectory::noteLinks(Findings &findings) const {
  if (links_.size() == 1)
    findings.notice(links_[0] + " is a symbolic link out of the model's directory, and was followed");
  else if (!links_.empty())
    findings.notice(std::to_string(links_.size()) +
                    " files are symbolic links out of the model's directory, and were " + "followed; the first is " +
                    links_[0]);
}

std::string_view textOf(const MappedFile &file) {
  return {reinterpret_cast<const char *>(file.bytes().data()), file.bytes().size()};
}

} // namespace cadenza

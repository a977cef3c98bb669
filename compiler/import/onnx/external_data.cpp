#include "compiler/import/onnx/external_data.h"
#include "compiler/import/text.h"

#include <filesystem>

namespace cadenza::onnx {
namespace {

namespace fs = std::filesystem;

bool isInside(const std::string &path, const std::string &root) {
  return !root.empty() && path.size() > root.size() && path.starts_with(root) &&
         (root.back() == '/' || path[root.size()] == '/');
}

Status invalid(const std::string &location, const std::string &message) {
  return {StatusCode::InvalidInput, "external_data: location " + quotedName(location) + " " + message};
}

/// .../models--X--Y/blobs of .../models--X--Y/snapshots/REVISION/onnx.
std::string blobsOf(const fs::path &root) {
  std::error_code error;
  for (fs::path path = root; path.has_relative_path(); path = path.parent_path()) {
    if (path.parent_path().filename() == "snapshots") {
      const fs::path blobs = fs::canonical(path.parent_path().parent_path() / "blobs", error);
      return error ? "" : blobs.string();
    }
  }
  return "";
}

} // namespace

ExternalData::ExternalData(const std::string &directory) : directory_(directory) {
  std::error_code error;
  const fs::path root = directory.empty() ? fs::path() : fs::canonical(directory, error);
  if (root.empty() || error)
    return;
  root_ = root.string();
  blobs_ = blobsOf(root);
}

StatusOr<std::shared_ptr<const MappedFile>> ExternalData::file(const std::string &location) {
  if (root_.empty())
    return invalid(location, "cannot be looked for: the model has no directory");
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos || location.size() > 4096)
    return invalid(location, "is no path");
  if (relative.is_absolute())
    return invalid(location, "is absolute; it has to be relative to the model's directory");
  for (const fs::path &part : relative)
    if (part == "..")
      return invalid(location, "has '..' in it; it has to stay inside the model's directory");
  std::error_code error;
  const fs::path path = fs::canonical(fs::path(root_) / relative, error);
  if (error == std::errc::no_such_file_or_directory)
    return invalid(location, "is not there (in " + escaped(directory_, 300) + ")");
  if (error)
    return Status(StatusCode::Io, "external_data: " + quotedName(location) + ": " + error.message());
  if (!isInside(path.string(), root_) && !isInside(path.string(), blobs_))
    return invalid(location, "is a symbolic link that leaves the model's directory, to " + escaped(path.string(), 300));
  auto [known, isNew] = files_.try_emplace(path.string());
  if (isNew) {
    StatusOr<MappedFile> mapped = MappedFile::open(path.string());
    if (!mapped.isOk()) {
      files_.erase(known);
      return mapped.status().withPrefix("external_data");
    }
    known->second = std::make_shared<const MappedFile>(std::move(*mapped));
  }
  return known->second;
}

} // namespace cadenza::onnx

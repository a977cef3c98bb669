// A Hugging Face model directory. Files are opened by name and stay inside it: a downloaded model must not be able to
// name files elsewhere. The hub cache's layout, in which snapshots/REVISION/ holds symbolic links into blobs/, is
// allowed.
#pragma once

#include "runtime/support/mapped_file.h"
#include "runtime/support/status.h"

#include <string>
#include <string_view>

namespace cadenza {

class ModelDirectory {
public:
  /// InvalidArgument if `path` is no directory.
  static StatusOr<ModelDirectory> open(const std::string &path);

  const std::string &path() const { return path_; }
  /// Whether an entry of that name exists, of whatever kind (a dangling link too: opening it gives the error).
  bool has(std::string_view name) const;
  /// Maps the file. InvalidInput if `name` is no plain file name or leads out of the directory, Io if it cannot be
  /// read. Errors begin with `name`, not with the directory.
  StatusOr<MappedFile> file(std::string_view name) const;

private:
  std::string path_;
  std::string root_;  // canonical
  std::string blobs_; // canonical, empty outside of a hub cache
};

/// The bytes of a mapped file as text.
std::string_view textOf(const MappedFile &file);

} // namespace cadenza

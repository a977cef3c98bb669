// A Hugging Face model directory. Files are opened by plain names: what a downloaded model says must not be able to
// name files elsewhere. Symbolic links in the directory are its user's own (ln -s, DVC, ModelScope, the hub cache) and
// are followed; one that leads out of it, other than into the hub cache's blobs/, is worth a notice.
#pragma once

#include "compiler/import/findings.h"
#include "runtime/support/mapped_file.h"
#include "runtime/support/status.h"

#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

class ModelDirectory {
public:
  /// InvalidArgument if `path` is no directory.
  static StatusOr<ModelDirectory> open(const std::string &path);

  const std::string &path() const { return path_; }
  /// Whether an entry of that name exists, of whatever kind (a dangling link too: opening it gives the error).
  bool has(std::string_view name) const;
  /// Maps the file. InvalidInput if `name` is no plain file name, or a link to nothing; Io if it cannot be read. Errors
  /// begin with `name`, not with the directory.
  StatusOr<MappedFile> file(std::string_view name);
  /// One notice that counts the files that were links out of the directory.
  void noteLinks(Findings &findings) const;

private:
  std::string path_;
  std::string root_;               // canonical
  std::string blobs_;              // canonical, empty outside of a hub cache
  std::vector<std::string> links_; // "'config.json' to /data/config.json": out of the directory
};

/// The bytes of a mapped file as text.
std::string_view textOf(const MappedFile &file);

} // namespace cadenza

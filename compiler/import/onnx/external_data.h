// Files beside a model that hold the bytes of its tensors. Each is mapped once, however many tensors share it. What a
// model says must not be able to name files elsewhere.
#pragma once

#include "runtime/support/mapped_file.h"
#include "runtime/support/status.h"

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>

namespace cadenza::onnx {

class ExternalData {
public:
  /// Of a model file in `directory`; "" if the model has no place: then every external tensor is an error.
  explicit ExternalData(const std::string &directory);

  /// The whole file at `location`, a relative POSIX path. It may be a symbolic link inside the directory, or one into
  /// the blobs/ of the Hugging Face cache that the directory lies in. InvalidInput otherwise; Io if it cannot be read.
  StatusOr<std::shared_ptr<const MappedFile>> file(const std::string &location);

private:
  std::string directory_;
  std::string root_;                                               // canonical
  std::string blobs_;                                              // canonical, empty outside of a hub cache
  std::map<std::string, std::shared_ptr<const MappedFile>> files_; // by canonical path
};

} // namespace cadenza::onnx

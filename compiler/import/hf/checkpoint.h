// The weights of a model directory: model.safetensors, or model.safetensors.index.json and its shards, mapped into
// memory and validated. No tensor's bytes are read here.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/hf/model_directory.h"
#include "compiler/import/hf/safetensors.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

struct CheckpointTensor {
  std::string dtype; // as safetensors spells it
  std::vector<int64_t> shape;
  std::span<const std::byte> data; // not aligned to anything
  uint32_t file = 0;               // index into Checkpoint::files()
  std::string nameInFile = {};     // if it has been renamed
};

struct CheckpointFile {
  std::string name;
  MappedFile mapping;
  uint64_t headerBytes = 0;
};

/// Immutable and safe to read from several threads once opened.
class Checkpoint {
public:
  using Tensors = std::map<std::string, CheckpointTensor, std::less<>>;

  /// Opens everything that can be opened; what is wrong goes to `findings`, so that all of it is listed.
  static Checkpoint open(ModelDirectory &directory, Findings &findings);

  /// One safetensors file that is not part of a model directory.
  static StatusOr<Checkpoint> openFile(const std::string &path);

  /// Gives tensors other names. One whose new name another has keeps its own.
  void rename(const std::function<std::string(const std::string &)> &newName);

  /// Whether every file could be read; if not, that a tensor is missing says nothing.
  bool complete() const { return complete_; }
  const CheckpointTensor *find(std::string_view name) const;
  const Tensors &tensors() const { return tensors_; }
  const std::vector<CheckpointFile> &files() const { return files_; }

private:
  Status addFile(ModelDirectory &directory, const std::string &name);
  Status addFile(const std::string &name, MappedFile mapping);
  void addShards(ModelDirectory &directory, Findings &findings);

  bool complete_ = true;
  std::vector<CheckpointFile> files_;
  Tensors tensors_;
  std::map<std::string, std::string, std::less<>> shardOf_; // the index
};

} // namespace cadenza

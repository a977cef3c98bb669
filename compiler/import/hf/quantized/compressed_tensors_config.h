// quantization_config of compressed-tensors: groups of modules, and how the weights of each are stored.
#pragma once

#include "compiler/import/hf/config_reader.h"
#include "compiler/import/hf/quantized/name_pattern.h"
#include "compiler/import/hf/quantized/scale_shapes.h"

#include <optional>
#include <string>
#include <vector>

namespace cadenza {

/// What a scheme has one scale for.
enum class ScaleStrategy { tensor, channel, group, block };

/// How the weights of a group of modules are stored.
struct CompressedScheme {
  enum class Layout {
    packed, // pack-quantized: words of several integers
    bytes,  // int-quantized, float-quantized, naive-quantized: a byte a code
    mxfp4,  // mxfp4-pack-quantized
  };
  Layout layout = Layout::packed;
  bool isFloat = false; // e4m3
  int bits = 4;
  bool symmetric = true;
  ScaleStrategy strategy = ScaleStrategy::channel;
  int64_t group = 0;     // columns, of ScaleStrategy::group
  Block block;           // of ScaleStrategy::block
  bool permuted = false; // actorder group: weight_g_idx has the group of each column
};

/// A name of a module, of a class of modules, or, after "re:", a pattern.
class CompressedTarget {
public:
  static StatusOr<CompressedTarget> parse(std::string text);
  const std::string &text() const { return text_; }
  bool matchesName(const std::string &module) const {
    return pattern_ ? pattern_->matchesStart(module) : text_ == module;
  }
  bool matchesClass(bool isEmbedding) const { return text_ == (isEmbedding ? "Embedding" : "Linear"); }

private:
  explicit CompressedTarget(std::string text) : text_(std::move(text)) {}

  std::string text_;
  std::optional<NamePattern> pattern_;
};

struct CompressedConfig {
  struct Group {
    CompressedTarget target;
    std::optional<CompressedScheme> scheme; // nothing: its weights are as they were
  };
  std::vector<Group> groups; // in the order in which the library lets them match
  std::vector<CompressedTarget> ignore;
};

/// What is not supported or malformed is a finding.
CompressedConfig readCompressedConfig(ConfigReader &quantization);

} // namespace cadenza

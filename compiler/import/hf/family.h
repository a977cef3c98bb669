// Model families. A family is one file, families/NAME.cpp, which defines `const Family &families::NAME()`; the build
// finds it there and registers it. Nothing else needs to change (docs/add-a-family.md).
#pragma once

#include "compiler/import/hf/decoder_builder.h"

#include <string_view>
#include <vector>

namespace cadenza {

struct Family {
  std::string_view name;                       // Decoder::family, and config.json's model_type: "qwen3"
  std::vector<std::string_view> architectures; // config.json's names for it: "Qwen3ForCausalLM"
  /// Reads config.json; what is wrong or unsupported goes to the reader's findings.
  DecoderConfig (*readConfig)(ConfigReader &reader);
  /// Builds the body of @decode, ending with builder.finish().
  void (*build)(DecoderBuilder &builder);
  /// What stands before the names of all tensors but the head's: transformers' base_model_prefix.
  std::string_view basePrefix = "model.";
  /// The head's module.
  std::string_view head = "lm_head";
  /// How tensors end that checkpoints have although no module learns them: masks, for example.
  std::vector<std::string_view> buffers = {};
  std::vector<std::string_view> otherTypes = {}; // what model_type may be beside `name`
};

/// All families, by name.
const std::vector<const Family *> &allFamilies();
/// The family of an architecture, or null.
const Family *findFamily(std::string_view architecture);
/// The family that config.json names: by `architectures`, or, where that is missing, by `model_type`, with a notice.
/// Null and a finding if it is none of ours or the two contradict each other.
const Family *readFamily(ConfigReader &reader);
/// "LlamaForCausalLM, Qwen3ForCausalLM", for messages.
std::string supportedArchitectures();

} // namespace cadenza

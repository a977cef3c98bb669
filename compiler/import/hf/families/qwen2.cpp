// Qwen2 and 2.5 (Yang et al. 2024, arXiv:2407.10671): Llama's block with a bias on queries, keys and values, and none
// on the output projection. No published model has its window switched on.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "Qwen2Config",
                                   .kvHeads = 32,
                                   .maxPositions = 32768,
                                   .attentionBias = AttentionBias::QueryKeyValue,
                                   .window = Window::Switched};

DecoderConfig readConfig(ConfigReader &reader) {
  DecoderConfig config = readDecoderConfig(reader, defaults);
  reader.ignore({"use_mrope"}); // nobody reads it: positions of three kinds are Qwen2-VL's
  return config;
}

void build(DecoderBuilder &builder) { buildLlamaLayers(builder); }

} // namespace

const Family &qwen2() {
  static const Family family{"qwen2", {"Qwen2ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

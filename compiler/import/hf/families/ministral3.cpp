// Ministral 3 (Mistral AI 2026, arXiv:2601.08584) and Devstral 2: Mistral's block; RoPE is mostly YaRN's, and queries
// grow with the position.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "Ministral3Config",
                                   .vocabSize = 131072,
                                   .heads = 32,
                                   .kvHeads = 8,
                                   .headDim = 128,
                                   .maxPositions = 262144,
                                   .normEps = 1e-5,
                                   .queryGrowth = true,
                                   .bosToken = 1,
                                   .eosToken = 2,
                                   .attentionBias = AttentionBias::None,
                                   .window = Window::Always,
                                   .slidingWindow = {}};

DecoderConfig readConfig(ConfigReader &reader) { return readDecoderConfig(reader, defaults); }

void build(DecoderBuilder &builder) { buildLlamaLayers(builder); }

} // namespace

const Family &ministral3() {
  static const Family family{"ministral3", {"Ministral3ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

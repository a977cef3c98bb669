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
                                   .ropeParameters = R"({"rope_type":"yarn","rope_theta":1000000.0,"factor":16.0,)"
                                                     R"("original_max_position_embeddings":16384,)"
                                                     R"("beta_fast":32.0,"beta_slow":1.0,"mscale_all_dim":1.0,)"
                                                     R"("mscale":1.0,"llama_4_scaling_beta":0.1})",
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

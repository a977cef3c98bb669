// Phi-3, 3.5 and Phi-4-mini (Abdin et al. 2024, arXiv:2404.14219; 2025, arXiv:2503.01743): Llama's block, whose
// checkpoints have one tensor for query, key and value and one for gate and up; a part of each head is rotated, by
// other frequencies in long texts (longrope).
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "Phi3Config",
                                   .maxPositions = 4096,
                                   .normEps = 1e-5,
                                   .partialRotaryFactor = 1,
                                   .originalMaxPositions = 4096,
                                   .onlyLongRope = true,
                                   .bosToken = 1,
                                   .eosToken = 32000,
                                   .attentionBias = AttentionBias::None,
                                   .window = Window::Always,
                                   .slidingWindow = {}};

DecoderConfig readConfig(ConfigReader &reader) {
  DecoderConfig config = readDecoderConfig(reader, defaults);
  // What the code beside some checkpoints has and transformers has not.
  for (const char *name : {"attention_bias", "mlp_bias", "lm_head_bias"})
    if (reader.boolean(name).value_or(false))
      refuseValue(reader, name, "true", "(false is)");
  reader.ignore({"resid_pdrop", "embd_pdrop"});                       // of training
  reader.ignore({"auto_map", "full_attn_mod", "interpolate_factor"}); // read by nobody here
  return config;
}

void build(DecoderBuilder &builder) { buildLlamaLayers(builder, {.fusedQueryKeyValue = true, .fusedGateUp = true}); }

} // namespace

const Family &phi3() {
  static const Family family{"phi3", {"Phi3ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

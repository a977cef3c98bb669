// Llama 2 and 3, and what was made like them, as SmolLM2 was (Touvron et al. 2023, arXiv:2307.09288; Grattafiori et al.
// 2024, arXiv:2407.21783): pre-norm, grouped queries, RoPE (scaled in 3.1 and later), gated SiLU.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "LlamaConfig", .maxPositions = 2048, .bosToken = 1, .eosToken = 2};

DecoderConfig readConfig(ConfigReader &reader) {
  DecoderConfig config = readDecoderConfig(reader, defaults);
  config.mlpBias = reader.boolean("mlp_bias").value_or(false);
  reader.ignore({"pretraining_tp"}); // slices the same products
  // SmolLM2's, from the framework that trained it; its weights were converted to Llama's layout.
  reader.ignore({"is_llama_config", "rope_interleaved", "transformers.js_config"});
  return config;
}

void build(DecoderBuilder &builder) { buildLlamaLayers(builder); }

} // namespace

const Family &llama() {
  static const Family family{"llama", {"LlamaForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

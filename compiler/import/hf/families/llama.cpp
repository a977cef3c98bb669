// Llama 2 and 3 (Touvron et al. 2023, arXiv:2307.09288; Grattafiori et al. 2024, arXiv:2407.21783): pre-norm, grouped
// queries, RoPE (scaled in 3.1 and later), gated SiLU.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "LlamaConfig", .maxPositions = 2048, .bosToken = 1, .eosToken = 2};

DecoderConfig readConfig(ConfigReader &reader) {
  DecoderConfig config = readDecoderConfig(reader, defaults);
  config.mlpBias = reader.boolean("mlp_bias").value_or(false);
  reader.ignore({"pretraining_tp"}); // slices the same products
  return config;
}

void build(DecoderBuilder &builder) {
  mlir::Value x = builder.tokenEmbedding();
  for (int64_t i = 0; i < builder.config().layers; ++i) {
    DecoderLayer layer(builder, i);
    x = layer.attention(x, {});
    x = layer.gatedMlp(x);
  }
  builder.finish(x);
}

} // namespace

const Family &llama() {
  static const Family family{"llama", {"LlamaForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

// Granite 3 (IBM 2024, https://github.com/ibm-granite/granite-3.0-language-models): Llama's block with factors of the
// embedding, of scores and of both branches of the residual stream; logits are divided (muP, Yang et al. 2022,
// arXiv:2203.03466).
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "GraniteConfig", .maxPositions = 2048, .bosToken = 1, .eosToken = 2};

DecoderConfig readConfig(ConfigReader &reader) {
  const auto factor = [&](const char *name) { return reader.numberOr(name, 0, 1e6, 1).value_or(1); };
  const double embedding = factor("embedding_multiplier"), attention = factor("attention_multiplier"),
               residual = factor("residual_multiplier"), logits = factor("logits_scaling");
  DecoderConfig config = readDecoderConfig(reader, defaults);
  config.mlpBias = reader.boolean("mlp_bias").value_or(false);
  config.embeddingScale = embedding;
  config.attentionScale = attention;
  config.residualScale = residual;
  config.logitsScale = 1 / logits;
  return config;
}

void build(DecoderBuilder &builder) { buildLlamaLayers(builder); }

} // namespace

const Family &granite() {
  static const Family family{"granite", {"GraniteForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

// GPT-NeoX (Black et al. 2022, arXiv:2204.06745) and Pythia (Biderman et al. 2023, arXiv:2304.01373): GPT-2's block
// with RoPE on a part of each head, whose halves read the same vector (use_parallel_residual); queries, keys and values
// are interleaved by head in one tensor.
#include "compiler/import/hf/family.h"
#include "compiler/import/hf/gpt_layers.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{
    .configClass = "GPTNeoXConfig",
    .fields = {.normEps = "layer_norm_eps", .ropeTheta = "rotary_emb_base", .partialRotaryFactor = "rotary_pct"},
    .equalHeads = true,
    .maxPositions = 2048,
    .normEps = 1e-5,
    .partialRotaryFactor = 0.25,
    .hiddenAct = "gelu",
    .bosToken = 0,
    .eosToken = 2,
    .attentionBias = AttentionBias::Unless};

DecoderConfig readConfig(ConfigReader &reader) {
  const bool parallel = reader.booleanOr("use_parallel_residual", true).value_or(true);
  DecoderConfig config = readDecoderConfig(reader, defaults);
  config.mlpBias = true;
  config.parallelResidual = parallel;
  reader.ignore({"hidden_dropout", "classifier_dropout", "attention_probs_dropout_prob", "hidden_dropout_prob"});
  return config;
}

void build(DecoderBuilder &builder) {
  buildGptLayers(builder, {.embedding = "gpt_neox.embed_in",
                           .layers = "gpt_neox.layers",
                           .attentionNorm = "input_layernorm",
                           .attention = "attention",
                           .queryKeyValue = "attention.query_key_value",
                           .attentionOutput = "attention.dense",
                           .mlpNorm = "post_attention_layernorm",
                           .up = "mlp.dense_h_to_4h",
                           .activation = "mlp.act",
                           .down = "mlp.dense_4h_to_h",
                           .finalNorm = "gpt_neox.final_layer_norm",
                           .head = "embed_out",
                           .byHead = true});
}

} // namespace

const Family &gpt_neox() {
  static const Family family{.name = "gpt_neox",
                             .architectures = {"GPTNeoXForCausalLM"},
                             .readConfig = readConfig,
                             .build = build,
                             .basePrefix = "gpt_neox.",
                             .head = "embed_out",
                             .buffers = {".attention.bias", ".attention.masked_bias"}};
  return family;
}

} // namespace cadenza::families

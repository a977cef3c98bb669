// GPT-2 (Radford et al. 2019, https://openai.com/index/better-language-models): learned positions, LayerNorm, biases
// everywhere. Its products are of the kind Conv1D, whose tensors are [inputs][outputs].
#include "compiler/import/hf/config_parts.h"
#include "compiler/import/hf/family.h"
#include "compiler/import/hf/gpt_layers.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "GPT2Config",
                                   .fields = {.hiddenSize = "n_embd",
                                              .intermediateSize = "n_inner",
                                              .layers = "n_layer",
                                              .heads = "n_head",
                                              .maxPositions = "n_positions",
                                              .normEps = "layer_norm_epsilon",
                                              .activation = "activation_function"},
                                   .equalHeads = true,
                                   .rotary = false,
                                   .wideMlp = true,
                                   .maxPositions = 1024,
                                   .normEps = 1e-5,
                                   .hiddenAct = "gelu_new",
                                   .tieWordEmbeddings = true,
                                   .bosToken = 50256,
                                   .eosToken = 50256,
                                   .attentionBias = AttentionBias::Always};

DecoderConfig readConfig(ConfigReader &reader) {
  DecoderConfig config = readDecoderConfig(reader, defaults);
  config.mlpBias = true;
  if (!reader.boolean("scale_attn_weights").value_or(true))
    config.attentionScale = 1;
  for (const char *name : {"scale_attn_by_inverse_layer_idx", "add_cross_attention"})
    if (reader.boolean(name).value_or(false))
      refuseValue(reader, name, "true", "(false is)");
  reader.boolean("reorder_and_upcast_attn"); // the same products, in another order
  reader.ignore({"n_ctx", "resid_pdrop", "embd_pdrop", "attn_pdrop", "task_specific_params"});
  reader.ignore({"n_special", "predict_special_tokens", "output_past", "gradient_checkpointing"}); // of older files
  reader.ignore({"summary_type", "summary_use_proj", "summary_activation", "summary_proj_to_labels",
                 "summary_first_dropout"}); // of a head for choices
  return config;
}

void build(DecoderBuilder &builder) {
  buildGptLayers(builder, {.embedding = "transformer.wte",
                           .positions = "transformer.wpe",
                           .layers = "transformer.h",
                           .attentionNorm = "ln_1",
                           .attention = "attn",
                           .queryKeyValue = "attn.c_attn",
                           .attentionOutput = "attn.c_proj",
                           .mlpNorm = "ln_2",
                           .up = "mlp.c_fc",
                           .activation = "mlp.act",
                           .down = "mlp.c_proj",
                           .finalNorm = "transformer.ln_f",
                           .head = "lm_head",
                           .transposed = true});
}

} // namespace

const Family &gpt2() {
  static const Family family{.name = "gpt2",
                             .architectures = {"GPT2LMHeadModel"},
                             .readConfig = readConfig,
                             .build = build,
                             .basePrefix = "transformer.",
                             .buffers = {".attn.bias", ".attn.masked_bias"}};
  return family;
}

} // namespace cadenza::families

// Gemma 3 (Gemma Team 2025, arXiv:2503.19786): five of six layers have a window, and RoPE of another base. Both blocks
// have a norm before and after them; norms multiply by 1 + weight. Of models that also read images it is the text part.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "Gemma3TextConfig",
                                   .fields = {.activation = "hidden_activation"},
                                   .vocabSize = 262208,
                                   .heads = 8,
                                   .kvHeads = 4,
                                   .headDim = 256,
                                   .maxPositions = 131072,
                                   .ropeTheta = 1000000,
                                   .slidingThetaField = "rope_local_base_freq",
                                   .slidingRopeTheta = 10000,
                                   .hiddenAct = "gelu_pytorch_tanh",
                                   .tieWordEmbeddings = true,
                                   .bosToken = 2,
                                   .eosToken = 1,
                                   .window = Window::Interval,
                                   .fullInterval = 6,
                                   .fullIntervalField = "sliding_window_pattern"};

DecoderConfig readText(ConfigReader &reader) {
  const std::optional<double> logitsCap = readSoftcap(reader, "final_logit_softcapping", {});
  DecoderConfig config = readGemmaConfig(reader, defaults);
  config.logitsCap = logitsCap;
  reader.ignore({"_sliding_window_pattern"}); // which transformers writes and does not read
  if (reader.has("attn_logit_softcapping"))
    reader.findings().notice(reader.where("attn_logit_softcapping") +
                             " was ignored: transformers reads it and caps no scores");
  return config;
}

DecoderConfig readConfig(ConfigReader &reader) {
  reader.ignore({"mm_tokens_per_image", "boi_token_index", "eoi_token_index", "image_token_index", "image_token_id",
                 "boi_token_id", "eoi_token_id"});
  return readTextConfig(reader, readText);
}

void build(DecoderBuilder &builder) {
  buildLlamaLayers(builder, {.queryKeyNorm = QueryKeyNorm::Heads,
                             .attentionPostNorm = "post_attention_layernorm",
                             .mlpNorm = "pre_feedforward_layernorm",
                             .mlpPostNorm = "post_feedforward_layernorm"});
}

} // namespace

const Family &gemma3() {
  static const Family family{.name = "gemma3",
                             .architectures = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"},
                             .readConfig = readConfig,
                             .build = build,
                             .otherTypes = {"gemma3_text"}};
  return family;
}

} // namespace cadenza::families

// Gemma 2 (Gemma Team 2024, arXiv:2408.00118): every other layer has a window; softcaps of scores and of logits. Both
// blocks have a norm before and after them; norms multiply by 1 + weight.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "Gemma2Config",
                                   .fields = {.activation = "hidden_activation"},
                                   .kvHeads = 4,
                                   .headDim = 256,
                                   .maxPositions = 8192,
                                   .hiddenAct = "gelu_pytorch_tanh",
                                   .tieWordEmbeddings = true,
                                   .bosToken = 2,
                                   .eosToken = 1,
                                   .window = Window::Interval,
                                   .fullInterval = 2};

DecoderConfig readConfig(ConfigReader &reader) {
  const std::optional<double> attentionCap = readSoftcap(reader, "attn_logit_softcapping", 50.0);
  const std::optional<double> logitsCap = readSoftcap(reader, "final_logit_softcapping", 30.0);
  DecoderConfig config = readGemmaConfig(reader, defaults);
  config.attentionCap = attentionCap;
  config.logitsCap = logitsCap;
  return config;
}

void build(DecoderBuilder &builder) {
  buildLlamaLayers(builder, {.attentionPostNorm = "post_attention_layernorm",
                             .mlpNorm = "pre_feedforward_layernorm",
                             .mlpPostNorm = "post_feedforward_layernorm"});
}

} // namespace

const Family &gemma2() {
  static const Family family{"gemma2", {"Gemma2ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

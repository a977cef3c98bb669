// OLMo 2 (OLMo Team 2025, arXiv:2501.00656): Llama's block with norms after both halves instead of before them, and of
// queries and keys, of all heads together.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{
    .configClass = "Olmo2Config", .maxPositions = 2048, .normEps = 1e-5, .eosToken = 50279};

DecoderConfig readConfig(ConfigReader &reader) { return readDecoderConfig(reader, defaults); }

void build(DecoderBuilder &builder) {
  buildLlamaLayers(builder, {.queryKeyNorm = QueryKeyNorm::Whole,
                             .attentionNorm = nullptr,
                             .attentionPostNorm = "post_attention_layernorm",
                             .mlpNorm = nullptr,
                             .mlpPostNorm = "post_feedforward_layernorm"});
}

} // namespace

const Family &olmo2() {
  static const Family family{"olmo2", {"Olmo2ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

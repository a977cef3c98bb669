// GLM-4-0414 (https://huggingface.co/zai-org/GLM-4-9B-0414): GLM-4's block with norms of what comes out of attention
// and of the MLP, too.
#include "compiler/import/hf/families/glm.h"
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

DecoderConfig readConfig(ConfigReader &reader) { return readGlmConfig(reader, "Glm4Config"); }

void build(DecoderBuilder &builder) {
  buildLlamaLayers(
      builder,
      {.fusedGateUp = true, .attentionPostNorm = "post_self_attn_layernorm", .mlpPostNorm = "post_mlp_layernorm"});
}

} // namespace

const Family &glm4() {
  static const Family family{"glm4", {"Glm4ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

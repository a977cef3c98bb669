// GLM-4 9B (GLM Team 2024, arXiv:2406.12793): Llama's block with a bias on queries, keys and values; of half of each
// head, neighbouring elements are rotated together; checkpoints have one tensor for gate and up.
#include "compiler/import/hf/families/glm.h"
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

DecoderConfig readConfig(ConfigReader &reader) { return readGlmConfig(reader, "GlmConfig"); }

void build(DecoderBuilder &builder) { buildLlamaLayers(builder, {.fusedGateUp = true}); }

} // namespace

DecoderConfig readGlmConfig(ConfigReader &reader, std::string_view configClass) {
  DecoderConfig config = readDecoderConfig(reader, {.configClass = configClass,
                                                    .kvHeads = 2,
                                                    .headDim = 128,
                                                    .maxPositions = 131072,
                                                    .normEps = 1.5625e-7,
                                                    .partialRotaryFactor = 0.5,
                                                    .attentionBias = AttentionBias::ConfiguredQueryKeyValue});
  config.ropeInterleaved = true;
  // The class's, of which it has three.
  if (!reader.has("eos_token_id") && config.vocabSize > 151338) {
    config.eosTokens = {151329, 151336, 151338};
    reader.findings().notice(reader.where("eos_token_id") + " is that of " + std::string(configClass) +
                             ": 151329, 151336, 151338");
  }
  return config;
}

const Family &glm() {
  static const Family family{"glm", {"GlmForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

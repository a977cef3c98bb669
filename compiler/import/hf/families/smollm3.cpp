// SmolLM3 (Hugging Face 2025, https://huggingface.co/blog/smollm3): Llama's block; every fourth layer has no RoPE.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "SmolLM3Config",
                                   .kvHeads = 4,
                                   .maxPositions = 32768,
                                   .ropeTheta = 2000000,
                                   .tieWordEmbeddings = true,
                                   .bosToken = 128000,
                                   .eosToken = 128001,
                                   .window = Window::NoRope,
                                   .slidingWindow = {},
                                   .noRopeInterval = 4};

DecoderConfig readConfig(ConfigReader &reader) {
  DecoderConfig config = readDecoderConfig(reader, defaults);
  config.mlpBias = reader.boolean("mlp_bias").value_or(false);
  reader.ignore({"pretraining_tp"}); // nobody reads it
  return config;
}

void build(DecoderBuilder &builder) { buildLlamaLayers(builder); }

} // namespace

const Family &smollm3() {
  static const Family family{"smollm3", {"SmolLM3ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

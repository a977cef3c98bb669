// Mistral 7B, Nemo and Small (Jiang et al. 2023, arXiv:2310.06825): Llama's block, without biases. Mistral 7B v0.1 has
// a window on all layers.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{.configClass = "MistralConfig",
                                   .kvHeads = 8,
                                   .maxPositions = 131072,
                                   .bosToken = 1,
                                   .eosToken = 2,
                                   .attentionBias = AttentionBias::None,
                                   .window = Window::Always};

DecoderConfig readConfig(ConfigReader &reader) { return readDecoderConfig(reader, defaults); }

void build(DecoderBuilder &builder) { buildLlamaLayers(builder); }

} // namespace

const Family &mistral() {
  static const Family family{"mistral", {"MistralForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

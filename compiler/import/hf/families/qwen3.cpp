// Qwen3, dense (Yang et al. 2025, arXiv:2505.09388): Llama's block with an RMSNorm on every query and key head before
// RoPE and a head_dim of its own.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr DecoderDefaults defaults{
    .configClass = "Qwen3Config", .kvHeads = 32, .headDim = 128, .maxPositions = 32768, .window = Window::Switched};

DecoderConfig readConfig(ConfigReader &reader) { return readDecoderConfig(reader, defaults); }

void build(DecoderBuilder &builder) { buildLlamaLayers(builder, {.queryKeyNorm = QueryKeyNorm::Heads}); }

} // namespace

const Family &qwen3() {
  static const Family family{"qwen3", {"Qwen3ForCausalLM"}, readConfig, build};
  return family;
}

} // namespace cadenza::families

#include "compiler/import/gguf/architecture.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cadenza::gguf {
namespace {

constexpr Architecture architectures[] = {
    {.name = "gemma2",
     .huggingFace = "Gemma2ForCausalLM",
     .normsHaveOne = true,
     .postAttentionNorm = "post_attention_norm"},
    {.name = "gemma3",
     .huggingFace = "Gemma3ForCausalLM",
     .normsHaveOne = true,
     .postAttentionNorm = "post_attention_norm"},
    {.name = "glm4", .huggingFace = "Glm4ForCausalLM"},
    {.name = "gpt2", .huggingFace = "GPT2LMHeadModel"},
    {.name = "gptneox", .huggingFace = "GPTNeoXForCausalLM", .thirds = true},
    {.name = "granite", .huggingFace = "GraniteForCausalLM", .pairs = true},
    {.name = "llama", .huggingFace = "LlamaForCausalLM", .pairs = true}, // Mistral and SmolLM2, too
    {.name = "mistral3", .huggingFace = "Ministral3ForCausalLM", .pairs = true},
    // Olmo3ForCausalLM where there is a window: config.cpp.
    {.name = "olmo2", .huggingFace = "Olmo2ForCausalLM", .postAttentionNorm = "post_attention_norm"},
    {.name = "phi3", .huggingFace = "Phi3ForCausalLM"},
    {.name = "qwen2", .huggingFace = "Qwen2ForCausalLM"},
    {.name = "qwen3", .huggingFace = "Qwen3ForCausalLM"},
    {.name = "smollm3", .huggingFace = "SmolLM3ForCausalLM", .pairs = true},
};

using Names = std::pair<std::string_view, std::string_view>;

constexpr Names outside[] = {
    {"model.embed_tokens", "token_embd"},
    {"model.norm", "output_norm"},
    {"lm_head", "output"},
    {"transformer.wte", "token_embd"},
    {"transformer.wpe", "position_embd"},
    {"transformer.ln_f", "output_norm"},
    {"gpt_neox.embed_in", "token_embd"},
    {"gpt_neox.final_layer_norm", "output_norm"},
    {"embed_out", "output"},
};

constexpr std::string_view layerPrefixes[] = {"model.layers.", "transformer.h.", "gpt_neox.layers."};

/// Of a layer; post_attention_layernorm is the architecture's.
constexpr Names inside[] = {
    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},
    {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"},
    {"self_attn.k_norm", "attn_k_norm"},
    {"input_layernorm", "attn_norm"},
    {"post_self_attn_layernorm", "post_attention_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"},
    {"post_mlp_layernorm", "post_ffw_norm"},
    {"mlp.gate_proj", "ffn_gate"},
    {"mlp.up_proj", "ffn_up"},
    {"mlp.gate_up_proj", "ffn_up"}, // gate, then up: both in one tensor, as in the family
    {"mlp.down_proj", "ffn_down"},
    // GPT-2
    {"ln_1", "attn_norm"},
    {"ln_2", "ffn_norm"},
    {"attn.c_attn", "attn_qkv"},
    {"attn.c_proj", "attn_output"},
    {"mlp.c_fc", "ffn_up"},
    {"mlp.c_proj", "ffn_down"},
    // GPT-NeoX
    {"attention.query_key_value", "attn_qkv"},
    {"attention.dense", "attn_output"},
    {"mlp.dense_h_to_4h", "ffn_up"},
    {"mlp.dense_4h_to_h", "ffn_down"},
};

template <size_t count> std::string_view lookUp(const Names (&names)[count], std::string_view module) {
  const auto *found = std::find_if(names, names + count, [&](const Names &entry) { return entry.first == module; });
  return found == names + count ? std::string_view() : found->second;
}

} // namespace

int64_t RowOrder::fileRow(int64_t row) const {
  if (kind == Kind::same)
    return first + row;
  const int64_t head = row / headDim, inHead = row % headDim;
  if (kind == Kind::pairs) {
    const int64_t half = headDim / 2;
    return first + head * headDim + (inHead < half ? 2 * inHead : 2 * (inHead - half) + 1);
  }
  const int64_t third = head % 3;
  return first + (third * heads + head / 3) * headDim + inHead;
}

std::optional<TensorPlace> Architecture::place(std::string_view tensor, const HeadCounts &heads) const {
  const size_t dot = tensor.rfind('.');
  if (dot == std::string_view::npos)
    return std::nullopt;
  const std::string_view kind = tensor.substr(dot); // ".weight"
  std::string_view module = tensor.substr(0, dot);
  if (const std::string_view name = lookUp(outside, module); !name.empty())
    return TensorPlace{std::string(name) + std::string(kind), {}};
  const auto *prefix = std::find_if(std::begin(layerPrefixes), std::end(layerPrefixes),
                                    [&](std::string_view begin) { return module.starts_with(begin); });
  if (prefix == std::end(layerPrefixes))
    return std::nullopt;
  module.remove_prefix(prefix->size());
  const size_t end = module.find('.');
  if (end == std::string_view::npos)
    return std::nullopt;
  const std::string_view layer = module.substr(0, end);
  module.remove_prefix(end + 1);
  // GPT-NeoX's is Llama's in its place, too.
  const std::string_view name = module == "post_attention_layernorm" ? postAttentionNorm : lookUp(inside, module);
  if (name.empty())
    return std::nullopt;
  TensorPlace place{"blk." + std::string(layer) + "." + std::string(name) + std::string(kind), {}};
  if (pairs && (name == "attn_q" || name == "attn_k"))
    place.order = {RowOrder::Kind::pairs, heads.headDim, heads.heads};
  if (thirds && name == "attn_qkv")
    place.order = {RowOrder::Kind::thirds, heads.headDim, heads.heads};
  return place;
}

const Architecture *findArchitecture(std::string_view name) {
  const auto *found = std::find_if(std::begin(architectures), std::end(architectures),
                                   [&](const Architecture &architecture) { return architecture.name == name; });
  return found == std::end(architectures) ? nullptr : found;
}

std::string supportedArchitectureNames() {
  std::string list;
  for (const Architecture &architecture : architectures)
    list += (list.empty() ? "" : ", ") + std::string(architecture.name);
  return list;
}

} // namespace cadenza::gguf

// Model directories for the tests: whole and valid by default, one thing broken by the test.
#pragma once

#include "test/temporary_folder.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cadenza::test {

/// A file of the safetensors format: the header as given, then the buffer.
inline std::string safetensors(const std::string &header, const std::string &buffer, uint64_t length) {
  std::string file;
  for (int i = 0; i < 8; ++i)
    file += static_cast<char>(length >> (8 * i));
  return file + header + buffer;
}
inline std::string safetensors(const std::string &header, const std::string &buffer = "") {
  return safetensors(header, buffer, header.size());
}

struct Tensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  std::string bytes;
};

inline std::string safetensors(const std::vector<Tensor> &tensors) {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  std::string buffer;
  for (const Tensor &tensor : tensors) {
    size_t begin = buffer.size();
    buffer += tensor.bytes;
    header[tensor.name] = {{"dtype", tensor.dtype}, {"shape", tensor.shape}, {"data_offsets", {begin, buffer.size()}}};
  }
  return safetensors(header.dump(), buffer);
}

/// A bf16 tensor of ones.
inline Tensor ones(const std::string &name, std::vector<int64_t> shape) {
  size_t elements = 1;
  for (int64_t extent : shape)
    elements *= extent;
  std::string bytes;
  for (size_t i = 0; i < elements; ++i)
    bytes += "\x80\x3f";
  return {name, "BF16", std::move(shape), std::move(bytes)};
}

/// config.json of a model of one layer: hidden 8, 4 query and 2 kv heads of 4, ffn 12, vocabulary 10.
inline nlohmann::json smallConfig(const std::string &family = "llama") {
  const std::map<std::string, const char *> architectures = {{"gemma2", "Gemma2ForCausalLM"},
                                                             {"gemma3", "Gemma3ForCausalLM"},
                                                             {"glm", "GlmForCausalLM"},
                                                             {"glm4", "Glm4ForCausalLM"},
                                                             {"granite", "GraniteForCausalLM"},
                                                             {"llama", "LlamaForCausalLM"},
                                                             {"ministral3", "Ministral3ForCausalLM"},
                                                             {"mistral", "MistralForCausalLM"},
                                                             {"olmo2", "Olmo2ForCausalLM"},
                                                             {"olmo3", "Olmo3ForCausalLM"},
                                                             {"phi3", "Phi3ForCausalLM"},
                                                             {"qwen2", "Qwen2ForCausalLM"},
                                                             {"qwen3", "Qwen3ForCausalLM"},
                                                             {"smollm3", "SmolLM3ForCausalLM"}};
  return {{"architectures", {architectures.at(family)}},
          {"model_type", family},
          {"vocab_size", 10},
          {"hidden_size", 8},
          {"intermediate_size", 12},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"head_dim", 4},
          {"max_position_embeddings", 512},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"rope_scaling", nullptr},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", false},
          {"torch_dtype", "bfloat16"},
          {"bos_token_id", 0},
          {"eos_token_id", 1}};
}

/// The tensors of smallConfig(family).
inline std::vector<Tensor> smallTensors(const std::string &family = "llama") {
  const std::string layer = "model.layers.0.";
  std::vector<Tensor> tensors = {ones("model.embed_tokens.weight", {10, 8}),
                                 ones(layer + "input_layernorm.weight", {8}),
                                 ones(layer + "self_attn.q_proj.weight", {16, 8}),
                                 ones(layer + "self_attn.k_proj.weight", {8, 8}),
                                 ones(layer + "self_attn.v_proj.weight", {8, 8}),
                                 ones(layer + "self_attn.o_proj.weight", {8, 16}),
                                 ones(layer + "post_attention_layernorm.weight", {8}),
                                 ones(layer + "mlp.gate_proj.weight", {12, 8}),
                                 ones(layer + "mlp.up_proj.weight", {12, 8}),
                                 ones(layer + "mlp.down_proj.weight", {8, 12}),
                                 ones("model.norm.weight", {8}),
                                 ones("lm_head.weight", {10, 8})};
  if (family == "qwen3") {
    tensors.push_back(ones(layer + "self_attn.q_norm.weight", {4}));
    tensors.push_back(ones(layer + "self_attn.k_norm.weight", {4}));
  }
  return tensors;
}

} // namespace cadenza::test

// The architectures of GGUF files: which family each is, and what llama.cpp's converter did to the family's tensors
// (https://github.com/ggml-org/llama.cpp, conversion/). A row of the table in architecture.cpp is all that one needs,
// beside what only its metadata have (config.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::gguf {

/// The order of a tensor's rows in the file, given that of the family's tensor in Hugging Face's naming.
struct RowOrder {
  enum class Kind {
    same,
    /// Of each head, row 2i is Hugging Face's i, and row 2i + 1 its i + headDim / 2: elements that are rotated
    /// together lie together.
    pairs,
    /// Queries of all heads, then their keys, then their values, where Hugging Face has the three of each head.
    thirds,
  };
  Kind kind = Kind::same;
  int64_t headDim = 0, heads = 0;
  int64_t first = 0; // of a tensor that holds others before these

  /// The file's row of a row of Hugging Face's tensor.
  int64_t fileRow(int64_t row) const;
};

/// Where a tensor of a family lies in the file.
struct TensorPlace {
  std::string name; // "blk.3.attn_q.weight"
  RowOrder order;
};

/// What the places of tensors depend on.
struct HeadCounts {
  int64_t headDim = 0, heads = 0, kvHeads = 0;
};

struct Architecture {
  std::string_view name;        // general.architecture
  std::string_view huggingFace; // of config.json, "LlamaForCausalLM"
  bool pairs = false;           // rows of queries and keys are in pairs
  bool thirds = false;          // rows of the one tensor of queries, keys and values are in thirds
  /// Norms that multiply by 1 + weight have that sum in the file.
  bool normsHaveOne = false;
  /// What post_attention_layernorm is called, of which families have two kinds.
  std::string_view postAttentionNorm = "ffn_norm";

  /// The place of "model.layers.3.self_attn.q_proj.weight"; nothing if the family has no such module.
  std::optional<TensorPlace> place(std::string_view tensor, const HeadCounts &heads) const;
};

/// Null if it is not supported.
const Architecture *findArchitecture(std::string_view name);
/// "gemma2, gemma3, ...", for messages.
std::string supportedArchitectureNames();

} // namespace cadenza::gguf

// The block of GPT-2 and of what was made like it: LayerNorm with a bias before each half, one tensor for the three
// projections of attention, biases, an MLP without a gate.
#pragma once

#include "compiler/import/hf/decoder_builder.h"

namespace cadenza {

/// What a family calls its modules, and how their tensors lie in the checkpoint.
struct GptModules {
  std::string embedding;      // "transformer.wte"
  std::string positions = ""; // of learned positions; empty: RoPE
  std::string layers;         // "transformer.h", before the layer's number
  // Within a layer:
  std::string attentionNorm;
  std::string attention;
  std::string queryKeyValue; // one tensor of 3 * hidden_size rows
  std::string attentionOutput;
  std::string mlpNorm;
  std::string up;
  std::string activation;
  std::string down;
  std::string finalNorm;
  std::string head;
  bool transposed = false; // matrices are [inputs][outputs]
  bool byHead = false; // rows of queryKeyValue are those of each head in turn, query, key and value; not all queries,
                       // all keys, all values
};

/// A whole decoder of such blocks. A layer adds attention's part and the MLP's part to its input; the MLP reads the
/// first of these sums or, with config().parallelResidual, the layer's input.
void buildGptLayers(DecoderBuilder &builder, const GptModules &modules);

} // namespace cadenza

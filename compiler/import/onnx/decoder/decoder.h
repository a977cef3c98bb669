// Recognising a decoder: which inputs of a graph are the token, its position, masks, lengths, keys and values of the
// past, and which outputs are the logits and the cache that grew. By where values go to and come from; names only break
// ties. The graph becomes that of one step: one sequence, one token, and a past of one open length.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/shapes/analysis.h"
#include "runtime/support/status.h"

#include <optional>
#include <string>
#include <vector>

namespace cadenza::onnx {

/// What a step feeds an input with.
enum class Feed : uint8_t {
  Token,
  Past,  // how many tokens stand before this one: positions, write indices, seqlens_k of GroupQueryAttention
  Total, // one more: lengths of keys
  Ones,  // 1 or true everywhere: attention masks
};

struct DecoderInput {
  ValueId value;
  Feed feed;
};

/// The axes of past keys or values: K heads of D elements at S positions.
enum class CacheLayout : uint8_t {
  HeadsFirst,     // [1, K, S, D]
  PositionsFirst, // [1, S, K, D]
  Flat,           // [1, S, K * D]
};

struct DecoderLayer {
  ValueId pastKey = none, pastValue = none; // inputs of the graph
  CacheLayout layout = CacheLayout::HeadsFirst;
  int64_t kvHeads = 0, headDim = 0;
  NodeId attention = none; // of a decomposed one, its Softmax
};

/// What the files beside a model say of it.
struct DecoderHints {
  std::string file = {}; // that says it: "genai_config.json"
  std::optional<int64_t> layers = {}, heads = {}, kvHeads = {}, headDim = {}, hiddenSize = {}, vocabulary = {};
  std::optional<int64_t> window = {};                // of attention, in
  std::optional<std::vector<int64_t>> windowed = {}; // these layers
  std::string tokens = {};                           // the name of the input that takes them
};

struct DecoderStep {
  Model model;                      // of which the outputs are the logits alone
  Analysis analysis;                // every extent of what is needed is a number or a polynomial in `past`
  std::vector<DecoderInput> inputs; // all but the cache
  std::vector<DecoderLayer> layers; // in the order of their attentions
  ValueId logits = none;            // [1, 1, vocabulary], or without ones
  int64_t vocabulary = 0;
  int64_t hiddenSize = 0;
  std::string past; // the symbol
  /// Positions that there is room for, in a cache that does not grow or in tables with a row each.
  std::optional<int64_t> capacity;
};

/// Whether `model` is meant to be a decoder: a past grows and goes into an attention, and either tokens choose
/// embeddings, or extents are open that `dims` does not give. (An attention of which all extents are known is a graph,
/// too.)
bool isDecoder(const Model &model, const std::map<std::string, std::string> &dims);

/// The step of the decoder that `model` is, for which isDecoder holds. Unsupported if it is none, with the input or
/// output that does not fit; InvalidInput if `hints` or `dims` contradict the graph. What is wrong with the graph
/// itself is filed, and the status is that of all findings.
StatusOr<DecoderStep> recogniseDecoder(const Model &model, const std::map<std::string, std::string> &dims,
                                       const DecoderHints &hints, Findings &findings);

/// In a few lines, for --check: "tokens: 'input_ids'", "layers: 2, 2 heads of 16 elements", ...
std::string summarize(const DecoderStep &step);

} // namespace cadenza::onnx

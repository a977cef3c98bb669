// Which matrix of a model is stored how: what cadenza-compile --quantize asks for.
#pragma once

#include "compiler/import/weight_source.h"
#include "runtime/shared/encoding.h"

#include <functional>

namespace cadenza {

/// What is asked for.
struct QuantizeOptions {
  std::string type = {}; // of the layers' matrices: the name of an encoding, or "mixed"; empty: no quantisation
  int group = 0;         // columns that share a scale; 0: what the name says
  double bits = 0;       // of mixed: bits a weight of the layers' matrices, scales included
  std::string head = {}; // the name of the head's encoding; empty: int8
  std::vector<std::string> keep = {}; // patterns (name_patterns.h) of weights that stay as they are
};

/// A matrix that a product multiplies by.
struct QuantizableMatrix {
  WeightSpec spec;
  bool isHead = false;
  int64_t input = 0; // number of the vector that it multiplies: products of one vector are one if they are stored alike
};

/// Whether the options make sense by themselves: InvalidArgument.
Status check(const QuantizeOptions &options);

/// An encoding for each matrix. InvalidArgument for a pattern that matches nothing (with what was perhaps meant) and
/// for a budget that is too small; what the source has against its tensors.
///
/// Mixed: matrices of one place in all layers, and those that multiply one vector, have one encoding, or a layer would
/// not be one body and its products not one. Of each such set, the error of each encoding is measured on the weights
/// (16 of each 128 rows of large matrices): the sum, over its matrices, of the relative squared error, which is the
/// noise-to-signal ratio of a product with a vector of which nothing is known. Chosen is what keeps the sum of all sets
/// least within the budget (allocate_bits.h). `onProgress` gets pieces done, in all; never two calls at once.
StatusOr<std::vector<Encoding>> chooseEncodings(const std::vector<QuantizableMatrix> &matrices,
                                                const QuantizeOptions &options, const WeightSource &source,
                                                int threads = 0,
                                                const std::function<void(uint64_t, uint64_t)> &onProgress = {});

/// Sets of matrices that are to be stored alike: by their place in all layers and by the vector that they multiply. The
/// number of its set for each of `of`.
std::vector<size_t> setsStoredAlike(const std::vector<QuantizableMatrix> &matrices, const std::vector<size_t> &of);

} // namespace cadenza

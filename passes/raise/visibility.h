// Which tokens a token sees, found out by running what makes and applies the mask at several positions.
#pragma once

#include "passes/raise/slices.h"

#include <map>

namespace cadenza::raise {

class Visibility {
public:
  Visibility(Dependences &dependences, SliceRunner &runner) : dependences(dependences), runner(runner) {}

  /// How many tokens a token sees, itself included, or 0 if it sees all before it: `scores` [..., past + 1] as they go
  /// into softmax, of `products` of queries and keys. Where a product of 0 stays 0, the token is seen; where -1e4 or
  /// less comes of it, it is not. A product of 1 becomes the same of all tokens that are seen, at all positions.
  /// Anything else is an error at the op that makes `scores`.
  llvm::FailureOr<int64_t> windowOf(mlir::Value scores, mlir::Value products);

private:
  struct Seen {
    int64_t first = 0;   // the first token that is seen
    double ofOne = 0;    // what a product of 1 becomes
    std::string problem; // empty if all after it are, and none before
  };
  std::optional<Seen> at(mlir::Value scores, mlir::Value products, int64_t position);
  std::optional<nn::TensorValue> scoresOf(double product, mlir::Value scores, mlir::Value products, int64_t position);
  std::vector<const void *> keyOf(mlir::Value scores, mlir::Value products);

  Dependences &dependences;
  SliceRunner &runner;
  // Layers whose ops between products and scores are alike share a mask.
  std::map<std::vector<const void *>, int64_t> known;
};

} // namespace cadenza::raise

// Which tokens a token sees, found out by running what makes and applies the mask at several positions.
#pragma once

#include "passes/raise/slices.h"

#include <map>
#include <set>

namespace cadenza::raise {

class Visibility {
public:
  Visibility(Dependences &dependences, SliceRunner &runner) : dependences(dependences), runner(runner) {}

  /// How many tokens a token sees, itself included, or 0 if it sees all before it: `scores` [..., past + 1] as they go
  /// into softmax, of `products` of queries and keys. Where a product of 0 stays 0, the token is seen; where -1e4 or
  /// less comes of it, it is not. A product of 1 becomes the same of all tokens that are seen, at all positions.
  /// Anything else is an error at the op that makes `scores`, as is a mask whose constants name numbers of tokens, or
  /// hold a table of positions, that are too large to be tried.
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

  /// The values between scores and products, and what they say of the numbers of tokens that matter.
  struct Slice {
    llvm::SmallVector<mlir::Value> values;
    std::set<int64_t> integers, floats; // whole constants, without their signs
    int64_t table = 0;                  // the largest extent of a constant that is a list

    void add(const nn::TensorValue &constant);
    /// Of the largest value.
    int64_t elements(int64_t tokens) const;
    int64_t tokens(int64_t elements) const;
  };
  static Slice sliceOf(mlir::Value scores, mlir::Value products);
  struct Reach {
    int64_t window = 0; // 0: none up to the limit
    int64_t sees = 0;   // tokens before this one of which all are seen: of that many it is known
  };
  llvm::FailureOr<Reach> findWindow(mlir::Value scores, mlir::Value products, double ofOne, int64_t limit);
  llvm::LogicalResult check(mlir::Value scores, const Seen &seen, double ofOne, int64_t past);
  static llvm::LogicalResult checkSize(mlir::Value scores, const Slice &slice);
  static llvm::SmallVector<int64_t> positionsToTry(const Slice &slice, int64_t window);
  mlir::InFlightDiagnostic refused(mlir::Value scores, int64_t past);
  mlir::InFlightDiagnostic notEvaluated(mlir::Value scores);

  Dependences &dependences;
  SliceRunner &runner;
  // Layers whose ops between products and scores are alike share a mask.
  std::map<std::vector<const void *>, int64_t> known;
};

} // namespace cadenza::raise

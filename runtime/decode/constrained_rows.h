// A constraint as biases: what it does not allow has that of -infinity.
#pragma once

#include "runtime/decode/sequence_sampling.h"
#include "runtime/token_constraint.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cadenza {

/// The rows of a sequence whose tokens a constraint restricts.
class ConstrainedRows {
public:
  /// Resets the constraint. Stop tokens may come exactly where the text may end. Both must outlive this.
  ConstrainedRows(TokenConstraint &constraint, std::span<const int32_t> stopTokens);

  /// Restricts what a sequence that is about to begin, with all tokens so far in its rows, may select next. Errors as
  /// `restricted`; InvalidArgument, too, if only the end may follow and there is no stop token.
  Status begin(SequenceSampling &sampling, int64_t vocabulary);

  /// A token of the sequence that is no stop token. Errors as TokenConstraint::accept.
  Status accept(int32_t token);

  /// The rows for the token that comes next, until the next call of a member; none if the text is complete and nothing
  /// can follow. InvalidArgument if it is not complete, but no token is left: by biases, or because the vocabulary
  /// lacks one.
  StatusOr<std::span<const RowHistory>> restricted();

private:
  TokenConstraint *constraint_;
  std::span<const int32_t> stopTokens_;
  std::vector<RowHistory> rows_; // without the constraint
  std::vector<RowHistory> restricted_;
};

} // namespace cadenza

// What restricts the tokens of a generation; a part of the API of runtime/cadenza.h. docs/grammar.md says what there
// is.
#pragma once

#include "runtime/support/status.h"

#include <cstdint>
#include <span>

namespace cadenza {

/// Which tokens may follow, given those that were generated. Knows nothing of a prompt, and nothing of the tokens that
/// end a text. Used by one generation at a time, which resets it first.
class TokenConstraint {
public:
  virtual ~TokenConstraint() = default;

  /// Begins anew: no token was generated.
  virtual void reset() = 0;

  /// Bit id % 32 of element id / 32: whether that token may come next; ids beyond the last element may not. Valid until
  /// another member is called.
  virtual StatusOr<std::span<const uint32_t>> allowed() = 0;

  /// Whether the text may end here.
  virtual bool mayEnd() const = 0;

  /// The token that comes next. InvalidArgument for one that may not.
  virtual Status accept(int32_t token) = 0;
};

} // namespace cadenza

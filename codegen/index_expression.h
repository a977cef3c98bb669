// Indices in generated code: sums of counting variables, which are simplified as they are built, so that what several
// reshapes, transposes and broadcasts make of an index is still short code.
#pragma once

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cadenza {

/// constant + the sum of coefficient * (variable / divisor % count). Variables count from 0.
class IndexExpression {
public:
  IndexExpression(int64_t constant = 0) : constant_(constant) {} // NOLINT(google-explicit-constructor)
  /// A variable of the code that is in [0, extent).
  static IndexExpression variable(std::string name, int64_t extent);

  IndexExpression &operator+=(const IndexExpression &other);
  IndexExpression &operator*=(int64_t factor);
  friend IndexExpression operator+(IndexExpression a, const IndexExpression &b) { return a += b; }
  friend IndexExpression operator*(IndexExpression a, int64_t factor) { return a *= factor; }
  friend bool operator==(const IndexExpression &, const IndexExpression &) = default;

  /// Quotient and remainder by a positive number, where they are such sums again; nothing if they are not, or if the
  /// expression may be negative. A variable with this value has both.
  std::optional<IndexExpression> dividedBy(int64_t divisor) const;
  std::optional<IndexExpression> modulo(int64_t divisor) const;

  /// Bounds of the value.
  int64_t least() const;
  int64_t most() const;

  /// With these values of its variables.
  int64_t valueAt(llvm::function_ref<int64_t(llvm::StringRef)> variable) const;

  std::vector<llvm::StringRef> variables() const;
  bool mentions(llvm::StringRef variable) const { return llvm::is_contained(variables(), variable); }
  /// Without `variable`, if the rest of the sum is a multiple of `pack` and `variable` itself is added to it: then
  /// `pack` neighbours lie together.
  std::optional<IndexExpression> startOfPack(llvm::StringRef variable, int64_t pack) const;

  /// As C++: "4 * i + j", "i / 64 % 12 * 64 + 3".
  std::string text() const;

private:
  struct Term {
    std::string variable;
    int64_t divisor;
    int64_t count;       // values that variable / divisor % count has
    bool wraps;          // whether `% count` makes a difference
    int64_t coefficient; // not 0
    friend bool operator==(const Term &, const Term &) = default;
  };
  void add(Term term);
  /// The terms that are no multiples of `factor`, and the constant's remainder.
  IndexExpression remainderTerms(int64_t factor) const;
  /// The term that alone decides the quotient by `divisor`, which its coefficient divides: all others are less than
  /// that coefficient together.
  const Term *leadingTerm(int64_t divisor) const;
  std::string text(const Term &term) const;

  std::vector<Term> terms_; // in descending order of coefficients
  int64_t constant_;
};

} // namespace cadenza

// Integers that depend on extents which a model leaves open: polynomials with integer coefficients over symbols, in
// canonical form, so that two that are equal look equal. "1", "past + 1", "64*past + 64".
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace cadenza::onnx {

/// An index of a Symbols table (symbols.h).
using SymbolId = uint32_t;

/// A polynomial, or `unknown`: what an operation gives that is not a polynomial, leaves 64 bits or grows beyond
/// `maxTerms`. Unknown is equal to nothing, not even to itself, and spreads through arithmetic.
class Polynomial {
public:
  /// coefficient * product of symbols.
  struct Term {
    std::vector<SymbolId> symbols; // ascending, one that stands there twice is squared
    int64_t coefficient = 0;       // not 0
  };
  /// Real shapes have a handful; a file made to be multiplied out has not.
  static constexpr size_t maxTerms = 64, maxDegree = 16;

  Polynomial() = default; // 0
  Polynomial(int64_t constant);
  static Polynomial symbol(SymbolId symbol);
  static Polynomial unknown();

  bool isKnown() const { return known; }
  /// Its value if it is a number.
  std::optional<int64_t> number() const;
  /// Whether it is the number `value`.
  bool is(int64_t value) const { return number() == value; }
  /// By degree, the highest first; the constant is last.
  const std::vector<Term> &terms() const { return sum; }

  friend bool operator==(const Polynomial &a, const Polynomial &b);
  friend Polynomial operator+(const Polynomial &a, const Polynomial &b);
  friend Polynomial operator-(const Polynomial &a, const Polynomial &b);
  friend Polynomial operator*(const Polynomial &a, const Polynomial &b);

  /// The polynomial q with q * divisor equal to this one; unknown if there is none or the divisor is 0.
  Polynomial dividedBy(const Polynomial &divisor) const;
  /// Quotient and remainder of this = quotient * divisor + remainder, of whose terms none can be divided by the
  /// divisor's first. Both are unknown if the divisor is 0 or unknown.
  std::pair<Polynomial, Polynomial> divide(const Polynomial &divisor) const;

private:
  void add(Term term); // keeps the canonical form

  bool known = true;
  std::vector<Term> sum;
};

} // namespace cadenza::onnx

#include "compiler/import/onnx/shapes/polynomial.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cadenza::onnx {
namespace {

/// A monomial order that multiplication keeps, which division needs: by degree, then by the symbols.
bool before(const std::vector<SymbolId> &a, const std::vector<SymbolId> &b) {
  return a.size() != b.size() ? a.size() > b.size() : a < b;
}

} // namespace

Polynomial::Polynomial(int64_t constant) {
  if (constant != 0)
    sum.push_back({{}, constant});
}

Polynomial Polynomial::symbol(SymbolId symbol) {
  Polynomial result;
  result.sum.push_back({{symbol}, 1});
  return result;
}

Polynomial Polynomial::unknown() {
  Polynomial result;
  result.known = false;
  return result;
}

std::optional<int64_t> Polynomial::number() const {
  if (!known || sum.size() > 1 || (sum.size() == 1 && !sum[0].symbols.empty()))
    return std::nullopt;
  return sum.empty() ? 0 : sum[0].coefficient;
}

void Polynomial::add(Term term) {
  if (!known)
    return;
  const auto place = std::lower_bound(sum.begin(), sum.end(), term,
                                      [](const Term &a, const Term &b) { return before(a.symbols, b.symbols); });
  if (place == sum.end() || place->symbols != term.symbols) {
    if (sum.size() == maxTerms || term.symbols.size() > maxDegree)
      *this = unknown();
    else
      sum.insert(place, std::move(term));
    return;
  }
  if (__builtin_add_overflow(place->coefficient, term.coefficient, &place->coefficient))
    *this = unknown();
  else if (place->coefficient == 0)
    sum.erase(place);
}

bool operator==(const Polynomial &a, const Polynomial &b) {
  return a.known && b.known &&
         std::equal(a.sum.begin(), a.sum.end(), b.sum.begin(), b.sum.end(), [](const auto &x, const auto &y) {
           return x.coefficient == y.coefficient && x.symbols == y.symbols;
         });
}

Polynomial operator+(const Polynomial &a, const Polynomial &b) {
  if (!a.known || !b.known)
    return Polynomial::unknown();
  Polynomial result = a;
  for (const Polynomial::Term &term : b.sum)
    result.add(term);
  return result;
}

Polynomial operator-(const Polynomial &a, const Polynomial &b) { return a + b * -1; }

Polynomial operator*(const Polynomial &a, const Polynomial &b) {
  if (!a.known || !b.known)
    return Polynomial::unknown();
  Polynomial result;
  for (const Polynomial::Term &x : a.sum)
    for (const Polynomial::Term &y : b.sum) {
      Polynomial::Term product;
      if (__builtin_mul_overflow(x.coefficient, y.coefficient, &product.coefficient))
        return Polynomial::unknown();
      std::ranges::merge(x.symbols, y.symbols, std::back_inserter(product.symbols));
      result.add(std::move(product));
    }
  return result;
}

std::pair<Polynomial, Polynomial> Polynomial::divide(const Polynomial &divisor) const {
  if (!known || !divisor.known || divisor.sum.empty())
    return {unknown(), unknown()};
  const Term &first = divisor.sum.front();
  Polynomial quotient, remainder, rest = *this;
  // Each turn takes the first term off `rest` and adds only later ones; maxTerms bounds how many there can be at once,
  // and the degrees and coefficients in the way how many there are.
  for (size_t turns = 0; rest.known && !rest.sum.empty(); ++turns) {
    const Term term = rest.sum.front();
    if (first.coefficient == -1 && term.coefficient == INT64_MIN)
      return {unknown(), unknown()};
    const bool divisible = term.coefficient % first.coefficient == 0 &&
                           std::ranges::includes(term.symbols, first.symbols) && turns < maxTerms * maxDegree;
    Polynomial part;
    if (divisible) {
      Term factor{{}, term.coefficient / first.coefficient};
      std::ranges::set_difference(term.symbols, first.symbols, std::back_inserter(factor.symbols));
      part.sum.push_back(std::move(factor));
      quotient = quotient + part;
      rest = rest - part * divisor;
    } else {
      part.sum.push_back(term);
      remainder = remainder + part;
      rest = rest - part;
    }
  }
  if (!rest.known || !quotient.known || !remainder.known)
    return {unknown(), unknown()};
  return {quotient, remainder};
}

Polynomial Polynomial::dividedBy(const Polynomial &divisor) const {
  auto [quotient, remainder] = divide(divisor);
  return remainder.is(0) ? quotient : unknown();
}

} // namespace cadenza::onnx

#include "codegen/index_expression.h"

#include "llvm/Support/MathExtras.h"

#include <tuple>

namespace cadenza {

IndexExpression IndexExpression::variable(std::string name, int64_t extent) {
  IndexExpression expression;
  expression.add({std::move(name), 1, extent, false, 1});
  return expression;
}

void IndexExpression::add(Term term) {
  if (term.count <= 1 || term.coefficient == 0)
    return; // always 0
  for (size_t i = 0; i < terms_.size(); ++i) {
    Term &other = terms_[i];
    if (other.variable != term.variable)
      continue;
    const auto joined = [&](Term result) { // takes the place of both
      terms_.erase(terms_.begin() + static_cast<std::ptrdiff_t>(i));
      add(std::move(result));
    };
    if (other.divisor == term.divisor && other.count == term.count && other.wraps == term.wraps) {
      term.coefficient += other.coefficient;
      return joined(std::move(term));
    }
    // The digits of a number in mixed radix: v / d % m + m * (v / (d * m) % n) = v / d % (m * n).
    const auto isNext = [](const Term &low, const Term &high) {
      return low.wraps && high.divisor == low.divisor * low.count && high.coefficient == low.coefficient * low.count;
    };
    if (isNext(term, other) || isNext(other, term)) {
      const Term &low = isNext(term, other) ? term : other, &high = &low == &term ? other : term;
      return joined({low.variable, low.divisor, low.count * high.count, high.wraps, low.coefficient});
    }
  }
  const auto key = [](const Term &t) { return std::tuple(-t.coefficient, t.variable, t.divisor); };
  terms_.insert(llvm::lower_bound(terms_, term, [&](const Term &a, const Term &b) { return key(a) < key(b); }),
                std::move(term));
}

IndexExpression &IndexExpression::operator+=(const IndexExpression &other) {
  constant_ += other.constant_;
  for (Term term : std::vector<Term>(other.terms_))
    add(std::move(term));
  return *this;
}

IndexExpression &IndexExpression::operator*=(int64_t factor) {
  constant_ *= factor;
  std::vector<Term> terms;
  terms.swap(terms_);
  for (Term &term : terms) {
    term.coefficient *= factor;
    add(std::move(term));
  }
  return *this;
}

int64_t IndexExpression::least() const {
  int64_t least = constant_;
  for (const Term &term : terms_)
    least += std::min<int64_t>(0, term.coefficient * (term.count - 1));
  return least;
}

int64_t IndexExpression::most() const {
  int64_t most = constant_;
  for (const Term &term : terms_)
    most += std::max<int64_t>(0, term.coefficient * (term.count - 1));
  return most;
}

IndexExpression IndexExpression::remainderTerms(int64_t factor) const {
  IndexExpression rest(constant_ - llvm::divideFloorSigned(constant_, factor) * factor);
  for (const Term &term : terms_)
    if (term.coefficient % factor != 0)
      rest.add(term);
  return rest;
}

const IndexExpression::Term *IndexExpression::leadingTerm(int64_t divisor) const {
  const Term *leading = terms_.empty() ? nullptr : &terms_.front();
  if (!leading || leading->coefficient <= 0 || divisor % leading->coefficient != 0)
    return nullptr;
  IndexExpression others = *this;
  others.terms_.erase(others.terms_.begin());
  return others.least() >= 0 && others.most() < leading->coefficient ? leading : nullptr;
}

std::optional<IndexExpression> IndexExpression::dividedBy(int64_t divisor) const {
  if (divisor == 1)
    return *this;
  if (least() < 0)
    return std::nullopt;
  const IndexExpression rest = remainderTerms(divisor);
  IndexExpression quotient(llvm::divideFloorSigned(constant_, divisor));
  for (const Term &term : terms_)
    if (term.coefficient % divisor == 0)
      quotient.add({term.variable, term.divisor, term.count, term.wraps, term.coefficient / divisor});
  if (rest.least() >= 0 && rest.most() < divisor)
    return quotient;
  const Term *leading = rest.leadingTerm(divisor);
  if (!leading)
    return std::nullopt;
  const int64_t by = divisor / leading->coefficient;
  if (leading->wraps && leading->count % by != 0)
    return std::nullopt;
  quotient.add({leading->variable, leading->divisor * by, static_cast<int64_t>(llvm::divideCeil(leading->count, by)),
                leading->wraps, 1});
  return quotient;
}

std::optional<IndexExpression> IndexExpression::modulo(int64_t divisor) const {
  if (least() < 0)
    return std::nullopt;
  IndexExpression rest = remainderTerms(divisor);
  if (rest.least() >= 0 && rest.most() < divisor)
    return rest;
  const Term *leading = rest.leadingTerm(divisor);
  if (!leading)
    return std::nullopt;
  const Term whole = *leading;
  const int64_t count = divisor / whole.coefficient;
  if (whole.wraps && whole.count % count != 0)
    return std::nullopt;
  rest.terms_.erase(rest.terms_.begin());
  rest.add({whole.variable, whole.divisor, count, true, whole.coefficient});
  return rest;
}

int64_t IndexExpression::valueAt(llvm::function_ref<int64_t(llvm::StringRef)> variable) const {
  int64_t value = constant_;
  for (const Term &term : terms_) {
    const int64_t digits = variable(term.variable) / term.divisor;
    value += term.coefficient * (term.wraps ? digits % term.count : digits);
  }
  return value;
}

std::vector<llvm::StringRef> IndexExpression::variables() const {
  std::vector<llvm::StringRef> names;
  for (const Term &term : terms_)
    if (!llvm::is_contained(names, term.variable))
      names.push_back(term.variable);
  return names;
}

std::optional<IndexExpression> IndexExpression::startOfPack(llvm::StringRef variable, int64_t pack) const {
  IndexExpression start(constant_);
  bool isAdded = false;
  for (const Term &term : terms_) {
    if (term.variable != variable) {
      if (term.coefficient % pack != 0)
        return std::nullopt;
      start.add(term);
    } else if (term.coefficient == 1 && term.divisor == 1 && term.count == pack) {
      isAdded = true;
    } else {
      return std::nullopt;
    }
  }
  return isAdded && constant_ % pack == 0 ? std::optional(start) : std::nullopt;
}

std::string IndexExpression::text(const Term &term) const {
  std::string text = term.variable;
  if (term.divisor != 1)
    text += " / " + std::to_string(term.divisor);
  if (term.wraps)
    text += " % " + std::to_string(term.count);
  const int64_t factor = std::abs(term.coefficient);
  if (factor == 1)
    return text;
  return text == term.variable ? std::to_string(factor) + " * " + text : text + " * " + std::to_string(factor);
}

std::string IndexExpression::text() const {
  std::string text;
  for (const Term &term : terms_) {
    const bool isNegative = term.coefficient < 0;
    text += text.empty() ? (isNegative ? "-" : "") : (isNegative ? " - " : " + ");
    const std::string one = this->text(term);
    text += text == "-" && llvm::StringRef(one).contains(' ') ? "(" + one + ")" : one;
  }
  if (constant_ != 0 || terms_.empty())
    text += text.empty() ? std::to_string(constant_)
                         : (constant_ < 0 ? " - " : " + ") + std::to_string(std::abs(constant_));
  return text;
}

} // namespace cadenza

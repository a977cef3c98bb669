#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"

#include <algorithm>
#include <cmath>

namespace cadenza::jinja {
namespace {

constexpr const char *symbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

void needDefined(const Value &value) {
  if (value.isUndefined())
    fail(value.undefined().message);
}

[[noreturn]] void wrongTypes(BinaryOperator op, const Value &left, const Value &right) {
  fail(std::string("unsupported operand types for ") + symbols[static_cast<size_t>(op)] + ": '" + typeName(left) +
       "' and '" + typeName(right) + "'");
}

[[noreturn]] void tooLarge() { unsupported("a whole number of more than 64 bits"); }

int64_t floorDivide(int64_t left, int64_t right) {
  if (right == -1) {
    if (left == INT64_MIN)
      tooLarge();
    return -left;
  }
  return left / right - ((left % right != 0) && ((left < 0) != (right < 0)) ? 1 : 0);
}

Value power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0)
      fail("0 cannot be raised to a negative power");
    return std::pow(static_cast<double>(base), static_cast<double>(exponent));
  }
  if (exponent > 64 && (base > 1 || base < -1))
    tooLarge();
  if (exponent > 64)
    exponent = 2 + exponent % 2; // of -1, 0 and 1
  int64_t result = 1;
  for (; exponent > 0; --exponent)
    if (__builtin_mul_overflow(result, base, &result))
      tooLarge();
  return result;
}

Value calculateIntegers(BinaryOperator op, int64_t left, int64_t right) {
  int64_t result = 0;
  switch (op) {
  case BinaryOperator::Add:
    if (__builtin_add_overflow(left, right, &result))
      tooLarge();
    return result;
  case BinaryOperator::Subtract:
    if (__builtin_sub_overflow(left, right, &result))
      tooLarge();
    return result;
  case BinaryOperator::Multiply:
    if (__builtin_mul_overflow(left, right, &result))
      tooLarge();
    return result;
  case BinaryOperator::Power:
    return power(left, right);
  default:
    break;
  }
  if (right == 0)
    fail("division by zero");
  if (op == BinaryOperator::Divide)
    return static_cast<double>(left) / static_cast<double>(right);
  const int64_t quotient = floorDivide(left, right);
  return op == BinaryOperator::FloorDivide ? quotient : left - quotient * right;
}

Value calculateFloats(BinaryOperator op, double left, double right) {
  const bool divides =
      op == BinaryOperator::Divide || op == BinaryOperator::FloorDivide || op == BinaryOperator::Modulo;
  if (divides && right == 0)
    fail("division by zero");
  double modulo = divides ? std::fmod(left, right) : 0;
  if (modulo != 0 && (modulo < 0) != (right < 0))
    modulo += right;
  else if (modulo == 0)
    modulo = std::copysign(0.0, right);
  switch (op) {
  case BinaryOperator::Add:
    return left + right;
  case BinaryOperator::Subtract:
    return left - right;
  case BinaryOperator::Multiply:
    return left * right;
  case BinaryOperator::Divide:
    return left / right;
  case BinaryOperator::FloorDivide: {
    const double quotient = (left - modulo) / right, floored = std::floor(quotient);
    return quotient - floored > 0.5 ? floored + 1 : floored;
  }
  case BinaryOperator::Modulo:
    return modulo;
  case BinaryOperator::Power:
    if (left < 0 && std::floor(right) != right)
      unsupported("a complex number");
    return std::pow(left, right);
  }
  return 0.0;
}

/// text + text: what is added to Markup is escaped.
Value join(Runtime &runtime, const Text &left, const Text &right) {
  if (!left.isMarkup && !right.isMarkup)
    return runtime.text(left.bytes + right.bytes);
  return runtime.text((left.isMarkup ? left.bytes : escapedForHtml(left.bytes)) +
                          (right.isMarkup ? right.bytes : escapedForHtml(right.bytes)),
                      /*isMarkup=*/true);
}

Value repeat(Runtime &runtime, const Value &value, int64_t count) {
  count = std::max<int64_t>(count, 0);
  if (value.isText()) {
    const std::string &bytes = value.text().bytes;
    runtime.chargeMany(static_cast<size_t>(count), bytes.size());
    std::string result;
    result.reserve(bytes.size() * static_cast<size_t>(count));
    for (int64_t i = 0; i < count && !bytes.empty(); ++i)
      result += bytes;
    return runtime.text(std::move(result), value.text().isMarkup);
  }
  const Sequence &sequence = value.sequence();
  runtime.chargeMany(static_cast<size_t>(count), sequence.items.size() * sizeof(Value));
  std::vector<Value> items;
  for (int64_t i = 0; i < count && !sequence.items.empty(); ++i)
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  return runtime.sequence(std::move(items), sequence.kind);
}

bool isListOrTuple(const Value &value) {
  return value.isSequence() &&
         (value.sequence().kind == Sequence::Kind::List || value.sequence().kind == Sequence::Kind::Tuple);
}

bool lessItems(const std::vector<Value> &left, const std::vector<Value> &right) {
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i)
    if (!areEqual(left[i], right[i]))
      return isLess(left[i], right[i]);
  return left.size() < right.size();
}

} // namespace

Value calculate(Runtime &runtime, BinaryOperator op, const Value &left, const Value &right) {
  if (op == BinaryOperator::Modulo && left.isText())
    return formatPercent(runtime, left, right);
  needDefined(left);
  needDefined(right);
  if (left.isInteger() && right.isInteger())
    return calculateIntegers(op, left.integer(), right.integer());
  if (left.isNumber() && right.isNumber())
    return calculateFloats(op, left.number(), right.number());
  if (op == BinaryOperator::Add && left.isText() && right.isText())
    return join(runtime, left.text(), right.text());
  if (op == BinaryOperator::Add && isListOrTuple(left) && isListOrTuple(right) &&
      left.sequence().kind == right.sequence().kind) {
    std::vector<Value> items = left.sequence().items;
    items.insert(items.end(), right.sequence().items.begin(), right.sequence().items.end());
    return runtime.sequence(std::move(items), left.sequence().kind);
  }
  if (op == BinaryOperator::Multiply && right.isInteger() && (left.isText() || isListOrTuple(left)))
    return repeat(runtime, left, right.integer());
  if (op == BinaryOperator::Multiply && left.isInteger() && (right.isText() || isListOrTuple(right)))
    return repeat(runtime, right, left.integer());
  wrongTypes(op, left, right);
}

Value negate(const Value &operand, UnaryOperator op) {
  needDefined(operand);
  if (!operand.isNumber())
    fail(std::string("bad operand type for unary ") + (op == UnaryOperator::Minus ? "-" : "+") + ": '" +
         typeName(operand) + "'");
  if (!operand.isInteger())
    return op == UnaryOperator::Minus ? -operand.number() : operand.number();
  return op == UnaryOperator::Minus ? calculateIntegers(BinaryOperator::Subtract, 0, operand.integer())
                                    : Value(operand.integer());
}

bool isLess(const Value &left, const Value &right) {
  needDefined(left);
  needDefined(right);
  if (left.isNumber() && right.isNumber())
    return left.isInteger() && right.isInteger() ? left.integer() < right.integer() : left.number() < right.number();
  if (left.isText() && right.isText())
    return left.text().bytes < right.text().bytes; // UTF-8 sorts as its code points
  if (isListOrTuple(left) && isListOrTuple(right) && left.sequence().kind == right.sequence().kind)
    return lessItems(left.sequence().items, right.sequence().items);
  fail("'<' is not supported between '" + typeName(left) + "' and '" + typeName(right) + "'");
}

bool contains(Runtime &runtime, const Value &container, const Value &item) {
  switch (container.kind()) {
  case Kind::Undefined:
    return false;
  case Kind::Text:
    if (item.isUndefined() || !item.isText())
      fail("'in <str>' requires a text as its left operand, not " + typeName(item));
    return findText(container.text().bytes, item.text().bytes) != std::string::npos;
  case Kind::Dict:
    if (item.isDict() || (item.isSequence() && item.sequence().kind == Sequence::Kind::List))
      fail("unhashable type: '" + typeName(item) + "'");
    return container.dict().find(item) != nullptr;
  case Kind::Sequence: {
    Sequence &sequence = container.sequence();
    runtime.charge(sequence.items.size() * sizeof(Value));
    for (size_t i = sequence.next; i < sequence.items.size(); ++i) {
      sequence.next = sequence.isIterator() ? i + 1 : 0;
      if (areEqual(sequence.items[i], item))
        return true;
    }
    return false;
  }
  default:
    fail("argument of type '" + typeName(container) + "' is not iterable");
  }
}

bool compare(Runtime &runtime, Comparison comparison, const Value &left, const Value &right) {
  switch (comparison) {
  case Comparison::Equal:
    return areEqual(left, right);
  case Comparison::NotEqual:
    return !areEqual(left, right);
  case Comparison::In:
    return contains(runtime, right, left);
  case Comparison::NotIn:
    return !contains(runtime, right, left);
  default:
    break;
  }
  const bool areFloats = left.isNumber() && right.isNumber() && (!left.isInteger() || !right.isInteger());
  if (areFloats && (std::isnan(left.number()) || std::isnan(right.number())))
    return false;
  switch (comparison) {
  case Comparison::Less:
    return isLess(left, right);
  case Comparison::Greater:
    return isLess(right, left);
  case Comparison::LessEqual:
    return !isLess(right, left);
  default:
    return !isLess(left, right);
  }
}

} // namespace cadenza::jinja

// Python's operators on values.
#pragma once

#include "runtime/chat/jinja/ast.h"
#include "runtime/chat/jinja/runtime.h"

namespace cadenza::jinja {

Value calculate(Runtime &runtime, BinaryOperator op, const Value &left, const Value &right);
Value negate(const Value &operand, UnaryOperator op); // minus or plus
bool compare(Runtime &runtime, Comparison comparison, const Value &left, const Value &right);
/// left < right; an Error for what has no order.
bool isLess(const Value &left, const Value &right);
/// `item` in `container`
bool contains(Runtime &runtime, const Value &container, const Value &item);

/// format % arguments
Value formatPercent(Runtime &runtime, const Value &format, const Value &arguments);
/// format.format(arguments)
Value formatBraces(Runtime &runtime, const Value &format, const Arguments &arguments);

} // namespace cadenza::jinja

// Tests: what stands behind `is`.
#include "runtime/chat/jinja/arguments.h"
#include "runtime/chat/jinja/filters.h"
#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

namespace cadenza::jinja {
namespace {

using TestFunction = bool (*)(Runtime &, const Value &, const Value &other);
struct TestEntry {
  bool takesValue;
  TestFunction function;
};

template <Comparison Op> bool compares(Runtime &runtime, const Value &value, const Value &other) {
  return compare(runtime, Op, value, other);
}

int64_t modulo(Runtime &runtime, const Value &value, const Value &by) {
  const Value rest = calculate(runtime, BinaryOperator::Modulo, value, by);
  return rest.isInteger() ? rest.integer() : rest.number() == 0 ? 0 : rest.number() == 1 ? 1 : 2;
}

const std::map<std::string_view, TestEntry> &tests() {
  using R = Runtime &;
  using V = const Value &;
  static const std::map<std::string_view, TestEntry> table = {
      {"defined", {false, [](R, V v, V) { return !v.isUndefined(); }}},
      {"undefined", {false, [](R, V v, V) { return v.isUndefined(); }}},
      {"none", {false, [](R, V v, V) { return v.isNone(); }}},
      {"boolean", {false, [](R, V v, V) { return v.isBoolean(); }}},
      {"true", {false, [](R, V v, V) { return v.isBoolean() && v.boolean(); }}},
      {"false", {false, [](R, V v, V) { return v.isBoolean() && !v.boolean(); }}},
      {"integer", {false, [](R, V v, V) { return v.kind() == Kind::Integer; }}},
      {"float", {false, [](R, V v, V) { return v.kind() == Kind::Float; }}},
      {"number", {false, [](R, V v, V) { return v.isNumber(); }}},
      {"string", {false, [](R, V v, V) { return v.isText(); }}},
      {"mapping", {false, [](R, V v, V) { return v.isDict(); }}},
      {"sequence",
       {false,
        [](R, V v, V) {
          return v.isUndefined() || v.isText() || v.isDict() || (v.isSequence() && v.sequence().isIndexed());
        }}},
      {"iterable",
       {false,
        [](R, V v, V) {
          return v.isUndefined() || v.isText() || v.isDict() || v.isSequence() || v.kind() == Kind::Loop;
        }}},
      {"callable",
       {false, [](R, V v, V) { return v.kind() == Kind::Callable || v.isUndefined() || v.kind() == Kind::Loop; }}},
      {"escaped", {false, [](R, V v, V) { return v.isText() && v.text().isMarkup; }}},
      {"lower", {false, [](R, V v, V) { return isLower(stringOf(v)); }}},
      {"upper", {false, [](R, V v, V) { return isUpper(stringOf(v)); }}},
      {"odd", {false, [](R r, V v, V) { return modulo(r, v, int64_t{2}) == 1; }}},
      {"even", {false, [](R r, V v, V) { return modulo(r, v, int64_t{2}) == 0; }}},
      {"divisibleby", {true, [](R r, V v, V other) { return modulo(r, v, other) == 0; }}},
      {"sameas", {true, [](R, V v, V other) { return v.isSame(other); }}},
      {"in", {true, [](R r, V v, V other) { return contains(r, other, v); }}},
      {"filter", {false, [](R, V v, V) { return v.isText() && isFilter(v.text().bytes); }}},
      {"test", {false, [](R, V v, V) { return v.isText() && isTest(v.text().bytes); }}},
      {"==", {true, compares<Comparison::Equal>}},
      {"eq", {true, compares<Comparison::Equal>}},
      {"equalto", {true, compares<Comparison::Equal>}},
      {"!=", {true, compares<Comparison::NotEqual>}},
      {"ne", {true, compares<Comparison::NotEqual>}},
      {">", {true, compares<Comparison::Greater>}},
      {"gt", {true, compares<Comparison::Greater>}},
      {"greaterthan", {true, compares<Comparison::Greater>}},
      {">=", {true, compares<Comparison::GreaterEqual>}},
      {"ge", {true, compares<Comparison::GreaterEqual>}},
      {"<", {true, compares<Comparison::Less>}},
      {"lt", {true, compares<Comparison::Less>}},
      {"lessthan", {true, compares<Comparison::Less>}},
      {"<=", {true, compares<Comparison::LessEqual>}},
      {"le", {true, compares<Comparison::LessEqual>}},
  };
  return table;
}

} // namespace

bool isTest(std::string_view name) { return tests().contains(name); }

bool applyTest(Runtime &runtime, const std::string &name, const Value &value, const Arguments &arguments) {
  const auto found = tests().find(name);
  if (found == tests().end())
    fail("there is no test " + reprOfText(name));
  runtime.charge();
  if (!found->second.takesValue) {
    const Bound none("the test " + name, arguments, {});
    return found->second.function(runtime, value, Value());
  }
  const Bound bound("the test " + name, arguments, {"other"}, 1);
  return found->second.function(runtime, value, bound.value(0));
}

} // namespace cadenza::jinja

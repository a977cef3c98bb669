#include "runtime/chat/jinja/interpreter.h"
#include "runtime/chat/jinja/access.h"
#include "runtime/chat/jinja/filters.h"
#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

#include <algorithm>

namespace cadenza::jinja {

Value *Scope::find(std::string_view name) {
  for (Scope *scope = this; scope; scope = scope->parent)
    for (auto &[known, value] : scope->values)
      if (known == name)
        return &value;
  return nullptr;
}

void Scope::put(std::string_view name, const Value &value) {
  for (auto &[known, old] : values)
    if (known == name) {
      old = value;
      return;
    }
  values.emplace_back(name, value);
}

std::string Interpreter::run(const Body &body, Scope &global) {
  std::string out;
  run(body, inner(global), out);
  return out;
}

Scope &Interpreter::inner(Scope &scope) {
  runtime_.charge(sizeof(Scope));
  return *runtime_.heap().make<Scope>(&scope);
}

void Interpreter::write(std::string &out, std::string_view text) {
  written_ += text.size();
  if (written_ > runtime_.options().outputBytes)
    fail("the template writes more than " + std::to_string(runtime_.options().outputBytes) + " bytes");
  out += text;
}

Interpreter::Flow Interpreter::run(const Body &body, Scope &scope, std::string &out) {
  for (const Statement &statement : body)
    if (const Flow flow = run(statement, scope, out); flow != Flow::Normal)
      return flow;
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const Statement &statement, Scope &scope, std::string &out) {
  const Runtime::Level level(runtime_);
  runtime_.charge();
  line_ = statement.line;
  return std::visit([&](const auto &node) { return run(node, scope, out); }, statement.node);
}

Interpreter::Flow Interpreter::run(const Data &data, Scope &, std::string &out) {
  write(out, data.text);
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const Output &output, Scope &scope, std::string &out) {
  const Value value = evaluate(output.value, scope);
  if (value.isText())
    write(out, value.text().bytes);
  else
    write(out, stringOf(value));
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const If &branches, Scope &scope, std::string &out) {
  for (const auto &[condition, body] : branches.branches)
    if (isTrue(evaluate(condition, scope)))
      return run(body, scope, out);
  return run(branches.otherwise, scope, out);
}

Interpreter::Flow Interpreter::run(const For &loop, Scope &scope, std::string &out) {
  std::vector<Value> items = itemsOf(runtime_, evaluate(loop.items, scope));
  if (loop.condition) {
    std::erase_if(items, [&](const Value &item) {
      Scope &place = inner(scope);
      assign(loop.target, item, place);
      return !isTrue(evaluate(loop.condition, place));
    });
  }
  // The items outlive this call: a macro may have kept the scope that names the loop.
  const Value kept = runtime_.sequence(std::move(items));
  Loop &state = *runtime_.heap().make<Loop>();
  state.items = &kept.sequence().items;
  bool anyEnded = false; // as in jinja2, `else` is also for a loop whose every turn ended by break or continue
  for (; state.index < state.items->size(); ++state.index) {
    Scope &place = inner(scope);
    place.put("loop", &state);
    assign(loop.target, (*state.items)[state.index], place);
    const Flow flow = run(loop.body, place, out);
    anyEnded |= flow == Flow::Normal;
    if (flow == Flow::Break)
      break;
  }
  return anyEnded ? Flow::Normal : run(loop.otherwise, inner(scope), out);
}

Interpreter::Flow Interpreter::run(const Set &set, Scope &scope, std::string &) {
  assign(set.target, evaluate(set.value, scope), scope);
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const SetBlock &set, Scope &scope, std::string &) {
  std::string text;
  if (const Flow flow = run(set.body, inner(scope), text); flow != Flow::Normal)
    return flow;
  assign(set.target, applyFilters(set.filters, runtime_.text(std::move(text)), scope), scope);
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const Macro &macro, Scope &scope, std::string &) {
  scope.put(macro.name, macroValue(macro, scope));
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const CallBlock &block, Scope &scope, std::string &out) {
  const Value caller = macroValue(block.caller, scope);
  write(out, stringOf(evaluateCall(std::get<Call>(block.call->node), scope, &caller)));
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const FilterBlock &block, Scope &scope, std::string &out) {
  std::string text;
  Scope &place = inner(scope);
  if (const Flow flow = run(block.body, place, text); flow != Flow::Normal)
    return flow;
  write(out, stringOf(applyFilters(block.filters, runtime_.text(std::move(text)), place)));
  return Flow::Normal;
}

Interpreter::Flow Interpreter::run(const With &with, Scope &scope, std::string &out) {
  Scope &place = inner(scope);
  for (const auto &[target, value] : with.values)
    assign(target, evaluate(value, scope), place);
  return run(with.body, place, out);
}

Interpreter::Flow Interpreter::run(const Generation &generation, Scope &scope, std::string &out) {
  return run(generation.body, inner(scope), out);
}

void Interpreter::assign(const Target &target, const Value &value, Scope &scope) {
  if (!target.several.empty()) {
    const std::vector<Value> items = itemsOf(runtime_, value);
    if (items.size() != target.several.size())
      fail("cannot assign " + std::to_string(items.size()) + " values to " + std::to_string(target.several.size()) +
           " names");
    for (size_t i = 0; i < items.size(); ++i)
      assign(target.several[i], items[i], scope);
    return;
  }
  runtime_.charge(sizeof(Value));
  if (target.attribute.empty())
    return scope.put(target.name, value);
  const Value *space = scope.find(target.name);
  if (!space)
    fail("'" + target.name + "' is undefined");
  if (space->kind() != Kind::Namespace)
    fail("cannot assign to '" + target.name + "." + target.attribute + "': '" + target.name + "' is no namespace");
  space->space().put(target.attribute, value);
}

Value Interpreter::evaluate(const ExpressionPtr &expression, Scope &scope) {
  const Runtime::Level level(runtime_);
  runtime_.charge();
  line_ = expression->line;
  return std::visit([&](const auto &node) { return evaluate(node, scope); }, expression->node);
}

Value Interpreter::evaluate(const Name &name, Scope &scope) {
  if (const Value *found = scope.find(name.name))
    return *found;
  for (std::string_view known : {"lipsum", "cycler", "joiner"})
    if (name.name == known)
      unsupported("the function " + name.name);
  if (name.name == "self")
    unsupported("self, the blocks of the template");
  return runtime_.undefined(reprOfText(name.name) + " is undefined");
}

Value Interpreter::evaluate(const ListOf &list, Scope &scope) {
  std::vector<Value> items;
  items.reserve(list.items.size());
  for (const ExpressionPtr &item : list.items)
    items.push_back(evaluate(item, scope));
  return runtime_.sequence(std::move(items), list.isTuple ? Sequence::Kind::Tuple : Sequence::Kind::List);
}

Value Interpreter::evaluate(const DictOf &dict, Scope &scope) {
  const Value made = runtime_.dict();
  for (const auto &[key, value] : dict.items) {
    const Value name = evaluate(key, scope);
    if (name.isDict() || (name.isSequence() && name.sequence().kind == Sequence::Kind::List))
      fail("unhashable type: '" + typeName(name) + "'");
    runtime_.charge(sizeof(std::pair<Value, Value>));
    made.dict().put(name, evaluate(value, scope));
  }
  return made;
}

Value Interpreter::evaluate(const Unary &unary, Scope &scope) {
  const Value operand = evaluate(unary.operand, scope);
  return unary.op == UnaryOperator::Not ? Value(!isTrue(operand)) : negate(operand, unary.op);
}

Value Interpreter::evaluate(const Binary &binary, Scope &scope) {
  const Value left = evaluate(binary.left, scope), right = evaluate(binary.right, scope);
  return calculate(runtime_, binary.op, left, right);
}

Value Interpreter::evaluate(const Logical &logical, Scope &scope) {
  const Value left = evaluate(logical.left, scope);
  return isTrue(left) == logical.isAnd ? evaluate(logical.right, scope) : left;
}

Value Interpreter::evaluate(const Compare &comparison, Scope &scope) {
  Value left = evaluate(comparison.first, scope);
  for (const auto &[op, expression] : comparison.rest) {
    const Value right = evaluate(expression, scope);
    if (!compare(runtime_, op, left, right))
      return false;
    left = right;
  }
  return true;
}

Value Interpreter::evaluate(const Concat &concat, Scope &scope) {
  std::string text;
  for (const ExpressionPtr &item : concat.items)
    text += stringOf(evaluate(item, scope));
  return runtime_.text(std::move(text));
}

Value Interpreter::evaluate(const Conditional &conditional, Scope &scope) {
  if (isTrue(evaluate(conditional.condition, scope)))
    return evaluate(conditional.value, scope);
  if (conditional.otherwise)
    return evaluate(conditional.otherwise, scope);
  return runtime_.undefined("the inline if-expression evaluated to false and no else section was defined.");
}

Value Interpreter::evaluate(const Attribute &attribute, Scope &scope) {
  return attributeOf(runtime_, evaluate(attribute.object, scope), attribute.name);
}

Value Interpreter::evaluate(const Item &item, Scope &scope) {
  const Value object = evaluate(item.object, scope);
  return itemOf(runtime_, object, evaluate(item.index, scope));
}

Value Interpreter::evaluate(const Slice &slice, Scope &scope) {
  const auto bound = [&](const ExpressionPtr &expression) {
    return expression ? evaluate(expression, scope) : Value();
  };
  const Value object = evaluate(slice.object, scope), start = bound(slice.start), stop = bound(slice.stop);
  return sliceOf(runtime_, object, start, stop, bound(slice.step));
}

Value Interpreter::evaluate(const Call &call, Scope &scope) { return evaluateCall(call, scope, nullptr); }

Value Interpreter::evaluateCall(const Call &call, Scope &scope, const Value *caller) {
  const Value callee = evaluate(call.callee, scope);
  Arguments arguments = evaluateArguments(call.arguments, scope);
  if (caller)
    arguments.keyword.emplace_back("caller", *caller);
  if (callee.isUndefined())
    fail(callee.undefined().message);
  if (callee.kind() != Kind::Callable)
    fail("'" + typeName(callee) + "' object is not callable");
  return callee.callable().call(runtime_, arguments);
}

Value Interpreter::evaluate(const Filter &filter, Scope &scope) {
  const Value input = evaluate(filter.input, scope);
  const Arguments arguments = evaluateArguments(filter.arguments, scope);
  runtime_.charge(input.isText() ? input.text().bytes.size() : 0);
  return applyFilter(runtime_, filter.name, input, arguments);
}

Value Interpreter::applyFilters(const std::vector<Filter> &filters, Value value, Scope &scope) {
  for (const Filter &filter : filters)
    value = applyFilter(runtime_, filter.name, value, evaluateArguments(filter.arguments, scope));
  return value;
}

Value Interpreter::evaluate(const Test &test, Scope &scope) {
  const Value input = evaluate(test.input, scope);
  return applyTest(runtime_, test.name, input, evaluateArguments(test.arguments, scope));
}

Arguments Interpreter::evaluateArguments(const CallArguments &given, Scope &scope) {
  Arguments arguments;
  for (const ExpressionPtr &value : given.positional)
    arguments.positional.push_back(evaluate(value, scope));
  if (given.star)
    for (const Value &value : itemsOf(runtime_, evaluate(given.star, scope)))
      arguments.positional.push_back(value);
  for (const auto &[name, value] : given.keyword)
    arguments.keyword.emplace_back(name, evaluate(value, scope));
  if (!given.doubleStar)
    return arguments;
  const Value named = evaluate(given.doubleStar, scope);
  if (!named.isDict())
    fail("the argument after ** must be a dict, not " + typeName(named));
  for (const auto &[key, value] : named.dict().entries) {
    if (!key.isText())
      fail("names of arguments must be texts");
    arguments.keyword.emplace_back(key.text().bytes, value);
  }
  return arguments;
}

Value Interpreter::macroValue(const Macro &macro, Scope &scope) {
  runtime_.charge(sizeof(Callable));
  const Callable *made =
      runtime_.heap().make<Callable>(macro.name, [this, &macro, &scope](Runtime &, const Arguments &arguments) {
        const Runtime::Level level(runtime_);
        return callMacro(macro, scope, arguments);
      });
  return made;
}

Value Interpreter::callMacro(const Macro &macro, Scope &closure, const Arguments &arguments) {
  Scope &place = inner(closure);
  const size_t count = macro.parameters.size();
  std::vector<bool> isGiven(count);
  Arguments rest;
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i >= count) {
      rest.positional.push_back(arguments.positional[i]);
      continue;
    }
    place.put(macro.parameters[i].name, arguments.positional[i]);
    isGiven[i] = true;
  }
  Value caller = runtime_.undefined("No caller defined");
  for (const auto &[name, value] : arguments.keyword) {
    const auto parameter = std::find_if(macro.parameters.begin(), macro.parameters.end(),
                                        [&](const Parameter &known) { return known.name == name; });
    if (parameter == macro.parameters.end()) {
      if (name == "caller" && macro.usesCaller)
        caller = value;
      else
        rest.keyword.emplace_back(name, value);
      continue;
    }
    const auto index = static_cast<size_t>(parameter - macro.parameters.begin());
    if (isGiven[index])
      fail("macro '" + macro.name + "' got several values for argument '" + name + "'");
    place.put(parameter->name, value);
    isGiven[index] = true;
  }
  if (!rest.positional.empty() && !macro.usesVarargs)
    fail("macro '" + macro.name + "' takes not more than " + std::to_string(count) + " arguments");
  if (!rest.keyword.empty() && !macro.usesKwargs)
    fail("macro '" + macro.name + "' takes no keyword argument '" + rest.keyword[0].first + "'");
  for (size_t i = 0; i < count; ++i) {
    if (isGiven[i])
      continue;
    const Parameter &parameter = macro.parameters[i];
    place.put(parameter.name, parameter.fallback
                                  ? evaluate(parameter.fallback, place)
                                  : runtime_.undefined("parameter '" + parameter.name + "' was not provided"));
  }
  if (macro.usesCaller)
    place.put("caller", caller);
  if (macro.usesVarargs)
    place.put("varargs", runtime_.sequence(std::move(rest.positional), Sequence::Kind::Tuple));
  if (macro.usesKwargs) {
    const Value named = runtime_.dict();
    for (const auto &[name, value] : rest.keyword)
      named.dict().put(runtime_.text(name), value);
    place.put("kwargs", named);
  }
  std::string text;
  const int line = line_;
  run(macro.body, place, text);
  line_ = line;
  return runtime_.text(std::move(text));
}

} // namespace cadenza::jinja

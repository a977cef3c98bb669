// Walks a template's tree.
#pragma once

#include "runtime/chat/jinja/ast.h"
#include "runtime/chat/jinja/runtime.h"

#include <string>
#include <string_view>

namespace cadenza::jinja {

/// Names and their values, in a place of the template. Names of the places around it are seen, too.
struct Scope : Object {
  explicit Scope(Scope *parent) : parent(parent) {}
  Scope *parent;
  std::vector<std::pair<std::string_view, Value>> values; // names are the tree's, or live as long as the rendering

  Value *find(std::string_view name);
  void put(std::string_view name, const Value &value);
};

class Interpreter {
public:
  explicit Interpreter(Runtime &runtime) : runtime_(runtime) {}

  /// What the template writes, with the names of `global`.
  std::string run(const Body &body, Scope &global);
  /// Of what is being run, or failed.
  int line() const { return line_; }

private:
  enum class Flow { Normal, Break, Continue };

  Flow run(const Body &body, Scope &scope, std::string &out);
  Flow run(const Statement &statement, Scope &scope, std::string &out);
  Flow run(const Data &data, Scope &scope, std::string &out);
  Flow run(const Output &output, Scope &scope, std::string &out);
  Flow run(const If &branches, Scope &scope, std::string &out);
  Flow run(const For &loop, Scope &scope, std::string &out);
  Flow run(const Set &set, Scope &scope, std::string &out);
  Flow run(const SetBlock &set, Scope &scope, std::string &out);
  Flow run(const Macro &macro, Scope &scope, std::string &out);
  Flow run(const CallBlock &block, Scope &scope, std::string &out);
  Flow run(const FilterBlock &block, Scope &scope, std::string &out);
  Flow run(const With &with, Scope &scope, std::string &out);
  Flow run(const Generation &generation, Scope &scope, std::string &out);
  Flow run(const Break &, Scope &, std::string &) { return Flow::Break; }
  Flow run(const Continue &, Scope &, std::string &) { return Flow::Continue; }

  Value evaluate(const ExpressionPtr &expression, Scope &scope);
  Value evaluate(const Literal &literal, Scope &) { return literal.value; }
  Value evaluate(const Name &name, Scope &scope);
  Value evaluate(const ListOf &list, Scope &scope);
  Value evaluate(const DictOf &dict, Scope &scope);
  Value evaluate(const Unary &unary, Scope &scope);
  Value evaluate(const Binary &binary, Scope &scope);
  Value evaluate(const Logical &logical, Scope &scope);
  Value evaluate(const Compare &comparison, Scope &scope);
  Value evaluate(const Concat &concat, Scope &scope);
  Value evaluate(const Conditional &conditional, Scope &scope);
  Value evaluate(const Attribute &attribute, Scope &scope);
  Value evaluate(const Item &item, Scope &scope);
  Value evaluate(const Slice &slice, Scope &scope);
  Value evaluate(const Call &call, Scope &scope);
  Value evaluate(const Filter &filter, Scope &scope);
  Value evaluate(const Test &test, Scope &scope);

  Arguments evaluateArguments(const CallArguments &arguments, Scope &scope);
  Value evaluateCall(const Call &call, Scope &scope, const Value *caller);
  Value applyFilters(const std::vector<Filter> &filters, Value value, Scope &scope);
  void assign(const Target &target, const Value &value, Scope &scope);
  Scope &inner(Scope &scope);
  /// A macro as a value: it sees the names of the place where it stands.
  Value macroValue(const Macro &macro, Scope &scope);
  Value callMacro(const Macro &macro, Scope &closure, const Arguments &arguments);
  void write(std::string &out, std::string_view text);

  Runtime &runtime_;
  int line_ = 0;
  size_t written_ = 0; // bytes, in buffers too
};

/// range, dict, namespace, raise_exception, strftime_now.
void addGlobals(Runtime &runtime, Scope &scope);

} // namespace cadenza::jinja

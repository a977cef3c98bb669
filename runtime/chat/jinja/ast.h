// A template as a tree. Expressions and statements are variants over one struct a kind.
#pragma once

#include "runtime/chat/jinja/value.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cadenza::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;
struct Statement;
using Body = std::vector<Statement>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> keyword;
  ExpressionPtr star, doubleStar; // null: none
  bool none() const { return positional.empty() && keyword.empty() && !star && !doubleStar; }
};

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct ListOf {
  std::vector<ExpressionPtr> items;
  bool isTuple = false;
};
struct DictOf {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};
enum class UnaryOperator : uint8_t { Not, Minus, Plus };
struct Unary {
  UnaryOperator op;
  ExpressionPtr operand;
};
enum class BinaryOperator : uint8_t { Add, Subtract, Multiply, Divide, FloorDivide, Modulo, Power };
struct Binary {
  BinaryOperator op;
  ExpressionPtr left, right;
};
/// `and`, `or`: the value of one of them.
struct Logical {
  bool isAnd;
  ExpressionPtr left, right;
};
enum class Comparison : uint8_t { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual, In, NotIn };
struct Compare { // a < b <= c
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Concat { // a ~ b
  std::vector<ExpressionPtr> items;
};
struct Conditional {                         // value if condition else otherwise
  ExpressionPtr condition, value, otherwise; // null: undefined
};
struct Attribute { // object.name
  ExpressionPtr object;
  std::string name;
};
struct Item { // object[index]
  ExpressionPtr object, index;
};
struct Slice { // object[start:stop:step]; null: left out
  ExpressionPtr object, start, stop, step;
};
struct Call {
  ExpressionPtr callee;
  CallArguments arguments;
};
struct Filter {
  ExpressionPtr input; // null in a filter block, and in that of a set block
  std::string name;
  CallArguments arguments;
};
struct Test {
  ExpressionPtr input;
  std::string name;
  CallArguments arguments;
};

struct Expression {
  std::variant<Literal, Name, ListOf, DictOf, Unary, Binary, Logical, Compare, Concat, Conditional, Attribute, Item,
               Slice, Call, Filter, Test>
      node;
  int line = 0;
  int depth = 1; // of the tree that it is
};

/// What is assigned to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name;
  std::string attribute;       // of the namespace `name`; empty: the name itself
  std::vector<Target> several; // not empty: those
};

struct Parameter {
  std::string name;
  ExpressionPtr fallback; // null: none
};

struct Data {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target;
  ExpressionPtr items, condition; // null: all
  Body body, otherwise;           // that of no turn that came to its end
};
struct Set {
  Target target;
  ExpressionPtr value;
};
struct SetBlock {
  Target target;
  std::vector<Filter> filters;
  Body body;
};
/// A macro, or what a call block gives the macro that it calls as `caller`.
struct Macro {
  std::string name;
  std::vector<Parameter> parameters;
  Body body;
  bool usesCaller = false, usesVarargs = false, usesKwargs = false;
};
struct CallBlock {
  ExpressionPtr call; // a Call
  Macro caller;
};
struct FilterBlock {
  std::vector<Filter> filters;
  Body body;
};
struct With {
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};
/// {% generation %}: says which text is the assistant's, for training. Its body as it is.
struct Generation {
  Body body;
};
struct Break {};
struct Continue {};

struct Statement {
  std::variant<Data, Output, If, For, Set, SetBlock, Macro, CallBlock, FilterBlock, With, Generation, Break, Continue>
      node;
  int line = 0;
};

} // namespace cadenza::jinja

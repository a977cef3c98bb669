// The grammar of expressions.
#pragma once

#include "runtime/chat/jinja/ast.h"
#include "runtime/chat/jinja/runtime.h"
#include "runtime/chat/jinja/token_reader.h"

#include <optional>
#include <set>

namespace cadenza::jinja {

class ExpressionParser : public TokenReader {
public:
  ExpressionParser(std::vector<Token> tokens, Heap &heap) : TokenReader(std::move(tokens)), heap_(heap) {}

protected:
  ExpressionPtr readExpression(bool withConditional = true);
  /// An expression, or several with commas between them; `end`: a name that ends the list.
  ExpressionPtr readTuple(bool withConditional = true, std::string_view end = "", bool inParentheses = false);
  /// A filter behind its "|".
  Filter readFilter();
  std::vector<Filter> readFilters();

  std::vector<std::set<std::string>> used_; // names that each of the macros around uses

private:
  /// `depth`: of the deepest part.
  static ExpressionPtr make(decltype(Expression::node) node, int line, int depth = 0);
  static ExpressionPtr literal(Value value, int line) { return make(Literal{value}, line); }
  ExpressionPtr readConditional();
  ExpressionPtr readOr();
  ExpressionPtr readAnd();
  ExpressionPtr readNot();
  ExpressionPtr readCompare();
  ExpressionPtr readSum();
  ExpressionPtr readConcat();
  ExpressionPtr readProduct();
  ExpressionPtr readPower();
  ExpressionPtr readUnary(bool withFilter);
  ExpressionPtr readPrimary();
  ExpressionPtr readList();
  ExpressionPtr readDict();
  ExpressionPtr readPostfix(ExpressionPtr value);
  ExpressionPtr readFiltered(ExpressionPtr value);
  ExpressionPtr readSubscript(ExpressionPtr value);
  ExpressionPtr readCall(ExpressionPtr callee);
  ExpressionPtr readTest(ExpressionPtr value);
  CallArguments readArguments();
  std::optional<Comparison> readComparison();

  Heap &heap_; // of literals
};

} // namespace cadenza::jinja

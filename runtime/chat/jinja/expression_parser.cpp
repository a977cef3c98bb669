#include "runtime/chat/jinja/expression_parser.h"

#include <algorithm>

namespace cadenza::jinja {
namespace {

constexpr int maxExpressionDepth = 500; // of a tree; "a + b + c" is one

template <typename... Expressions> int deepest(const Expressions &...expressions) {
  return std::max({0, (expressions ? expressions->depth : 0)...});
}

int deepestOf(const std::vector<ExpressionPtr> &expressions) {
  int depth = 0;
  for (const ExpressionPtr &expression : expressions)
    depth = std::max(depth, expression->depth);
  return depth;
}

int deepestOf(const CallArguments &arguments) {
  int depth = std::max(deepestOf(arguments.positional), deepest(arguments.star, arguments.doubleStar));
  for (const auto &[name, value] : arguments.keyword)
    depth = std::max(depth, value->depth);
  return depth;
}

} // namespace

ExpressionPtr ExpressionParser::make(decltype(Expression::node) node, int line, int depth) {
  if (depth >= maxExpressionDepth)
    fail("an expression of more than " + std::to_string(maxExpressionDepth) + " levels", line);
  auto expression = std::make_unique<Expression>();
  expression->node = std::move(node);
  expression->line = line;
  expression->depth = depth + 1;
  return expression;
}

ExpressionPtr ExpressionParser::readExpression(bool withConditional) {
  const Nested nested(*this);
  return withConditional ? readConditional() : readOr();
}

ExpressionPtr ExpressionParser::readTuple(bool withConditional, std::string_view end, bool inParentheses) {
  const int line = current().line;
  ListOf tuple{{}, /*isTuple=*/true};
  bool isTuple = false;
  while (true) {
    if (!tuple.items.empty())
      expect(",");
    if (current().kind == TokenKind::VariableEnd || current().kind == TokenKind::BlockEnd || sees(")") ||
        (!end.empty() && seesName(end)))
      break;
    tuple.items.push_back(readExpression(withConditional));
    if (!sees(","))
      break;
    isTuple = true;
  }
  if (!isTuple && !tuple.items.empty())
    return std::move(tuple.items[0]);
  if (tuple.items.empty() && !inParentheses)
    unexpected("an expression");
  const int depth = deepestOf(tuple.items);
  return make(std::move(tuple), line, depth);
}

ExpressionPtr ExpressionParser::readConditional() {
  int line = current().line;
  ExpressionPtr value = readOr();
  while (skipName("if")) {
    ExpressionPtr condition = readOr(), otherwise;
    if (skipName("else")) {
      const Nested nested(*this);
      otherwise = readConditional();
    }
    const int depth = deepest(value, condition, otherwise);
    value = make(Conditional{std::move(condition), std::move(value), std::move(otherwise)}, line, depth);
    line = current().line;
  }
  return value;
}

ExpressionPtr ExpressionParser::readOr() {
  int line = current().line;
  ExpressionPtr left = readAnd();
  while (skipName("or")) {
    ExpressionPtr right = readAnd();
    const int depth = deepest(left, right);
    left = make(Logical{false, std::move(left), std::move(right)}, line, depth);
    line = current().line;
  }
  return left;
}

ExpressionPtr ExpressionParser::readAnd() {
  int line = current().line;
  ExpressionPtr left = readNot();
  while (skipName("and")) {
    ExpressionPtr right = readNot();
    const int depth = deepest(left, right);
    left = make(Logical{true, std::move(left), std::move(right)}, line, depth);
    line = current().line;
  }
  return left;
}

ExpressionPtr ExpressionParser::readNot() {
  const int line = current().line;
  if (!skipName("not"))
    return readCompare();
  const Nested nested(*this);
  ExpressionPtr operand = readNot();
  const int depth = deepest(operand);
  return make(Unary{UnaryOperator::Not, std::move(operand)}, line, depth);
}

std::optional<Comparison> ExpressionParser::readComparison() {
  static constexpr std::pair<std::string_view, Comparison> operators[] = {
      {"==", Comparison::Equal},     {"!=", Comparison::NotEqual}, {"<", Comparison::Less},
      {"<=", Comparison::LessEqual}, {">", Comparison::Greater},   {">=", Comparison::GreaterEqual}};
  for (const auto &[text, comparison] : operators)
    if (skip(text))
      return comparison;
  if (skipName("in"))
    return Comparison::In;
  if (!seesName("not") || !following().isName("in"))
    return std::nullopt;
  next();
  next();
  return Comparison::NotIn;
}

ExpressionPtr ExpressionParser::readCompare() {
  const int line = current().line;
  ExpressionPtr first = readSum();
  Compare compare;
  int depth = deepest(first);
  while (const auto comparison = readComparison()) {
    compare.rest.emplace_back(*comparison, readSum());
    depth = std::max(depth, deepest(compare.rest.back().second));
  }
  if (compare.rest.empty())
    return first;
  compare.first = std::move(first);
  return make(std::move(compare), line, depth);
}

ExpressionPtr ExpressionParser::readSum() {
  int line = current().line;
  ExpressionPtr left = readConcat();
  while (sees("+") || sees("-")) {
    const BinaryOperator op = next().text == "+" ? BinaryOperator::Add : BinaryOperator::Subtract;
    ExpressionPtr right = readConcat();
    const int depth = deepest(left, right);
    left = make(Binary{op, std::move(left), std::move(right)}, line, depth);
    line = current().line;
  }
  return left;
}

ExpressionPtr ExpressionParser::readConcat() {
  const int line = current().line;
  Concat concat;
  concat.items.push_back(readProduct());
  while (skip("~"))
    concat.items.push_back(readProduct());
  if (concat.items.size() == 1)
    return std::move(concat.items[0]);
  const int depth = deepestOf(concat.items);
  return make(std::move(concat), line, depth);
}

ExpressionPtr ExpressionParser::readProduct() {
  int line = current().line;
  ExpressionPtr left = readPower();
  while (sees("*") || sees("/") || sees("//") || sees("%")) {
    const std::string &text = next().text;
    const BinaryOperator op = text == "*"    ? BinaryOperator::Multiply
                              : text == "/"  ? BinaryOperator::Divide
                              : text == "//" ? BinaryOperator::FloorDivide
                                             : BinaryOperator::Modulo;
    ExpressionPtr right = readPower();
    const int depth = deepest(left, right);
    left = make(Binary{op, std::move(left), std::move(right)}, line, depth);
    line = current().line;
  }
  return left;
}

ExpressionPtr ExpressionParser::readPower() {
  int line = current().line;
  ExpressionPtr left = readUnary(/*withFilter=*/true);
  while (skip("**")) {
    ExpressionPtr right = readUnary(/*withFilter=*/true);
    const int depth = deepest(left, right);
    left = make(Binary{BinaryOperator::Power, std::move(left), std::move(right)}, line, depth);
    line = current().line;
  }
  return left;
}

ExpressionPtr ExpressionParser::readUnary(bool withFilter) {
  const int line = current().line;
  ExpressionPtr value;
  if (sees("-") || sees("+")) {
    const Nested nested(*this);
    const UnaryOperator op = next().text == "-" ? UnaryOperator::Minus : UnaryOperator::Plus;
    ExpressionPtr operand = readUnary(/*withFilter=*/false);
    const int depth = deepest(operand);
    value = make(Unary{op, std::move(operand)}, line, depth);
  } else {
    value = readPrimary();
  }
  value = readPostfix(std::move(value));
  return withFilter ? readFiltered(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::readPrimary() {
  const Token &token = current();
  switch (token.kind) {
  case TokenKind::Name: {
    next();
    if (token.text == "true" || token.text == "True" || token.text == "false" || token.text == "False")
      return literal(token.text == "true" || token.text == "True", token.line);
    if (token.text == "none" || token.text == "None")
      return literal(Value(), token.line);
    for (std::set<std::string> &names : used_)
      names.insert(token.text);
    return make(Name{token.text}, token.line);
  }
  case TokenKind::String: {
    std::string text;
    while (current().kind == TokenKind::String)
      text += next().text;
    return literal(heap_.make<Text>(std::move(text), false), token.line);
  }
  case TokenKind::Integer:
    next();
    return literal(token.integer, token.line);
  case TokenKind::Float:
    next();
    return literal(token.number, token.line);
  default:
    break;
  }
  if (skip("(")) {
    ExpressionPtr value = readTuple(/*withConditional=*/true, "", /*inParentheses=*/true);
    expect(")");
    return value;
  }
  if (sees("["))
    return readList();
  if (sees("{"))
    return readDict();
  unexpected("an expression");
}

ExpressionPtr ExpressionParser::readList() {
  const int line = next().line;
  ListOf list;
  while (!sees("]")) {
    if (!list.items.empty())
      expect(",");
    if (sees("]"))
      break;
    list.items.push_back(readExpression());
  }
  expect("]");
  const int depth = deepestOf(list.items);
  return make(std::move(list), line, depth);
}

ExpressionPtr ExpressionParser::readDict() {
  const int line = next().line;
  DictOf dict;
  int depth = 0;
  while (!sees("}")) {
    if (!dict.items.empty())
      expect(",");
    if (sees("}"))
      break;
    ExpressionPtr key = readExpression();
    expect(":");
    ExpressionPtr value = readExpression();
    depth = std::max(depth, deepest(key, value));
    dict.items.emplace_back(std::move(key), std::move(value));
  }
  expect("}");
  return make(std::move(dict), line, depth);
}

ExpressionPtr ExpressionParser::readPostfix(ExpressionPtr value) {
  while (true) {
    if (sees(".") || sees("["))
      value = readSubscript(std::move(value));
    else if (sees("("))
      value = readCall(std::move(value));
    else
      return value;
  }
}

ExpressionPtr ExpressionParser::readFiltered(ExpressionPtr value) {
  while (true) {
    const int line = current().line;
    if (skip("|")) {
      Filter filter = readFilter();
      const int depth = std::max(deepest(value), deepestOf(filter.arguments));
      filter.input = std::move(value);
      value = make(std::move(filter), line, depth);
    } else if (skipName("is")) {
      value = readTest(std::move(value));
    } else if (sees("(")) {
      value = readCall(std::move(value));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::readSubscript(ExpressionPtr value) {
  const int line = current().line;
  const int depth = deepest(value);
  if (skip(".")) {
    if (current().kind == TokenKind::Integer) {
      ExpressionPtr index = literal(next().integer, line);
      return make(Item{std::move(value), std::move(index)}, line, depth);
    }
    if (current().kind != TokenKind::Name)
      unexpected("a name or a number");
    return make(Attribute{std::move(value), next().text}, line, depth);
  }
  expect("[");
  ExpressionPtr bounds[3];
  bool isSlice = false;
  const auto atBound = [this] { return !sees("]") && !sees(",") && !sees(":"); };
  if (!sees(":"))
    bounds[0] = readExpression();
  for (size_t i = 1; i < 3 && skip(":"); ++i) {
    isSlice = true;
    if (atBound())
      bounds[i] = readExpression();
  }
  if (sees(","))
    unsupported("an index of several values", line);
  expect("]");
  const int deepestPart = std::max(depth, deepest(bounds[0], bounds[1], bounds[2]));
  if (!isSlice)
    return make(Item{std::move(value), std::move(bounds[0])}, line, deepestPart);
  return make(Slice{std::move(value), std::move(bounds[0]), std::move(bounds[1]), std::move(bounds[2])}, line,
              deepestPart);
}

CallArguments ExpressionParser::readArguments() {
  CallArguments arguments;
  const int line = current().line;
  const auto ensure = [&](bool sound) {
    if (!sound)
      fail("the arguments of a call are in a wrong order", line);
  };
  expect("(");
  for (bool first = true; !sees(")"); first = false) {
    if (!first) {
      expect(",");
      if (sees(")"))
        break;
    }
    if (skip("*")) {
      ensure(!arguments.star && !arguments.doubleStar);
      arguments.star = readExpression();
    } else if (skip("**")) {
      ensure(!arguments.doubleStar);
      arguments.doubleStar = readExpression();
    } else if (current().kind == TokenKind::Name && following().isOperator("=")) {
      ensure(!arguments.doubleStar);
      std::string name = next().text;
      next();
      arguments.keyword.emplace_back(std::move(name), readExpression());
    } else {
      ensure(!arguments.star && !arguments.doubleStar && arguments.keyword.empty());
      arguments.positional.push_back(readExpression());
    }
  }
  expect(")");
  return arguments;
}

ExpressionPtr ExpressionParser::readCall(ExpressionPtr callee) {
  const int line = current().line;
  CallArguments arguments = readArguments();
  const int depth = std::max(deepest(callee), deepestOf(arguments));
  return make(Call{std::move(callee), std::move(arguments)}, line, depth);
}

Filter ExpressionParser::readFilter() {
  Filter filter;
  filter.name = expectName();
  if (sees("("))
    filter.arguments = readArguments();
  return filter;
}

std::vector<Filter> ExpressionParser::readFilters() {
  std::vector<Filter> filters;
  while (skip("|"))
    filters.push_back(readFilter());
  return filters;
}

/// A test behind its "is".
ExpressionPtr ExpressionParser::readTest(ExpressionPtr value) {
  const int line = current().line;
  const bool negated = skipName("not");
  Test test;
  test.name = expectName();
  if (sees("(")) {
    test.arguments = readArguments();
  } else if ((current().kind == TokenKind::Name && !seesName("else") && !seesName("or") && !seesName("and")) ||
             current().kind == TokenKind::String || current().kind == TokenKind::Integer ||
             current().kind == TokenKind::Float || sees("[") || sees("{")) {
    if (seesName("is"))
      fail("tests cannot be chained with 'is'", line);
    test.arguments.positional.push_back(readPostfix(readPrimary()));
  }
  int depth = std::max(deepest(value), deepestOf(test.arguments));
  test.input = std::move(value);
  ExpressionPtr made = make(std::move(test), line, depth);
  if (!negated)
    return made;
  depth = deepest(made);
  return make(Unary{UnaryOperator::Not, std::move(made)}, line, depth);
}

} // namespace cadenza::jinja

#include "runtime/chat/jinja/parser.h"
#include "runtime/chat/jinja/lexer.h"

#include <algorithm>
#include <set>

namespace cadenza::jinja {
namespace {

using TokenKind = Token::Kind;

constexpr int maxNesting = 100;         // of brackets and of statements: each is several calls of functions here
constexpr int maxExpressionDepth = 500; // of a tree; "a + b + c" is one

class Parser {
public:
  Parser(std::vector<Token> tokens, Heap &heap) : tokens_(std::move(tokens)), heap_(heap) {}

  Body run() {
    Body body = readBody({});
    if (current().kind != TokenKind::End)
      unexpected();
    return body;
  }

private:
  using Ends = std::initializer_list<std::string_view>;

  // Tokens.
  const Token &current() const { return tokens_[at_]; }
  const Token &following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token &next() {
    const Token &token = tokens_[at_];
    at_ = std::min(at_ + 1, tokens_.size() - 1); // End stays
    return token;
  }
  bool sees(std::string_view op) const { return current().isOperator(op); }
  bool seesName(std::string_view name) const { return current().isName(name); }
  bool skip(std::string_view op) { return sees(op) && (next(), true); }
  bool skipName(std::string_view name) { return seesName(name) && (next(), true); }
  [[noreturn]] void unexpected(const std::string &wanted = "") const {
    fail("unexpected " + describe(current()) + (wanted.empty() ? "" : ", expected " + wanted), current().line);
  }
  void expect(std::string_view op) {
    if (!skip(op))
      unexpected("'" + std::string(op) + "'");
  }
  std::string expectName() {
    if (current().kind != TokenKind::Name)
      unexpected("a name");
    return next().text;
  }
  void expectKind(TokenKind kind) {
    if (current().kind != kind) {
      Token wanted;
      wanted.kind = kind;
      unexpected(describe(wanted));
    }
    next();
  }

  class Nested {
  public:
    explicit Nested(Parser &parser) : parser_(parser) {
      if (++parser.nesting_ > maxNesting)
        fail("nested more than " + std::to_string(maxNesting) + " deep", parser.current().line);
    }
    ~Nested() { --parser_.nesting_; }
    Nested(const Nested &) = delete;
    Nested &operator=(const Nested &) = delete;

  private:
    Parser &parser_;
  };

  // Statements.
  Body readBody(Ends ends);
  Body readUntil(Ends ends);
  Body readBlock(std::string_view end);
  Statement readStatement();
  If readIf();
  For readFor();
  std::variant<Set, SetBlock> readSet();
  Macro readMacro();
  CallBlock readCallBlock();
  With readWith();
  void readSignature(Macro &macro);
  void readMacroBody(Macro &macro, std::string_view end);
  Target readTarget(bool withNamespace, std::string_view end = "");
  Target readSingleTarget(bool withNamespace);

  // Expressions.
  /// `depth`: of the deepest part.
  static ExpressionPtr make(decltype(Expression::node) node, int line, int depth = 0);
  static ExpressionPtr literal(Value value, int line) { return make(Literal{value}, line); }
  ExpressionPtr readExpression(bool withConditional = true);
  ExpressionPtr readTuple(bool withConditional = true, std::string_view end = "", bool inParentheses = false);
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
  Filter readFilter();
  std::vector<Filter> readFilters();
  CallArguments readArguments();
  std::optional<Comparison> readComparison();

  const std::vector<Token> tokens_;
  Heap &heap_;
  size_t at_ = 0;
  int nesting_ = 0;
  int loops_ = 0;                           // around the statement, within its macro
  std::vector<std::set<std::string>> used_; // names that each of the macros around uses
};

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

ExpressionPtr Parser::make(decltype(Expression::node) node, int line, int depth) {
  if (depth >= maxExpressionDepth)
    fail("an expression of more than " + std::to_string(maxExpressionDepth) + " levels", line);
  auto expression = std::make_unique<Expression>();
  expression->node = std::move(node);
  expression->line = line;
  expression->depth = depth + 1;
  return expression;
}

Body Parser::readBody(Ends ends) {
  const Nested nested(*this);
  Body body;
  while (current().kind != TokenKind::End) {
    const int line = current().line;
    if (current().kind == TokenKind::Data) {
      body.push_back({Data{next().text}, line});
    } else if (current().kind == TokenKind::VariableBegin) {
      next();
      body.push_back({Output{readTuple()}, line});
      expectKind(TokenKind::VariableEnd);
    } else {
      expectKind(TokenKind::BlockBegin);
      if (std::any_of(ends.begin(), ends.end(), [this](std::string_view end) { return seesName(end); }))
        return body;
      body.push_back(readStatement());
      expectKind(TokenKind::BlockEnd);
    }
  }
  if (ends.size() > 0)
    unexpected("{% " + std::string(*(ends.end() - 1)) + " %}");
  return body;
}

/// The rest of a tag, which may be a colon, and what follows it up to one of these tags, whose name is current then.
Body Parser::readUntil(Ends ends) {
  skip(":");
  expectKind(TokenKind::BlockEnd);
  return readBody(ends);
}

Body Parser::readBlock(std::string_view end) {
  Body body = readUntil({end});
  next();
  return body;
}

Statement Parser::readStatement() {
  const int line = current().line;
  const std::string tag = expectName();
  if (tag == "if")
    return {readIf(), line};
  if (tag == "for")
    return {readFor(), line};
  if (tag == "set") {
    auto set = readSet();
    if (auto *block = std::get_if<SetBlock>(&set))
      return {std::move(*block), line};
    return {std::move(std::get<Set>(set)), line};
  }
  if (tag == "macro")
    return {readMacro(), line};
  if (tag == "call")
    return {readCallBlock(), line};
  if (tag == "with")
    return {readWith(), line};
  if (tag == "generation")
    return {Generation{readBlock("endgeneration")}, line};
  if (tag == "filter") {
    std::vector<Filter> filters;
    filters.push_back(readFilter());
    for (Filter &filter : readFilters())
      filters.push_back(std::move(filter));
    return {FilterBlock{std::move(filters), readBlock("endfilter")}, line};
  }
  if (tag == "print") {
    ExpressionPtr value = readExpression();
    if (sees(","))
      unsupported("{% print %} of several values", line);
    return {Output{std::move(value)}, line};
  }
  if (tag == "break" || tag == "continue") {
    if (loops_ == 0)
      fail("{% " + tag + " %} outside of a loop", line);
    return tag == "break" ? Statement{Break{}, line} : Statement{Continue{}, line};
  }
  for (std::string_view other : {"include", "import", "from", "extends", "block", "autoescape"})
    if (tag == other)
      unsupported("{% " + tag + " %}", line);
  fail("unknown tag '" + tag + "'", line);
}

If Parser::readIf() {
  If result;
  while (true) {
    ExpressionPtr condition = readTuple(/*withConditional=*/false);
    Body body = readUntil({"elif", "else", "endif"});
    result.branches.emplace_back(std::move(condition), std::move(body));
    const std::string end = next().text;
    if (end == "else")
      result.otherwise = readBlock("endif");
    if (end != "elif")
      return result;
  }
}

For Parser::readFor() {
  For result;
  const int line = current().line;
  result.target = readTarget(/*withNamespace=*/false, "in");
  if (!skipName("in"))
    unexpected("'in'");
  result.items = readTuple(/*withConditional=*/false, "recursive");
  if (skipName("if"))
    result.condition = readExpression();
  if (seesName("recursive"))
    unsupported("a recursive loop", line);
  ++loops_;
  result.body = readUntil({"else", "endfor"});
  --loops_;
  if (next().text == "else")
    result.otherwise = readBlock("endfor");
  return result;
}

std::variant<Set, SetBlock> Parser::readSet() {
  Target target = readTarget(/*withNamespace=*/true);
  if (skip("="))
    return Set{std::move(target), readTuple()};
  std::vector<Filter> filters = readFilters();
  return SetBlock{std::move(target), std::move(filters), readBlock("endset")};
}

Target Parser::readSingleTarget(bool withNamespace) {
  Target target;
  const int line = current().line;
  if (skip("(")) {
    target = readTarget(withNamespace, ")");
    expect(")");
    return target;
  }
  target.name = expectName();
  for (std::string_view constant : {"true", "false", "none", "True", "False", "None"})
    if (target.name == constant)
      fail("can't assign to '" + target.name + "'", line);
  if (withNamespace && skip("."))
    target.attribute = expectName();
  return target;
}

Target Parser::readTarget(bool withNamespace, std::string_view end) {
  const Nested nested(*this);
  Target first = readSingleTarget(withNamespace);
  if (!sees(","))
    return first;
  Target all;
  all.several.push_back(std::move(first));
  while (skip(",")) {
    if (current().kind == TokenKind::BlockEnd || sees(")") || sees("=") || (!end.empty() && seesName(end)))
      break;
    all.several.push_back(readSingleTarget(withNamespace));
  }
  return all;
}

void Parser::readSignature(Macro &macro) {
  expect("(");
  while (!sees(")")) {
    if (!macro.parameters.empty())
      expect(",");
    Parameter parameter;
    const int line = current().line;
    parameter.name = expectName();
    if (skip("="))
      parameter.fallback = readExpression();
    else if (!macro.parameters.empty() && macro.parameters.back().fallback)
      fail("a parameter without a default follows one that has one", line);
    macro.parameters.push_back(std::move(parameter));
  }
  expect(")");
}

void Parser::readMacroBody(Macro &macro, std::string_view end) {
  const int loops = std::exchange(loops_, 0);
  used_.emplace_back();
  macro.body = readBlock(end);
  const std::set<std::string> used = std::move(used_.back());
  used_.pop_back();
  loops_ = loops;
  const auto isUsed = [&](const char *name) {
    return used.contains(name) && std::none_of(macro.parameters.begin(), macro.parameters.end(),
                                               [&](const Parameter &parameter) { return parameter.name == name; });
  };
  macro.usesCaller = isUsed("caller");
  macro.usesVarargs = isUsed("varargs");
  macro.usesKwargs = isUsed("kwargs");
}

Macro Parser::readMacro() {
  Macro macro;
  macro.name = expectName();
  readSignature(macro);
  readMacroBody(macro, "endmacro");
  return macro;
}

CallBlock Parser::readCallBlock() {
  CallBlock block;
  block.caller.name = "caller";
  if (sees("("))
    readSignature(block.caller);
  const int line = current().line;
  block.call = readExpression();
  if (!std::holds_alternative<Call>(block.call->node))
    fail("{% call %} needs the call of a macro", line);
  readMacroBody(block.caller, "endcall");
  return block;
}

With Parser::readWith() {
  With with;
  while (current().kind != TokenKind::BlockEnd) {
    if (!with.values.empty())
      expect(",");
    Target target = readSingleTarget(/*withNamespace=*/false);
    expect("=");
    with.values.emplace_back(std::move(target), readExpression());
  }
  with.body = readBlock("endwith");
  return with;
}

ExpressionPtr Parser::readExpression(bool withConditional) {
  const Nested nested(*this);
  return withConditional ? readConditional() : readOr();
}

/// An expression, or several with commas between them; `end`: a name that ends the list.
ExpressionPtr Parser::readTuple(bool withConditional, std::string_view end, bool inParentheses) {
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

ExpressionPtr Parser::readConditional() {
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

ExpressionPtr Parser::readOr() {
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

ExpressionPtr Parser::readAnd() {
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

ExpressionPtr Parser::readNot() {
  const int line = current().line;
  if (!skipName("not"))
    return readCompare();
  const Nested nested(*this);
  ExpressionPtr operand = readNot();
  const int depth = deepest(operand);
  return make(Unary{UnaryOperator::Not, std::move(operand)}, line, depth);
}

std::optional<Comparison> Parser::readComparison() {
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

ExpressionPtr Parser::readCompare() {
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

ExpressionPtr Parser::readSum() {
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

ExpressionPtr Parser::readConcat() {
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

ExpressionPtr Parser::readProduct() {
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

ExpressionPtr Parser::readPower() {
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

ExpressionPtr Parser::readUnary(bool withFilter) {
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

ExpressionPtr Parser::readPrimary() {
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

ExpressionPtr Parser::readList() {
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

ExpressionPtr Parser::readDict() {
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

ExpressionPtr Parser::readPostfix(ExpressionPtr value) {
  while (true) {
    if (sees(".") || sees("["))
      value = readSubscript(std::move(value));
    else if (sees("("))
      value = readCall(std::move(value));
    else
      return value;
  }
}

ExpressionPtr Parser::readFiltered(ExpressionPtr value) {
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

ExpressionPtr Parser::readSubscript(ExpressionPtr value) {
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

CallArguments Parser::readArguments() {
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

ExpressionPtr Parser::readCall(ExpressionPtr callee) {
  const int line = current().line;
  CallArguments arguments = readArguments();
  const int depth = std::max(deepest(callee), deepestOf(arguments));
  return make(Call{std::move(callee), std::move(arguments)}, line, depth);
}

/// A filter behind its "|".
Filter Parser::readFilter() {
  Filter filter;
  filter.name = expectName();
  if (sees("("))
    filter.arguments = readArguments();
  return filter;
}

std::vector<Filter> Parser::readFilters() {
  std::vector<Filter> filters;
  while (skip("|"))
    filters.push_back(readFilter());
  return filters;
}

/// A test behind its "is".
ExpressionPtr Parser::readTest(ExpressionPtr value) {
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

} // namespace

Body parse(std::string_view source, Heap &heap) { return Parser(tokenize(source), heap).run(); }

} // namespace cadenza::jinja

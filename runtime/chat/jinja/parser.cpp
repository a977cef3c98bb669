#include "runtime/chat/jinja/parser.h"
#include "runtime/chat/jinja/expression_parser.h"
#include "runtime/chat/jinja/lexer.h"

#include <algorithm>
#include <set>

namespace cadenza::jinja {
namespace {

/// The grammar of statements.
class Parser : public ExpressionParser {
public:
  using ExpressionParser::ExpressionParser;

  Body run() {
    Body body = readBody({});
    if (current().kind != TokenKind::End)
      unexpected();
    return body;
  }

private:
  using Ends = std::initializer_list<std::string_view>;

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

  int loops_ = 0; // around the statement, within its macro
};

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

} // namespace

Body parse(std::string_view source, Heap &heap) { return Parser(tokenize(source), heap).run(); }

} // namespace cadenza::jinja

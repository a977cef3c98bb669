// The expressions that exporters write as names of dimensions.
#include "compiler/import/onnx/shapes/symbols.h"

#include <cctype>
#include <charconv>

namespace cadenza::onnx {
namespace {

/// sum := product (('+' | '-') product)*
/// product := factor (('*' | '//') factor)*
/// factor := number | name | '-' factor | '(' sum ')' | ('Max' | 'Min') '(' sum ',' sum ')'
class Parser {
public:
  using Replacements = std::map<std::string, std::string>;
  static const Replacements asTheyAre; // none

  Parser(Symbols &symbols, const Replacements &replacements, std::string_view text)
      : symbols(symbols), replacements(replacements), text(text) {}

  std::optional<Polynomial> parse() {
    Polynomial result = sum(0);
    skipSpace();
    return sound && at == text.size() && result.isKnown() ? std::optional(result) : std::nullopt;
  }

private:
  static constexpr int maxDepth = 32;

  static bool isNameStart(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
  static bool isNamePart(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == ':';
  }

  void skipSpace() {
    while (at < text.size() && text[at] == ' ')
      ++at;
  }
  bool take(std::string_view token) {
    skipSpace();
    if (!text.substr(at).starts_with(token))
      return false;
    at += token.size();
    return true;
  }
  Polynomial fail() {
    sound = false;
    return Polynomial::unknown();
  }

  Polynomial sum(int depth) {
    Polynomial result = product(depth);
    while (sound) {
      if (take("+"))
        result = result + product(depth);
      else if (take("-"))
        result = result - product(depth);
      else
        break;
    }
    return result;
  }

  Polynomial product(int depth) {
    Polynomial result = factor(depth);
    while (sound) {
      if (take("*"))
        result = result * factor(depth);
      else if (take("//"))
        result = symbols.floorDivide(result, factor(depth));
      else
        break;
    }
    return result;
  }

  Polynomial factor(int depth) {
    if (depth > maxDepth)
      return fail();
    if (take("-"))
      return Polynomial(0) - factor(depth + 1);
    if (take("(")) {
      Polynomial inner = sum(depth + 1);
      return take(")") ? inner : fail();
    }
    if (at == text.size())
      return fail();
    const size_t start = at;
    if (isNameStart(text[at])) {
      while (at < text.size() && isNamePart(text[at]))
        ++at;
      return nameOrCall(std::string(text.substr(start, at - start)), depth);
    }
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error != std::errc() || text[start] == '-' || (end != text.data() + text.size() && isNamePart(*end)))
      return fail();
    at = static_cast<size_t>(end - text.data());
    return number;
  }

  Polynomial nameOrCall(const std::string &name, int depth) {
    if (!take("(")) {
      const auto replaced = replacements.find(name);
      if (replaced == replacements.end())
        return symbols.named(name);
      return Parser(symbols, asTheyAre, replaced->second).parse().value_or(Polynomial::unknown());
    }
    const Polynomial a = sum(depth + 1);
    if (!take(","))
      return fail();
    const Polynomial b = sum(depth + 1);
    if (!take(")"))
      return fail();
    if (name == "Max" || name == "max")
      return symbols.maximum(a, b);
    return name == "Min" || name == "min" ? symbols.minimum(a, b) : fail();
  }

  Symbols &symbols;
  const Replacements &replacements;
  std::string_view text;
  size_t at = 0;
  bool sound = true;
};

const Parser::Replacements Parser::asTheyAre;

} // namespace

std::optional<Polynomial> Symbols::parse(std::string_view text) { return Parser(*this, replacements, text).parse(); }

Polynomial Symbols::read(std::string_view text) {
  if (const auto expression = parse(text))
    return *expression;
  const auto replaced = replacements.find(std::string(text)); // of a name that looks like nothing else
  if (replaced != replacements.end())
    if (const auto meaning = Parser(*this, Parser::asTheyAre, replaced->second).parse())
      return *meaning;
  return named(std::string(text));
}

} // namespace cadenza::onnx

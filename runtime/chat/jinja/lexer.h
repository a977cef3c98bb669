// Templates to tokens, as jinja2's lexer makes them with the settings that transformers has: trim_blocks and
// lstrip_blocks, no line statements, one newline at the end of the template dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::jinja {

struct Token {
  enum class Kind : uint8_t {
    Data, // text outside of tags, as it is written
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String, // `text` without quotes and escapes
    Integer,
    Float,
    Operator,
    End, // of the template
  };
  Kind kind = Kind::End;
  std::string text;
  int64_t integer = 0;
  double number = 0;
  int line = 1;

  bool isOperator(std::string_view what) const { return kind == Kind::Operator && text == what; }
  bool isName(std::string_view what) const { return kind == Kind::Name && text == what; }
};

/// Ends with one token End. An Error, with its line, for what are no tokens; `source` is UTF-8.
std::vector<Token> tokenize(std::string_view source);

/// What a message calls the token.
std::string describe(const Token &token);

} // namespace cadenza::jinja

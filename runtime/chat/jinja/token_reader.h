// Tokens one after another, as a parser by recursive descent reads them.
#pragma once

#include "runtime/chat/jinja/error.h"
#include "runtime/chat/jinja/lexer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cadenza::jinja {

class TokenReader {
public:
  explicit TokenReader(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

protected:
  using TokenKind = Token::Kind;

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

  /// One more bracket or statement around what is read while this lives: each is several calls of functions.
  class Nested {
  public:
    explicit Nested(TokenReader &reader) : reader_(reader) {
      constexpr int most = 100;
      if (++reader.nesting_ > most)
        fail("nested more than " + std::to_string(most) + " deep", reader.current().line);
    }
    ~Nested() { --reader_.nesting_; }
    Nested(const Nested &) = delete;
    Nested &operator=(const Nested &) = delete;

  private:
    TokenReader &reader_;
  };

private:
  const std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

} // namespace cadenza::jinja

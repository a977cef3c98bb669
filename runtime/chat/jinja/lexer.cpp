#include "runtime/chat/jinja/lexer.h"
#include "runtime/chat/jinja/error.h"
#include "runtime/chat/jinja/python_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace cadenza::jinja {
namespace {

/// \r\n and \r are \n; of the newlines at the end, one goes.
std::string normalized(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n')
      continue;
    text += source[i] == '\r' ? '\n' : source[i];
  }
  if (text.ends_with('\n'))
    text.pop_back();
  return text;
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
public:
  explicit Lexer(std::string_view source) : source_(normalized(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = nextTag();
      if (tag == std::string::npos) {
        add(Token::Kind::Data, source_.substr(at_));
        move(source_.size());
        break;
      }
      readTag(tag);
    }
    add(Token::Kind::End, "");
    return std::move(tokens_);
  }

private:
  void add(Token::Kind kind, std::string text) {
    if (kind == Token::Kind::Data && text.empty())
      return;
    Token token;
    token.kind = kind;
    token.text = std::move(text);
    token.line = line_;
    tokens_.push_back(std::move(token));
  }

  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool sees(std::string_view what) const { return rest().starts_with(what); }

  /// Moves on to `end`.
  void move(size_t end) {
    line_ += static_cast<int>(
        std::count(source_.begin() + static_cast<ptrdiff_t>(at_), source_.begin() + static_cast<ptrdiff_t>(end), '\n'));
    if (end > at_)
      lineStarts_ = source_[end - 1] == '\n';
    at_ = end;
  }

  size_t afterSpace(size_t at) const {
    const std::string_view left = std::string_view(source_).substr(at);
    return source_.size() - strip(left, {}, true, false).size();
  }

  /// Where the next "{%", "{{" or "{#" is.
  size_t nextTag() const {
    for (size_t at = source_.find('{', at_); at != std::string::npos; at = source_.find('{', at + 1))
      if (at + 1 < source_.size() && std::string_view("%{#").find(source_[at + 1]) != std::string_view::npos)
        return at;
    return std::string::npos;
  }

  /// The data before a tag, without the white space that the tag takes: all before "{%-", the indentation of a block or
  /// a comment that nothing stands before on its line. `sign`: '-', '+' or ' '.
  std::string dataBefore(size_t tag, char sign, bool isVariable) const {
    const std::string_view data = std::string_view(source_).substr(at_, tag - at_);
    if (sign == '-')
      return std::string(strip(data, {}, false, true));
    if (sign == '+' || isVariable)
      return std::string(data);
    const size_t line = data.rfind('\n') + 1; // 0 if there is none
    if ((line > 0 || lineStarts_) && line < data.size() && strip(data.substr(line), {}, true, false).empty())
      return std::string(data.substr(0, line));
    return std::string(data);
  }

  char signAt(size_t at) const {
    return at < source_.size() && (source_[at] == '-' || source_[at] == '+') ? source_[at] : ' ';
  }

  void readTag(size_t tag) {
    const char type = source_[tag + 1], sign = signAt(tag + 2);
    add(Token::Kind::Data, dataBefore(tag, sign, type == '{'));
    move(tag);
    const size_t inside = tag + 2 + (sign == ' ' ? 0 : 1);
    if (type == '#')
      return readComment(inside);
    if (type == '%')
      if (const size_t raw = rawBegin(inside); raw != std::string::npos)
        return readRaw(raw);
    add(type == '%' ? Token::Kind::BlockBegin : Token::Kind::VariableBegin, "");
    const int line = line_;
    move(inside);
    readInside(type == '%', line);
  }

  /// What a tag's end takes with it: "-%}" the white space after it, "%}" one newline. npos if there is no end at `at`.
  size_t endOfTag(size_t at, std::string_view close, bool trims) const {
    const std::string_view text = std::string_view(source_).substr(std::min(at, source_.size()));
    if (text.starts_with('-') && text.substr(1).starts_with(close))
      return afterSpace(at + 1 + close.size());
    if (trims && text.starts_with('+') && text.substr(1).starts_with(close))
      return at + 1 + close.size();
    if (!text.starts_with(close))
      return std::string::npos;
    const size_t end = at + close.size();
    return trims && end < source_.size() && source_[end] == '\n' ? end + 1 : end;
  }

  void readComment(size_t inside) {
    for (size_t at = inside; at < source_.size(); ++at)
      if (const size_t end = endOfTag(at, "#}", /*trims=*/true); end != std::string::npos)
        return move(end);
    fail("the comment that begins here has no end", line_);
  }

  /// Where what "{% raw %}" keeps begins; npos if the tag is another one.
  size_t rawBegin(size_t inside) const {
    size_t at = afterSpace(inside);
    if (source_.compare(at, 3, "raw") != 0)
      return std::string::npos;
    at = afterSpace(at + 3);
    if (source_.compare(at, 3, "-%}") == 0)
      return afterSpace(at + 3);
    return source_.compare(at, 2, "%}") == 0 ? at + 2 : std::string::npos;
  }

  void readRaw(size_t inside) {
    const int line = line_;
    move(inside);
    for (size_t tag = source_.find("{%", at_); tag != std::string::npos; tag = source_.find("{%", tag + 1)) {
      const char sign = signAt(tag + 2);
      const size_t name = afterSpace(tag + 2 + (sign == ' ' ? 0 : 1));
      if (source_.compare(name, 6, "endraw") != 0)
        continue;
      const size_t end = endOfTag(afterSpace(name + 6), "%}", /*trims=*/true);
      if (end == std::string::npos)
        continue;
      add(Token::Kind::Data, dataBefore(tag, sign, /*isVariable=*/false));
      return move(end);
    }
    fail("the raw block that begins here has no endraw", line);
  }

  void readInside(bool isBlock, int beginLine) {
    const std::string_view close = isBlock ? "%}" : "}}";
    std::string open; // brackets, closing ones
    while (true) {
      move(afterSpace(at_));
      if (at_ >= source_.size())
        fail(std::string("the tag that begins here has no \"") + std::string(close) + "\"", beginLine);
      if (open.empty()) {
        if (const size_t end = endOfTag(at_, close, isBlock); end != std::string::npos) {
          add(isBlock ? Token::Kind::BlockEnd : Token::Kind::VariableEnd, "");
          return move(end);
        }
      }
      if (isDigit(source_[at_]))
        readNumber();
      else if (source_[at_] == '\'' || source_[at_] == '"')
        readString();
      else if (!readName())
        readOperator(open);
    }
  }

  /// Digits with single underscores between them, from `at` on.
  size_t afterDigits(size_t at) const {
    while (at < source_.size() && (isDigit(source_[at]) || (source_[at] == '_' && at > 0 && isDigit(source_[at - 1]) &&
                                                            at + 1 < source_.size() && isDigit(source_[at + 1]))))
      ++at;
    return at;
  }

  void readNumber() {
    size_t end = afterDigits(at_);
    const bool afterDot = at_ > 0 && source_[at_ - 1] == '.'; // "x.1.2" has no float
    bool isFloat = false;
    const auto digitAt = [&](size_t at) { return at < source_.size() && isDigit(source_[at]); };
    if (!afterDot && end < source_.size() && source_[end] == '.' && digitAt(end + 1)) {
      isFloat = true;
      end = afterDigits(end + 1);
    }
    if (!afterDot && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const size_t sign = end + 1 < source_.size() && (source_[end + 1] == '-' || source_[end + 1] == '+') ? 1 : 0;
      if (digitAt(end + 1 + sign)) {
        isFloat = true;
        end = afterDigits(end + 1 + sign);
      }
    }
    std::string digits = source_.substr(at_, end - at_);
    std::erase(digits, '_');
    if (isFloat) {
      add(Token::Kind::Float, digits);
      std::from_chars(digits.data(), digits.data() + digits.size(), tokens_.back().number);
      return move(end);
    }
    int base = 10;
    if (source_[at_] == '0')
      end = afterPrefixed(base, digits);
    add(Token::Kind::Integer, digits);
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), tokens_.back().integer, base);
    if (parsed.ec != std::errc())
      unsupported("the number " + digits + ", of more than 64 bits,", line_);
    move(end);
  }

  /// "0x1f", "0b1", "0o7", or zeros.
  size_t afterPrefixed(int &base, std::string &digits) const {
    const char letter = at_ + 1 < source_.size() ? static_cast<char>(std::tolower(source_[at_ + 1])) : ' ';
    base = letter == 'x' ? 16 : letter == 'b' ? 2 : letter == 'o' ? 8 : 10;
    size_t end = at_;
    if (base == 10) {
      while (end < source_.size() && source_[end] == '0')
        ++end;
      digits = "0";
      return end;
    }
    digits.clear();
    for (end = at_ + 2; end < source_.size(); ++end) {
      const auto c = static_cast<unsigned char>(source_[end]);
      const int value = isDigit(source_[end]) ? c - '0' : std::isxdigit(c) ? std::tolower(c) - 'a' + 10 : 99;
      if (value < base)
        digits += source_[end];
      else if (source_[end] != '_')
        break;
    }
    if (digits.empty())
      fail("a number has no digits", line_);
    return end;
  }

  bool readName() {
    size_t end = at_;
    while (end < source_.size()) {
      const std::string_view left = std::string_view(source_).substr(end);
      const std::string_view character = left.substr(0, characters(left.substr(0, 4)).front().size());
      if (!isNameCharacter(codePoint(character), end == at_))
        break;
      end += character.size();
    }
    if (end == at_)
      return false;
    add(Token::Kind::Name, source_.substr(at_, end - at_));
    move(end);
    return true;
  }

  void readOperator(std::string &open) {
    static constexpr std::string_view operators[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/",
                                                     "*",  "%",  "~",  "[",  "]",  "(",  ")", "{", "}",
                                                     ">",  "<",  "=",  ".",  ":",  "|",  ",", ";"};
    const auto *found = std::find_if(std::begin(operators), std::end(operators),
                                     [this](std::string_view candidate) { return sees(candidate); });
    if (found == std::end(operators))
      fail("unexpected character " + std::string(characters(rest().substr(0, 4)).front()), line_);
    const char c = found->front();
    if (c == '(' || c == '[' || c == '{')
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        fail(std::string("unexpected '") + c + "'" +
                 (open.empty() ? "" : std::string(", expected '") + open.back() + "'"),
             line_);
      open.pop_back();
    }
    add(Token::Kind::Operator, std::string(*found));
    move(at_ + found->size());
  }

  void readString();
  size_t readEscape(std::string &text, size_t at) const;
  size_t readCode(std::string &text, size_t at, size_t digits, int base) const;

  const std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool lineStarts_ = true; // whether what was read last ended with a newline
  std::vector<Token> tokens_;
};

void Lexer::readString() {
  const char quote = source_[at_];
  std::string text;
  size_t at = at_ + 1;
  while (at < source_.size() && source_[at] != quote)
    if (source_[at] == '\\' && at + 1 < source_.size())
      at = readEscape(text, at + 1);
    else
      text += source_[at++];
  if (at >= source_.size())
    fail("the text that begins here has no closing quote", line_);
  add(Token::Kind::String, std::move(text));
  move(at + 1);
}

/// What stands behind a backslash at `at`; returns where it ends. Python's unicode-escape.
size_t Lexer::readEscape(std::string &text, size_t at) const {
  const char c = source_[at];
  static constexpr std::string_view letters = "abfnrtv\\'\"", values = "\a\b\f\n\r\t\v\\'\"";
  if (const size_t known = letters.find(c); known != std::string_view::npos) {
    text += values[known];
    return at + 1;
  }
  if (c == '\n')
    return at + 1;
  if (c == 'x' || c == 'u' || c == 'U')
    return readCode(text, at + 1, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
  if (c >= '0' && c <= '7') {
    size_t digits = 1;
    while (digits < 3 && at + digits < source_.size() && source_[at + digits] >= '0' && source_[at + digits] <= '7')
      ++digits;
    return readCode(text, at, digits, 8);
  }
  if (c == 'N')
    unsupported("a character by its name (\\N{...})", line_);
  text += '\\';
  if (static_cast<unsigned char>(c) < 0x80) {
    text += c;
    return at + 1;
  }
  // Before it resolves escapes, jinja2 writes this character as one, whose backslash the one here quotes.
  const std::string_view character = characters(std::string_view(source_).substr(at, 4)).front();
  const char32_t point = codePoint(character);
  char buffer[16];
  std::snprintf(buffer, sizeof buffer,
                point < 0x100     ? "x%02x"
                : point < 0x10000 ? "u%04x"
                                  : "U%08x",
                static_cast<unsigned>(point));
  text += buffer;
  return at + character.size();
}

size_t Lexer::readCode(std::string &text, size_t at, size_t digits, int base) const {
  uint32_t point = 0;
  const char *begin = source_.data() + at, *end = source_.data() + std::min(at + digits, source_.size());
  const auto parsed = std::from_chars(begin, end, point, base);
  if (parsed.ptr != begin + digits || parsed.ec != std::errc() || point > 0x10ffff)
    fail("an escape in a text has too few digits, or is no character", line_);
  if (point >= 0xd800 && point < 0xe000)
    unsupported("a surrogate as an escape in a text; write the character, or \\U with eight digits", line_);
  appendCodePoint(text, point);
  return at + digits;
}

} // namespace

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

std::string describe(const Token &token) {
  switch (token.kind) {
  case Token::Kind::Data:
    return "template text";
  case Token::Kind::VariableBegin:
    return "\"{{\"";
  case Token::Kind::VariableEnd:
    return "\"}}\"";
  case Token::Kind::BlockBegin:
    return "\"{%\"";
  case Token::Kind::BlockEnd:
    return "\"%}\"";
  case Token::Kind::String:
    return "a text";
  case Token::Kind::End:
    return "the end of the template";
  default:
    return "'" + token.text + "'";
  }
}

} // namespace cadenza::jinja

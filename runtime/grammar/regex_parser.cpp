#include "runtime/grammar/regex_parser.h"

#include <string>

namespace cadenza::grammar {
namespace {

constexpr int deepestGroup = 100;
constexpr int64_t largestCount = 100000;

CodeSet digits() { return {{'0', '9'}}; }
CodeSet wordCharacters() { return {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}; }
CodeSet spaces() {
  return {{9, 13},          {' ', ' '},       {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
          {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff}};
}
CodeSet lineEnds() { return {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}; }

class Parser {
public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  StatusOr<RegexNode> parse() {
    RegexNode result = alternatives(0);
    if (!atEnd())
      invalid("')' without '('");
    if (!status_.isOk())
      return status_;
    return result;
  }

private:
  // After the first error everything reads as the end of the pattern.
  bool atEnd() const { return at_ >= pattern_.size() || !status_.isOk(); }
  char peek() const { return atEnd() ? '\0' : pattern_[at_]; }
  bool take(std::string_view text) {
    if (atEnd() || !pattern_.substr(at_).starts_with(text))
      return false;
    at_ += text.size();
    return true;
  }
  void fail(StatusCode code, const std::string &what) {
    if (status_.isOk())
      status_ = Status(code, "at byte " + std::to_string(at_) + " of the pattern: " + what);
  }
  void invalid(const std::string &what) { fail(StatusCode::InvalidInput, what); }
  void unsupported(const std::string &what) { fail(StatusCode::Unsupported, what + " are not supported"); }

  RegexNode alternatives(int depth) {
    RegexNode result{RegexNode::Choice};
    if (depth > deepestGroup)
      fail(StatusCode::Unsupported, "groups nest deeper than " + std::to_string(deepestGroup));
    do
      result.parts.push_back(sequence(depth));
    while (take("|"));
    return result;
  }

  RegexNode sequence(int depth) {
    RegexNode result{RegexNode::Sequence};
    while (!atEnd() && peek() != '|' && peek() != ')')
      result.parts.push_back(repeated(depth));
    return result;
  }

  RegexNode repeated(int depth) {
    RegexNode part = atom(depth);
    int64_t least = 1, most = 1;
    if (take("*"))
      least = 0, most = -1;
    else if (take("+"))
      most = -1;
    else if (take("?"))
      least = 0;
    else if (!take("{"))
      return part;
    else
      counts(least, most);
    take("?"); // lazy: the same texts
    if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{')
      invalid("a quantifier behind a quantifier");
    if (part.kind == RegexNode::Begin || part.kind == RegexNode::End)
      invalid("a quantifier behind an assertion");
    return {RegexNode::Repeat, {}, {std::move(part)}, least, most};
  }

  void counts(int64_t &least, int64_t &most) {
    least = most = number();
    if (take(","))
      most = peek() == '}' ? -1 : number();
    if (!take("}"))
      invalid("expected '}'");
    if (most >= 0 && most < least)
      invalid("the counts are out of order");
  }

  int64_t number() {
    int64_t result = 0;
    if (peek() < '0' || peek() > '9')
      invalid("expected a count");
    for (; peek() >= '0' && peek() <= '9'; ++at_)
      if (result = 10 * result + (peek() - '0'); result > largestCount)
        fail(StatusCode::Unsupported, "a count of more than " + std::to_string(largestCount));
    return result;
  }

  RegexNode atom(int depth) {
    if (take("("))
      return group(depth);
    if (take("^"))
      return {RegexNode::Begin};
    if (take("$"))
      return {RegexNode::End};
    if (take("."))
      return {RegexNode::Set, complement(lineEnds())};
    if (take("["))
      return {RegexNode::Set, characterClass()};
    if (const char c = peek(); c == '*' || c == '+' || c == '?' || c == '{' || c == '}' || c == ']')
      invalid(std::string("'") + c + "' has nothing before it; write \\" + c + " for the character");
    return {RegexNode::Set, one(/*inClass=*/false)};
  }

  RegexNode group(int depth) {
    if (take("?=") || take("?!"))
      unsupported("lookahead assertions");
    else if (take("?<=") || take("?<!"))
      unsupported("lookbehind assertions");
    else if (take("?<"))
      at_ = std::min(pattern_.find('>', at_), pattern_.size() - 1) + 1;
    else if (peek() == '?' && !take("?:"))
      invalid("unknown kind of group");
    RegexNode result = alternatives(depth + 1);
    if (!take(")"))
      invalid("'(' without ')'");
    return result;
  }

  CodeSet characterClass() {
    const bool isNegated = take("^");
    CodeSet result;
    while (!atEnd() && peek() != ']') {
      const CodeSet first = one(/*inClass=*/true);
      if (peek() == '-' && at_ + 1 < pattern_.size() && pattern_[at_ + 1] != ']') {
        take("-");
        const CodeSet last = one(/*inClass=*/true);
        if (first.size() != 1 || last.size() != 1 || first[0].first != first[0].last || last[0].first != last[0].last ||
            first[0].first > last[0].first)
          invalid("a range that is none");
        else
          result.push_back({first[0].first, last[0].first});
      } else {
        result.insert(result.end(), first.begin(), first.end());
      }
    }
    if (!take("]"))
      invalid("'[' without ']'");
    result = normalized(std::move(result));
    return isNegated ? complement(result) : result;
  }

  /// A character, or a class by its escape.
  CodeSet one(bool inClass) {
    if (take("\\"))
      return escape(inClass);
    if (atEnd())
      return {};
    const auto lead = static_cast<uint8_t>(pattern_[at_++]);
    uint32_t code = lead;
    const int more = lead < 0xc0 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (more > 0)
      code = lead & (0x3f >> more);
    for (int i = 0; i < more && at_ < pattern_.size(); ++i)
      code = code << 6 | (static_cast<uint8_t>(pattern_[at_++]) & 0x3f);
    return {{code, code}};
  }

  CodeSet escape(bool inClass) {
    const char c = peek();
    ++at_;
    const auto just = [](uint32_t code) { return CodeSet{{code, code}}; };
    switch (c) {
    case 'd':
      return digits();
    case 'D':
      return complement(digits());
    case 'w':
      return wordCharacters();
    case 'W':
      return complement(wordCharacters());
    case 's':
      return spaces();
    case 'S':
      return complement(spaces());
    case 't':
      return just('\t');
    case 'n':
      return just('\n');
    case 'r':
      return just('\r');
    case 'f':
      return just('\f');
    case 'v':
      return just('\v');
    case 'b':
      if (inClass)
        return just('\b');
      [[fallthrough]];
    case 'B':
      unsupported("\\b and \\B");
      return {};
    case 'p':
    case 'P':
      unsupported("Unicode properties (\\p)");
      return {};
    case 'k':
      unsupported("backward references");
      return {};
    case 'c':
      if (const char letter = peek(); (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'))
        return ++at_, just(static_cast<uint32_t>(letter) % 32);
      invalid("\\c without a letter");
      return {};
    case 'x':
      return just(hexadecimal(2));
    case 'u':
      return just(unicode());
    default:
      break;
    }
    if (c == '0' && !(peek() >= '0' && peek() <= '9'))
      return just(0);
    if (c >= '0' && c <= '9')
      unsupported("backward references");
    constexpr std::string_view marks = "^$\\.*+?()[]{}|/-";
    // Without the flag u a mark may stand behind a backslash for no reason; templates of URLs and paths do that.
    const bool isMark = c >= 0x21 && c <= 0x7e && !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    if (marks.find(c) == std::string_view::npos && !isMark)
      invalid("an escape that there is not");
    return just(static_cast<uint32_t>(c));
  }

  uint32_t hexadecimal(int count) {
    uint32_t code = 0;
    for (int i = 0; i < count; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0)
        invalid("expected a hexadecimal digit");
      code = code << 4 | static_cast<uint32_t>(digit & 15);
    }
    return code;
  }

  uint32_t unicode() {
    uint32_t code = 0;
    if (take("{")) {
      while (!atEnd() && peek() != '}' && code <= lastCodePoint)
        code = code << 4 | hexadecimal(1);
      if (!take("}"))
        invalid("expected '}'");
    } else {
      code = hexadecimal(4);
      if (code >= 0xd800 && code < 0xdc00 && take("\\u")) // a pair of surrogates
        code = 0x10000 + ((code - 0xd800) << 10) + (hexadecimal(4) - 0xdc00);
    }
    if (code > lastCodePoint || (code >= 0xd800 && code < 0xe000))
      invalid("an escape for what is no character");
    return code;
  }

  std::string_view pattern_;
  size_t at_ = 0;
  Status status_;
};

} // namespace

StatusOr<RegexNode> parseRegex(std::string_view pattern) { return Parser(pattern).parse(); }

} // namespace cadenza::grammar

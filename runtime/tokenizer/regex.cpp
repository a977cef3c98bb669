#include "runtime/tokenizer/regex.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <cstdio>
#include <new>
#include <span>
#include <utility>

namespace cadenza {

using namespace tokenizer_json;

namespace {

// White_Space as Oniguruma has it. PCRE2's own \s adds U+180E.
constexpr std::string_view kSpaceMembers =
    "\\x{9}-\\x{D}\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";

void appendRanges(std::string &pattern, std::span<const unicode::CodePointRange> ranges) {
  for (const unicode::CodePointRange &range : ranges) {
    char text[32];
    std::snprintf(text, sizeof(text), range.first == range.last ? "\\x{%X}" : "\\x{%X}-\\x{%X}", range.first,
                  range.last);
    pattern += text;
  }
}

/// Copies an Oniguruma pattern, rewriting or refusing what PCRE2 reads differently.
class Translator {
public:
  Translator(std::string_view pattern, std::string_view path) : pattern_(pattern), path_(path) {}

  StatusOr<std::string> run() {
    for (; pos_ < pattern_.size(); ++pos_) {
      char c = pattern_[pos_];
      bool afterClass = std::exchange(afterClass_, false);
      if (afterClass && inClass_ && c == '-' && !at(pos_ + 1, "]")) // the last of the ranges would grow
        return refuse("a range that begins with a class");
      if (c == '\\') {
        CADENZA_RETURN_IF_ERROR(escape());
        continue;
      }
      if (inClass_)
        CADENZA_RETURN_IF_ERROR(classMember(c));
      else
        CADENZA_RETURN_IF_ERROR(outside(c));
      out_ += c;
    }
    return std::move(out_);
  }

private:
  Status refuse(std::string_view what) const {
    return unsupported(path_, std::string(what) + " at byte " + std::to_string(pos_) + " of the pattern " +
                                  quote(pattern_) + " is not supported");
  }

  bool at(size_t pos, std::string_view text) const { return pattern_.substr(pos, text.size()) == text; }

  Status escape() {
    if (++pos_ == pattern_.size())
      return refuse("a backslash");
    char c = pattern_[pos_];
    if (inClass_ && std::string_view("sdDpP").find(c) != kNone && at(pos_ - 2, "-") && pos_ - 2 > classBegin_)
      return refuse("a range that ends in a class");
    if (c == 's' || (c == 'S' && !inClass_)) {
      afterClass_ = inClass_;
      if (inClass_)
        out_ += kSpaceMembers;
      else
        (out_ += c == 's' ? "[" : "[^").append(kSpaceMembers) += "]";
      return Status::ok();
    }
    if (c == 'd' || c == 'D')
      return category("Nd", c == 'D');
    if (c == 'p' || c == 'P')
      return property(c == 'P');
    // Same in both: control characters, and any punctuation that is escaped to stand for itself.
    bool isAlphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (static_cast<uint8_t>(c) >= 0x80 || (isAlphanumeric && std::string_view("rntfx").find(c) == kNone))
      return refuse(std::string("the escape \\") + c);
    (out_ += '\\') += c;
    if (c == 'x' && at(pos_ + 1, "{"))
      copyBraces();
    return Status::ok();
  }

  /// \p{...} or \P{...}. Only general categories: what a script or another property holds is disputed.
  Status property(bool complement) {
    size_t begin = pos_ + 2;
    std::string_view rest = pattern_.substr(std::min(begin, pattern_.size()));
    std::string_view name = rest.substr(0, rest.find('}'));
    if (!at(pos_ + 1, "{") || !unicode::isCategory(name))
      return refuse("the property");
    pos_ = begin + name.size();
    return category(name, complement);
  }

  Status category(std::string_view name, bool complement) {
    if (std::find(caseless_.begin(), caseless_.end(), true) != caseless_.end()) // PCRE2 would add the other cases
      return refuse("a property that ignores case");
    afterClass_ = inClass_;
    if (!inClass_)
      out_ += '[';
    appendRanges(out_, unicode::rangesOf(name, complement));
    if (!inClass_)
      out_ += ']';
    return Status::ok();
  }

  void copyBraces() {
    while (pos_ + 1 < pattern_.size() && pattern_[pos_] != '}')
      out_ += pattern_[++pos_];
  }

  Status classMember(char c) {
    if (c == ']' && pos_ > classBegin_) {
      inClass_ = false;
      return Status::ok();
    }
    if (c == '[')
      return refuse("a class inside a class");
    if (at(pos_, "&&"))
      return refuse("a class intersection");
    return Status::ok();
  }

  Status outside(char c) {
    if (c == '[') {
      inClass_ = true;
      classBegin_ = pos_ + (at(pos_ + 1, "^") ? 2 : 1); // a ']' right here is a member
      if (at(classBegin_, "]"))
        return refuse("a class that begins with ]");
    }
    if (c == '}' && at(pos_ + 1, "+")) // possessive in PCRE2, a repeated repetition in Oniguruma
      return refuse("a + after an interval");
    if (at(pos_, "(?") || at(pos_, "(*")) {
      bool known = false;
      for (std::string_view group : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"})
        known |= at(pos_, group);
      if (!known)
        return refuse("the group " + quote(pattern_.substr(pos_, 4)));
    }
    if (c == '(')
      caseless_.push_back(at(pos_, "(?i:"));
    if (c == ')' && !caseless_.empty())
      caseless_.pop_back();
    return Status::ok();
  }

  static constexpr size_t kNone = std::string_view::npos;

  std::string_view pattern_;
  std::string_view path_;
  std::string out_;
  size_t pos_ = 0;
  size_t classBegin_ = 0;
  bool inClass_ = false;
  bool afterClass_ = false;    // what was copied last are the members of \s, \d or \p{...}
  std::vector<bool> caseless_; // of the groups that are open, whether they begin with (?i:
};

} // namespace

StatusOr<Regex> Regex::parsePattern(const json &step, const std::string &path) {
  const json *pattern = find(step, "pattern");
  if (!pattern || !pattern->is_object() || pattern->size() != 1)
    return invalid(path + ".pattern", "expected {\"Regex\": \"...\"} or {\"String\": \"...\"}");
  bool isRegex = pattern->contains("Regex");
  const char *kind = isRegex ? "Regex" : "String";
  CADENZA_ASSIGN_OR_RETURN(std::string text, readString(*pattern, path + ".pattern", kind));
  return isRegex ? compile(text, path + ".pattern.Regex") : literal(text, path + ".pattern.String");
}

StatusOr<Regex> Regex::compile(std::string_view pattern, std::string_view path) {
  CADENZA_ASSIGN_OR_RETURN(std::string translated, Translator(pattern, path).run());
  // In Ruby ^ and $ always mean lines.
  return compileTranslated(translated, PCRE2_MULTILINE, pattern, path);
}

StatusOr<Regex> Regex::literal(std::string_view text, std::string_view path) {
  if (text.empty())
    return invalid(path, "the pattern is empty");
  return compileTranslated(text, PCRE2_LITERAL, text, path);
}

StatusOr<Regex> Regex::digits(std::string_view path) {
  std::string members = "[";
  appendRanges(members, unicode::rangesOf("N"));
  appendRanges(members, unicode::newerDigits());
  return compileTranslated(members + ']', 0, "\\p{N}", path);
}

StatusOr<Regex> Regex::oneOf(std::span<const unicode::CodePointRange> characters, std::string_view path) {
  std::string members;
  appendRanges(members, characters);
  return compileTranslated('[' + members + ']', 0, "[...]", path);
}

StatusOr<Regex> Regex::wordsAndSymbols(std::string_view path) {
  std::string words, space;
  appendRanges(words, unicode::wordRanges());
  appendRanges(space, unicode::whiteSpace());
  return compileTranslated('[' + words + "]+|[^" + words + space + "]+", 0, "\\w+|[^\\w\\s]+", path);
}

StatusOr<Regex> Regex::compileTranslated(std::string_view translated, uint32_t options, std::string_view pattern,
                                         std::string_view path) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  if (!context)
    return Status(StatusCode::OutOfMemory, "no memory for a regular expression");
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_code *code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                   PCRE2_UTF | options, &error, &offset, context.get());
  if (!code) {
    PCRE2_UCHAR message[256] = {};
    pcre2_get_error_message(error, message, sizeof(message));
    return invalid(path, "the regular expression " + quote(pattern) +
                             " does not compile: " + reinterpret_cast<const char *>(message));
  }
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); // where executable memory is refused, the interpreter does it
  Regex regex;
  regex.code_ = std::shared_ptr<const pcre2_code>(
      code, [](const pcre2_code *owned) { pcre2_code_free(const_cast<pcre2_code *>(owned)); });
  return regex;
}

void Regex::split(std::string_view text, std::vector<RegexSpan> &spans) const {
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> match(
      pcre2_match_data_create_from_pattern(code_.get(), nullptr), pcre2_match_data_free);
  if (!match)
    throw std::bad_alloc();

  size_t covered = 0;                      // spans reach up to here
  size_t lastEnd = std::string_view::npos; // of the match before
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  for (size_t from = 0; from <= text.size();) {
    uint32_t options = PCRE2_NO_UTF_CHECK; // the text is valid, and checking it for every match would be quadratic
    int count = pcre2_match(code_.get(), subject, text.size(), from, options, match.get(), nullptr);
    if (count == PCRE2_ERROR_JIT_STACKLIMIT) // the interpreter keeps its stack on the heap
      count = pcre2_match(code_.get(), subject, text.size(), from, options | PCRE2_NO_JIT, match.get(), nullptr);
    if (count == PCRE2_ERROR_NOMATCH)
      break;
    if (count < 0) {
      spans.push_back({covered, text.size(), true});
      return;
    }
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(match.get());
    size_t begin = bounds[0], end = bounds[1];
    if (begin == end && end == lastEnd) { // an empty match right after a match is none: look one character further
      from += from < text.size() ? utf8::scan(text, from).length : 1;
      continue;
    }
    if (covered < begin)
      spans.push_back({covered, begin, false});
    spans.push_back({begin, end, true});
    covered = from = lastEnd = end;
  }
  if (covered < text.size())
    spans.push_back({covered, text.size(), false});
}

std::string Regex::replace(std::string_view text, std::string_view content) const {
  std::vector<RegexSpan> spans;
  split(text, spans);
  std::string out;
  for (const RegexSpan &span : spans)
    out += span.isMatch ? content : text.substr(span.begin, span.end - span.begin);
  return out;
}

} // namespace cadenza

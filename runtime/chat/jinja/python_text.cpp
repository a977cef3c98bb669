#include "runtime/chat/jinja/python_text.h"
#include "runtime/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

namespace cadenza::jinja {
namespace {

size_t lengthAt(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return std::min(length, text.size() - at);
}

utf8proc_category_t categoryOf(char32_t point) { return utf8proc_category(static_cast<utf8proc_int32_t>(point)); }

/// Letters that become several, which utf8proc maps to one at most: SpecialCasing.txt of Unicode, without conditions.
struct Expansion {
  char32_t from;
  const char *upper, *title;
};
constexpr Expansion expansions[] = {
    {0x00df, "SS", "Ss"},
    {0x0149, "\u02bcN", "\u02bcN"},
    {0xfb00, "FF", "Ff"},
    {0xfb01, "FI", "Fi"},
    {0xfb02, "FL", "Fl"},
    {0xfb03, "FFI", "Ffi"},
    {0xfb04, "FFL", "Ffl"},
    {0xfb05, "ST", "St"},
    {0xfb06, "ST", "St"},
    {0x0587, "\u0535\u0552", "\u0535\u0582"},
    {0x01f0, "J\u030c", "J\u030c"},
    {0x0390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x03b0, "\u03a5\u0308\u0301", "\u03a5\u0308\u0301"},
};

const Expansion *expansionOf(char32_t point) {
  const auto *found = std::find_if(std::begin(expansions), std::end(expansions),
                                   [&](const Expansion &expansion) { return expansion.from == point; });
  return found == std::end(expansions) ? nullptr : found;
}

enum class Case { Upper, Lower, Title };

void appendInCase(std::string &text, char32_t point, Case wanted) {
  if (wanted != Case::Lower)
    if (const Expansion *expansion = expansionOf(point)) {
      text += wanted == Case::Upper ? expansion->upper : expansion->title;
      return;
    }
  const auto code = static_cast<utf8proc_int32_t>(point);
  if (point == 0x130 && wanted == Case::Lower) { // a dotted capital I
    text += "i\u0307";
    return;
  }
  appendCodePoint(text, static_cast<char32_t>(wanted == Case::Upper   ? utf8proc_toupper(code)
                                              : wanted == Case::Lower ? utf8proc_tolower(code)
                                                                      : utf8proc_totitle(code)));
}

bool isCased(char32_t point) {
  const utf8proc_category_t category = categoryOf(point);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT;
}

/// A capital sigma at the end of a word is written another way when it is small.
bool isFinalSigma(const std::vector<std::string_view> &all, size_t at) {
  const auto ignorable = [](char32_t point) {
    const utf8proc_category_t category = categoryOf(point);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_LM || category == UTF8PROC_CATEGORY_SK || point == '\'' || point == '.' ||
           point == ':' || point == 0xb7 || point == 0x2019;
  };
  size_t before = at, after = at + 1;
  while (before > 0 && ignorable(codePoint(all[before - 1])))
    --before;
  while (after < all.size() && ignorable(codePoint(all[after])))
    ++after;
  return before > 0 && isCased(codePoint(all[before - 1])) && (after == all.size() || !isCased(codePoint(all[after])));
}

void appendLower(std::string &text, const std::vector<std::string_view> &all, size_t at) {
  const char32_t point = codePoint(all[at]);
  if (point == 0x3a3)
    appendCodePoint(text, isFinalSigma(all, at) ? 0x3c2 : 0x3c3);
  else
    appendInCase(text, point, Case::Lower);
}

bool isLineEnd(char32_t point) {
  return (point >= 0x0a && point <= 0x0d) || (point >= 0x1c && point <= 0x1e) || point == 0x85 || point == 0x2028 ||
         point == 0x2029;
}

std::vector<std::string_view> splitAtSpace(std::string_view text, int64_t maximum, bool fromRight) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t at = 0; at <= text.size();) {
    const size_t length = at < text.size() ? lengthAt(text, at) : 1;
    if (at == text.size() || isSpace(codePoint(text.substr(at, length)))) {
      if (at > begin)
        words.push_back(text.substr(begin, at - begin));
      begin = at + length;
    }
    at += length;
  }
  if (maximum < 0 || std::ssize(words) <= maximum)
    return words;
  // The rest is one part, with its white space but that towards the words that were cut off.
  if (!fromRight) {
    const auto kept = words.begin() + maximum;
    const auto offset = static_cast<size_t>(kept->data() - text.data());
    words.erase(kept, words.end());
    words.push_back(text.substr(offset));
    return words;
  }
  const auto cut = words.end() - maximum;
  const std::string_view last = *(cut - 1);
  words.erase(words.begin(), cut);
  words.insert(words.begin(), text.substr(0, static_cast<size_t>(last.data() + last.size() - text.data())));
  return words;
}

} // namespace

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t length = lengthAt(text, at);
    result.push_back(text.substr(at, length));
    at += length;
  }
  return result;
}

int64_t characterCount(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
}

size_t bytesOfCharacters(std::string_view text, int64_t count) {
  size_t at = 0;
  for (int64_t i = 0; i < count && at < text.size(); ++i)
    at += lengthAt(text, at);
  return at;
}

size_t findText(std::string_view text, std::string_view part) {
  const void *found = memmem(text.data(), text.size(), part.data(), part.size());
  return found ? static_cast<size_t>(static_cast<const char *>(found) - text.data()) : std::string_view::npos;
}

size_t findLastText(std::string_view text, std::string_view part) {
  const std::string backwards(text.rbegin(), text.rend()), wanted(part.rbegin(), part.rend());
  const size_t found = findText(backwards, wanted);
  return found == std::string_view::npos ? found : text.size() - found - part.size();
}

char32_t codePoint(std::string_view character) {
  utf8proc_int32_t point = 0;
  utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t *>(character.data()), std::ssize(character), &point);
  return point < 0 ? U'\ufffd' : static_cast<char32_t>(point);
}

void appendCodePoint(std::string &text, char32_t point) { utf8::append(text, point); }

bool isSpace(char32_t point) {
  return (point >= 0x09 && point <= 0x0d) || (point >= 0x1c && point <= 0x20) || point == 0x85 || point == 0xa0 ||
         point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 ||
         point == 0x202f || point == 0x205f || point == 0x3000;
}

bool isPrintable(char32_t point) {
  if (point == ' ')
    return true;
  switch (categoryOf(point)) {
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
  case UTF8PROC_CATEGORY_ZS:
    return false;
  default:
    return true;
  }
}

bool isNameCharacter(char32_t point, bool isFirst) {
  if (point == '_')
    return true;
  switch (categoryOf(point)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_NL:
    return true;
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_PC:
    return !isFirst;
  default:
    return false;
  }
}

std::string_view strip(std::string_view text, std::optional<std::string_view> chars, bool left, bool right) {
  std::vector<std::string_view> set = chars ? characters(*chars) : std::vector<std::string_view>();
  std::sort(set.begin(), set.end());
  const auto goes = [&](std::string_view character) {
    return chars ? std::binary_search(set.begin(), set.end(), character) : isSpace(codePoint(character));
  };
  while (left && !text.empty()) {
    const size_t length = lengthAt(text, 0);
    if (!goes(text.substr(0, length)))
      break;
    text.remove_prefix(length);
  }
  while (right && !text.empty()) {
    size_t begin = text.size() - 1;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80)
      --begin;
    if (!goes(text.substr(begin)))
      break;
    text = text.substr(0, begin);
  }
  return text;
}

std::string toUpper(std::string_view text) {
  std::string result;
  for (std::string_view character : characters(text))
    appendInCase(result, codePoint(character), Case::Upper);
  return result;
}

std::string toLower(std::string_view text) {
  std::string result;
  const std::vector<std::string_view> all = characters(text);
  for (size_t i = 0; i < all.size(); ++i)
    appendLower(result, all, i);
  return result;
}

std::string toCapitalized(std::string_view text) {
  std::string result;
  const std::vector<std::string_view> all = characters(text);
  for (size_t i = 0; i < all.size(); ++i)
    if (i == 0)
      appendInCase(result, codePoint(all[0]), Case::Title);
    else
      appendLower(result, all, i);
  return result;
}

std::string toTitle(std::string_view text) {
  std::string result;
  bool afterCased = false;
  const std::vector<std::string_view> all = characters(text);
  for (size_t i = 0; i < all.size(); ++i) {
    const char32_t point = codePoint(all[i]);
    if (afterCased)
      appendLower(result, all, i);
    else
      appendInCase(result, point, Case::Title);
    afterCased = isCased(point);
  }
  return result;
}

bool isUpper(std::string_view text) {
  bool any = false;
  for (std::string_view character : characters(text)) {
    const utf8proc_category_t category = categoryOf(codePoint(character));
    if (category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT)
      return false;
    any |= category == UTF8PROC_CATEGORY_LU;
  }
  return any;
}

bool isLower(std::string_view text) {
  bool any = false;
  for (std::string_view character : characters(text)) {
    const utf8proc_category_t category = categoryOf(codePoint(character));
    if (category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT)
      return false;
    any |= category == UTF8PROC_CATEGORY_LL;
  }
  return any;
}

std::vector<std::string_view> split(std::string_view text, std::optional<std::string_view> separator, int64_t maximum,
                                    bool fromRight) {
  if (!separator)
    return splitAtSpace(text, maximum, fromRight);
  std::vector<std::string_view> parts;
  if (fromRight) { // the pieces of the text backwards are those of the text, backwards
    const std::string backwards(text.rbegin(), text.rend()), wanted(separator->rbegin(), separator->rend());
    for (std::string_view part : split(backwards, wanted, maximum)) {
      const size_t end = text.size() - static_cast<size_t>(part.data() - backwards.data());
      parts.push_back(text.substr(end - part.size(), part.size()));
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
  }
  while (maximum < 0 || std::ssize(parts) < maximum) {
    const size_t at = findText(text, *separator);
    if (at == std::string_view::npos)
      break;
    parts.push_back(text.substr(0, at));
    text = text.substr(at + separator->size());
  }
  parts.push_back(text);
  return parts;
}

std::vector<std::string_view> splitLines(std::string_view text, bool keepEnds) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    size_t length = lengthAt(text, at);
    if (!isLineEnd(codePoint(text.substr(at, length)))) {
      at += length;
      continue;
    }
    if (text.substr(at).starts_with("\r\n"))
      length = 2;
    lines.push_back(text.substr(begin, at - begin + (keepEnds ? length : 0)));
    at += length;
    begin = at;
  }
  if (begin < text.size())
    lines.push_back(text.substr(begin));
  return lines;
}

std::string replaced(std::string_view text, std::string_view old, std::string_view with, int64_t maximum) {
  std::string result;
  int64_t count = 0;
  if (old.empty()) { // before each character, and at the end
    for (std::string_view character : characters(text)) {
      if (maximum < 0 || count++ < maximum)
        result += with;
      result += character;
    }
    if (maximum < 0 || count < maximum)
      result += with;
    return result;
  }
  while (true) {
    const size_t found = maximum >= 0 && count == maximum ? std::string_view::npos : findText(text, old);
    result += text.substr(0, found);
    if (found == std::string_view::npos)
      return result;
    result += with;
    text = text.substr(found + old.size());
    ++count;
  }
}

int64_t countOf(std::string_view text, std::string_view part) {
  if (part.empty())
    return characterCount(text) + 1;
  int64_t count = 0;
  for (size_t at = findText(text, part); at != std::string_view::npos; at = findText(text, part)) {
    text = text.substr(at + part.size());
    ++count;
  }
  return count;
}

std::string escapedForHtml(std::string_view text) {
  std::string result;
  for (char c : text) {
    switch (c) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '\'':
      result += "&#39;";
      break;
    case '"':
      result += "&#34;";
      break;
    default:
      result += c;
    }
  }
  return result;
}

} // namespace cadenza::jinja

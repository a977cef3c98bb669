#include "runtime/tokenizer/added_tokens.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <unordered_set>

namespace cadenza {

using namespace tokenizer_json;

// Bounds the search: a position of the text costs at most this many steps.
static constexpr size_t kMaxContent = 1024;

static StatusOr<AddedToken> parseToken(const json &entry, const std::string &path) {
  if (!entry.is_object())
    return invalid(path, "expected an object");
  AddedToken token;
  CADENZA_ASSIGN_OR_RETURN(token.content, readString(entry, path, "content"));
  if (token.content.empty())
    return invalid(path + ".content", "the token is empty");
  if (token.content.size() > kMaxContent)
    return unsupported(path + ".content",
                       "a token of more than " + std::to_string(kMaxContent) + " bytes is not supported");
  if (!entry.contains("id"))
    return invalid(path + ".id", "expected a token id");
  CADENZA_ASSIGN_OR_RETURN(token.id, readId(entry["id"], path + ".id"));
  CADENZA_ASSIGN_OR_RETURN(token.special, readBool(entry, path, "special"));
  CADENZA_ASSIGN_OR_RETURN(token.normalized, readBool(entry, path, "normalized"));
  CADENZA_ASSIGN_OR_RETURN(token.singleWord, readBool(entry, path, "single_word"));
  CADENZA_ASSIGN_OR_RETURN(token.lstrip, readBool(entry, path, "lstrip"));
  CADENZA_ASSIGN_OR_RETURN(token.rstrip, readBool(entry, path, "rstrip"));
  return token;
}

StatusOr<AddedTokens> AddedTokens::parse(const json *list, const Vocabulary &vocabulary, const Normalizer &normalizer) {
  AddedTokens result;
  if (!list)
    return result;
  if (!list->is_array())
    return invalid("added_tokens", "expected an array");
  int32_t nextId = vocabulary.size();
  for (size_t i = 0; i < list->size(); ++i) {
    std::string path = "added_tokens[" + std::to_string(i) + "]";
    CADENZA_ASSIGN_OR_RETURN(AddedToken token, parseToken((*list)[i], path));
    // Hugging Face ignores the id in the file: a token of the vocabulary keeps its id there, any other gets the next
    // free one. A file that says something else has two readings, so it has none here.
    auto known = vocabulary.idOfToken(token.content);
    int32_t expected = known.value_or(nextId);
    if (!result.byContent_.emplace(token.content, i).second)
      return invalid(path + ".content", quote(token.content) + " is already an added token");
    if (!result.byId_.emplace(token.id, i).second)
      return invalid(path + ".id", std::to_string(token.id) + " is already the id of an added token");
    if (token.id != expected)
      return invalid(path + ".id", std::to_string(token.id) + " does not follow from the vocabulary: " +
                                       quote(token.content) + " has the id " + std::to_string(expected));
    nextId = std::max(nextId, token.id + 1);
    result.tokens_.push_back(std::move(token));
  }
  CADENZA_RETURN_IF_ERROR(result.buildPatterns(normalizer));
  return result;
}

Status AddedTokens::buildPatterns(const Normalizer &normalizer) {
  std::string storage;
  std::unordered_set<std::string_view> seen; // tokens_ does not move meanwhile
  for (size_t i = 0; i < tokens_.size(); ++i) {
    AddedToken &token = tokens_[i];
    token.searched = token.normalized ? std::string(normalizer.apply(token.content, storage)) : token.content;
    if (!seen.insert(token.searched).second)
      return unsupported("added_tokens[" + std::to_string(i) + "].content",
                         quote(token.content) + " is, normalised, the same text as another added token");
    sets_[token.normalized ? Normalized : Raw].patterns.push_back({token.searched, i});
  }
  for (PatternSet &set : sets_) {
    std::sort(set.patterns.begin(), set.patterns.end(), [](auto &a, auto &b) { return a.text < b.text; });
    for (const Pattern &pattern : set.patterns)
      ++set.begin[static_cast<uint8_t>(pattern.text[0]) + 1];
    for (size_t b = 0; b < 256; ++b)
      set.begin[b + 1] += set.begin[b];
  }
  return Status::ok();
}

const AddedTokens::Pattern *AddedTokens::PatternSet::longestAt(std::string_view text, size_t pos) const {
  auto first = static_cast<uint8_t>(text[pos]);
  auto low = patterns.begin() + begin[first], high = patterns.begin() + begin[first + 1];
  const Pattern *longest = nullptr;
  for (size_t depth = 1; low != high; ++depth) { // [low, high): the patterns that share the first `depth` bytes
    if (low->text.size() == depth) {
      longest = &*low;
      ++low;
    }
    if (pos + depth >= text.size())
      break;
    auto byte = static_cast<uint8_t>(text[pos + depth]);
    auto byteOf = [depth](const Pattern &p) { return static_cast<uint8_t>(p.text[depth]); };
    low = std::lower_bound(low, high, byte, [&](const Pattern &p, uint8_t b) { return byteOf(p) < b; });
    high = std::upper_bound(low, high, byte, [&](uint8_t b, const Pattern &p) { return b < byteOf(p); });
  }
  return longest;
}

/// Unicode White_Space.
static bool isSpace(uint32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// A word character of Unicode TR18: letters, marks, decimal digits, letter numbers, connectors, joiners, and the
/// circled letters, which are alphabetic symbols.
static bool isWord(uint32_t c) {
  switch (utf8proc_category(c)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_PC:
    return true;
  default:
    return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
           (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  }
}

/// Where the character before `pos` begins; pos > 0.
static size_t previousCharacter(std::string_view text, size_t pos) {
  do
    --pos;
  while (pos > 0 && (static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

static bool touchesWord(std::string_view text, size_t begin, size_t end) {
  return (begin > 0 && isWord(utf8::scan(text, previousCharacter(text, begin)).codePoint)) ||
         (end < text.size() && isWord(utf8::scan(text, end).codePoint));
}

void AddedTokens::split(std::string_view text, Stage stage, std::vector<Segment> &segments) const {
  const PatternSet &set = sets_[stage];
  size_t covered = 0; // segments reach up to here
  for (size_t pos = 0; pos < text.size() && !set.patterns.empty();) {
    const Pattern *pattern = set.longestAt(text, pos);
    if (!pattern) {
      ++pos;
      continue;
    }
    const AddedToken &token = tokens_[pattern->token];
    size_t begin = pos, end = pos + pattern->text.size();
    pos = end; // the search goes on behind the match itself, whatever is stripped or refused
    if (token.singleWord && touchesWord(text, begin, end))
      continue;
    if (token.lstrip) {
      begin = std::max(begin, covered); // the token before may have stripped what this one begins with
      while (begin > covered) {
        size_t previous = previousCharacter(text, begin);
        if (!isSpace(utf8::scan(text, previous).codePoint))
          break;
        begin = previous;
      }
    }
    if (token.rstrip)
      while (end < text.size() && isSpace(utf8::scan(text, end).codePoint))
        end += utf8::scan(text, end).length;
    if (covered < begin)
      segments.push_back({text.substr(covered, begin - covered)});
    if (begin < end) // nothing of it may be left
      segments.push_back({{}, token.id});
    covered = end;
  }
  if (covered < text.size())
    segments.push_back({text.substr(covered)});
}

const AddedToken *AddedTokens::find(int32_t id) const {
  auto entry = byId_.find(id);
  return entry == byId_.end() ? nullptr : &tokens_[entry->second];
}

const AddedToken *AddedTokens::find(std::string_view content) const {
  auto entry = byContent_.find(std::string(content));
  return entry == byContent_.end() ? nullptr : &tokens_[entry->second];
}

} // namespace cadenza

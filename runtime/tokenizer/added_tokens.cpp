#include "runtime/tokenizer/added_tokens.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/unicode.h"
#include "runtime/tokenizer/utf8.h"

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

StatusOr<AddedTokens> AddedTokens::parse(const json *list, const Vocabulary &vocabulary, const Normalizer &normalizer,
                                         std::vector<std::string> &notices) {
  AddedTokens result;
  if (!list)
    return result;
  if (!list->is_array())
    return invalid("added_tokens", "expected an array");
  int32_t nextId = vocabulary.size();
  for (size_t i = 0; i < list->size(); ++i) {
    std::string path = "added_tokens[" + std::to_string(i) + "]";
    CADENZA_ASSIGN_OR_RETURN(AddedToken token, parseToken((*list)[i], path));
    auto [known, isNew] = result.byContent_.emplace(token.content, result.tokens_.size());
    if (!isNew) {
      AddedToken &earlier = result.tokens_[known->second];
      token.id = earlier.id;
      token.special |= earlier.special;
      earlier = std::move(token);
      continue;
    }
    int32_t id = vocabulary.idOfToken(token.content).value_or(nextId);
    if (token.id != id)
      notices.push_back(path + ".id: " + quote(token.content) + " has the id " + std::to_string(id) +
                        ", which follows from the vocabulary, and not " + std::to_string(token.id) +
                        " (as in Hugging Face tokenizers)");
    token.id = id;
    if (!result.byId_.emplace(id, result.tokens_.size()).second)
      return invalid(path + ".id", std::to_string(id) + " is already the id of an added token");
    nextId = std::max(nextId, id + 1);
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
    if (token.searched.empty())
      return unsupported("added_tokens[" + std::to_string(i) + "].content",
                         quote(token.content) + " is empty once normalised");
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

static bool touchesWord(std::string_view text, size_t begin, size_t end) {
  return (begin > 0 && unicode::isWord(utf8::scan(text, utf8::previous(text, begin)).codePoint)) ||
         (end < text.size() && unicode::isWord(utf8::scan(text, end).codePoint));
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
        size_t previous = utf8::previous(text, begin);
        if (!unicode::isWhiteSpace(utf8::scan(text, previous).codePoint))
          break;
        begin = previous;
      }
    }
    if (token.rstrip)
      while (end < text.size() && unicode::isWhiteSpace(utf8::scan(text, end).codePoint))
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

#include "runtime/tokenizer/vocabulary.h"

#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/json.h"

#include <algorithm>

namespace cadenza {

using namespace tokenizer_json;

StatusOr<Vocabulary> Vocabulary::parse(const json &vocab, Spelling spelling) {
  if (!vocab.is_object())
    return invalid("model.vocab", "expected an object");
  Vocabulary result;
  result.spelling_ = spelling;
  size_t total = 0;
  for (const auto &[token, value] : vocab.items()) {
    CADENZA_ASSIGN_OR_RETURN(int32_t id, readId(value, "model.vocab[" + quote(token) + "]"));
    if (id >= result.idLimit())
      result.entries_.resize(std::max<size_t>(id + 1, std::min<size_t>(vocab.size(), kMaxId)));
    Entry &entry = result.entries_[id];
    if (entry.kind != Kind::Hole)
      return invalid("model.vocab[" + quote(token) + "]", "the id " + std::to_string(id) + " is used twice");
    entry.kind = Kind::Text; // seen; the second pass decides
    total += token.size();
  }
  while (!result.entries_.empty() && result.entries_.back().kind == Kind::Hole)
    result.entries_.pop_back();

  result.arena_.reserve(total); // at most: decoding a token never makes it longer; a document is below 4 GiB
  (spelling == Spelling::Text ? result.byText_ : result.byBytes_).reserve(vocab.size());
  for (const auto &[token, value] : vocab.items()) {
    auto id = value.get<int32_t>();
    auto bytes = spelling == Spelling::Text ? std::nullopt : bytesOfToken(token);
    std::string_view stored = bytes ? *bytes : std::string_view(token);
    Entry &entry = result.entries_[id];
    entry = {static_cast<uint32_t>(result.arena_.size()), static_cast<uint32_t>(stored.size()),
             bytes ? Kind::Bytes : Kind::Text};
    result.arena_.insert(result.arena_.end(), stored.begin(), stored.end());
    (bytes ? result.byBytes_ : result.byText_).emplace(result.viewOf(entry), id);
  }
  return result;
}

std::optional<int32_t> Vocabulary::idOfToken(std::string_view token) const {
  auto bytes = spelling_ == Spelling::Text ? std::nullopt : bytesOfToken(token);
  return bytes ? find(byBytes_, *bytes) : find(byText_, token);
}

std::string Vocabulary::token(int32_t id) const {
  const Entry &entry = entries_[id];
  return entry.kind == Kind::Bytes ? tokenOfBytes(viewOf(entry)) : std::string(viewOf(entry));
}

} // namespace cadenza

// The vocabulary of a model: what each id stands for. That of a byte-level BPE spells bytes in the byte alphabet; a
// token with other characters (some published special tokens) can be looked up and decoded, but text never reaches it
// through merges. Any other vocabulary spells text as it is.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cadenza {

class Vocabulary {
public:
  enum class Spelling : uint8_t { ByteAlphabet, Text };

  /// From the "vocab" object of the model, {token: id}. Ids may leave holes but not repeat.
  static StatusOr<Vocabulary> parse(const nlohmann::json &vocab, Spelling spelling);

  Spelling spelling() const { return spelling_; }

  /// The token for exactly `piece`: bytes, or text, as the vocabulary spells.
  std::optional<int32_t> idOfPiece(std::string_view piece) const {
    return find(spelling_ == Spelling::Text ? byText_ : byBytes_, piece);
  }

  /// The token written `token` in tokenizer.json.
  std::optional<int32_t> idOfToken(std::string_view token) const;

  bool contains(int32_t id) const { return id >= 0 && id < idLimit() && entries_[id].kind != Kind::Hole; }

  /// How tokenizer.json writes the token; contains(id).
  std::string token(int32_t id) const;

  int32_t size() const { return static_cast<int32_t>(byBytes_.size() + byText_.size()); }
  int32_t idLimit() const { return static_cast<int32_t>(entries_.size()); } // largest id + 1

private:
  enum class Kind : uint8_t { Hole, Bytes, Text };
  struct Entry {
    uint32_t offset = 0; // into arena_
    uint32_t length = 0;
    Kind kind = Kind::Hole;
  };
  using Map = std::unordered_map<std::string_view, int32_t>; // keys are views of arena_

  std::vector<char> arena_; // never grows after parse; a move keeps its address
  std::vector<Entry> entries_;
  Map byBytes_;
  Map byText_;
  Spelling spelling_ = Spelling::ByteAlphabet;

  std::string_view viewOf(const Entry &entry) const { return {arena_.data() + entry.offset, entry.length}; }
  static std::optional<int32_t> find(const Map &map, std::string_view key) {
    auto entry = map.find(key);
    return entry == map.end() ? std::nullopt : std::optional(entry->second);
  }
};

} // namespace cadenza

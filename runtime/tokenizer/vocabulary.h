// The vocabulary of a byte-level BPE: which bytes each id stands for. A token is normally spelled in the byte alphabet;
// one that holds other characters (some published special tokens) can be looked up and decoded, but text never reaches
// it through merges.
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
  /// From the "vocab" object of the model, {token: id}. Ids may leave holes but not repeat.
  static StatusOr<Vocabulary> parse(const nlohmann::json &vocab);

  /// The token that spells exactly `bytes`.
  std::optional<int32_t> idOfBytes(std::string_view bytes) const { return find(byBytes_, bytes); }

  /// The token written `token` in tokenizer.json.
  std::optional<int32_t> idOfToken(std::string_view token) const;

  bool contains(int32_t id) const { return id >= 0 && id < idLimit() && entries_[id].kind != Kind::Hole; }

  /// What the id decodes to, and how tokenizer.json writes it; contains(id).
  std::string_view bytes(int32_t id) const { return viewOf(entries_[id]); }
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

  std::string_view viewOf(const Entry &entry) const { return {arena_.data() + entry.offset, entry.length}; }
  static std::optional<int32_t> find(const Map &map, std::string_view key) {
    auto entry = map.find(key);
    return entry == map.end() ? std::nullopt : std::optional(entry->second);
  }
};

} // namespace cadenza

// Byte-pair encoding: a piece starts as one token a byte (a byte-level vocabulary) or a character (any other), and the
// adjacent pair whose merge was learned first is merged until none is left.
//
// A character that is no token becomes, with byte_fallback, the tokens <0x00> to <0xFF> of its UTF-8, if all are there;
// else the unknown token, if the model has one; else nothing. To a byte-level vocabulary such a character is a letter
// of the byte alphabet.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/vocabulary.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cadenza {

/// (left id, right id) → the merge learned for the pair. Open addressing: every byte of a text is looked up here twice.
class MergeTable {
public:
  struct Merge {
    uint32_t rank;
    int32_t result;
  };

  explicit MergeTable(size_t count = 0);
  /// A pair given twice keeps the later merge, as Hugging Face does.
  void insert(int32_t left, int32_t right, Merge merge);
  const Merge *find(int32_t left, int32_t right) const;

private:
  struct Slot {
    uint64_t key;
    Merge merge;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0}; // ids are not negative, so no pair has this key

  std::vector<Slot> slots_; // a power of two, at most half full
  size_t home(uint64_t key) const;
};

class Bpe {
public:
  /// From the "model" field.
  static StatusOr<Bpe> parse(const nlohmann::json &model, Vocabulary::Spelling spelling);

  const Vocabulary &vocabulary() const { return vocabulary_; }

  /// Working memory of encode(), reused from piece to piece.
  struct Scratch {
    struct Symbol {
      int32_t id; // kMerged once it has become part of its predecessor
      ptrdiff_t previous, next;
    };
    struct Candidate {
      uint32_t rank;
      int32_t result;
      ptrdiff_t position;
    };
    std::vector<Symbol> symbols;
    void append(int32_t id) {
      auto position = static_cast<ptrdiff_t>(symbols.size());
      symbols.push_back({id, position - 1, position + 1});
    }
    std::vector<Candidate> queue; // a heap, lowest rank first, then leftmost
  };

  /// Appends the ids of one piece (bytes, or valid UTF-8, as the vocabulary spells); O(n log n) in its bytes.
  void encode(std::string_view piece, std::vector<int32_t> &ids, Scratch &scratch) const;

private:
  Vocabulary vocabulary_;
  MergeTable merges_;
  std::array<int32_t, 256> byteIds_{}; // of a byte-level vocabulary: -1 for a byte that is no token
  std::array<int32_t, 256> fallbacks_; // the tokens <0x00> to <0xFF>, -1 where there is none or without byte_fallback
  std::optional<int32_t> unknown_;     // the unknown token
  bool fuseUnknown_ = false;           // one unknown token for neighbours
  bool ignoreMerges_ = false;          // a piece that is itself a token is taken whole

  Status parseUnknown(const nlohmann::json &model);
  Status parseMerges(const nlohmann::json &merges);
  void start(std::string_view piece, Scratch &scratch) const;
  void startUnknown(std::string_view character, bool &pending, Scratch &scratch) const;
};

} // namespace cadenza

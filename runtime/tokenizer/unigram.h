// Unigram, the model of SentencePiece: every token has a score, and a piece becomes the tokens whose scores have the
// greatest sum (Viterbi). A character that no token spells counts as the unknown token with a score below all others;
// neighbours of that kind are one token, or with byte_fallback the tokens <0x00> to <0xFF> of their UTF-8, if all are
// there.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tokenizer/vocabulary.h"

#include <nlohmann/json_fwd.hpp>

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cadenza {

/// Tokens by their bytes. Open addressing over (node, byte): a text looks up each of its bytes several times.
class TokenTrie {
public:
  static constexpr uint32_t kRoot = 0, kNone = ~0u;

  /// `bytes`: of all tokens together, at most.
  explicit TokenTrie(size_t bytes = 0);
  void insert(std::string_view token, int32_t id);
  /// The node behind one more byte, or kNone.
  uint32_t next(uint32_t node, uint8_t byte) const;
  /// The token that ends at a node, or -1.
  int32_t idAt(uint32_t node) const { return ids_[node]; }

private:
  struct Edge {
    uint64_t key;
    uint32_t node;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};

  std::vector<Edge> edges_; // a power of two, at most half full
  std::vector<int32_t> ids_;

  size_t slotOf(uint32_t node, uint8_t byte) const;
};

class Unigram {
public:
  /// From the "model" field.
  static StatusOr<Unigram> parse(const nlohmann::json &model);

  const Vocabulary &vocabulary() const { return vocabulary_; }

  /// Working memory of encode(), reused from piece to piece.
  struct Scratch {
    /// The best way to spell the piece up to a byte.
    struct Best {
      double score = 0;
      size_t begin = kUnreached; // of its last token
      int32_t id = 0;            // of that token
    };
    static constexpr size_t kUnreached = ~size_t{0};
    std::vector<Best> bestAt;
  };

  /// Appends the ids of one piece of valid UTF-8. A byte costs at most as many steps as the longest token has bytes.
  void encode(std::string_view piece, std::vector<int32_t> &ids, Scratch &scratch) const;

private:
  Vocabulary vocabulary_;
  std::vector<double> scores_; // by id
  TokenTrie trie_;
  int32_t unknown_ = 0;
  double unknownScore_ = 0;
  bool byteFallback_ = false; // and all 256 tokens may be missing one by one
  std::array<int32_t, 256> byteIds_{};

  Status parseVocabulary(const nlohmann::json &list);
  void findBest(std::string_view piece, Scratch &scratch) const;
  void appendUnknown(std::string_view text, std::vector<int32_t> &ids) const;
};

} // namespace cadenza

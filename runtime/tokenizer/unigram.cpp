#include "runtime/tokenizer/unigram.h"

#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/utf8.h"

#include <algorithm>
#include <bit>
#include <cstdio>

namespace cadenza {

using namespace tokenizer_json;

// SentencePiece's: an unknown character scores so much less than the worst token.
static constexpr double kUnknownPenalty = 10;

TokenTrie::TokenTrie(size_t bytes) : edges_(std::bit_ceil(2 * bytes + 1), Edge{kEmpty, 0}), ids_(1, -1) {}

/// Where the edge is, or would be.
size_t TokenTrie::slotOf(uint32_t node, uint8_t byte) const {
  uint64_t key = uint64_t{node} << 8 | byte;
  size_t i = ((key * 0x9E3779B97F4A7C15u) >> 32) & (edges_.size() - 1); // Fibonacci hashing
  while (edges_[i].key != kEmpty && edges_[i].key != key)
    i = (i + 1) & (edges_.size() - 1);
  return i;
}

uint32_t TokenTrie::next(uint32_t node, uint8_t byte) const {
  const Edge &edge = edges_[slotOf(node, byte)];
  return edge.key == kEmpty ? kNone : edge.node;
}

void TokenTrie::insert(std::string_view token, int32_t id) {
  uint32_t node = kRoot;
  for (char c : token) {
    auto byte = static_cast<uint8_t>(c);
    Edge &edge = edges_[slotOf(node, byte)];
    if (edge.key == kEmpty) {
      edge = {uint64_t{node} << 8 | byte, static_cast<uint32_t>(ids_.size())};
      ids_.push_back(-1);
    }
    node = edge.node;
  }
  ids_[node] = id;
}

StatusOr<Unigram> Unigram::parse(const json &model) {
  CADENZA_RETURN_IF_ERROR(checkFields(model, "model", {"type", "unk_id", "vocab", "byte_fallback"}));
  Unigram result;
  CADENZA_ASSIGN_OR_RETURN(const json *vocab, readArray(model, "model", "vocab"));
  CADENZA_RETURN_IF_ERROR(result.parseVocabulary(*vocab));
  const json *unknown = find(model, "unk_id");
  if (!unknown) // Hugging Face then fails on the first unknown character
    return unsupported("model.unk_id", "a model without an unknown token is not supported");
  CADENZA_ASSIGN_OR_RETURN(result.unknown_, readId(*unknown, "model.unk_id"));
  if (!result.vocabulary_.contains(result.unknown_))
    return invalid("model.unk_id", "there is no token " + std::to_string(result.unknown_));
  result.unknownScore_ = *std::min_element(result.scores_.begin(), result.scores_.end()) - kUnknownPenalty;
  CADENZA_ASSIGN_OR_RETURN(result.byteFallback_, readBool(model, "model", "byte_fallback", false));
  for (int byte = 0; byte < 256; ++byte) {
    char token[8];
    std::snprintf(token, sizeof(token), "<0x%02X>", byte);
    result.byteIds_[byte] = result.vocabulary_.idOfToken(token).value_or(-1);
  }
  return result;
}

Status Unigram::parseVocabulary(const json &list) {
  json ids = json::object(); // as other models have it
  size_t bytes = 0;
  for (size_t i = 0; i < list.size(); ++i) {
    const json &entry = list[i];
    std::string path = "model.vocab[" + std::to_string(i) + "]";
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
      return invalid(path, "expected [\"token\", score]");
    const auto &token = entry[0].get_ref<const std::string &>();
    if (!ids.emplace(token, i).second)
      return unsupported(path, "the token " + quote(token) + " is there twice, which is not supported");
    bytes += token.size();
    scores_.push_back(entry[1].get<double>());
  }
  CADENZA_ASSIGN_OR_RETURN(vocabulary_, Vocabulary::parse(ids, Vocabulary::Spelling::Text));
  trie_ = TokenTrie(bytes);
  for (const auto &[token, id] : ids.items())
    trie_.insert(token, id.get<int32_t>());
  return Status::ok();
}

void Unigram::findBest(std::string_view piece, Scratch &scratch) const {
  auto &bestAt = scratch.bestAt;
  bestAt.assign(piece.size() + 1, {});
  for (size_t begin = 0, next = 0; begin < piece.size(); begin = next) {
    next = begin + utf8::scan(piece, begin).length;
    auto offer = [&, score = bestAt[begin].score](size_t end, double tokenScore, int32_t id) {
      Scratch::Best &best = bestAt[end];
      double sum = tokenScore + score;
      if (best.begin == Scratch::kUnreached || sum > best.score)
        best = {sum, begin, id};
    };
    bool isKnown = false; // the character by itself is a token
    uint32_t node = TokenTrie::kRoot;
    for (size_t end = begin; end < piece.size();) {
      node = trie_.next(node, static_cast<uint8_t>(piece[end++]));
      if (node == TokenTrie::kNone)
        break;
      if (int32_t id = trie_.idAt(node); id >= 0) {
        offer(end, scores_[id], id);
        isKnown |= end == next;
      }
    }
    if (!isKnown)
      offer(next, unknownScore_, unknown_);
  }
}

/// The id of what is unknown together, which may be a token after all.
void Unigram::appendUnknown(std::string_view text, std::vector<int32_t> &ids) const {
  auto byteId = [&](char byte) { return byteIds_[static_cast<uint8_t>(byte)]; };
  if (auto id = vocabulary_.idOfPiece(text)) {
    ids.push_back(*id);
  } else if (byteFallback_ && std::all_of(text.begin(), text.end(), [&](char byte) { return byteId(byte) >= 0; })) {
    for (char byte : text)
      ids.push_back(byteId(byte));
  } else {
    ids.push_back(unknown_);
  }
}

void Unigram::encode(std::string_view piece, std::vector<int32_t> &ids, Scratch &scratch) const {
  findBest(piece, scratch);
  // The tokens from the last to the first; `begin` remembers where each ends for the way back.
  auto &bestAt = scratch.bestAt;
  size_t next = piece.size();
  for (size_t end = piece.size(); end > 0;) {
    size_t begin = bestAt[end].begin;
    bestAt[end].begin = next; // the end of the token behind it
    next = end;
    end = begin;
  }
  size_t begin = 0;
  for (size_t end = next; begin < piece.size();) {
    if (bestAt[end].id != unknown_) {
      ids.push_back(bestAt[end].id);
    } else {
      while (end < piece.size() && bestAt[bestAt[end].begin].id == unknown_)
        end = bestAt[end].begin;
      appendUnknown(piece.substr(begin, end - begin), ids);
    }
    begin = end;
    end = bestAt[end].begin;
  }
}

} // namespace cadenza

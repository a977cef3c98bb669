#include "runtime/tokenizer/bpe.h"

#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/json.h"
#include "runtime/tokenizer/utf8.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <utility>

namespace cadenza {

using namespace tokenizer_json;

MergeTable::MergeTable(size_t count) : slots_(std::bit_ceil(2 * count + 1), Slot{kEmpty, {}}) {}

size_t MergeTable::home(uint64_t key) const {
  key *= 0x9E3779B97F4A7C15u; // Fibonacci hashing; the high half carries the mixing
  return (key >> 32) & (slots_.size() - 1);
}

static uint64_t pairKey(int32_t left, int32_t right) {
  return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
}

void MergeTable::insert(int32_t left, int32_t right, Merge merge) {
  uint64_t key = pairKey(left, right);
  size_t i = home(key);
  while (slots_[i].key != kEmpty && slots_[i].key != key)
    i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {key, merge};
}

const MergeTable::Merge *MergeTable::find(int32_t left, int32_t right) const {
  uint64_t key = pairKey(left, right);
  for (size_t i = home(key); slots_[i].key != kEmpty; i = (i + 1) & (slots_.size() - 1))
    if (slots_[i].key == key)
      return &slots_[i].merge;
  return nullptr;
}

/// Refuses every option of the model that would change ids and is not implemented.
static Status checkOptions(const json &model) {
  CADENZA_RETURN_IF_ERROR(
      checkFields(model, "model",
                  {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                   "byte_fallback", "ignore_merges", "vocab", "merges"}));
  const json *dropout = find(model, "dropout");
  if (dropout && !(dropout->is_number() && dropout->get<double>() == 0))
    return unsupported("model.dropout", "only null is supported (encoding is deterministic)");
  for (const char *affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const json *value = find(model, affix); value && *value != "")
      return unsupported(std::string("model.") + affix, "only null or \"\" is supported");
  return Status::ok();
}

StatusOr<Bpe> Bpe::parse(const json &model, Vocabulary::Spelling spelling) {
  const json *vocab = find(model, "vocab");
  if (!vocab)
    return invalid("model.vocab", "expected an object");
  Bpe bpe;
  CADENZA_ASSIGN_OR_RETURN(bpe.vocabulary_, Vocabulary::parse(*vocab, spelling));
  CADENZA_RETURN_IF_ERROR(checkOptions(model));
  CADENZA_RETURN_IF_ERROR(bpe.parseUnknown(model));
  CADENZA_ASSIGN_OR_RETURN(bpe.ignoreMerges_, readBool(model, "model", "ignore_merges", false));
  CADENZA_ASSIGN_OR_RETURN(const json *merges, readArray(model, "model", "merges"));
  CADENZA_RETURN_IF_ERROR(bpe.parseMerges(*merges));
  return bpe;
}

/// What stands for bytes and characters at the start, and for those that are no token.
Status Bpe::parseUnknown(const json &model) {
  CADENZA_ASSIGN_OR_RETURN(bool byteFallback, readBool(model, "model", "byte_fallback", false));
  CADENZA_ASSIGN_OR_RETURN(fuseUnknown_, readBool(model, "model", "fuse_unk", false));
  bool anyUnknown = vocabulary_.spelling() == Vocabulary::Spelling::Text;
  fallbacks_.fill(-1);
  for (int byte = 0; byte < 256; ++byte) {
    char text = static_cast<char>(byte);
    byteIds_[byte] = vocabulary_.idOfPiece({&text, 1}).value_or(-1);
    anyUnknown |= byteIds_[byte] < 0;
    char token[8];
    std::snprintf(token, sizeof(token), "<0x%02X>", byte);
    if (byteFallback)
      fallbacks_[byte] = vocabulary_.idOfToken(token).value_or(-1);
  }
  if (find(model, "unk_token")) {
    CADENZA_ASSIGN_OR_RETURN(std::string token, readString(model, "model", "unk_token"));
    unknown_ = vocabulary_.idOfToken(token);
    if (!unknown_ && anyUnknown) // where nothing can be unknown, its name changes nothing
      return invalid("model.unk_token", "the token " + quote(token) + " is not in model.vocab");
  }
  return Status::ok();
}

/// Splits "a b" or ["a", "b"]; false if the entry has another form.
static bool readMerge(const json &entry, std::string_view &left, std::string_view &right) {
  if (entry.is_string()) {
    std::string_view text = entry.get_ref<const std::string &>();
    size_t space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
      return false;
    left = text.substr(0, space);
    right = text.substr(space + 1);
    return true;
  }
  if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string())
    return false;
  left = entry[0].get_ref<const std::string &>();
  right = entry[1].get_ref<const std::string &>();
  return true;
}

Status Bpe::parseMerges(const json &merges) {
  merges_ = MergeTable(merges.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    auto path = [&] { return "model.merges[" + std::to_string(i) + "]"; };
    if (merges[i].is_string() && merges[i].get_ref<const std::string &>().starts_with("#version"))
      continue; // the first line of an old merges.txt
    std::string_view left, right;
    if (!readMerge(merges[i], left, right))
      return invalid(path(), "expected \"left right\" or [\"left\", \"right\"]");
    std::string joined = std::string(left).append(right);
    int32_t ids[3];
    std::string_view tokens[3] = {left, right, joined};
    for (int t = 0; t < 3; ++t) {
      auto id = vocabulary_.idOfToken(tokens[t]);
      if (!id)
        return invalid(path(), "the token " + quote(tokens[t]) + " is not in model.vocab");
      ids[t] = *id;
    }
    merges_.insert(ids[0], ids[1], {rank++, ids[2]});
  }
  return Status::ok();
}

static constexpr int32_t kMerged = -1;
static constexpr ptrdiff_t kNone = -1;

/// Heap order: std::push_heap keeps the greatest first, so the next merge must compare greatest.
static bool mergesLater(const Bpe::Scratch::Candidate &a, const Bpe::Scratch::Candidate &b) {
  return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
}

/// A character that is no token. An unknown token is written late (`pending`), for its neighbours may become part of
/// it; as in Hugging Face, byte tokens overtake it.
void Bpe::startUnknown(std::string_view character, bool &pending, Scratch &scratch) const {
  auto fallback = [&](char byte) { return fallbacks_[static_cast<uint8_t>(byte)]; };
  if (std::all_of(character.begin(), character.end(), [&](char byte) { return fallback(byte) >= 0; })) {
    for (char byte : character)
      scratch.append(fallback(byte));
    return;
  }
  if (!unknown_)
    return;
  if (pending && !fuseUnknown_)
    scratch.append(*unknown_);
  pending = true;
}

/// The symbols of a piece before any merge.
void Bpe::start(std::string_view piece, Scratch &scratch) const {
  bool isText = vocabulary_.spelling() == Vocabulary::Spelling::Text;
  bool pending = false; // an unknown token is to be written
  scratch.symbols.clear();
  for (size_t pos = 0; pos < piece.size();) {
    std::string_view unit = piece.substr(pos, isText ? utf8::scan(piece, pos).length : 1);
    pos += unit.size();
    int32_t id = isText ? vocabulary_.idOfPiece(unit).value_or(-1) : byteIds_[static_cast<uint8_t>(unit[0])];
    if (id < 0) {
      startUnknown(isText ? std::string(unit) : tokenOfBytes(unit), pending, scratch);
      continue;
    }
    if (std::exchange(pending, false))
      scratch.append(*unknown_);
    scratch.append(id);
  }
  if (pending)
    scratch.append(*unknown_);
}

void Bpe::encode(std::string_view piece, std::vector<int32_t> &ids, Scratch &scratch) const {
  if (ignoreMerges_) {
    if (auto id = vocabulary_.idOfPiece(piece)) {
      ids.push_back(*id);
      return;
    }
  }
  auto &symbols = scratch.symbols;
  auto &queue = scratch.queue;
  queue.clear();
  start(piece, scratch);
  if (symbols.empty())
    return;
  symbols.back().next = kNone;

  auto candidateAt = [&](ptrdiff_t position) -> const MergeTable::Merge * {
    ptrdiff_t next = position == kNone ? kNone : symbols[position].next;
    return next == kNone ? nullptr : merges_.find(symbols[position].id, symbols[next].id);
  };
  auto enqueue = [&](ptrdiff_t position) {
    if (const auto *merge = candidateAt(position)) {
      queue.push_back({merge->rank, merge->result, position});
      std::push_heap(queue.begin(), queue.end(), mergesLater);
    }
  };

  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    if (const auto *merge = merges_.find(symbols[i].id, symbols[i + 1].id))
      queue.push_back({merge->rank, merge->result, static_cast<ptrdiff_t>(i)});
  std::make_heap(queue.begin(), queue.end(), mergesLater);

  while (!queue.empty()) {
    Scratch::Candidate best = queue.front();
    std::pop_heap(queue.begin(), queue.end(), mergesLater);
    queue.pop_back();
    // An entry is out of date once either side was merged away or grew; then another result stands there.
    Scratch::Symbol &left = symbols[best.position];
    const auto *merge = left.id == kMerged ? nullptr : candidateAt(best.position);
    if (!merge || merge->result != best.result)
      continue;
    Scratch::Symbol &right = symbols[left.next];
    left.id = best.result;
    right.id = kMerged;
    left.next = right.next;
    if (left.next != kNone)
      symbols[left.next].previous = best.position;
    enqueue(left.previous);
    enqueue(best.position);
  }

  for (ptrdiff_t i = 0; i != kNone; i = symbols[i].next)
    ids.push_back(symbols[i].id);
}

} // namespace cadenza

#include "runtime/tokenizer/bpe.h"

#include "runtime/tokenizer/json.h"

#include <algorithm>
#include <bit>

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
static Status checkOptions(const json &model, bool allBytesKnown) {
  static constexpr std::string_view kKnown[] = {"type",
                                                "dropout",
                                                "unk_token",
                                                "continuing_subword_prefix",
                                                "end_of_word_suffix",
                                                "fuse_unk",
                                                "byte_fallback",
                                                "ignore_merges",
                                                "vocab",
                                                "merges"};
  for (const auto &[key, value] : model.items())
    if (std::find(std::begin(kKnown), std::end(kKnown), key) == std::end(kKnown))
      return unsupported("model", "the field " + quote(key) + " is not supported");

  const json *dropout = find(model, "dropout");
  if (dropout && !(dropout->is_number() && dropout->get<double>() == 0))
    return unsupported("model.dropout", "only null is supported (encoding is deterministic)");
  // With a token for every byte nothing is ever unknown, and the name of an unknown token changes nothing.
  if (find(model, "unk_token") && !allBytesKnown)
    return unsupported("model.unk_token", "only null is supported where the vocabulary lacks some bytes");
  for (const char *affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const json *value = find(model, affix); value && *value != "")
      return unsupported(std::string("model.") + affix, "only null or \"\" is supported");
  CADENZA_ASSIGN_OR_RETURN(bool byteFallback, readBool(model, "model", "byte_fallback", false));
  if (byteFallback)
    return unsupported("model.byte_fallback", "true is not supported (byte-level BPE needs no fallback)");
  return Status::ok();
}

StatusOr<Bpe> Bpe::parse(const json &model) {
  if (const json *type = find(model, "type")) // absent in old files: BPE is then recognised by its fields
    if (*type != "BPE")
      return unsupported("model.type",
                         (type->is_string() ? quote(type->get_ref<const std::string &>()) : "this value") +
                             " is not supported (BPE is)");
  const json *vocab = find(model, "vocab");
  if (!vocab)
    return invalid("model.vocab", "expected an object");
  Bpe bpe;
  CADENZA_ASSIGN_OR_RETURN(bpe.vocabulary_, Vocabulary::parse(*vocab));
  for (int byte = 0; byte < 256; ++byte) {
    char text = static_cast<char>(byte);
    bpe.byteIds_[byte] = bpe.vocabulary_.idOfBytes({&text, 1}).value_or(-1);
  }
  bool allBytesKnown = std::none_of(bpe.byteIds_.begin(), bpe.byteIds_.end(), [](int32_t id) { return id < 0; });
  CADENZA_RETURN_IF_ERROR(checkOptions(model, allBytesKnown));
  CADENZA_ASSIGN_OR_RETURN(bpe.ignoreMerges_, readBool(model, "model", "ignore_merges", false));
  CADENZA_ASSIGN_OR_RETURN(const json *merges, readArray(model, "model", "merges"));
  CADENZA_RETURN_IF_ERROR(bpe.parseMerges(*merges));
  return bpe;
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

void Bpe::encode(std::string_view piece, std::vector<int32_t> &ids, Scratch &scratch) const {
  if (ignoreMerges_) {
    if (auto id = vocabulary_.idOfBytes(piece)) {
      ids.push_back(*id);
      return;
    }
  }
  auto &symbols = scratch.symbols;
  auto &queue = scratch.queue;
  symbols.clear();
  queue.clear();
  for (char byte : piece)
    if (int32_t id = byteIds_[static_cast<uint8_t>(byte)]; id >= 0) {
      auto position = static_cast<ptrdiff_t>(symbols.size());
      symbols.push_back({id, position - 1, position + 1});
    }
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

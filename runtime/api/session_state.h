// What Session has behind it.
#pragma once

#include "runtime/api/device_choice.h"
#include "runtime/cadenza.h"
#include "runtime/decode/constrained_rows.h"
#include "runtime/decode/sequence.h"
#include "runtime/executor.h"
#include "runtime/grammar/token_trie.h"
#include "runtime/plan/plan.h"
#include "runtime/tokenizer/tokenizer.h"

#include <atomic>

namespace cadenza {

/// A prompt of fewer tokens takes steps: a tile of one token is no faster.
constexpr int64_t minimumTiledPrompt = 2;

struct Session::State {
  std::shared_ptr<const Plan> plan;
  ChosenDevice device; // works on the plan's weights
  bool logits = false; // SessionOptions::logits
  // A plan without a tokenizer, or with one that this version cannot read, works with token ids.
  StatusOr<Tokenizer> tokenizer =
      Status(StatusCode::Unsupported, "the plan carries no tokenizer; give token ids instead of text");
  std::shared_ptr<const grammar::TokenTrie> trie; // of the tokenizer's tokens; made when it is first needed
  std::atomic<bool> cancelRequested{false};
  static_assert(std::atomic<bool>::is_always_lock_free, "requestCancel is called by signal handlers");

  /// Whether a cancel was requested; forgets the request.
  bool takeCancel() { return cancelRequested.exchange(false); }

  /// The tokens that end a generation: the model's unless they are ignored, and those asked for.
  StatusOr<std::vector<int32_t>> stopTokens(const GenerateOptions &options) const;

  /// Begins a sequence of `tokens`, of which the first `promptTokens` are the prompt and the others were generated.
  /// `constrained`: null, or what restricts the tokens that follow.
  Status begin(std::span<const int32_t> tokens, size_t promptTokens, std::span<const int32_t> stopTokens, int64_t kept,
               const SamplingOptions &sampling, ConstrainedRows *constrained);

  /// Tiles that `tokens` given tokens go through; none: steps.
  std::span<const int64_t> tilesFor(int64_t tokens) const {
    return tokens < minimumTiledPrompt ? std::span<const int64_t>() : device.executor->tileSizes();
  }
  /// Queues what processes a prompt that has begun, all its `tokens`; with head, the last one selects a token. How many
  /// tiles that took; none: cancelled.
  StatusOr<std::optional<int64_t>> runPrompt(int64_t tokens, bool withHead,
                                             const std::function<void(int64_t)> &progress);

  /// What the last generation left in the cache.
  struct Left {
    std::vector<int32_t> tokens; // those whose keys and values are there
    int64_t exact = 0;           // of them, those that have the bits of a prompt
    uint64_t sequence = 0;       // of the executor: another one has overwritten them
  };
  Left left;
  /// How many tokens at the beginning of `prompt` need not be processed.
  int64_t keptOf(std::span<const int32_t> prompt, PrefixReuse reuse) const;
};

} // namespace cadenza

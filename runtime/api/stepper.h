// A text that the caller makes token by token: logits of the next token, and the choice of one.
#pragma once

#include "runtime/cadenza.h"
#include "runtime/cpu/sampler.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cadenza {

class Stepper {
public:
  /// `session`, which outlives it, was opened with SessionOptions::logits. What the session does between steps costs
  /// time, since the cache is then another text's, and changes nothing.
  explicit Stepper(Session &session) : session_(session) {}

  /// Processes `tokens` behind those of the steps before and gives the logits of the token that follows, valid until
  /// the next step or reset. InvalidArgument for no tokens and ids outside the vocabulary, CacheFull if they do not
  /// fit, Cancelled; the sequence is then as it was.
  StatusOr<std::span<const float>> step(std::span<const int32_t> tokens);

  /// Chooses the token that follows the last step, as Session::generate would at that position; it is not processed.
  /// What was processed before the first choice is the prompt, for penalties. InvalidArgument if there was no step, for
  /// options outside of their ranges, and for draws without a seed.
  StatusOr<int32_t> choose(const SamplingOptions &options);

  /// Forgets the tokens.
  void reset();

private:
  Session &session_;
  std::vector<int32_t> tokens_;
  size_t promptTokens_ = 0; // 0: nothing was chosen yet
  std::vector<float> logits_;
  cpu::Sampler sampler_;
  cpu::ThreadPool pool_{1};
};

} // namespace cadenza

#include "runtime/api/stepper.h"

#include "runtime/decode/sequence_sampling.h"
#include "runtime/executor.h"

namespace cadenza {

StatusOr<std::span<const float>> Stepper::step(std::span<const int32_t> tokens) {
  if (tokens.empty())
    return Status(StatusCode::InvalidArgument, "a step without tokens");
  std::vector<int32_t> all = tokens_;
  all.insert(all.end(), tokens.begin(), tokens.end());
  // The session keeps what it has of the text. The token that it selects is not used.
  CADENZA_ASSIGN_OR_RETURN(const Generation next,
                           session_.generate(all, {.maxTokens = 1, .ignoreEos = true, .reuse = PrefixReuse::On}));
  CADENZA_RETURN_IF_ERROR(next.status());
  CADENZA_ASSIGN_OR_RETURN(const std::span<const float> logits, session_.executor().logits());
  logits_.assign(logits.begin(), logits.end());
  tokens_ = std::move(all);
  return std::span<const float>(logits_);
}

StatusOr<int32_t> Stepper::choose(const SamplingOptions &options) {
  if (tokens_.empty())
    return Status(StatusCode::InvalidArgument, "no token was processed yet");
  if (options.draws() && !options.seed)
    return Status(StatusCode::InvalidArgument, "a draw needs a seed");
  if (promptTokens_ == 0)
    promptTokens_ = tokens_.size();
  CADENZA_ASSIGN_OR_RETURN(SequenceSampling setUp,
                           setUpSampling(options, session_.vocabulary(), tokens_, promptTokens_));
  setUp.sampling.rows = setUp.rows.empty() ? nullptr : setUp.rows.data();
  return sampler_.draw(setUp.sampling, logits_, static_cast<int64_t>(tokens_.size()), pool_);
}

void Stepper::reset() {
  tokens_.clear();
  logits_.clear();
  promptTokens_ = 0;
}

} // namespace cadenza

#include "runtime/decode/sequence_sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>
#include <string>

namespace cadenza {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

Status invalid(const std::string &what, double value, const std::string &expected) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return {StatusCode::InvalidArgument, what + " " + text + ": expected " + expected};
}

/// Finite also as a float.
bool isFinite(double value) { return std::abs(value) <= std::numeric_limits<float>::max(); }

} // namespace

Status checkSampling(const SamplingOptions &options, int64_t vocabulary) {
  if (!(isFinite(options.temperature) && options.temperature >= 0))
    return invalid("temperature", options.temperature, "0 (the most likely token) or more");
  if (options.topK < 0)
    return invalid("top-k", static_cast<double>(options.topK), "a number of tokens, or 0 for all");
  if (!(options.topP > 0 && options.topP <= 1))
    return invalid("top-p", options.topP, "more than 0 and at most 1 (all tokens)");
  if (!(options.minP >= 0 && options.minP <= 1))
    return invalid("min-p", options.minP, "0 (all tokens) to 1");
  if (!(isFinite(options.repetitionPenalty) &&
        static_cast<float>(options.repetitionPenalty) >= std::numeric_limits<float>::min()))
    return invalid("repetition penalty", options.repetitionPenalty, "more than 0; 1 is none");
  if (!isFinite(options.presencePenalty))
    return invalid("presence penalty", options.presencePenalty, "a finite number; 0 is none");
  if (!isFinite(options.frequencyPenalty))
    return invalid("frequency penalty", options.frequencyPenalty, "a finite number; 0 is none");
  int64_t forbidden = 0;
  for (const auto &[token, bias] : options.logitBias) {
    if (token < 0 || token >= vocabulary)
      return {StatusCode::InvalidArgument, "logit bias: token " + std::to_string(token) +
                                               " is not in the vocabulary of " + std::to_string(vocabulary)};
    if (!isFinite(bias) && bias != -infinity)
      return invalid("logit bias of token " + std::to_string(token), bias, "a finite number, or -inf for never");
    forbidden += bias == -infinity ? 1 : 0;
  }
  if (forbidden == vocabulary)
    return {StatusCode::InvalidArgument, "logit bias: every token of the vocabulary is forbidden"};
  return Status::ok();
}

StatusOr<SequenceSampling> setUpSampling(const SamplingOptions &options, int64_t vocabulary,
                                         std::span<const int32_t> tokens, size_t promptTokens) {
  CADENZA_RETURN_IF_ERROR(checkSampling(options, vocabulary));
  SequenceSampling result;
  Sampling &sampling = result.sampling;
  sampling.min_distance = -std::numeric_limits<float>::infinity();
  if (options.draws()) {
    sampling.draws = 1;
    sampling.seed = options.seed.value_or(0);
    sampling.scale = static_cast<float>(std::numbers::log2e / options.temperature);
    sampling.top_k = options.topK < vocabulary ? static_cast<uint32_t>(options.topK) : 0;
    sampling.top_p = std::max<uint64_t>(static_cast<uint64_t>(std::llround(options.topP * 0x1p32)), 1);
    sampling.min_distance = static_cast<float>(std::log2(options.minP));
    sampling.filters = sampling.top_k > 0 || sampling.top_p < whole_share || options.minP > 0;
  }
  if (!options.adjusts())
    return result;
  sampling.adjusts = 1;
  sampling.repetition = static_cast<float>(options.repetitionPenalty);
  sampling.presence = static_cast<float>(options.presencePenalty);
  sampling.frequency = static_cast<float>(options.frequencyPenalty);
  result.rows.resize(static_cast<size_t>(vocabulary));
  for (const auto &[token, bias] : options.logitBias)
    result.rows[static_cast<size_t>(token)].bias = static_cast<float>(bias);
  for (size_t i = 0; i < tokens.size(); ++i) {
    RowHistory &row = result.rows[static_cast<size_t>(tokens[i])];
    if (i < promptTokens)
      row.seen |= 1;
    else
      row.count_generated();
  }
  return result;
}

Status checkRows(const Sampling &sampling, size_t rows, int64_t vocabulary) {
  if (sampling.adjusts == 0)
    return {StatusCode::InvalidArgument, "the sequence does not adjust its logits: it has no rows"};
  if (static_cast<int64_t>(rows) != vocabulary)
    return {StatusCode::InvalidArgument,
            std::to_string(rows) + " rows for a vocabulary of " + std::to_string(vocabulary)};
  return Status::ok();
}

uint64_t randomSeed() { return std::random_device()(); }

} // namespace cadenza

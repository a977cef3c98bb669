// What executors are told of how a sequence's tokens are selected.
#pragma once

#include "runtime/sampling_options.h"
#include "runtime/shared/sampling.h"
#include "runtime/support/status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cadenza {

struct SequenceSampling {
  Sampling sampling;            // `rows` is null: the executor's
  std::vector<RowHistory> rows; // [vocabulary] if sampling.adjusts, else empty
};

/// InvalidArgument, which names the option, for a number outside of its range and a biased token outside of the
/// vocabulary.
Status checkSampling(const SamplingOptions &options, int64_t vocabulary);

/// `options` for a text of `tokens` (of the vocabulary), of which the first `promptTokens` are the prompt and the
/// others were generated. Errors as checkSampling.
StatusOr<SequenceSampling> setUpSampling(const SamplingOptions &options, int64_t vocabulary,
                                         std::span<const int32_t> tokens, size_t promptTokens);

/// InvalidArgument unless `sampling` adjusts logits by as many rows as `rows`. Of Executor::updateRows.
Status checkRows(const Sampling &sampling, size_t rows, int64_t vocabulary);

/// A seed that nobody asked for: 32 random bits, so that people can type it.
uint64_t randomSeed();

} // namespace cadenza

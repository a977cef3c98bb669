// Probabilities of tokens from logits, and the windows of a text that is scored.
#pragma once

#include "runtime/cadenza.h"

namespace cadenza {

/// -ln softmax(logits)[target], in double.
double negativeLogLikelihood(std::span<const float> logits, int32_t target);

/// ln softmax(logits), in double, to `out` of as many elements.
void logProbabilities(std::span<const float> logits, std::span<double> out);

/// What ln softmax(logits) gives `token`, and the `top` most likely ones, of equal ones the lower id first.
TokenLogprobs logprobsOf(std::span<const float> logits, int32_t token, int64_t top);

/// Calls `score` with each window of a text, as Session::score cuts it. InvalidArgument if there is nothing to predict,
/// for a window that does not fit into the context, and for tokens that are not in the vocabulary.
Status forEachWindow(const Session &session, std::span<const int32_t> tokens, int64_t window,
                     const std::function<Status(std::span<const int32_t> piece)> &score);

} // namespace cadenza

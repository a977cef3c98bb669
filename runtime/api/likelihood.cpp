#include "runtime/api/likelihood.h"
#include "runtime/shared/sampling.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

namespace cadenza {
namespace {

/// ln of the sum of exp(logits).
double logSum(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits)
    sum += std::exp(logit - largest);
  return largest + std::log(sum);
}

} // namespace

double negativeLogLikelihood(std::span<const float> logits, int32_t target) { return logSum(logits) - logits[target]; }

void logProbabilities(std::span<const float> logits, std::span<double> out) {
  const double sum = logSum(logits);
  std::transform(logits.begin(), logits.end(), out.begin(), [&](float logit) { return logit - sum; });
}

TokenLogprobs logprobsOf(std::span<const float> logits, int32_t token, int64_t top) {
  const double sum = logSum(logits);
  const auto of = [&](int32_t id) { return TokenLogprob{id, logits[static_cast<size_t>(id)] - sum}; };
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto end = ids.begin() + std::clamp<ptrdiff_t>(top, 0, std::ssize(ids));
  std::partial_sort(ids.begin(), end, ids.end(), [&](int32_t a, int32_t b) {
    const auto key = [&](int32_t id) { return sampling::order_key(logits[static_cast<size_t>(id)]); };
    return key(a) != key(b) ? key(a) > key(b) : a < b;
  });
  TokenLogprobs result{.chosen = of(token), .top = {}};
  std::transform(ids.begin(), end, std::back_inserter(result.top), of);
  return result;
}

Status forEachWindow(const Session &session, std::span<const int32_t> tokens, int64_t window,
                     const std::function<Status(std::span<const int32_t> piece)> &score) {
  if (window < 2 || window - 1 > session.context())
    return {StatusCode::InvalidArgument, "a window of " + std::to_string(window) +
                                             " tokens: it must be at least 2 and at most the context, " +
                                             std::to_string(session.context()) + ", plus 1"};
  if (tokens.size() < 2)
    return {StatusCode::InvalidArgument, "there is nothing to predict in " + std::to_string(tokens.size()) + " tokens"};
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || tokens[i] >= session.vocabulary())
      return {StatusCode::InvalidArgument, "token " + std::to_string(i) + ": id " + std::to_string(tokens[i]) +
                                               " is not in the vocabulary of " + std::to_string(session.vocabulary())};
  for (size_t begin = 0; begin + 1 < tokens.size(); begin += static_cast<size_t>(window))
    CADENZA_RETURN_IF_ERROR(score(tokens.subspan(begin, std::min<size_t>(window, tokens.size() - begin))));
  return Status::ok();
}

} // namespace cadenza

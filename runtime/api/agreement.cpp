// Session::scoreAgainst: how far the distributions of two plans of one model are apart.
#include "runtime/api/likelihood.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>

namespace cadenza {
namespace {

/// What is known of a text so far.
class Comparison {
public:
  explicit Comparison(size_t vocabulary) : reference_(vocabulary), own_(vocabulary) {}

  /// One prediction: the logits of both plans.
  void add(std::span<const float> reference, std::span<const float> own, int32_t target) {
    logProbabilities(reference, reference_);
    logProbabilities(own, own_);
    agreement.reference.nll -= reference_[target];
    agreement.score.nll -= own_[target];
    double divergence = 0;
    for (size_t i = 0; i < own_.size(); ++i)
      divergence += std::exp(reference_[i]) * (reference_[i] - own_[i]);
    divergences_.push_back(std::max(0.0, divergence)); // of equal distributions, rounding may leave less than none
    const auto top = [](std::span<const float> logits) { return std::ranges::max_element(logits) - logits.begin(); };
    sameTop_ += top(reference) == top(own) ? 1 : 0;
  }

  Agreement result() {
    std::ranges::sort(divergences_);
    const auto count = static_cast<double>(divergences_.size());
    agreement.meanKl = std::accumulate(divergences_.begin(), divergences_.end(), 0.0) / count;
    agreement.kl999 = divergences_[static_cast<size_t>(std::ceil(0.999 * count)) - 1]; // the nearest rank
    agreement.largestKl = divergences_.back();
    agreement.sameTop = static_cast<double>(sameTop_) / count;
    return agreement;
  }

  Agreement agreement;

private:
  std::vector<double> reference_, own_, divergences_;
  int64_t sameTop_ = 0;
};

} // namespace

StatusOr<Agreement> Session::scoreAgainst(Session &reference, std::span<const int32_t> tokens, int64_t window) {
  if (reference.vocabulary() != vocabulary())
    return Status(StatusCode::InvalidArgument, "the reference has a vocabulary of " +
                                                   std::to_string(reference.vocabulary()) + ", this plan one of " +
                                                   std::to_string(vocabulary()) + ": they are not the same model");
  if (window - 1 > reference.context())
    return Status(StatusCode::InvalidArgument, "a window of " + std::to_string(window) +
                                                   " tokens does not fit into the reference's context, " +
                                                   std::to_string(reference.context()));
  const auto width = static_cast<size_t>(vocabulary());
  Comparison comparison(width);
  std::vector<float> logits; // the reference's, of a window
  CADENZA_RETURN_IF_ERROR(forEachWindow(*this, tokens, window, [&](std::span<const int32_t> piece) {
    const std::span<const int32_t> given = piece.first(piece.size() - 1); // the last one is predicted
    logits.clear();
    logits.reserve(given.size() * width);
    CADENZA_RETURN_IF_ERROR(reference.forEachLogits(given, [&](int64_t, std::span<const float> row) {
      logits.insert(logits.end(), row.begin(), row.end());
      return Status::ok();
    }));
    CADENZA_RETURN_IF_ERROR(forEachLogits(given, [&](int64_t position, std::span<const float> row) {
      comparison.add(std::span(logits).subspan(static_cast<size_t>(position) * width, width), row, piece[position + 1]);
      return Status::ok();
    }));
    for (Score *score : {&comparison.agreement.score, &comparison.agreement.reference}) {
      score->tokens += std::ssize(given);
      ++score->windows;
    }
    return Status::ok();
  }));
  return comparison.result();
}

} // namespace cadenza

#include "runtime/cpu/sampler.h"

#include "runtime/cpu/functions.h"

#include <algorithm>
#include <functional>

// fma() is one instruction where the CPU has it, and a call of the C library elsewhere: the results are the same.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define CADENZA_FUSED [[gnu::target_clones("arch=haswell", "default")]]
#else
#define CADENZA_FUSED
#endif

namespace cadenza::cpu {
namespace {

constexpr int64_t rowsAChunk = 4096; // of four, which share random words

/// values[i] of the i-th row of `rows`, or of row i.
CADENZA_FUSED void drawRows(const Sampling &sampling, const float *logits, uint32_t position, const uint32_t *rows,
                            uint32_t begin, uint32_t end, float *values) {
  for (uint32_t i = begin; i < end; ++i)
    values[i] = sampling::drawn_value(sampling, logits[rows[i]], position, rows[i]);
}
CADENZA_FUSED void drawAll(const Sampling &sampling, const float *logits, uint32_t position, uint32_t begin,
                           uint32_t end, float *values) {
  for (uint32_t first = begin; first < end; first += 4) {
    const sampling::Words4 words = sampling::random_words(sampling, position, first);
    for (uint32_t row = first; row < std::min(first + 4, end); ++row)
      values[row] = sampling::drawn_value(sampling, logits[row], words.word[row % 4]);
  }
}

} // namespace

std::span<const uint32_t> Sampler::keptRows(const Sampling &sampling) {
  const size_t size = adjusted_.size();
  order_.resize(size);
  for (uint32_t row = 0; row < size; ++row)
    order_[row] = uint64_t{sampling::order_key(adjusted_[row])} << 32 | ~row;
  const auto rowAt = [&](uint32_t place) { return ~static_cast<uint32_t>(order_[place]); };
  const auto logitAt = [&](uint32_t place) { return adjusted_[rowAt(place)]; };

  // As many as are needed are sorted. What top-k leaves are the first ones.
  const size_t left = sampling.top_k > 0 ? std::min<size_t>(sampling.top_k, size) : size;
  size_t sorted = 0;
  const auto sortUpTo = [&](size_t count) {
    const auto from = order_.begin() + static_cast<ptrdiff_t>(sorted);
    const auto to = order_.begin() + static_cast<ptrdiff_t>(count);
    if (count < size)
      std::nth_element(from, to, order_.end(), std::greater<>());
    std::sort(from, to, std::greater<>());
    sorted = count;
  };
  const float largest = adjusted_[~static_cast<uint32_t>(*std::max_element(order_.begin(), order_.end()))];
  uint64_t total = 0;
  if (left < size)
    sortUpTo(left);
  for (uint32_t place = 0; place < left; ++place) // in any order: integers
    total += sampling::weight(sampling, logitAt(place), largest);
  uint32_t kept = 0;
  do {
    if (left == size)
      sortUpTo(std::min(size, std::max<size_t>(256, 8 * sorted)));
    kept = sampling::count_kept(sampling, total, static_cast<uint32_t>(sorted), logitAt);
  } while (kept == sorted && sorted < left);
  rows_.resize(kept);
  for (uint32_t place = 0; place < kept; ++place)
    rows_[place] = rowAt(place);
  return rows_;
}

int32_t Sampler::draw(const Sampling &sampling, std::span<const float> logits, int64_t position, ThreadPool &pool) {
  adjusted_.assign(logits.begin(), logits.end());
  if (sampling.adjusts)
    for (size_t row = 0; row < adjusted_.size(); ++row)
      adjusted_[row] = sampling::adjusted_logit(sampling, sampling.rows[row], adjusted_[row]);
  const auto at = static_cast<uint32_t>(position);
  int32_t token = 0;
  if (!sampling.draws) {
    token = argmax(adjusted_);
  } else if (sampling.filters) {
    // In ascending order, so that of equal values the lower row is the first.
    const std::span<const uint32_t> kept = keptRows(sampling);
    std::sort(rows_.begin(), rows_.end());
    values_.resize(kept.size());
    drawRows(sampling, adjusted_.data(), at, kept.data(), 0, static_cast<uint32_t>(kept.size()), values_.data());
    token = static_cast<int32_t>(kept[static_cast<size_t>(argmax(values_))]);
  } else {
    values_.resize(adjusted_.size());
    pool.parallelFor(static_cast<int64_t>(values_.size()), rowsAChunk, [&](int64_t begin, int64_t end) {
      drawAll(sampling, adjusted_.data(), at, static_cast<uint32_t>(begin), static_cast<uint32_t>(end), values_.data());
    });
    token = argmax(values_);
  }
  if (sampling.adjusts)
    sampling.rows[token].count_generated();
  return token;
}

} // namespace cadenza::cpu

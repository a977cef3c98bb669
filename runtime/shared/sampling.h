// How a token is drawn from its logits, shared by host and kernels, so that every executor and schedule draws the same
// token from the same logits. docs/sampling.md says it in prose; the order is:
//
//   1. adjusted_logit   penalties and bias, by what the text has already
//   2. temperature      x = scale * logit, scale = log2(e) / temperature: log-probabilities in log2 units, but for a
//                       constant
//   3. filters          rows in the order of their adjusted logits (order_key; of equal ones, the lower index first):
//                       top-k, then top-p of what top-k left, then min-p. Each keeps a beginning of that order: kept()
//   4. drawn_value      x plus Gumbel noise; the largest value of the rows that are kept is the token, in the same
//                       order of values and indices. Noise is a function of seed, position and row alone.
//
// Weights of rows, which only top-p needs, are integers: their sums do not depend on any order.
#pragma once

#include "sampling_math.h"

namespace cadenza {

/// What the text has of a row of the vocabulary, and what the caller adds to its logit.
struct RowHistory {
  float bias;
  uint32_t seen; // bit 0: in the prompt; the rest: how often it was generated

  CADENZA_EVERYWHERE uint32_t generated() const { return seen >> 1; }
  CADENZA_EVERYWHERE void count_generated() { seen += 2; }
};
static_assert(sizeof(RowHistory) == 8, "loaded at once");

constexpr uint64_t whole_share = uint64_t{1} << 32; // as top_p: any

/// How the tokens of a sequence are selected. As it is without a value: the row of the largest logit, which is greedy
/// decoding; so are all zeros.
struct Sampling {
  uint32_t draws = 0;   // 1: tokens are drawn; 0: the row of the largest (adjusted) logit
  uint32_t filters = 0; // 1: top_k, top_p or min_distance leave rows out; only where tokens are drawn
  uint32_t adjusts = 0; // 1: logits are adjusted by `rows`
  uint32_t top_k = 0;   // rows that are kept; 0: all
  uint64_t seed = 0;
  uint64_t top_p = whole_share; // share of all weights, of 2^32, that those before a kept row are less than; not 0
  float min_distance = 0;       // log2 of the least probability of a kept row over the largest; -infinity: any
  float scale = 0;              // log2(e) / temperature
  float repetition = 1;         // penalties; 1, 0 and 0: none
  float presence = 0;
  float frequency = 0;
  uint32_t slow_draws = 0;    // tokens that took a slower path; counted by the device
  RowHistory *rows = nullptr; // [vocabulary]; null unless `adjusts`
};
static_assert(sizeof(Sampling) == 64 && alignof(Sampling) == 8, "copied to the device as it is");

namespace sampling {

/// The order of logits and values as unsigned integers; -0 equals +0. NaN is 0, below everything: -inf is 0x007fffff, 0
/// is 0x80000000, +inf is 0xff800000.
CADENZA_EVERYWHERE uint32_t order_key(float value) {
  const uint32_t bits = as_bits(value + 0.0f); // -0 becomes +0
  return value != value ? 0 : bits >> 31 ? ~bits : bits | 0x80000000u;
}
/// The value of a key, -0 as +0.
CADENZA_EVERYWHERE float value_of_key(uint32_t key) {
  return as_float(key == 0 ? 0x7fffffffu : key >> 31 ? key & 0x7fffffffu : ~key);
}

/// Repetition as Hugging Face has it: of all rows that the text has. Presence and frequency as OpenAI has them: of rows
/// that were generated.
CADENZA_EVERYWHERE float adjusted_logit(const Sampling &sampling, const RowHistory &row, float logit) {
  if (row.seen != 0)
    logit = logit > 0.0f ? divide(logit, sampling.repetition) : multiply(logit, sampling.repetition);
  if (row.generated() != 0)
    logit = fma(-sampling.frequency, static_cast<float>(row.generated()), logit) - sampling.presence;
  return logit + row.bias;
}

/// log2 of the probability of a row over that of the most likely one, by their adjusted logits. Not above 0, and
/// monotone in `logit`; NaN for NaN.
CADENZA_EVERYWHERE float distance(const Sampling &sampling, float logit, float largest) {
  return logit == largest ? 0.0f : multiply(logit - largest, sampling.scale);
}

/// That probability as a share of 2^31.
CADENZA_EVERYWHERE uint32_t weight(const Sampling &sampling, float logit, float largest) {
  return weight_of(distance(sampling, logit, largest));
}

/// For top-p: rows are kept while the weights before them sum to less than this; `total`: of what top-k left. 1 at
/// least.
CADENZA_EVERYWHERE uint64_t nucleus_limit(const Sampling &sampling, uint64_t total) {
  if (sampling.top_p >= whole_share)
    return ~uint64_t{0};
  const uint64_t high = total >> 32, low = total & 0xffffffffu; // total < 2^63: nothing overflows
  const uint64_t limit = sampling.top_p * high + ((sampling.top_p * low + 0xffffffffu) >> 32);
  return limit == 0 ? 1 : limit;
}

/// Whether filters keep the row of place `rank` in the order of rows. `before`: the sum of the weights of those before
/// it. Once false, it is false for every row that follows.
CADENZA_EVERYWHERE bool kept(const Sampling &sampling, uint64_t limit, uint32_t rank, uint64_t before, float logit,
                             float largest) {
  return rank == 0 || ((sampling.top_k == 0 || rank < sampling.top_k) && before < limit &&
                       distance(sampling, logit, largest) >= sampling.min_distance);
}

/// How many rows filters keep: the definition, for who has them in order. `logit(i)`: the adjusted logit of the row of
/// place i < count. `total`: as nucleus_limit. The result is final if it is below `count`, or if `count` rows are all
/// that there are, or at least top_k (not 0) of them.
template <class Logit>
CADENZA_EVERYWHERE uint32_t count_kept(const Sampling &sampling, uint64_t total, uint32_t count, const Logit &logit) {
  const uint64_t limit = nucleus_limit(sampling, total);
  uint64_t before = 0;
  uint32_t rank = 0;
  while (rank < count && kept(sampling, limit, rank, before, logit(rank), logit(0)))
    before += weight(sampling, logit(rank++), logit(0));
  return rank;
}

/// Random bits of a row for the token at `position` are word row % 4 of this.
CADENZA_EVERYWHERE Words4 random_words(const Sampling &sampling, uint32_t position, uint32_t row) {
  return philox4x32({{row / 4, position, 0, 0}}, sampling.seed);
}

/// What the drawn token has the largest of: log-probability plus Gumbel noise, in log2 units and but for constants.
CADENZA_EVERYWHERE float drawn_value(const Sampling &sampling, float logit, uint32_t bits) {
  return fma(logit, sampling.scale, -log2_exponential(bits));
}
CADENZA_EVERYWHERE float drawn_value(const Sampling &sampling, float logit, uint32_t position, uint32_t row) {
  const Words4 words = random_words(sampling, position, row);
  const uint32_t even = row % 4 == 0 ? words.word[0] : words.word[2]; // chosen, so that words stay in registers
  const uint32_t odd = row % 4 == 1 ? words.word[1] : words.word[3];
  return drawn_value(sampling, logit, row % 2 == 0 ? even : odd);
}

} // namespace sampling
} // namespace cadenza

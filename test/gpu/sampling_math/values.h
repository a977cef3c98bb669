// Values of runtime/shared/sampling.h that a device and its host must agree on in every bit.
#pragma once

#include "runtime/shared/sampling.h"

namespace cadenza::sampling {

constexpr int kinds = 4;
constexpr uint32_t chunk = 1u << 20, chunks = 1u << 12; // of all 32-bit numbers

/// The i-th value of a kind.
CADENZA_EVERYWHERE uint32_t value_of(int kind, uint32_t i) {
  if (kind == 0) // all noise that there is
    return as_bits(log2_exponential(i));
  if (kind == 1) // all weights
    return weight_of(as_float(i | 0x80000000u)) ^ i >> 31;
  const Words4 words = philox4x32({{i, 0, 0, 0}}, 0x0123456789abcdefu);
  if (kind == 2)
    return words.word[0] ^ words.word[1] ^ words.word[2] ^ words.word[3];
  // Logits as they come: penalties, distances and draws.
  Sampling sampling;
  sampling.repetition = 1.0f + static_cast<float>(words.word[0] & 0xff) * 0x1p-8f;
  sampling.frequency = static_cast<float>(words.word[0] >> 8 & 0xff) * 0x1p-7f;
  sampling.presence = static_cast<float>(words.word[0] >> 16 & 0xff) * 0x1p-7f;
  sampling.scale = 0.5f + static_cast<float>(words.word[0] >> 24) * 0x1p-5f;
  const RowHistory row{static_cast<float>(words.word[1] & 0xff) * 0x1p-6f, words.word[1] >> 8 & 7};
  const float logit = static_cast<float>(static_cast<int32_t>(words.word[2])) * 0x1p-26f;
  const float adjusted = adjusted_logit(sampling, row, logit);
  const float largest = adjusted + static_cast<float>(words.word[3]) * 0x1p-28f; // no row is above the largest
  return order_key(adjusted) ^ weight(sampling, adjusted, largest) * 3u ^
         order_key(drawn_value(sampling, adjusted, words.word[3])) * 5u;
}

/// What is added up over a chunk, in any order.
CADENZA_EVERYWHERE uint64_t hash_of(uint32_t i, uint32_t value) {
  uint64_t mixed = (uint64_t{i} << 32 | value) * 0x9E3779B97F4A7C15u;
  mixed ^= mixed >> 29;
  return mixed * 0xBF58476D1CE4E5B9u;
}

} // namespace cadenza::sampling

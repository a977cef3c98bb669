// Seeded values for a KV cache that no prompt has filled, so that a benchmark at a long context needs no long prefill.
// A value depends on the seed and on what the element is, not on the context allocated or on the executor.
#pragma once

#include <cstdint>

namespace cadenza {

/// Which element of which cache: the index that cacheFillValue takes. Bits from the top: cache 16, key (0) or value (1)
/// 1, kv head 12, position 22, element of the head 13.
constexpr uint64_t cacheFillIndex(uint32_t cache, bool isValue, int64_t head, int64_t position, int64_t element) {
  uint64_t index = cache;
  index = index << 1 | static_cast<uint64_t>(isValue);
  index = index << 12 | static_cast<uint64_t>(head);
  index = index << 22 | static_cast<uint64_t>(position);
  return index << 13 | static_cast<uint64_t>(element);
}

/// Roughly N(0, 1): the sum of four uniform 16-bit numbers, centred and scaled, so |value| < 3.47. The hash is
/// SplitMix64 (Steele, Lea, Flood 2014). Integer arithmetic and one fp32 product: the same bits everywhere. Round it to
/// the cache's type before storing.
constexpr float cacheFillValue(uint64_t seed, uint64_t linearIndex) {
  uint64_t z = seed + (linearIndex + 1) * 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  z ^= z >> 31;
  int64_t sum = static_cast<int64_t>((z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48));
  return static_cast<float>(sum - 2 * 0xffff) * (1.7320508f / 65536.0f);
}

} // namespace cadenza

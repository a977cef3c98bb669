// The generator behind every scheduling decision: small and fast, because it is asked millions of times a launch.
#pragma once

#include <cstdint>

namespace cadenza::emulation {

class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}

  /// splitmix64: passes through every 64-bit value once, any seed will do.
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }

  /// Uniform in [0, bound).
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((next() >> 32) * bound >> 32); }

  /// True once in `n` times.
  bool oneIn(uint32_t n) { return below(n) == 0; }

private:
  uint64_t state_;
};

} // namespace cadenza::emulation

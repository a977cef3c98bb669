#include "compiler/quantize/group_fit.h"

#include "runtime/cpu/multiversion.h"

#include <cstring>

namespace cadenza {
namespace {

typedef float Lanes __attribute__((vector_size(fitLanes * sizeof(float))));
typedef uint32_t Bits __attribute__((vector_size(fitLanes * sizeof(float))));

[[gnu::always_inline]] inline void clamp(Lanes &v, float lowest, float highest) {
  v = v < lowest ? Lanes{} + lowest : v;
  v = v > highest ? Lanes{} + highest : v;
}

/// To the nearest code, ties to even.
struct Integers {
  float lowest, highest;
  [[gnu::always_inline]] void round(Lanes &v) const {
    constexpr float magic = 0x1.8p23F; // whose unit in the last place is 1
    clamp(v, lowest, highest);
    v = (v + magic) - magic;
  }
};

struct E4m3 {
  [[gnu::always_inline]] void round(Lanes &v) const {
    constexpr float magic = 0x1.8p14F; // whose unit in the last place is 2^-9, the smallest e4m3
    clamp(v, -448, 448);
    const Bits bits = reinterpret_cast<Bits>(v);
    const Bits nearest = (bits + 0x7ffffu + (bits >> 20 & 1u)) & 0xfff00000u; // three bits of mantissa
    const Lanes denormal = (v + magic) - magic;
    v = (bits & 0x7fffffffu) < 0x3c800000u ? denormal : reinterpret_cast<Lanes>(nearest); // below 2^-6
  }
};

[[gnu::always_inline]] inline float addLanes(const Lanes &l) {
  return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

template <typename Codes>
[[gnu::always_inline]] inline Fit fitOf(const Codes &codes, const float *x, int64_t size, float scale) {
  const float inverse = 1 / scale;
  Lanes squares{}, residual{}, of{};
  for (int64_t i = 0; i < size; i += fitLanes) {
    Lanes value, d;
    std::memcpy(&value, x + i, sizeof(value));
    d = value * inverse;
    codes.round(d);
    const Lanes difference = value - d * scale;
    squares += difference * difference;
    residual += difference * d;
    of += d * d;
  }
  return {addLanes(squares), addLanes(residual), addLanes(of)};
}

template <typename Codes>
[[gnu::always_inline]] inline void roundTo(const Codes &codes, const float *x, int64_t size, float scale, float *out) {
  const float inverse = 1 / scale;
  for (int64_t i = 0; i < size; i += fitLanes) {
    Lanes d;
    std::memcpy(&d, x + i, sizeof(d));
    d *= inverse;
    codes.round(d);
    std::memcpy(out + i, &d, sizeof(d));
  }
}

} // namespace

CADENZA_MULTIVERSION Fit fitIntegers(const float *x, int64_t size, float scale, float lowest, float highest) {
  return fitOf(Integers{lowest, highest}, x, size, scale);
}

CADENZA_MULTIVERSION Fit fitE4m3(const float *x, int64_t size, float scale) { return fitOf(E4m3{}, x, size, scale); }

CADENZA_MULTIVERSION void roundIntegers(const float *x, int64_t size, float scale, float lowest, float highest,
                                        float *codes) {
  roundTo(Integers{lowest, highest}, x, size, scale, codes);
}

CADENZA_MULTIVERSION void roundE4m3(const float *x, int64_t size, float scale, float *codes) {
  roundTo(E4m3{}, x, size, scale, codes);
}

} // namespace cadenza

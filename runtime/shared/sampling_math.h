// Random bits, logarithms and powers of two for drawing tokens, with the same bits on host and device: all of it is
// integers and fp32 sums, products, quotients and fused products, each rounded once. No compiler may make one of two of
// them: what is to be fused is fma(), and a product that might become an operand of + or - is multiply(). A host with
// fused instructions is told -ffp-contract=off.
#pragma once

#include "everywhere.h"
#include "types.h"

namespace cadenza::sampling {

// Operations that are spelled differently
// ------------------------------------------------------------------------------

#if defined(__CUDACC__)
CADENZA_EVERYWHERE float fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
CADENZA_EVERYWHERE float multiply(float a, float b) { return __fmul_rn(a, b); }
CADENZA_EVERYWHERE float divide(float a, float b) { return __fdiv_rn(a, b); }
CADENZA_EVERYWHERE float as_float(uint32_t bits) { return __uint_as_float(bits); }
CADENZA_EVERYWHERE uint32_t as_bits(float x) { return __float_as_uint(x); }
#else
CADENZA_EVERYWHERE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
CADENZA_EVERYWHERE float multiply(float a, float b) { return a * b; }
CADENZA_EVERYWHERE float divide(float a, float b) { return a / b; }
CADENZA_EVERYWHERE float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
CADENZA_EVERYWHERE uint32_t as_bits(float x) { return __builtin_bit_cast(uint32_t, x); }
#endif

// Logarithm and power
// --------------------------------------------------------------------------------------------------

/// log2(1 + t) / t for t in [sqrt(1/2) - 1, sqrt(2) - 1]: a minimax polynomial. Its product with t is as exact where it
/// is small as elsewhere.
CADENZA_EVERYWHERE float log2_over_t(float t) {
  float q = -0.109949514f;
  q = fma(q, t, 0.18617494f);
  q = fma(q, t, -0.19106276f);
  q = fma(q, t, 0.20460062f);
  q = fma(q, t, -0.2396174f);
  q = fma(q, t, 0.2885674f);
  q = fma(q, t, -0.36069664f);
  q = fma(q, t, 0.48089823f);
  q = fma(q, t, -0.72134733f);
  return fma(q, t, 1.442695f);
}

/// log2(x) of a positive normal number: within 2^-22 of the result, or of 1 if the result is larger than 1/2.
CADENZA_EVERYWHERE float log2_of(float x) {
  constexpr uint32_t sqrt_half = 0x3f3504f3u;
  const int exponent = static_cast<int>(as_bits(x) - sqrt_half) >> 23;
  const float t = as_float(as_bits(x) - (static_cast<uint32_t>(exponent) << 23)) - 1.0f; // exact
  return fma(log2_over_t(t), t, static_cast<float>(exponent));
}

/// floor(2^d * 2^31), within 2^8, for d <= 0; 0 below -32 and for NaN. Exactly 2^31 for 0.
CADENZA_EVERYWHERE uint32_t weight_of(float d) {
  if (!(d >= -32.0f))
    return 0;
  constexpr float to_integer = 12582912.0f; // 1.5 * 2^23: the sum has no bits below 1, rounded to nearest
  const float rounded = d + to_integer;
  const float f = d - (rounded - to_integer); // exact, in [-1/2, 1/2]
  float p = 0.00015353599f;
  p = fma(p, f, 0.0013398852f);
  p = fma(p, f, 0.009618436f);
  p = fma(p, f, 0.055503324f);
  p = fma(p, f, 0.24022648f);
  p = fma(p, f, 0.6931472f);
  p = fma(p, f, 1.0f);
  // The last bits of `rounded` are the whole number, -32 .. 0; the exponent moves by that and by 31.
  const uint32_t whole = as_bits(rounded) - as_bits(to_integer);
  return static_cast<uint32_t>(as_float(as_bits(p) + ((whole + 31u) << 23)));
}

// Random bits
// ----------------------------------------------------------------------------------------------------------

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. 2011): four words of random
/// bits, a function of counter and key alone.
struct Words4 {
  uint32_t word[4];
};
CADENZA_EVERYWHERE Words4 philox4x32(Words4 counter, uint64_t key) {
  uint32_t low = static_cast<uint32_t>(key), high = static_cast<uint32_t>(key >> 32);
  uint32_t *c = counter.word;
  for (int round = 0; round < 10; ++round) {
    const uint64_t first = uint64_t{0xD2511F53u} * c[0], second = uint64_t{0xCD9E8D57u} * c[2];
    const uint32_t c0 = static_cast<uint32_t>(second >> 32) ^ c[1] ^ low;
    const uint32_t c2 = static_cast<uint32_t>(first >> 32) ^ c[3] ^ high;
    c[1] = static_cast<uint32_t>(second);
    c[3] = static_cast<uint32_t>(first);
    c[0] = c0;
    c[2] = c2;
    low += 0x9E3779B9u;
    high += 0xBB67AE85u;
  }
  return counter;
}

/// log2 of exponential noise, but for the constant log2(ln 2): log2(-log2(1 - v)) where v = (bits + 1/2) * 2^-32, which
/// is uniform in (0, 1). As exact for the smallest v as for others: it is the smallest noise of many rows that wins.
CADENZA_EVERYWHERE float log2_exponential(uint32_t bits) {
  float log2_rest;          // log2(1 - v)
  if (bits < 0x4a000000u) { // v < 0.289: 1 - v would round v
    const float t = multiply(static_cast<float>(bits) + 0.5f, -0x1p-32f);
    log2_rest = multiply(log2_over_t(t), t);
  } else {
    log2_rest = log2_of(multiply(static_cast<float>(~bits) + 0.5f, 0x1p-32f));
  }
  return log2_of(-log2_rest);
}

} // namespace cadenza::sampling

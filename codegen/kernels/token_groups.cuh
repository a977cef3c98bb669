// Scales and zeros of groups of columns in products of many tokens (project_tokens.cuh): those of the rows of a warp,
// in registers, group by group, straight from device memory, where all warps that have these rows find them in caches.
// The zero of a row is subtracted from its codes, exactly. The sum of each product of 16 columns, fresh from the tensor
// cores, is scaled in fp32 on its way into the sums. Minima of super-blocks take the sum of the 16 elements, too, which
// one more product gives for all rows.
#pragma once

#include "groups.cuh"

namespace cadenza {

/// Sums of 16 elements of tokens, as a lane has sums of products with rows.
struct ElementSums {
  float sums[4];
};

/// Of `stripes` stripes of a matrix [rows][columns] stored as E, from a multiple of 8 rows on. Without groups, nothing.
template <class E, int rows, int columns, int stripes, bool grouped = FormatOf<E>::grouped,
          bool super_blocks = FormatOf<E>::super_blocks>
struct TokenGroups {
  CADENZA_DEVICE TokenGroups(const typename E::Element *, int) {}
  CADENZA_DEVICE static constexpr bool begins(int) { return false; }
  CADENZA_DEVICE void take_zeros() {}
  CADENZA_DEVICE void take_scales(int) {}
  CADENZA_DEVICE void shift(int, uint32_t (&)[2]) const {}
  CADENZA_DEVICE static ElementSums elements(const uint32_t (&)[4]) { return {}; }
  CADENZA_DEVICE static void multiply(float (&sums)[4], const uint32_t (&tokens)[4], const uint32_t (&codes)[2], int,
                                      int, const ElementSums &) {
    arch::mma_m16n8k16<typename E::Operand>(sums, tokens, codes);
  }
};

template <class E, int rows, int columns, int stripes> struct TokenGroups<E, rows, columns, stripes, true, false> {
  using T = typename E::Operand;
  static constexpr EncodingFormat format = FormatOf<E>::format;
  static constexpr int steps = steps_of(columns), groups = groups_of(format, steps);
  static constexpr int last_stripe = 2 * tiles_of(rows) - 1;

  const unsigned char *matrix;
  int first_stripe;
  // Of the group that is multiplied: the scales of rows 2t and 2t + 1 of each stripe, and what is added to the codes of
  // row g, a pair. Of the group after it, as they are stored.
  float scales[stripes][2];
  uint32_t shifts[stripes];
  uint32_t next_scales[stripes][2], next_zeros[stripes];

  CADENZA_DEVICE TokenGroups(const typename E::Element *matrix, int first_stripe)
      : matrix(reinterpret_cast<const unsigned char *>(matrix)), first_stripe(first_stripe) {
    request(0);
    take_zeros();
  }
  /// Whether a step is the first one of a group.
  CADENZA_DEVICE static constexpr bool begins(int step) { return step % format.group_steps == 0; }
  /// For the codes that are loaded next, those of another group.
  CADENZA_DEVICE void take_zeros() {
    if constexpr (format.zeros)
#pragma unroll
      for (int j = 0; j < stripes; ++j) {
        const float shift = 8388608.0f + 8.0f - arch::as_float(0x4b000000u | next_zeros[j]); // 8 - zero
        shifts[j] = arch::pack2<T>(shift, shift);
      }
  }
  /// For the products of that group, which begins with `step`; requests the one after it.
  CADENZA_DEVICE void take_scales(int step) {
#pragma unroll
    for (int j = 0; j < stripes; ++j)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        GroupFactors<E> factors;
        factors.scale = next_scales[j][i];
        scales[j][i] = factors.scale_value();
      }
    request(step / format.group_steps + 1);
  }
  /// Subtracts the zero from a lane's codes of a row of a stripe.
  CADENZA_DEVICE void shift(int stripe, uint32_t (&codes)[2]) const {
    if constexpr (format.zeros) {
      constexpr uint32_t ones = is_same<T, bf16> ? 0x3f803f80u : 0x3c003c00u;
#pragma unroll
      for (int i = 0; i < 2; ++i)
        codes[i] = arch::fma2<T>(codes[i], ones, shifts[stripe]);
    }
  }
  CADENZA_DEVICE static ElementSums elements(const uint32_t (&)[4]) { return {}; }
  CADENZA_DEVICE void multiply(float (&sums)[4], const uint32_t (&tokens)[4], const uint32_t (&codes)[2], int stripe,
                               int /*half*/, const ElementSums &) const {
    float products[4] = {};
    arch::mma_m16n8k16<T>(products, tokens, codes);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      sums[i] = arch::fma(scales[stripe][i % 2], products[i], sums[i]);
  }

private:
  CADENZA_DEVICE void request(int group) {
    if (group >= groups)
      return;
    const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
#pragma unroll
    for (int j = 0; j < stripes; ++j) {
      const int stripe = smaller(first_stripe + j, last_stripe); // of rows that do not exist, some other one
      const unsigned char *record = matrix + static_cast<int64_t>(stripe / 2) * tile_bytes(format, steps) +
                                    (steps * format.tile_step_bytes() + group * format.record_bytes());
      const int row = stripe % 2 * stripe_rows;
#pragma unroll
      for (int i = 0; i < 2; ++i)
        next_scales[j][i] = arch::load_small<format.scale_bytes>(record + (row + 2 * t + i) * format.scale_bytes);
      if constexpr (format.zeros)
        next_zeros[j] = arch::load_small<1>(record + tile_rows * format.scale_bytes + row + g);
    }
  }
};

/// Of super-blocks each step has its own scales, and of q6_k each half of it.
template <class E, int rows, int columns, int stripes> struct TokenGroups<E, rows, columns, stripes, true, true> {
  using T = typename E::Operand;
  static constexpr EncodingFormat format = FormatOf<E>::format;
  static constexpr int steps = steps_of(columns);
  static constexpr int last_stripe = 2 * tiles_of(rows) - 1;

  const unsigned char *matrix;
  int first_stripe;
  SuperFactors<E> now[stripes][2], next[stripes][2]; // of rows 2t and 2t + 1 of each stripe

  CADENZA_DEVICE TokenGroups(const typename E::Element *matrix, int first_stripe)
      : matrix(reinterpret_cast<const unsigned char *>(matrix)), first_stripe(first_stripe) {
    request(0);
  }
  CADENZA_DEVICE static constexpr bool begins(int) { return true; }
  CADENZA_DEVICE void take_zeros() {}
  CADENZA_DEVICE void take_scales(int step) {
#pragma unroll
    for (int j = 0; j < stripes; ++j)
#pragma unroll
      for (int i = 0; i < 2; ++i)
        now[j][i] = next[j][i];
    request(step + 1);
  }
  CADENZA_DEVICE void shift(int, uint32_t (&)[2]) const {}
  CADENZA_DEVICE static ElementSums elements(const uint32_t (&tokens)[4]) {
    ElementSums elements = {};
    if constexpr (format.minima) {
      constexpr uint32_t one = is_same<T, bf16> ? 0x3f803f80u : 0x3c003c00u;
      const uint32_t ones[2] = {one, one};
      arch::mma_m16n8k16<T>(elements.sums, tokens, ones);
    }
    return elements;
  }
  CADENZA_DEVICE void multiply(float (&sums)[4], const uint32_t (&tokens)[4], const uint32_t (&codes)[2], int stripe,
                               int half, const ElementSums &elements) const {
    float products[4] = {};
    arch::mma_m16n8k16<T>(products, tokens, codes);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const SuperFactors<E> &factors = now[stripe][i % 2];
      sums[i] = factors.template add_half<E::pair_excess>(sums[i], products[i], elements.sums[i], half);
    }
  }

private:
  CADENZA_DEVICE void request(int step) {
    if (step >= steps)
      return;
    const int t = static_cast<int>(arch::lane() % 4);
#pragma unroll
    for (int j = 0; j < stripes; ++j) {
      const int stripe = smaller(first_stripe + j, last_stripe); // of rows that do not exist, some other one
      const unsigned char *record =
          matrix + static_cast<int64_t>(stripe / 2) * tile_bytes(format, steps) +
          (steps * format.tile_step_bytes() + step / format.group_steps * format.record_bytes());
#pragma unroll
      for (int i = 0; i < 2; ++i)
        next[j][i].load(record, step % format.group_steps, stripe % 2 * stripe_rows + 2 * t + i);
    }
  }
};

} // namespace cadenza

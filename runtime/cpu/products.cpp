#include "runtime/cpu/products.h"

#include "runtime/cpu/multiversion.h"
#include "runtime/support/float16.h"

#include <cstring>

namespace cadenza::cpu {
namespace {

// Eight lanes, as GCC and Clang vectors: operators work lane by lane.
using Lanes = float __attribute__((vector_size(32)));
using Bits32 = uint32_t __attribute__((vector_size(32)));
using Bytes8 = int8_t __attribute__((vector_size(8)));
using Bits16 = uint16_t __attribute__((vector_size(16)));

// How eight consecutive elements in memory become fp32 lanes, one struct a type.
struct FromBf16 {
  using Element = uint16_t;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    Bits16 bits;
    std::memcpy(&bits, from, sizeof(bits));
    lanes = reinterpret_cast<Lanes>(__builtin_convertvector(bits, Bits32) << 16);
  }
};

struct FromF16 { // see f16ToFloat
  using Element = uint16_t;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    Bits16 bits;
    std::memcpy(&bits, from, sizeof(bits));
    Bits32 wide = __builtin_convertvector(bits, Bits32);
    Bits32 magnitude = (wide & 0x7fffu) << 13;
    Bits32 finite = reinterpret_cast<Bits32>(reinterpret_cast<Lanes>(magnitude) * 0x1p112f);
    Bits32 special = reinterpret_cast<Bits32>(magnitude >= (0x7c00u << 13)) & 0x7f800000u;
    lanes = reinterpret_cast<Lanes>(finite | special | (wide & 0x8000u) << 16);
  }
};

struct FromInt8 {
  using Element = int8_t;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    Bytes8 bytes;
    std::memcpy(&bytes, from, sizeof(bytes));
    lanes = __builtin_convertvector(bytes, Lanes);
  }
};

struct FromF32 {
  using Element = float;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    std::memcpy(&lanes, from, sizeof(lanes));
  }
};

[[gnu::always_inline]] inline float addLanes(const Lanes &l) {
  return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

template <typename From>
[[gnu::always_inline]] inline float dotOf(const float *a, const typename From::Element *b, int64_t size) {
  Lanes sum{}, lanesA, lanesB;
  int64_t i = 0;
  for (; i + 8 <= size; i += 8) {
    FromF32::load(a + i, lanesA);
    From::load(b + i, lanesB);
    sum += lanesA * lanesB;
  }
  if (i < size) {
    float restA[8] = {};
    typename From::Element restB[8] = {};
    std::memcpy(restA, a + i, (size - i) * sizeof(*a));
    std::memcpy(restB, b + i, (size - i) * sizeof(*b));
    FromF32::load(restA, lanesA);
    From::load(restB, lanesB);
    sum += lanesA * lanesB;
  }
  return addLanes(sum);
}

/// `rows` rows of a stripe, from `units` on, times the inputs of `tokens` tokens; all sums at once stay in registers.
template <typename From, int rows, int tokens>
[[gnu::always_inline]] inline void multiplyBlockOf(const PackedProducts &p, const typename From::Element *units,
                                                   const float *input, float *out, int64_t outStride) {
  constexpr int parts = step_columns / 8; // of a row's step
  for (size_t group = 0; group < p.groups.size(); ++group) {
    const int64_t begin = p.groups[group], end = group + 1 < p.groups.size() ? p.groups[group + 1] : p.steps;
    float tree[maximumWays][tokens][rows]; // not cleared, which would take a while: way 0 always is written
    for (int64_t way = 0; way < p.ways; ++way) {
      Lanes sums[tokens][rows] = {};
      for (int64_t step = begin + way; step < end; step += p.ways) {
        for (int part = 0; part < parts; ++part) {
          Lanes weights[rows], values;
          for (int row = 0; row < rows; ++row)
            From::load(units + step * tile_step_weights + row * step_columns + part * 8, weights[row]);
          for (int token = 0; token < tokens; ++token) {
            FromF32::load(input + (token * p.steps + step) * step_columns + part * 8, values);
            for (int row = 0; row < rows; ++row)
              sums[token][row] += weights[row] * values;
          }
        }
      }
      for (int token = 0; token < tokens; ++token)
        for (int row = 0; row < rows; ++row)
          tree[way][token][row] = addLanes(sums[token][row]);
    }
    for (int token = 0; token < tokens; ++token) {
      for (int row = 0; row < rows; ++row) {
        for (int64_t apart = 1; apart < p.ways; apart *= 2)
          for (int64_t way = 0; way < p.ways; way += 2 * apart)
            tree[way][token][row] += tree[way + apart][token][row];
        float &sum = out[token * outStride + row];
        // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign)
        sum = group == 0 ? tree[0][token][row] : sum + tree[0][token][row];
      }
    }
  }
}

// A weight is widened once for so many tokens, and a token's input loaded once for so many rows. More sums than their
// product would not stay in registers.
constexpr int tokensOfABlock = 4, rowsOfABlock = 2;

template <typename From>
[[gnu::always_inline]] inline void multiplyStripesOf(const PackedProducts &p, int64_t firstStripe, int64_t endStripe,
                                                     float *out, int64_t outStride) {
  for (int64_t stripe = firstStripe; stripe < endStripe; ++stripe) {
    const auto *units =
        reinterpret_cast<const From::Element *>(p.matrix) + weight_index<int64_t>(stripe * stripe_rows, 0, p.steps);
    int64_t token = 0;
    for (; token + tokensOfABlock <= p.tokens; token += tokensOfABlock)
      for (int64_t row = 0; row < stripe_rows; row += rowsOfABlock)
        multiplyBlockOf<From, rowsOfABlock, tokensOfABlock>(
            p, units + row * step_columns, p.input + token * p.steps * step_columns,
            out + token * outStride + stripe * stripe_rows + row, outStride);
    for (; token < p.tokens; ++token)
      multiplyBlockOf<From, stripe_rows, 1>(p, units, p.input + token * p.steps * step_columns,
                                            out + token * outStride + stripe * stripe_rows, outStride);
  }
}

CADENZA_MULTIVERSION float dotF32(const float *a, const float *b, int64_t size) { return dotOf<FromF32>(a, b, size); }
CADENZA_MULTIVERSION float dotBf16(const float *a, const uint16_t *b, int64_t size) {
  return dotOf<FromBf16>(a, b, size);
}
CADENZA_MULTIVERSION float dotF16(const float *a, const uint16_t *b, int64_t size) {
  return dotOf<FromF16>(a, b, size);
}

CADENZA_MULTIVERSION void multiplyStripesBf16(const PackedProducts &p, int64_t first, int64_t end, float *out,
                                              int64_t stride) {
  multiplyStripesOf<FromBf16>(p, first, end, out, stride);
}
CADENZA_MULTIVERSION void multiplyStripesF16(const PackedProducts &p, int64_t first, int64_t end, float *out,
                                             int64_t stride) {
  multiplyStripesOf<FromF16>(p, first, end, out, stride);
}
CADENZA_MULTIVERSION void multiplyStripesInt8(const PackedProducts &p, int64_t first, int64_t end, float *out,
                                              int64_t stride) {
  multiplyStripesOf<FromInt8>(p, first, end, out, stride);
}

} // namespace

float dot(const float *a, const float *b, int64_t size) { return dotF32(a, b, size); }

float dot(const float *a, DType dtype, const std::byte *b, int64_t size) {
  if (dtype == DType::bf16)
    return dotBf16(a, reinterpret_cast<const uint16_t *>(b), size);
  if (dtype == DType::f16)
    return dotF16(a, reinterpret_cast<const uint16_t *>(b), size);
  return dotF32(a, reinterpret_cast<const float *>(b), size);
}

void multiplyStripes(const PackedProducts &products, int64_t firstStripe, int64_t endStripe, float *out,
                     int64_t outStride) {
  switch (products.encoding) {
  case Encoding::tiles16:
    return (products.dtype == DType::bf16 ? multiplyStripesBf16 : multiplyStripesF16)(products, firstStripe, endStripe,
                                                                                      out, outStride);
  case Encoding::int8:
    return multiplyStripesInt8(products, firstStripe, endStripe, out, outStride);
  case Encoding::vector:
  case Encoding::rope_table:
  case Encoding::tensor:
    break; // no matrices: the plan's checks have seen that
  }
}

} // namespace cadenza::cpu

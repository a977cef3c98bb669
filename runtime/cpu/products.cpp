#include "runtime/cpu/products.h"

#include "runtime/cpu/multiversion.h"
#include "runtime/support/float16.h"

#include <cstring>
#include <type_traits>

namespace cadenza::cpu {
namespace {

// Eight lanes, as GCC and Clang vectors: operators work lane by lane.
using Lanes = float __attribute__((vector_size(32)));
using Bits32 = uint32_t __attribute__((vector_size(32)));
using Int32 = int32_t __attribute__((vector_size(32)));
using Bytes8 = int8_t __attribute__((vector_size(8)));
using UBytes8 = uint8_t __attribute__((vector_size(8)));
using Bits16 = uint16_t __attribute__((vector_size(16)));

// How eight consecutive elements in memory become fp32 lanes, one struct a type. Of a matrix, these are a part of a
// unit (runtime/shared/encoding.h), of `elements` Elements.
struct FromBf16 {
  using Element = uint16_t;
  static constexpr int elements = 8;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    Bits16 bits;
    std::memcpy(&bits, from, sizeof(bits));
    lanes = reinterpret_cast<Lanes>(__builtin_convertvector(bits, Bits32) << 16);
  }
};

struct FromF16 { // see f16ToFloat
  using Element = uint16_t;
  static constexpr int elements = 8;
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
  static constexpr int elements = 8;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    Bytes8 bytes;
    std::memcpy(&bytes, from, sizeof(bytes));
    lanes = __builtin_convertvector(bytes, Lanes);
  }
};

struct FromInt4 { // less 8
  using Element = uint32_t;
  static constexpr int elements = 1;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    uint32_t word;
    std::memcpy(&word, from, sizeof(word));
    const Bits32 shifts = {0, 16, 4, 20, 8, 24, 12, 28};
    lanes = __builtin_convertvector(reinterpret_cast<Int32>((Bits32{} + word) >> shifts & 15u) - 8, Lanes);
  }
};

struct FromFp8 { // e4m3: the exponents of f32 are 120 larger
  using Element = uint8_t;
  static constexpr int elements = 8;
  [[gnu::always_inline]] static void load(const Element *from, Lanes &lanes) {
    UBytes8 bytes;
    std::memcpy(&bytes, from, sizeof(bytes));
    const Bits32 wide = __builtin_convertvector(bytes, Bits32);
    lanes = reinterpret_cast<Lanes>((wide & 0x80u) << 24 | (wide & 0x7fu) << 20) * 0x1p120f;
  }
};

/// Codes of super-blocks, those of eight columns of a row of a unit.
template <Encoding::Kind encodingKind> struct FromSuper {
  using Element = std::byte;
  static constexpr Encoding::Kind kind = encodingKind;
  static constexpr EncodingFormat format = format_of(kind);
  static constexpr int elements = format.unit_bytes / 32;
  [[gnu::always_inline]] static void load(const std::byte *unit, int row, int eight, Lanes &lanes) {
    // Of q6_k, the eight are pairs `half` and `half` + 2 of two parts (column_in_step).
    constexpr bool six = kind == Encoding::q6_k;
    const int part = row * 4 + (six ? eight % 2 * 2 : eight);
    const auto half = static_cast<uint32_t>(eight / 2);
    uint32_t low[2] = {}, high[2] = {};
    for (int i = 0; i < (six ? 2 : 1); ++i) {
      std::memcpy(&low[i], unit + (part + i) * 4, sizeof(low[i]));
      std::memcpy(&high[i], unit + 128 + (part + i) * format.high_bytes, format.high_bytes);
    }
    if constexpr (six) {
      const Bits32 lows = {low[0], low[0], low[1], low[1], low[0], low[0], low[1], low[1]},
                   highs = {high[0], high[0], high[1], high[1], high[0], high[0], high[1], high[1]};
      const Bits32 pairs = Bits32{0, 0, 0, 0, 2, 2, 2, 2} + half, odd = {0, 1, 0, 1, 0, 1, 0, 1};
      const Bits32 codes = (lows >> (pairs * 4 + odd * 16) & 15u) | (highs >> (pairs * 4 + odd * 2) & 3u) << 4;
      lanes = __builtin_convertvector(reinterpret_cast<Int32>(codes) - 32, Lanes);
    } else {
      const Bits32 shifts = {0, 16, 4, 20, 8, 24, 12, 28}, highShifts = {0, 4, 1, 5, 2, 6, 3, 7};
      const Bits32 codes = ((Bits32{} + low[0]) >> shifts & 15u) | ((Bits32{} + high[0]) >> highShifts & 1u) << 4;
      lanes = __builtin_convertvector(reinterpret_cast<Int32>(codes), Lanes);
    }
  }
};

struct FromF32 {
  using Element = float;
  static constexpr int elements = 8;
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

/// What groups of the columns of a matrix have, for rows of a stripe.
struct GroupRecords {
  const std::byte *tile, *records; // the tile, and where its records begin
  int firstRow;                    // of the tile
  Encoding encoding;
  EncodingFormat format = format_of(encoding);

  const std::byte *record(int64_t step) const { return records + step / format.group_steps * format.record_bytes(); }
  [[gnu::always_inline]] float scale(int64_t step, int row) const {
    const std::byte *at = record(step) + (firstRow + row) * format.scale_bytes;
    if (encoding.scale == Encoding::f32) {
      float value;
      std::memcpy(&value, at, sizeof(value));
      return value;
    }
    uint16_t bits;
    std::memcpy(&bits, at, sizeof(bits));
    return encoding.scale == Encoding::f16 ? f16ToFloat(bits) : bf16ToFloat(bits);
  }
  /// What is left to subtract of codes of which 8 was subtracted.
  [[gnu::always_inline]] float zero(int64_t step, int row) const {
    return static_cast<float>(record(step)[tile_rows * format.scale_bytes + firstRow + row]) - 8;
  }
  /// Of super-blocks, of a row's step: the scales of its halves, and its minimum; exact.
  struct OfStep {
    float scales[2], minimum;
  };
  template <bool six> [[gnu::always_inline]] OfStep ofStep(int64_t step, int row) const {
    const std::byte *at = record(step), *bytes = at + tile_rows * format.scale_bytes;
    const int64_t inBlock = step % format.group_steps, place = inBlock * tile_rows + firstRow + row;
    uint16_t factors[2] = {};
    std::memcpy(factors, at + (firstRow + row) * format.scale_bytes, format.minima ? 4 : 2);
    const float d = f16ToFloat(factors[0]), dmin = f16ToFloat(factors[1]);
    const auto integer = [&](int64_t byte) { return static_cast<float>(static_cast<uint8_t>(bytes[byte])); };
    if constexpr (six) {
      const auto scale = [&](int half) {
        return d *
               static_cast<float>(static_cast<int8_t>(bytes[place * 2 + half])); // NOLINT(bugprone-signed-char-misuse)
      };
      return {{scale(0), scale(1)}, format.minima ? dmin * integer(format.group_steps * tile_rows * 2 + place) : 0};
    }
    return {{d * integer(place * 2), d * integer(place * 2)}, dmin * integer(place * 2 + 1)};
  }
};

/// The products of a step of `rows` rows with the inputs of `tokens` tokens, added to `sums`. Weights and inputs are
/// those of this step; `units`, of the first row.
template <typename From, int rows, int tokens>
[[gnu::always_inline]] inline void addStep(const typename From::Element *units, const float *input, int64_t inputStride,
                                           Lanes (&sums)[tokens][rows], Lanes *inputSums) {
  constexpr int parts = step_columns / lane_columns; // of a row's step
  for (int part = 0; part < parts; ++part) {
    Lanes weights[rows], values;
    for (int row = 0; row < rows; ++row)
      From::load(units + (row * parts + part) * From::elements, weights[row]);
    for (int token = 0; token < tokens; ++token) {
      FromF32::load(input + token * inputStride + part * lane_columns, values);
      for (int row = 0; row < rows; ++row)
        sums[token][row] += weights[row] * values;
      if (inputSums)
        inputSums[token] += values;
    }
  }
}

/// The same of super-blocks: weights are what they mean.
template <typename From, int rows, int tokens>
[[gnu::always_inline]] inline void addSuperStep(const float *input, int64_t inputStride, const GroupRecords &groups,
                                                int64_t step, Lanes (&sums)[tokens][rows]) {
  constexpr bool six = From::kind == Encoding::q6_k;
  const std::byte *unit =
      groups.tile + step * From::format.tile_step_bytes() + groups.firstRow / stripe_rows * From::format.unit_bytes;
  GroupRecords::OfStep factors[rows];
  for (int row = 0; row < rows; ++row)
    factors[row] = groups.ofStep<six>(step, row);
  const auto add = [&](int eight) __attribute__((always_inline)) {
    Lanes weights[rows], values;
    for (int row = 0; row < rows; ++row) {
      From::load(unit, groups.firstRow % stripe_rows + row, eight, weights[row]);
      weights[row] = weights[row] * factors[row].scales[eight / 2] - factors[row].minimum;
    }
    for (int token = 0; token < tokens; ++token) {
      FromF32::load(input + token * inputStride + eight * lane_columns, values);
      for (int row = 0; row < rows; ++row)
        sums[token][row] += weights[row] * values;
    }
  };
  if constexpr (six) { // whose shifts depend on which eight it is
    add(0);
    add(1);
    add(2);
    add(3);
  } else {
    for (int eight = 0; eight < step_columns / lane_columns; ++eight)
      add(eight);
  }
}

/// The same, of a matrix with groups.
template <typename From, int rows, int tokens>
[[gnu::always_inline]] inline void addGroupStep(const typename From::Element *units, const float *input,
                                                int64_t inputStride, const GroupRecords &groups, int64_t step,
                                                Lanes (&sums)[tokens][rows]) {
  Lanes ofStep[tokens][rows] = {}, inputs[tokens] = {};
  addStep<From, rows, tokens>(units, input, inputStride, ofStep, groups.format.zeros ? inputs : nullptr);
  for (int row = 0; row < rows; ++row) {
    const float scale = groups.scale(step, row), zero = groups.format.zeros ? groups.zero(step, row) : 0;
    for (int token = 0; token < tokens; ++token)
      sums[token][row] += (ofStep[token][row] - inputs[token] * zero) * scale;
  }
}

constexpr int64_t elementsOfAStep(int elements) { return int64_t{tile_step_weights / lane_columns} * elements; }

/// `rows` rows of a stripe, from `units` on, times the inputs of `tokens` tokens; all sums at once stay in registers.
template <typename From, bool grouped, int rows, int tokens>
[[gnu::always_inline]] inline void multiplyBlockOf(const PackedProducts &p, const typename From::Element *units,
                                                   const GroupRecords &records, const float *input, float *out,
                                                   int64_t outStride) {
  for (size_t group = 0; group < p.groups.size(); ++group) {
    const int64_t begin = p.groups[group], end = group + 1 < p.groups.size() ? p.groups[group + 1] : p.steps;
    float tree[maximumWays][tokens][rows]; // not cleared, which would take a while: way 0 always is written
    for (int64_t way = 0; way < p.ways; ++way) {
      Lanes sums[tokens][rows] = {};
      for (int64_t step = begin + way; step < end; step += p.ways) {
        const auto *ofStep = units + step * elementsOfAStep(From::elements);
        if constexpr (std::is_same_v<typename From::Element, std::byte>)
          addSuperStep<From, rows, tokens>(input + step * step_columns, p.steps * step_columns, records, step, sums);
        else if constexpr (grouped)
          addGroupStep<From, rows, tokens>(ofStep, input + step * step_columns, p.steps * step_columns, records, step,
                                           sums);
        else
          addStep<From, rows, tokens>(ofStep, input + step * step_columns, p.steps * step_columns, sums, nullptr);
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

template <typename From, bool grouped = false>
[[gnu::always_inline]] inline void multiplyStripesOf(const PackedProducts &p, int64_t firstStripe, int64_t endStripe,
                                                     float *out, int64_t outStride) {
  constexpr int rowElements = step_columns / lane_columns * From::elements; // of a step
  const EncodingFormat format = format_of(p.encoding);
  for (int64_t stripe = firstStripe; stripe < endStripe; ++stripe) {
    const std::byte *tile = p.matrix + stripe / 2 * tile_bytes(format, p.steps);
    const int firstRow = static_cast<int>(stripe % 2) * stripe_rows;
    const auto *units = reinterpret_cast<const From::Element *>(tile) + firstRow * rowElements;
    GroupRecords records{tile, tile + p.steps * format.tile_step_bytes(), firstRow, p.encoding};
    int64_t token = 0;
    for (; token + tokensOfABlock <= p.tokens; token += tokensOfABlock)
      for (int row = 0; row < stripe_rows; row += rowsOfABlock) {
        records.firstRow = firstRow + row;
        multiplyBlockOf<From, grouped, rowsOfABlock, tokensOfABlock>(
            p, units + row * rowElements, records, p.input + token * p.steps * step_columns,
            out + token * outStride + stripe * stripe_rows + row, outStride);
      }
    records.firstRow = firstRow;
    for (; token < p.tokens; ++token)
      multiplyBlockOf<From, grouped, stripe_rows, 1>(p, units, records, p.input + token * p.steps * step_columns,
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
CADENZA_MULTIVERSION void multiplyStripesFp8(const PackedProducts &p, int64_t first, int64_t end, float *out,
                                             int64_t stride) {
  multiplyStripesOf<FromFp8>(p, first, end, out, stride);
}
CADENZA_MULTIVERSION void multiplyGroupsInt8(const PackedProducts &p, int64_t first, int64_t end, float *out,
                                             int64_t stride) {
  multiplyStripesOf<FromInt8, true>(p, first, end, out, stride);
}
CADENZA_MULTIVERSION void multiplyGroupsInt4(const PackedProducts &p, int64_t first, int64_t end, float *out,
                                             int64_t stride) {
  multiplyStripesOf<FromInt4, true>(p, first, end, out, stride);
}
CADENZA_MULTIVERSION void multiplyGroupsFp8(const PackedProducts &p, int64_t first, int64_t end, float *out,
                                            int64_t stride) {
  multiplyStripesOf<FromFp8, true>(p, first, end, out, stride);
}

CADENZA_MULTIVERSION void multiplyQ4K(const PackedProducts &p, int64_t first, int64_t end, float *out, int64_t stride) {
  multiplyStripesOf<FromSuper<Encoding::q4_k>, true>(p, first, end, out, stride);
}
CADENZA_MULTIVERSION void multiplyQ5K(const PackedProducts &p, int64_t first, int64_t end, float *out, int64_t stride) {
  multiplyStripesOf<FromSuper<Encoding::q5_k>, true>(p, first, end, out, stride);
}
CADENZA_MULTIVERSION void multiplyQ6K(const PackedProducts &p, int64_t first, int64_t end, float *out, int64_t stride) {
  multiplyStripesOf<FromSuper<Encoding::q6_k>, true>(p, first, end, out, stride);
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
  const bool groups = products.encoding.group != 0;
  switch (products.encoding.kind) {
  case Encoding::tiles16:
    return (products.dtype == DType::bf16 ? multiplyStripesBf16 : multiplyStripesF16)(products, firstStripe, endStripe,
                                                                                      out, outStride);
  case Encoding::int8:
    return (groups ? multiplyGroupsInt8 : multiplyStripesInt8)(products, firstStripe, endStripe, out, outStride);
  case Encoding::int4:
    return multiplyGroupsInt4(products, firstStripe, endStripe, out, outStride);
  case Encoding::fp8:
    return (groups ? multiplyGroupsFp8 : multiplyStripesFp8)(products, firstStripe, endStripe, out, outStride);
  case Encoding::q4_k:
    return multiplyQ4K(products, firstStripe, endStripe, out, outStride);
  case Encoding::q5_k:
    return multiplyQ5K(products, firstStripe, endStripe, out, outStride);
  case Encoding::q6_k:
    return multiplyQ6K(products, firstStripe, endStripe, out, outStride);
  case Encoding::vector:
  case Encoding::rope_table:
  case Encoding::tensor:
    break; // no matrices: the plan's checks have seen that
  }
}

} // namespace cadenza::cpu

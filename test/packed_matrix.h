// Matrices in encodings with codes and scales, packed byte by byte as docs/plan-format.md says: by other lines than the
// packer's.
#pragma once

#include "runtime/shared/encoding.h"
#include "runtime/support/float16.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace cadenza::test {

/// The value of an e4m3.
inline float e4m3Value(int bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return bits & 0x80 ? -magnitude : magnitude;
}

/// The bits of an e4m3 that no other one is nearer to.
inline int nearestE4m3(float value) {
  int best = 0;
  for (int bits = 0; bits < 256; ++bits)
    if ((bits & 0x7f) != 0x7f && std::fabs(e4m3Value(bits) - value) < std::fabs(e4m3Value(best) - value))
      best = bits;
  return best;
}

/// Rounds some values to codes that share a scale (and a zero); they become what is stored. The bits of the codes.
inline std::vector<int> roundGroup(const Encoding &encoding, float *values, int count, float &scale, int &zero) {
  float low = 0, high = 0;
  for (int i = 0; i < count; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  const float codes = encoding.kind == Encoding::int8 ? 127 : encoding.kind == Encoding::fp8 ? 448 : 7;
  scale = encoding.zeros ? (high - low) / 15 : std::max(high, -low) / codes;
  if (encoding.scale == Encoding::f16)
    scale = f16ToFloat(floatToF16(scale));
  if (encoding.scale == Encoding::bf16)
    scale = bf16ToFloat(floatToBf16(scale));
  zero = encoding.zeros ? static_cast<int>(std::nearbyint(-low / scale)) : 0;
  std::vector<int> bits(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    int &code = bits[static_cast<size_t>(i)];
    if (encoding.kind == Encoding::fp8) {
      code = nearestE4m3(values[i] / scale);
      values[i] = scale * e4m3Value(code);
      continue;
    }
    const bool int4 = encoding.kind == Encoding::int4;
    code = static_cast<int>(std::nearbyint(values[i] / scale)) + zero;
    code = std::clamp(code, encoding.zeros ? 0 : int4 ? -8 : -127, encoding.zeros ? 15 : int4 ? 7 : 127);
    values[i] = scale * static_cast<float>(code - zero);
    if (int4 && !encoding.zeros)
      code += 8;
  }
  return bits;
}

/// A super-block of some row: its f16 factors, and what is stored for each part and for each column (of q6_k, 32 more
/// than the code).
struct SuperBlock {
  uint16_t d = 0, dmin = 0;
  std::vector<int> scales, minima, codes; // minima: of 32 columns
};

/// Rounds up to 256 values to codes of a super-block; they become what is stored. Scales of q6_k have both signs.
inline SuperBlock roundSuperBlock(const Encoding &encoding, float *values, int count) {
  const bool six = encoding.kind == Encoding::q6_k;
  const int width = six ? 16 : 32, codes = encoding.kind == Encoding::q4_k ? 15 : 31, most = six ? 127 : 63;
  const int parts = (count + width - 1) / width;
  float least = 0, span = 0;
  for (int i = 0; i < count; ++i) {
    least = std::min(least, values[i]);
    span = std::max(span, std::fabs(values[i]));
  }
  SuperBlock block;
  block.d = floatToF16((six ? span : 2 * span) / static_cast<float>(codes * most));
  block.dmin = six && !encoding.zeros ? uint16_t{0} : floatToF16(-least / 63);
  const float d = f16ToFloat(block.d), dmin = f16ToFloat(block.dmin);
  for (int part = 0; part < parts; ++part) {
    const int scale = six ? (part % 2 ? -1 : 1) * (most - 3 * part) : most - part,
              minimum = six ? encoding.zeros * part / 2 : 63 - part;
    block.scales.push_back(scale);
    if (!six || part % 2 == 0)
      block.minima.push_back(minimum);
    const float step = d * static_cast<float>(scale), shift = dmin * static_cast<float>(minimum);
    for (int i = part * width; i < std::min(count, (part + 1) * width); ++i) {
      const int code =
          step == 0 ? 0
                    : std::clamp(static_cast<int>(std::nearbyint((values[i] + shift) / step)), six ? -32 : 0, codes);
      values[i] = step * static_cast<float>(code) - shift;
      block.codes.push_back(six ? code + 32 : code);
    }
  }
  return block;
}

/// The bytes of such a matrix.
inline std::vector<uint8_t> packSuperBlocks(const Encoding &encoding, std::vector<float> &matrix, int rows,
                                            int columns) {
  const bool six = encoding.kind == Encoding::q6_k;
  const int highBytes = six ? 2 : encoding.kind == Encoding::q5_k ? 1 : 0, unitBytes = 128 + 32 * highBytes;
  const int steps = (columns + 31) / 32, blocks = (columns + 255) / 256, factorBytes = six && !encoding.zeros ? 2 : 4;
  const int recordBytes = 16 * factorBytes + 8 * 16 * (encoding.zeros ? 3 : 2),
            tileBytes = steps * 2 * unitBytes + blocks * recordBytes;
  std::vector<uint8_t> packed(static_cast<size_t>((rows + 15) / 16 * tileBytes));
  for (int n = 0; n < rows; ++n)
    for (int b = 0; b < blocks; ++b) {
      const int count = std::min(256, columns - 256 * b), r = n % 16;
      const SuperBlock block = roundSuperBlock(encoding, &matrix[static_cast<size_t>(n * columns + 256 * b)], count);
      uint8_t *tile = packed.data() + n / 16 * tileBytes, *record = tile + steps * 2 * unitBytes + b * recordBytes;
      std::memcpy(record + r * factorBytes, &block.d, 2);
      if (factorBytes == 4)
        std::memcpy(record + r * factorBytes + 2, &block.dmin, 2);
      if (encoding.zeros)
        for (size_t step = 0; step < block.minima.size(); ++step)
          record[16 * factorBytes + 256 + step * 16 + static_cast<size_t>(r)] =
              static_cast<uint8_t>(block.minima[step]);
      for (size_t part = 0; part < block.scales.size(); ++part) {
        const size_t step = six ? part / 2 : part;
        uint8_t *two = record + 16 * factorBytes + step * 32 + static_cast<size_t>(r) * 2;
        two[six ? part % 2 : 0] = static_cast<uint8_t>(block.scales[part]);
        if (!six)
          two[1] = static_cast<uint8_t>(block.minima[part]);
      }
      for (int i = 0; i < count; ++i) {
        const int k = i % 32, code = block.codes[static_cast<size_t>(i)];
        uint8_t *unit = tile + (b * 8 + i / 32) * 2 * unitBytes + r / 8 * unitBytes;
        // Of 8 parts of four pairs: of q6_k, even pairs are the first 16 columns, four of them a part: 0, 1, 4, 5 or
        // 2, 3, 6, 7 of eight.
        const int part = six ? k % 16 / 8 * 2 + k % 4 / 2 : k / 8;
        const int pair = six ? k / 16 + k % 8 / 4 * 2 : k % 8 / 2;
        const int lane = r % 8 * 4 + part;
        unit[lane * 4 + k % 2 * 2 + pair / 2] |= static_cast<uint8_t>(code % 16 << pair % 2 * 4);
        if (six)
          unit[128 + lane * 2 + pair / 2] |= static_cast<uint8_t>(code / 16 << (pair % 2 * 4 + k % 2 * 2));
        else if (highBytes == 1)
          unit[128 + lane] |= static_cast<uint8_t>(code / 16 << (pair + k % 2 * 4));
      }
    }
  return packed;
}

/// The bytes of a matrix [rows][columns]; `matrix` becomes what is stored.
inline std::vector<uint8_t> packMatrix(const Encoding &encoding, std::vector<float> &matrix, int rows, int columns) {
  if (has_super_blocks(encoding))
    return packSuperBlocks(encoding, matrix, rows, columns);
  const bool int4 = encoding.kind == Encoding::int4;
  const int steps = (columns + 31) / 32, tiles = (rows + 15) / 16, stepBytes = int4 ? 256 : 512;
  const int scaleBytes = encoding.scale == Encoding::f32 ? 4 : 2, recordBytes = 16 * (scaleBytes + encoding.zeros);
  const int width = encoding.group == 0 ? columns : encoding.group;
  const int groups = (columns + width - 1) / width;
  const int tileBytes = steps * stepBytes + (encoding.group == 0 ? 0 : groups * recordBytes);
  std::vector<uint8_t> packed(static_cast<size_t>(tiles * tileBytes + (encoding.group == 0 ? tiles * 16 * 4 : 0)));
  for (int n = 0; n < rows; ++n)
    for (int group = 0; group < groups; ++group) {
      const int first = group * width;
      float scale;
      int zero;
      const std::vector<int> bits = roundGroup(encoding, &matrix[static_cast<size_t>(n * columns + first)],
                                               std::min(width, columns - first), scale, zero);
      uint8_t *tile = packed.data() + n / 16 * tileBytes;
      uint8_t *record = encoding.group == 0 ? packed.data() + tiles * tileBytes + n / 16 * 16 * 4
                                            : tile + steps * stepBytes + group * recordBytes;
      const uint16_t narrow = encoding.scale == Encoding::f16 ? floatToF16(scale) : floatToBf16(scale);
      std::memcpy(record + n % 16 * scaleBytes, scaleBytes == 4 ? static_cast<const void *>(&scale) : &narrow,
                  static_cast<size_t>(scaleBytes));
      if (encoding.zeros)
        record[16 * scaleBytes + n % 16] = static_cast<uint8_t>(zero);
      for (size_t i = 0; i < bits.size(); ++i) {
        const int k = first + static_cast<int>(i);
        uint8_t *row = tile + k / 32 * stepBytes + n % 16 * (stepBytes / 16);
        if (int4) // of a word of eight columns: 0, 2, 4, 6 in the first two bytes, 1, 3, 5, 7 in the others
          row[k % 32 / 8 * 4 + k % 2 * 2 + k % 8 / 4] |= static_cast<uint8_t>(bits[i] << k % 4 / 2 * 4);
        else
          row[k % 32] = static_cast<uint8_t>(bits[i]);
      }
    }
  return packed;
}

} // namespace cadenza::test

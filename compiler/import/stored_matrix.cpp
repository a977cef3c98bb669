#include "compiler/import/stored_matrix.h"

#include <array>
#include <cmath>

namespace cadenza {
namespace {

/// An 8-bit float as the OCP specification of FP8 defines e4m3: bias 7, S.1111.111 is NaN.
float e4m3(int code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  if (exponent == 15 && mantissa == 7)
    return std::nanf("");
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return code & 0x80 ? -magnitude : magnitude;
}

/// A 4-bit float as the OCP specification of microscaling formats defines e2m1.
float e2m1(int code) {
  constexpr std::array<float, 8> magnitudes = {0, 0.5F, 1, 1.5F, 2, 3, 4, 6};
  const float magnitude = magnitudes[code & 7];
  return code & 8 ? -magnitude : magnitude;
}

/// Quantiles of a normal distribution, scaled to [-1, 1], of which one is zero: the table of the paper (QLoRA, appendix
/// E).
constexpr std::array<float, 16> nf4 = {-1.0F,
                                       -0.6961928009986877F,
                                       -0.5250730514526367F,
                                       -0.39491748809814453F,
                                       -0.28444138169288635F,
                                       -0.18477343022823334F,
                                       -0.09105003625154495F,
                                       0.0F,
                                       0.07958029955625534F,
                                       0.16093020141124725F,
                                       0.24611230194568634F,
                                       0.33791524171829224F,
                                       0.44070982933044434F,
                                       0.5626170039176941F,
                                       0.7229568362236023F,
                                       1.0F};
constexpr std::array<float, 16> iq4Nl = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

} // namespace

float codeValue(const StoredFormat &format, int code) {
  switch (format.kind) {
  case CodeKind::e4m3:
    return e4m3(code);
  case CodeKind::e2m1:
    return e2m1(code);
  case CodeKind::nf4:
    return nf4[code & 15];
  case CodeKind::iq4_nl:
    return iq4Nl[code & 15];
  case CodeKind::integer:
    break;
  }
  return static_cast<float>(code);
}

void dequantize(const StoredFormat &format, const StoredRows &rows, int64_t columns, float *out,
                std::span<const int32_t> groupOfColumn) {
  if (columns == 0)
    return;
  const int64_t count = static_cast<int64_t>(rows.codes.size()) / columns, groups = format.groups(columns);
  const int64_t group = format.group == 0 ? columns : format.group;
  for (int64_t row = 0; row < count; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t at = row * columns + column,
                    of = row * groups + (groupOfColumn.empty() ? column / group : groupOfColumn[column]);
      float value = codeValue(format, rows.codes[at]);
      if (format.has_zeros)
        value -= static_cast<float>(rows.zeros[of]);
      value *= rows.scales[of];
      out[at] = format.has_minima ? value + rows.minima[of] : value;
    }
}

} // namespace cadenza

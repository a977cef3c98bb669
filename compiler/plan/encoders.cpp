#include "compiler/plan/encoders.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace cadenza {
namespace {

constexpr Encoder asRead{std::nullopt, nullptr};

/// Symmetric: the largest magnitude becomes 127. A row of zeros, or of numbers so small that they have no scale, is
/// zeros of scale 0.
Status encodeInt8(std::span<const std::byte> row, std::span<std::byte> weights, float &scale) {
  std::vector<float> values(weights.size());
  std::memcpy(values.data(), row.data(), row.size());
  float largest = 0;
  for (float value : values) {
    if (!std::isfinite(value))
      return {StatusCode::InvalidInput, "an infinity or NaN cannot be stored as int8; use --encode=tiles16"};
    largest = std::max(largest, std::fabs(value));
  }
  scale = largest / 127;
  if (scale == 0)
    return Status::ok();
  for (size_t i = 0; i < values.size(); ++i) {
    const double nearest = std::nearbyint(static_cast<double>(values[i]) / scale); // ties to even
    weights[i] = static_cast<std::byte>(static_cast<int8_t>(std::clamp(nearest, -127.0, 127.0)));
  }
  return Status::ok();
}

constexpr Encoder int8Rows{DType::f32, encodeInt8};

} // namespace

const Encoder &encoderOf(Encoding encoding) {
  switch (encoding) {
  case Encoding::int8:
    return int8Rows;
  case Encoding::vector:
  case Encoding::rope_table:
  case Encoding::tiles16:
  case Encoding::tensor:
    break;
  }
  return asRead;
}

} // namespace cadenza

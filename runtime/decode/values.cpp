#include "runtime/decode/values.h"

#include "runtime/support/float16.h"

#include <algorithm>
#include <cstring>

namespace cadenza {

void widen(DType dtype, const std::byte *from, std::span<float> values) {
  const auto *bits = reinterpret_cast<const uint16_t *>(from);
  if (dtype == DType::bf16)
    std::transform(bits, bits + values.size(), values.begin(), bf16ToFloat);
  else if (dtype == DType::f16)
    std::transform(bits, bits + values.size(), values.begin(), f16ToFloat);
  else
    std::memcpy(values.data(), from, values.size_bytes());
}

void narrow(DType dtype, std::span<const float> values, std::byte *to) {
  auto *bits = reinterpret_cast<uint16_t *>(to);
  if (dtype == DType::bf16)
    std::transform(values.begin(), values.end(), bits, floatToBf16);
  else if (dtype == DType::f16)
    std::transform(values.begin(), values.end(), bits, floatToF16);
  else
    std::memcpy(to, values.data(), values.size_bytes());
}

void copyToEdge(const Edge &edge, std::span<const std::byte> values, std::byte *to) {
  const size_t run = values.size() / static_cast<size_t>(edge.tokens);
  for (size_t token = 0; token < static_cast<size_t>(edge.tokens); ++token)
    std::memcpy(to + token * edgeStride(edge), values.data() + token * run, run);
}

void copyFromEdge(const Edge &edge, const std::byte *from, std::span<std::byte> values) {
  const size_t run = values.size() / static_cast<size_t>(edge.tokens);
  for (size_t token = 0; token < static_cast<size_t>(edge.tokens); ++token)
    std::memcpy(values.data() + token * run, from + token * edgeStride(edge), run);
}

} // namespace cadenza

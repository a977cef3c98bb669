#include "compiler/import/convert.h"
#include "runtime/support/float16.h"

#include <algorithm>
#include <cstring>

namespace cadenza {
namespace {

constexpr size_t blockSize = 1024; // elements that pass through f32 at a time: 4 KiB, in the first-level cache

/// values[i] = widen(in[i]); one loop a type, so that the compiler can vectorise it.
template <typename Widen> void widenBlock(const std::byte *in, float *values, size_t count, Widen widen) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits;
    std::memcpy(&bits, in + 2 * i, sizeof(bits));
    values[i] = widen(bits);
  }
}

template <typename Narrow> void narrowBlock(const float *values, std::byte *out, size_t count, Narrow narrow) {
  for (size_t i = 0; i < count; ++i) {
    uint16_t bits = narrow(values[i]);
    std::memcpy(out + 2 * i, &bits, sizeof(bits));
  }
}

void load(DType from, const std::byte *in, float *values, size_t count) {
  if (from == DType::f32)
    std::memcpy(values, in, count * sizeof(float));
  else if (from == DType::bf16)
    widenBlock(in, values, count, bf16ToFloat);
  else
    widenBlock(in, values, count, f16ToFloat);
}

void store(DType to, const float *values, std::byte *out, size_t count) {
  if (to == DType::f32)
    std::memcpy(out, values, count * sizeof(float));
  else if (to == DType::bf16)
    narrowBlock(values, out, count, floatToBf16);
  else
    narrowBlock(values, out, count, floatToF16);
}

template <typename Word> uint64_t countMasked(std::span<const std::byte> bytes, Word mask) {
  uint64_t found = 0;
  for (size_t i = 0; i + sizeof(Word) <= bytes.size(); i += sizeof(Word)) {
    Word bits;
    std::memcpy(&bits, bytes.data() + i, sizeof(bits));
    found += (bits & mask) == mask;
  }
  return found;
}

} // namespace

void convert(const std::byte *in, DType from, DType via, DType to, std::byte *out, size_t count) {
  if (from == via && via == to) {
    std::memcpy(out, in, count * dtypeSize(to));
    return;
  }
  float values[blockSize];
  for (size_t done = 0; done < count; done += blockSize) {
    size_t n = std::min(blockSize, count - done);
    load(from, in + done * dtypeSize(from), values, n);
    if (via != from && via != to)
      roundTo(via, {values, n});
    store(to, values, out + done * dtypeSize(to), n);
  }
}

void roundTo(DType dtype, std::span<float> values) {
  if (dtype == DType::bf16) {
    for (float &value : values)
      value = bf16ToFloat(floatToBf16(value));
  } else if (dtype == DType::f16) {
    for (float &value : values)
      value = f16ToFloat(floatToF16(value));
  }
}

uint64_t countNonFinite(DType dtype, std::span<const std::byte> bytes) {
  switch (dtype) {
  case DType::f32:
    return countMasked<uint32_t>(bytes, 0x7f800000u);
  case DType::bf16:
    return countMasked<uint16_t>(bytes, 0x7f80u);
  case DType::f16:
    return countMasked<uint16_t>(bytes, 0x7c00u);
  default:
    break;
  }
  return 0;
}

} // namespace cadenza

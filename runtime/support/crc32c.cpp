#include "runtime/support/crc32c.h"
#include "runtime/support/workers.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace cadenza {
namespace {

constexpr uint32_t polynomial = 0x82f63b78; // reflected

/// tables[k][b]: the CRC of byte b followed by k zero bytes ("slicing by eight").
constexpr auto tables = [] {
  std::array<std::array<uint32_t, 256>, 8> result{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ (crc & 1 ? polynomial : 0);
    result[0][byte] = crc;
  }
  for (size_t k = 1; k < 8; ++k) {
    for (uint32_t byte = 0; byte < 256; ++byte)
      result[k][byte] = (result[k - 1][byte] >> 8) ^ result[0][result[k - 1][byte] & 0xff];
  }
  return result;
}();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc32cHardware(std::span<const std::byte> bytes, uint32_t previous) {
  uint64_t crc = ~previous;
  const std::byte *data = bytes.data();
  size_t size = bytes.size();
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  for (; size > 0; ++data, --size)
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<uint8_t>(*data));
  return ~static_cast<uint32_t>(crc);
}
#endif

/// a * b modulo the polynomial, both reflected (bit 31 is x^0).
constexpr uint32_t multiplyModulo(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t mask = 1u << 31; mask != 0; mask >>= 1) {
    if (a & mask)
      product ^= b;
    b = (b >> 1) ^ (b & 1 ? polynomial : 0);
  }
  return product;
}

/// powers[n]: x^(2^n) modulo the polynomial; bits of a byte count use [3, 67).
constexpr auto powers = [] {
  std::array<uint32_t, 67> result{};
  result[0] = 1u << 30; // x^1
  for (size_t n = 1; n < result.size(); ++n)
    result[n] = multiplyModulo(result[n - 1], result[n - 1]);
  return result;
}();

} // namespace

uint32_t crc32cPortable(std::span<const std::byte> bytes, uint32_t previous) {
  uint32_t crc = ~previous;
  const std::byte *data = bytes.data();
  size_t size = bytes.size();
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, data, 8); // little-endian, as the plan is
    word ^= crc;
    crc = 0;
    for (size_t k = 0; k < 8; ++k)
      crc ^= tables[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (; size > 0; ++data, --size)
    crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<uint8_t>(*data)) & 0xff];
  return ~crc;
}

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t previous) {
#if defined(__x86_64__)
  static const bool hardware = __builtin_cpu_supports("sse4.2");
  if (hardware)
    return crc32cHardware(bytes, previous);
#endif
  return crc32cPortable(bytes, previous);
}

uint32_t crc32cCombine(uint32_t a, uint32_t b, uint64_t lengthOfB) {
  uint32_t shift = 1u << 31; // x^0
  for (size_t n = 0; n < 64; ++n) {
    if (lengthOfB >> n & 1)
      shift = multiplyModulo(powers[n + 3], shift);
  }
  return multiplyModulo(shift, a) ^ b;
}

uint32_t crc32cParallel(std::span<const std::byte> bytes, int threads) {
  constexpr size_t chunk = size_t(16) << 20;
  const size_t chunks = (bytes.size() + chunk - 1) / chunk;
  const size_t workers = std::min(threadCount(threads), chunks);
  if (workers <= 1)
    return crc32c(bytes);

  const auto part = [&](size_t i) { return bytes.subspan(i * chunk, std::min(chunk, bytes.size() - i * chunk)); };
  std::vector<uint32_t> partial(chunks);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < chunks; i = next++)
      partial[i] = crc32c(part(i));
  };
  runWorkers(workers, work);
  uint32_t crc = 0;
  for (size_t i = 0; i < chunks; ++i)
    crc = crc32cCombine(crc, partial[i], part(i).size());
  return crc;
}

} // namespace cadenza

#include "runtime/support/crc32c.h"

#include <gtest/gtest.h>
#include <random>
#include <string_view>
#include <vector>

namespace cadenza {
namespace {

std::span<const std::byte> bytesOf(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::byte> randomBytes(size_t size) {
  std::mt19937 random(1);
  std::vector<std::byte> bytes(size);
  for (std::byte &b : bytes)
    b = static_cast<std::byte>(random());
  return bytes;
}

TEST(Crc32c, KnownValues) { // RFC 3720, B.4
  EXPECT_EQ(crc32c({}), 0u);
  EXPECT_EQ(crc32c(bytesOf("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32)), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::vector<std::byte>(32, std::byte(0xff))), 0x62a8ab43u);
}

TEST(Crc32c, PortableIsTheSame) {
  const auto bytes = randomBytes(300);
  for (size_t begin : {0, 1, 3}) {
    for (size_t length = 0; begin + length <= bytes.size(); ++length) {
      const auto part = std::span(bytes).subspan(begin, length);
      ASSERT_EQ(crc32c(part, 17), crc32cPortable(part, 17));
    }
  }
}

TEST(Crc32c, Combine) {
  const auto bytes = randomBytes(1000);
  const uint32_t whole = crc32c(bytes);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    const auto a = std::span(bytes).first(cut), b = std::span(bytes).subspan(cut);
    ASSERT_EQ(crc32cCombine(crc32c(a), crc32c(b), b.size()), whole);
    ASSERT_EQ(crc32c(b, crc32c(a)), whole);
  }
}

TEST(Crc32c, Parallel) {
  const auto bytes = randomBytes((size_t(40) << 20) + 5); // three chunks, the last one odd
  for (int threads : {0, 1, 2, 5})
    EXPECT_EQ(crc32cParallel(bytes, threads), crc32c(bytes));
}

} // namespace
} // namespace cadenza

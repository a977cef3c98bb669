#include "runtime/support/base64.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

std::vector<std::byte> bytesOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

TEST(Base64, TestVectorsOfRfc4648) {
  for (const auto &[bytes, text] : std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                                                    {"f", "Zg=="},
                                                                                    {"fo", "Zm8="},
                                                                                    {"foo", "Zm9v"},
                                                                                    {"foob", "Zm9vYg=="},
                                                                                    {"fooba", "Zm9vYmE="},
                                                                                    {"foobar", "Zm9vYmFy"},
                                                                                    {"\xfb\xff\xfe", "+//+"}}) {
    EXPECT_EQ(toBase64(bytesOf(bytes)), text);
    EXPECT_EQ(fromBase64(text), std::optional(bytesOf(bytes)));
  }
}

TEST(Base64, NothingElseIsTaken) {
  for (const char *text : {"Z", "Zg", "Zg=", "Z===", "Zg==Zg==", "Zh==", "Zm9=", "Zm9v\n", "Zm 9", "Zm9-"})
    EXPECT_FALSE(fromBase64(text)) << text;
}

} // namespace
} // namespace cadenza

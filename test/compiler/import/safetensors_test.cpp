#include "compiler/import/hf/safetensors.h"
#include "test/compiler/import/model_files.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

using test::safetensors;

TEST(Safetensors, ReadsEntriesInOffsetOrder) {
  std::string file = safetensors(R"({"b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},
      "__metadata__":{"format":"pt"},"empty":{"dtype":"F16","shape":[0,7],"data_offsets":[4,4]},
      "a":{"data_offsets":[0,4],"shape":[2],"dtype":"BF16"}}   )",
                                 std::string(12, 'x'));
  auto header = parseSafetensorsHeader(file);
  ASSERT_TRUE(header.isOk()) << header.status().message();
  ASSERT_EQ(header->entries.size(), 3u);
  EXPECT_EQ(header->entries[0].name, "a");
  EXPECT_EQ(header->entries[1].name, "empty");
  EXPECT_EQ(header->entries[2].name, "b");
  EXPECT_EQ(header->entries[2].dtype, "F32");
  EXPECT_EQ(header->entries[2].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(header->entries[2].offset, header->headerBytes + 4);
  EXPECT_EQ(header->entries[2].bytes, 8u);
  EXPECT_EQ(header->headerBytes + 12, file.size());
}

TEST(Safetensors, ReadsFileWithoutTensors) {
  EXPECT_TRUE(parseSafetensorsHeader(safetensors("{}")).isOk());
  EXPECT_TRUE(parseSafetensorsHeader(safetensors(R"({"__metadata__":null})")).isOk());
  EXPECT_FALSE(parseSafetensorsHeader(safetensors(R"({"a":null})")).isOk());
  EXPECT_FALSE(parseSafetensorsHeader(safetensors(R"({"__metadata__":{"a":null}})")).isOk());
}

/// A header of one tensor "t" with these fields.
std::string one(const std::string &dtype, const std::string &shape, const std::string &offsets) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

struct Malformed {
  const char *what;
  std::string file;
  std::string message;
  StatusCode code = StatusCode::InvalidInput;
};

std::vector<Malformed> malformedFiles() {
  const std::string good = one("F32", "[1]", "[0,4]");
  const std::string buffer(4, '\0');
  const std::string deep(100'000, '[');
  std::string deepObjects = R"({"t":{"dtype":)";
  for (int i = 0; i < 100'000; ++i)
    deepObjects += R"({"a":)";
  return {
      {"empty", "", "is 0 bytes long"},
      {"seven bytes", std::string(7, '\0'), "is 7 bytes long"},
      {"header length 0", safetensors("", "", 0), "header of 0 bytes at offset 8 is no JSON object"},
      {"header length 7", safetensors("{      ", "", 7), "header: offset"},
      {"header length 2^63", safetensors(good, buffer, uint64_t{1} << 63),
       "header length 9223372036854775808 at offset 0"},
      {"header length 2^64-1", safetensors(good, buffer, ~uint64_t{0}),
       "header length 18446744073709551615 at offset 0"},
      {"header above 100 MB", safetensors(good, buffer, 100'000'001), "is more than 100000000"},
      {"header beyond the file", safetensors(good, "", good.size() + 1), "leaves the file of"},
      {"LFS pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "is a Git LFS pointer"},
      {"no object", safetensors("[]"), "is no JSON object"},
      {"depth 100k of arrays", safetensors("{\"t\":" + deep), "tensor 't' is an array instead of an object"},
      {"depth 100k in shape", safetensors("{\"t\":{\"shape\":" + deep), "tensor 't': shape holds an array"},
      {"depth 100k of objects", safetensors(deepObjects), "holds an object"},
      {"depth in metadata", safetensors("{\"__metadata__\":{\"a\":" + deep), "__metadata__ holds an array"},
      {"trailing JSON", safetensors("{}{}"), "header: offset"},
      {"invalid UTF-8", safetensors("{\"\xff\xfe\":{}}"), "header: offset"},
      {"duplicate tensor", safetensors(good.substr(0, good.size() - 1) + "," + good.substr(1), buffer),
       "key 't' occurs twice"},
      {"duplicate field",
       safetensors(R"({"t":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}})", buffer),
       "tensor 't' has the field 'dtype' twice"},
      {"duplicate metadata key", safetensors(R"({"__metadata__":{"a":"","a":""}})"),
       "__metadata__: key 'a' occurs twice"},
      {"duplicate metadata", safetensors(R"({"__metadata__":{},"__metadata__":{}})"),
       "key '__metadata__' occurs twice"},
      {"unknown field", safetensors(R"({"t":{"type":"F32"}})"), "tensor 't' has the unknown field 'type'"},
      {"missing field", safetensors(R"({"t":{"dtype":"F32","shape":[1]}})"),
       "tensor 't' needs dtype, shape and data_offsets"},
      {"1e400", safetensors(one("F32", "[1e400]", "[0,4]"), buffer), "header: offset"},
      {"fraction", safetensors(one("F32", "[1.5]", "[0,4]"), buffer), "shape holds the number 1.5"},
      {"2^64", safetensors(one("F32", "[18446744073709551616]", "[0,4]"), buffer), "which is no 64-bit integer"},
      {"-1 in shape", safetensors(one("F32", "[-1]", "[0,4]"), buffer),
       "tensor 't': shape holds the negative number -1"},
      {"-1 in offsets", safetensors(one("F32", "[1]", "[-1,4]"), buffer), "data_offsets holds the negative number -1"},
      {"extent 2^63", safetensors(one("F32", "[9223372036854775808]", "[0,4]"), buffer), "more than 2^63 - 1"},
      {"shape product overflow", safetensors(one("F32", "[4294967296,4294967296]", "[0,0]")), "overflows"},
      {"shape product wraps to the right size", safetensors(one("U8", "[3,6148914691236517206]", "[0,2]"), "xx"),
       "overflows"},
      {"size mismatch", safetensors(one("F32", "[2]", "[0,4]"), buffer), "takes 8 bytes, but data_offsets span 4"},
      {"half a byte", safetensors(one("F4", "[1]", "[0,0]")), "shape [1] of F4"},
      {"offsets backwards", safetensors(one("F32", "[1]", "[4,0]"), buffer), "end at 0, before they begin at 4"},
      {"three offsets", safetensors(one("F32", "[1]", "[0,4,4]"), buffer), "has more than two elements"},
      {"one offset", safetensors(one("F32", "[1]", "[0]"), buffer), "has fewer than two elements"},
      {"offsets beyond the file", safetensors(one("F32", "[2]", "[0,8]"), buffer), "is the file truncated?"},
      {"offsets near 2^64", safetensors(one("F32", "[1]", "[18446744073709551611,18446744073709551615]"), buffer),
       "leave the buffer"},
      {"hole at the start", safetensors(one("F32", "[1]", "[1,5]"), buffer + "x"), "(hole)"},
      {"trailing bytes", safetensors(good, buffer + "x"), "(trailing bytes)"},
      {"overlap",
       safetensors(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},
                                  "b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                   buffer),
       "tensor 'b': data_offsets begin at 2"},
      {"hole",
       safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                               "b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                   buffer),
       "(hole)"},
      {"unknown dtype", safetensors(one("F128", "[1]", "[0,4]"), buffer), "dtype 'F128' is not known",
       StatusCode::Unsupported},
      {"terminal escapes in a name", safetensors("{\"\\u001b[31m\":1}"), "tensor '\\x1b[31m' is a number"},
  };
}

TEST(Safetensors, RefusesMalformedFiles) {
  for (const Malformed &malformed : malformedFiles()) {
    SCOPED_TRACE(malformed.what);
    auto header = parseSafetensorsHeader(malformed.file);
    ASSERT_FALSE(header.isOk());
    EXPECT_EQ(header.status().code(), malformed.code);
    EXPECT_NE(header.status().message().find(malformed.message), std::string::npos) << header.status().message();
    EXPECT_LT(header.status().message().size(), 600u);
  }
}

TEST(Safetensors, RefusesEveryTruncation) {
  std::string file = safetensors(test::smallTensors());
  ASSERT_TRUE(parseSafetensorsHeader(file).isOk());
  for (size_t length = 0; length < file.size(); ++length)
    ASSERT_FALSE(parseSafetensorsHeader(std::string_view(file).substr(0, length)).isOk()) << length;
}

TEST(Safetensors, BoundsMemoryOfHugeHeaders) {
  // 50 MB of extents: streamed, refused at the 65th.
  std::string extents = "1";
  for (int i = 0; i < 25'000'000; ++i)
    extents += ",1";
  auto header = parseSafetensorsHeader(safetensors(one("F32", "[" + extents + "]", "[0,4]"), "1234"));
  ASSERT_FALSE(header.isOk());
  EXPECT_NE(header.status().message().find("more than 64 dimensions"), std::string::npos) << header.status().message();
}

} // namespace
} // namespace cadenza

// The reader of GGUF files: what it takes and everything that it refuses.
#include "compiler/import/gguf/file.h"
#include "test/compiler/gguf/gguf_bytes.h"

#include <gtest/gtest.h>

namespace cadenza::gguf {
namespace {

using namespace test;

StatusOr<File> parse(const std::string &bytes) { return File::parse(std::as_bytes(std::span(bytes))); }

void expectError(const std::string &bytes, const std::string &message, StatusCode code = StatusCode::InvalidInput) {
  const auto file = parse(bytes);
  ASSERT_FALSE(file.isOk()) << message;
  EXPECT_EQ(file.status().code(), code) << file.status().message();
  EXPECT_NE(file.status().message().find(message), std::string::npos) << file.status().message();
}

TEST(GgufFile, ReadsKeysAndTensors) {
  GgufBytes bytes = smallGguf();
  bytes.version = 2;
  bytes.keys.push_back({"a.list", strings({"x", "", "yz"})});
  bytes.keys.push_back({"a.nested", little<uint32_t>(9) + little<uint32_t>(9) + little<uint64_t>(2) +
                                        floats({1}).substr(4) + strings({"q"}).substr(4)});
  const std::string made = bytes.make();
  const auto file = parse(made);
  ASSERT_TRUE(file.isOk()) << file.status().message();
  EXPECT_EQ(std::get<int64_t>(*file->find("llama.block_count")), 1);
  EXPECT_EQ(std::get<Array>(*file->find("a.list")).strings(), (std::vector<std::string_view>{"x", "", "yz"}));
  EXPECT_EQ(std::get<Array>(*file->find("a.nested")).count, 2U);
  const Tensor *tensor = file->findTensor("blk.0.ffn_down.weight");
  ASSERT_TRUE(tensor);
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{32, 64}));
  EXPECT_EQ(tensor->data.size(), 32U * 64 * 4);
  EXPECT_EQ(tensor->type->name, "F32");
}

TEST(GgufFile, TakesAnAlignment) {
  GgufBytes bytes = smallGguf();
  bytes.keys.push_back({"general.alignment", u32(8)});
  EXPECT_TRUE(parse(bytes.make(8)).isOk());
  for (uint32_t alignment : {0U, 3U, 48U, 1U << 31}) {
    bytes.keys.back().second = u32(alignment);
    expectError(bytes.make(), "general.alignment is no power of two");
  }
  bytes.keys.back().second = text("8");
  expectError(bytes.make(), "general.alignment is no power of two");
}

TEST(GgufFile, EveryPrefixIsRefused) {
  const std::string whole = smallGguf().make();
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_FALSE(parse(whole.substr(0, length)).isOk()) << length;
}

TEST(GgufFile, RefusesOtherFiles) {
  GgufBytes bytes = smallGguf();
  bytes.magic = "GGML";
  expectError(bytes.make(), "is no GGUF file");
  bytes = smallGguf();
  bytes.version = 1;
  expectError(bytes.make(), "version 1 of the format is not supported", StatusCode::Unsupported);
  bytes.version = 0x03000000;
  expectError(bytes.make(), "big-endian", StatusCode::Unsupported);
  bytes.version = 4;
  expectError(bytes.make(), "version 4 of the format is not known");
}

TEST(GgufFile, RefusesCountsBeyondTheFile) {
  GgufBytes bytes = smallGguf();
  bytes.keyCount = uint64_t{1} << 60;
  expectError(bytes.make(), "1152921504606846976 keys");
  bytes = smallGguf();
  bytes.tensorCount = uint64_t{1} << 60;
  expectError(bytes.make(), "1152921504606846976 tensors");
  bytes = smallGguf();
  bytes.keyCount = 1000;
  EXPECT_FALSE(parse(bytes.make()).isOk());
}

TEST(GgufFile, RefusesEndlessValues) {
  GgufBytes bytes = smallGguf();
  bytes.keys = {{"a", little<uint32_t>(8) + little<uint64_t>(UINT64_MAX)}};
  expectError(bytes.make(), "key 'a': offset");
  bytes.keys = {{"a", little<uint32_t>(9) + little<uint32_t>(11) + little<uint64_t>(uint64_t{1} << 61)}};
  expectError(bytes.make(), "array of 2305843009213693952 int64 goes beyond the end of the file");
  bytes.keys = {{"a", little<uint32_t>(9) + little<uint32_t>(8) + little<uint64_t>(uint64_t{1} << 60)}};
  expectError(bytes.make(), "key 'a': offset");
  bytes.keys = {{"a", little<uint32_t>(13) + little<uint64_t>(0)}};
  expectError(bytes.make(), "type of a value 13 is not known");
  bytes.keys = {{"a", little<uint32_t>(7) + "\x02"}};
  expectError(bytes.make(), "truth value 2");
  std::string deep = little<uint32_t>(9);
  for (int i = 0; i < 100000; ++i)
    deep += little<uint32_t>(9) + little<uint64_t>(1);
  bytes.keys = {{"a", deep}};
  expectError(bytes.make(), "arrays in more than 4 arrays");
}

TEST(GgufFile, RefusesKeysThatOccurTwice) {
  GgufBytes bytes = smallGguf();
  bytes.keys.push_back(bytes.keys.front());
  expectError(bytes.make(), "key 'general.architecture' occurs twice");
  bytes = smallGguf();
  bytes.keys.push_back({"", u32(1)});
  expectError(bytes.make(), "a key of 0 bytes");
}

TEST(GgufFile, RefusesTensorsThatLieWrongly) {
  const auto with = [](auto &&change) {
    GgufBytes bytes = smallGguf();
    change(bytes.tensors[3]);
    return bytes.make();
  };
  expectError(with([](GgufTensor &tensor) { tensor.offset = 4; }), "no multiple of general.alignment 32");
  expectError(with([](GgufTensor &tensor) { tensor.offset = 32; }), "begins inside tensor 'token_embd.weight'");
  expectError(with([](GgufTensor &tensor) { tensor.offset = uint64_t{1} << 40; }), "goes beyond the file's");
  expectError(with([](GgufTensor &tensor) { tensor.offset = UINT64_MAX - 31; }), "goes beyond the file's");
  expectError(with([](GgufTensor &tensor) { tensor.extents = {uint64_t{1} << 62, uint64_t{1} << 62}; }),
              "more elements than can be counted");
  expectError(with([](GgufTensor &tensor) { tensor.extents = {32, UINT64_MAX}; }), "has the extent");
  expectError(with([](GgufTensor &tensor) { tensor.extents = {0, 32}; }), "has the extent 0");
  expectError(with([](GgufTensor &tensor) { tensor.extents = {}; }), "has 0 dimensions");
  expectError(with([](GgufTensor &tensor) { tensor.extents = {32, 32, 1, 1, 1}; }), "has 5 dimensions");
  expectError(with([](GgufTensor &tensor) { tensor.name = "token_embd.weight"; }),
              "tensor 'token_embd.weight' occurs twice");
  expectError(with([](GgufTensor &tensor) { tensor.name = ""; }), "a tensor's name of 0 bytes");
  expectError(with([](GgufTensor &tensor) { tensor.type = 12; }), "no multiple of the 256 of a block of Q4_K");
  for (uint32_t removed : {4U, 31U, 36U, 77U, UINT32_MAX})
    expectError(with([&](GgufTensor &tensor) { tensor.type = removed; }),
                "is of type " + std::to_string(removed) + ", which is not known", StatusCode::Unsupported);
}

TEST(GgufFile, RefusesPartsOfAModel) {
  GgufBytes bytes = smallGguf();
  bytes.keys.push_back({"split.count", little<uint32_t>(2) + little<uint16_t>(3)});
  expectError(bytes.make(), "is one of 3 parts of a model, which is not supported: merge them with llama.cpp's",
              StatusCode::Unsupported);
}

} // namespace
} // namespace cadenza::gguf

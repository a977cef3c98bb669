// Blocks of codes against gguf-py's dequantisers, to the bit: test/fixtures/gguf/make_blocks.py.
#include "compiler/import/gguf/blocks.h"
#include "compiler/import/gguf/file.h"
#include "compiler/plan/packed_rows.h"
#include "compiler/plan/stored_codes.h"
#include "runtime/cpu/products.h"

#include <gtest/gtest.h>

#include <bit>

namespace cadenza::gguf {
namespace {

class GgufBlocks : public testing::TestWithParam<const char *> {};

TEST_P(GgufBlocks, AreWhatGgufPyDequantises) {
  const auto file = File::open(CADENZA_SOURCE_DIR "/test/fixtures/gguf/blocks.gguf");
  ASSERT_TRUE(file.isOk()) << file.status().message();
  const Tensor *blocks = file->findTensor(GetParam()), *values = file->findTensor(GetParam() + std::string(".values"));
  ASSERT_TRUE(blocks && values);
  ASSERT_EQ(blocks->type->name, GetParam());
  const auto format = blockFormat(*blocks->type);
  ASSERT_TRUE(format);

  StoredRows rows;
  ASSERT_TRUE(readBlocks(*blocks->type, blocks->data, rows));
  std::vector<float> ours(values->data.size() / sizeof(float)), exact(ours.size());
  dequantize(*format, rows, blocks->shape.back(), ours.data());
  std::memcpy(exact.data(), values->data.data(), values->data.size());
  for (size_t i = 0; i < exact.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(ours[i]), std::bit_cast<uint32_t>(exact[i])) << i;

  const int low = format->is_signed ? -(1 << (format->bits - 1)) : 0;
  for (int code : rows.codes) // of tables, the index
    EXPECT_TRUE(format->kind == CodeKind::integer ? code >= low && code < low + (1 << format->bits)
                                                  : code >= 0 && code < 16);
}

INSTANTIATE_TEST_SUITE_P(Types, GgufBlocks,
                         testing::Values("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
                                         "IQ4_NL", "MXFP4"));

class GgufSuperBlocks : public testing::TestWithParam<const char *> {};

// Repacked for a plan, and multiplied by unit vectors by the CPU executor.
TEST_P(GgufSuperBlocks, OfAPlanAreWhatGgufPyDequantises) {
  const auto file = File::open(CADENZA_SOURCE_DIR "/test/fixtures/gguf/blocks.gguf");
  ASSERT_TRUE(file.isOk()) << file.status().message();
  const Tensor *blocks = file->findTensor(GetParam()), *values = file->findTensor(GetParam() + std::string(".values"));
  ASSERT_TRUE(blocks && values);
  const StoredFormat format = *blockFormat(*blocks->type);
  const std::optional<Encoding> encoding = encodingHolding(format);
  ASSERT_TRUE(encoding);
  StoredRows stored;
  ASSERT_TRUE(readBlocks(*blocks->type, blocks->data, stored));
  const int64_t rows = blocks->shape.front(), columns = blocks->shape.back();
  std::vector<std::byte> matrix(matrix_bytes(format_of(*encoding), rows, columns));
  for (int64_t row = 0; row < rows; ++row) {
    const StatusOr<EncodedRow> encoded = encodeStored(*encoding, format, stored, row, columns);
    ASSERT_TRUE(encoded.isOk()) << encoded.status().message();
    packRow(*encoding, *encoded, row, rows, columns, matrix);
  }
  std::vector<float> units(static_cast<size_t>(columns * columns)), products(static_cast<size_t>(columns * tile_rows));
  for (int64_t i = 0; i < columns; ++i)
    units[i * columns + i] = 1;
  const int64_t groups[] = {0};
  cpu::multiplyStripes({matrix.data(), *encoding, DType::bf16, units.data(), columns, steps_of(columns), groups, 1}, 0,
                       2, products.data(), tile_rows);
  std::vector<float> exact(static_cast<size_t>(rows * columns));
  std::memcpy(exact.data(), values->data.data(), values->data.size());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      ASSERT_EQ(products[column * tile_rows + row], exact[row * columns + column]) << row << ", " << column;
}

INSTANTIATE_TEST_SUITE_P(Types, GgufSuperBlocks, testing::Values("Q4_K", "Q5_K", "Q6_K"));

TEST(GgufBlocks, ScalesThatAreNotFiniteAreTold) {
  const TensorType &type = *findTensorType(8); // Q8_0
  std::vector<std::byte> block(type.blockBytes);
  StoredRows rows;
  EXPECT_TRUE(readBlocks(type, block, rows));
  block[1] = std::byte{0x7C}; // infinity
  EXPECT_FALSE(readBlocks(type, block, rows));
  const TensorType &mxfp4 = *findTensorType(39);
  block.assign(mxfp4.blockBytes, std::byte{255});
  EXPECT_FALSE(readBlocks(mxfp4, block, rows));
}

} // namespace
} // namespace cadenza::gguf

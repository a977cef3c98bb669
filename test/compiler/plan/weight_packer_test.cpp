// Packing against the formulas of runtime/shared/encoding.h, element by element.
#include "compiler/plan/encoders.h"
#include "compiler/plan/weight_packer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace cadenza {
namespace {

/// Every element is a pattern of its own: from the role, the row and the column. The values have no meaning as numbers,
/// but the exponents are small, so that none is an infinity.
class PatternSource final : public WeightSource {
public:
  static uint16_t pattern(const std::string &role, int64_t row, int64_t column) {
    return static_cast<uint16_t>((std::hash<std::string>{}(role) + 40503 * row + 2654435761u * column) % 0x3bff + 1);
  }
  std::string describe() const override { return "pattern"; }
  mutable int64_t reads = 0;
  mutable size_t mostBytes = 0; // that were asked for at once

private:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    if (spec.role == "missing")
      return {StatusCode::InvalidInput, "no such tensor"};
    ++reads;
    mostBytes = std::max(mostBytes, out.size());
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t column = 0; column < spec.columns(); ++column) {
        const int64_t index = row * spec.columns() + column;
        const uint16_t value = pattern(spec.role, firstRow + row, column);
        if (dtypeSize(dtype) == 2) {
          std::memcpy(out.data() + 2 * index, &value, 2);
        } else {
          const float wide = value;
          std::memcpy(out.data() + 4 * index, &wide, 4);
        }
      }
    }
    return Status::ok();
  }
};

struct Part {
  std::string role;
  int64_t rows;
};

/// A program with one weight, and its packed bytes.
struct OneMatrix {
  OneMatrix(std::vector<Part> parts, int64_t columns, bool interleaved, DType dtype = DType::bf16)
      : parts(std::move(parts)), columns(columns), interleaved(interleaved) {
    Weight weight;
    weight.encoding = Encoding::tiles16;
    weight.dtype = dtype;
    weight.columns = columns;
    PackRecipe recipe;
    recipe.interleaved = interleaved;
    for (const Part &part : this->parts) {
      weight.rows += part.rows;
      recipe.parts.push_back({part.role, part.role, {part.rows, columns}, dtype});
    }
    rows = weight.rows;
    weight.bytes = storedBytes(weight);
    built.program.weights = {weight};
    built.recipes = {recipe};
  }

  /// The packed elements as the documentation says: which part and row is row n of the packed matrix, then where (n, k)
  /// lies.
  std::vector<uint16_t> expected() const {
    std::vector<std::pair<const Part *, int64_t>> order; // of the rows
    if (interleaved) {
      for (int64_t first = 0; first < parts[0].rows; first += 8)
        for (const Part &part : parts)
          for (int64_t row = first; row < first + 8; ++row)
            order.push_back({&part, row});
    } else {
      for (const Part &part : parts)
        for (int64_t row = 0; row < part.rows; ++row)
          order.push_back({&part, row});
    }
    const int64_t paddedK = (columns + 31) / 32 * 32;
    std::vector<uint16_t> elements((rows + 15) / 16 * 16 * paddedK, 0);
    for (int64_t n = 0; n < static_cast<int64_t>(order.size()); ++n)
      for (int64_t k = 0; k < columns; ++k)
        elements[((n / 16) * (paddedK / 32) + k / 32) * 512 + (n % 16) * 32 + k % 32] =
            PatternSource::pattern(order[n].first->role, order[n].second, k);
    return elements;
  }

  std::vector<uint16_t> packed() {
    StatusOr<std::vector<std::byte>> bytes = packAll(built, source);
    EXPECT_TRUE(bytes.isOk()) << bytes.status().message();
    std::vector<uint16_t> elements(bytes.isOk() ? bytes->size() / 2 : 0);
    if (bytes.isOk())
      std::memcpy(elements.data(), bytes->data(), bytes->size());
    return elements;
  }

  std::vector<Part> parts;
  int64_t columns, rows = 0;
  bool interleaved;
  BuiltProgram built;
  PatternSource source;
};

TEST(WeightPacker, OneMatrix) {
  OneMatrix matrix({{"a", 32}}, 64, false);
  EXPECT_EQ(matrix.packed(), matrix.expected());
}

TEST(WeightPacker, RowsAndColumnsArePaddedWithZeros) {
  for (auto [rows, columns] : {std::pair<int64_t, int64_t>{131, 80}, {1, 1}, {17, 33}, {16, 31}, {1003, 64}, {5, 7}}) {
    OneMatrix matrix({{"a", rows}}, columns, false);
    EXPECT_EQ(matrix.packed(), matrix.expected()) << rows << " x " << columns;
  }
}

TEST(WeightPacker, HalfPrecision) {
  OneMatrix matrix({{"a", 24}}, 40, false, DType::f16);
  EXPECT_EQ(matrix.packed(), matrix.expected());
}

TEST(WeightPacker, MergedMatricesFollowEachOther) {
  OneMatrix matrix({{"query", 64}, {"key", 16}, {"value", 16}}, 96, false);
  EXPECT_EQ(matrix.packed(), matrix.expected());
  OneMatrix withinTiles({{"a", 24}, {"b", 8}, {"c", 5}, {"d", 1}, {"e", 19}}, 40, false);
  EXPECT_EQ(withinTiles.packed(), withinTiles.expected());
}

// Of 80 columns, padded to 96: three steps of 512 elements a tile.
TEST(WeightPacker, ATileIsSteps) {
  OneMatrix matrix({{"a", 17}}, 80, false);
  const std::vector<uint16_t> packed = matrix.packed();
  ASSERT_EQ(packed.size(), size_t{2 * 3 * 512});
  EXPECT_EQ(packed[256], PatternSource::pattern("a", 8, 0));
  EXPECT_EQ(packed[512], PatternSource::pattern("a", 0, 32));
  EXPECT_EQ(packed[3 * 512 + 1], PatternSource::pattern("a", 16, 1));
}

TEST(WeightPacker, InterleavedMatricesTakeTurnsOfEightRows) {
  OneMatrix two({{"gate", 48}, {"up", 48}}, 64, true);
  EXPECT_EQ(two.packed(), two.expected());
  OneMatrix three({{"a", 16}, {"b", 16}, {"c", 16}}, 48, true);
  EXPECT_EQ(three.packed(), three.expected());
  OneMatrix withinTiles({{"a", 8}, {"b", 8}, {"c", 8}}, 48, true);
  EXPECT_EQ(withinTiles.packed(), withinTiles.expected());
}

TEST(WeightPacker, LargeMatricesAreReadInPiecesOfSoManyBytes) {
  constexpr size_t mostBytes = 4 << 20;
  OneMatrix tall({{"a", 70000}, {"b", 66000}}, 40, false);
  EXPECT_EQ(tall.packed(), tall.expected());
  EXPECT_LE(tall.source.mostBytes, mostBytes);
  EXPECT_EQ(tall.source.reads, 4);
  OneMatrix wide({{"a", 24}, {"b", 24}}, 100000, true);
  EXPECT_EQ(wide.packed(), wide.expected());
  EXPECT_LE(wide.source.mostBytes, mostBytes);
  EXPECT_EQ(wide.source.reads, 4);
  OneMatrix wider({{"a", 2}}, 2200000, false); // a row is the least that is read
  EXPECT_EQ(wider.packed(), wider.expected());
  EXPECT_EQ(wider.source.reads, 2);
}

TEST(WeightPacker, VectorsConstantsAndTheirPlaces) {
  BuiltProgram built;
  Weight vector;
  vector.rows = 5;
  vector.bytes = 20;
  Weight constant = vector;
  constant.encoding = Encoding::rope_table;
  constant.rows = 2;
  constant.bytes = 8;
  constant.offset = 256;
  built.program.weights = {vector, constant};
  built.recipes = {{{{"norm", "norm", {5}, DType::bf16}}, false},
                   {{{"frequencies", "", {2}, DType::f32, {1.0f, 0.25f}}}, false}};
  StatusOr<std::vector<std::byte>> bytes = packAll(built, PatternSource());
  ASSERT_TRUE(bytes.isOk()) << bytes.status().message();
  ASSERT_EQ(bytes->size(), 264u);
  float values[5], frequencies[2];
  std::memcpy(values, bytes->data(), sizeof(values));
  std::memcpy(frequencies, bytes->data() + 256, sizeof(frequencies));
  for (int64_t i = 0; i < 5; ++i)
    EXPECT_EQ(values[i], PatternSource::pattern("norm", i, 0));
  EXPECT_EQ(frequencies[0], 1.0f);
  EXPECT_EQ(frequencies[1], 0.25f);
}

TEST(WeightPacker, AnUnreadableTensorIsAnError) {
  OneMatrix matrix({{"a", 16}, {"missing", 16}}, 32, false);
  StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, matrix.source);
  ASSERT_FALSE(bytes.isOk());
  EXPECT_EQ(bytes.status().code(), StatusCode::InvalidInput);
  EXPECT_NE(bytes.status().message().find("no such tensor"), std::string::npos);
}

/// Row r, column c is ((r + 1) * (c % 13 - 6)) / 8 as f32, so that the largest magnitude of row r is 6 * (r + 1) / 8.
class RampSource final : public WeightSource {
public:
  static float value(int64_t row, int64_t column) {
    return row == zeroRow ? 0.0f : static_cast<float>((row + 1) * (column % 13 - 6)) / 8;
  }
  static constexpr int64_t zeroRow = 5;
  int64_t badRow = -1;
  std::string describe() const override { return "ramp"; }

private:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    EXPECT_EQ(dtype, DType::f32) << "what is rounded to eight bits should not be rounded to 16 before";
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < spec.columns(); ++column) {
        const bool bad = firstRow + row == badRow && column == 3;
        const float x = bad ? std::numeric_limits<float>::infinity() : value(firstRow + row, column);
        std::memcpy(out.data() + 4 * (row * spec.columns() + column), &x, 4);
      }
    return Status::ok();
  }
  uint64_t storedNonFinite(const WeightSpec &, int64_t firstRow, int64_t rows) const override {
    return badRow >= firstRow && badRow < firstRow + rows;
  }
};

struct Int8Matrix {
  Int8Matrix(std::vector<int64_t> parts, int64_t columns, bool interleaved) {
    Weight weight;
    weight.encoding = Encoding::int8;
    weight.dtype = DType::bf16;
    weight.columns = columns;
    PackRecipe recipe;
    recipe.interleaved = interleaved;
    for (int64_t rows : parts) {
      weight.rows += rows;
      recipe.parts.push_back({"part", "part", {rows, columns}, DType::bf16});
    }
    weight.bytes = storedBytes(weight);
    built.program.weights = {weight};
    built.recipes = {recipe};
  }
  BuiltProgram built;
};

// Addresses by hand: tiles of 16 rows, of 512 bytes a step of 32 columns, then a scale a padded row.
TEST(WeightPacker, Int8HasWeightsAndScalesWhereTheHeaderSays) {
  constexpr int64_t rows = 19, columns = 40;
  const Int8Matrix matrix({rows}, columns, false);
  ASSERT_EQ(matrix.built.program.weights[0].bytes, 2u * 2 * 512 + 32 * 4);
  const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, RampSource());
  ASSERT_TRUE(bytes.isOk()) << bytes.status().message();
  for (int64_t n = 0; n < 32; ++n) {
    float scale;
    std::memcpy(&scale, bytes->data() + 2048 + 4 * n, 4);
    const bool empty = n >= rows || n == RampSource::zeroRow;
    const float largest = empty ? 0.0f : static_cast<float>(6 * (n + 1)) / 8;
    EXPECT_EQ(scale, largest / 127) << "row " << n;
    for (int64_t k = 0; k < 64; ++k) {
      const int64_t at = (n / 16 * 2 + k / 32) * 512 + n % 16 / 8 * 256 + n % 8 * 32 + k % 32;
      const int stored = static_cast<int8_t>((*bytes)[at]);
      const float value = empty || k >= columns ? 0.0f : RampSource::value(n, k);
      ASSERT_LE(std::abs(stored), 127);
      ASSERT_NEAR(stored * scale, value, format_of(Encoding::int8).error_bound * largest * 1.00001)
          << "row " << n << ", column " << k;
      if (std::fabs(value) == largest && largest > 0) {
        ASSERT_EQ(stored, value > 0 ? 127 : -127);
      }
    }
  }
}

TEST(WeightPacker, Int8PartsHaveTheirScalesInPackedOrder) {
  const Int8Matrix matrix({16, 16}, 32, true);
  const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, RampSource());
  ASSERT_TRUE(bytes.isOk()) << bytes.status().message();
  for (int64_t n = 0; n < 32; ++n) { // eight rows of each part in turn
    const int64_t row = n / 16 * 8 + n % 8;
    float scale;
    std::memcpy(&scale, bytes->data() + 1024 + 4 * n, 4);
    EXPECT_EQ(scale, row == RampSource::zeroRow ? 0.0f : static_cast<float>(6 * (row + 1)) / 8 / 127) << n;
  }
}

TEST(WeightPacker, Int8RoundsToNearestEven) {
  const Encoder &encoder = encoderOf(Encoding::int8);
  const std::vector<float> row = {254, 1, 3, -1, -3, 5, 0, -254}; // over 254 / 127 = 2: halves
  std::vector<std::byte> weights(row.size());
  float scale = 0;
  ASSERT_TRUE(encoder.encodeRow(std::as_bytes(std::span(row)), weights, scale).isOk());
  EXPECT_EQ(scale, 2.0f);
  const int expected[] = {127, 0, 2, 0, -2, 2, 0, -127};
  for (size_t i = 0; i < row.size(); ++i)
    EXPECT_EQ(static_cast<int8_t>(weights[i]), expected[i]) << i;
}

// So small that a scale is a denormal, or none at all: no infinity, nothing beyond 127.
TEST(WeightPacker, Int8OfTinyRows) {
  for (float tiny : {1e-38f, 1e-43f, 1e-45f}) {
    const std::vector<float> row = {tiny, -tiny, tiny / 2};
    std::vector<std::byte> weights(row.size());
    float scale = 0;
    ASSERT_TRUE(encoderOf(Encoding::int8).encodeRow(std::as_bytes(std::span(row)), weights, scale).isOk());
    EXPECT_TRUE(std::isfinite(scale));
    for (std::byte weight : weights)
      EXPECT_LE(std::abs(static_cast<int8_t>(weight)), 127);
    EXPECT_NEAR(scale * static_cast<int8_t>(weights[0]), tiny, tiny / 127 + 1e-43f);
  }
}

TEST(WeightPacker, Int8RefusesWhatIsNotFinite) {
  const Int8Matrix matrix({16}, 32, false);
  RampSource source;
  source.badRow = 7;
  const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, source);
  ASSERT_FALSE(bytes.isOk());
  EXPECT_EQ(bytes.status().code(), StatusCode::InvalidInput);
  EXPECT_EQ(bytes.status().message(),
            "weight 'part', row 7: an infinity or NaN cannot be stored as int8; use --encode=tiles16");
}

/// One tensor of 64-bit integers, three axes of them, and one of floats.
class TensorSource final : public WeightSource {
public:
  std::string describe() const override { return "tensors"; }

private:
  Status readRows(const WeightSpec &, int64_t, int64_t, DType, std::span<std::byte>) const override {
    return {StatusCode::Internal, "rows of a tensor"};
  }
  Status readElements(const WeightSpec &spec, std::span<std::byte> out) const override {
    for (size_t i = 0; i < out.size(); ++i)
      out[i] = static_cast<std::byte>(spec.dtype == DType::f32 ? 0xff : i); // all ones are a NaN
    return Status::ok();
  }
  uint64_t storedNonFinite(const WeightSpec &, int64_t, int64_t rows) const override {
    return static_cast<uint64_t>(rows);
  }
};

TEST(PackTensor, ElementsAreStoredAsTheyAre) {
  BuiltProgram built;
  for (const auto &[dtype, shape] :
       std::vector<std::pair<DType, nn::Shape>>{{DType::i64, {2, 1, 3}}, {DType::boolean, {}}, {DType::f32, {2}}}) {
    Weight weight;
    weight.name = "w" + std::to_string(built.recipes.size());
    weight.encoding = Encoding::tensor;
    weight.dtype = dtype;
    weight.shape = shape;
    weight.rows = 1;
    for (int64_t extent : shape)
      weight.rows *= extent;
    weight.columns = 1;
    weight.bytes = storedBytes(weight);
    weight.offset = built.recipes.size() * 256;
    built.program.weights.push_back(weight);
    built.recipes.push_back({{WeightSpec{weight.name, weight.name, shape, dtype}}});
  }
  const TensorSource source;
  const StatusOr<std::vector<std::byte>> bytes = packAll(built, source);
  ASSERT_TRUE(bytes.isOk()) << bytes.status().message();
  ASSERT_EQ(bytes->size(), 512u + 8);
  for (size_t i = 0; i < 48; ++i)
    EXPECT_EQ((*bytes)[i], static_cast<std::byte>(i));
  EXPECT_EQ((*bytes)[256], std::byte{0});
  Findings findings;
  source.reportNonFinite(findings);
  ASSERT_EQ(findings.all().size(), 1u);
  EXPECT_EQ(findings.all()[0].message, "weight 'w2' holds 2 infinities or NaNs");
}

} // namespace
} // namespace cadenza

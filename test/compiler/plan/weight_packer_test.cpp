// Packing against the formulas of runtime/shared/encoding.h, element by element.
#include "compiler/import/stored_matrix.h"
#include "compiler/plan/encoders.h"
#include "compiler/plan/stored_codes.h"
#include "compiler/plan/weight_packer.h"
#include "runtime/support/float16.h"
#include "test/packed_matrix.h"

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

struct EncodedMatrix {
  EncodedMatrix(std::vector<int64_t> parts, int64_t columns, bool interleaved) {
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

/// The value of a weight of a packed matrix.
float halfAt(const std::byte *at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return f16ToFloat(bits);
}

/// The same of super-blocks.
float unpackedSuperValue(const Encoding &encoding, const EncodingFormat &format, const std::vector<std::byte> &bytes,
                         int64_t row, int64_t column, int64_t columns) {
  const int64_t steps = steps_of(columns), step = column / step_columns;
  const bool six = encoding.kind == Encoding::q6_k;
  int64_t place = 0; // the code that is the column's
  while (column_in_step(encoding.kind, static_cast<int>(place)) != column % step_columns)
    ++place;
  const int64_t code = step * step_columns + place, pair = place % 8 / 2, odd = place % 2;
  uint32_t low = 0, high = 0;
  std::memcpy(&low, &bytes[part_offset(format, row, code, steps)], 4);
  std::memcpy(&high, bytes.data() + high_offset(format, row, code, steps), format.high_bytes);
  const uint32_t upper = six ? high >> (pair * 4 + odd * 2) & 3 : high >> (pair + odd * 4) & 1;
  const float value = static_cast<float>((low >> (pair * 4 + odd * 16) & 15) + 16 * upper) - (six ? 32.0f : 0.0f);
  const std::byte *factors = &bytes[group_scale_offset(format, row, column / super_columns, steps)],
                  *ofStep = &bytes[step_scale_offset(format, row, step, steps)];
  if (six) {
    const float product = halfAt(factors) * static_cast<float>(static_cast<int8_t>(ofStep[column % 32 / 16])) * value;
    return encoding.zeros ? product - halfAt(factors + 2) *
                                          static_cast<float>(bytes[step_minimum_offset(format, row, step, steps)])
                          : product;
  }
  return halfAt(factors) * static_cast<float>(ofStep[0]) * value - halfAt(factors + 2) * static_cast<float>(ofStep[1]);
}

float unpackedValue(const Encoding &encoding, const EncodingFormat &format, const std::vector<std::byte> &bytes,
                    int64_t row, int64_t rows, int64_t column, int64_t columns) {
  if (has_super_blocks(encoding))
    return unpackedSuperValue(encoding, format, bytes, row, column, columns);
  const int64_t steps = steps_of(columns);
  uint64_t part = 0;
  std::memcpy(&part, &bytes[part_offset(format, row, column, steps)], format.part_bytes());
  const int64_t i = column % 8;
  float code;
  if (encoding.kind == Encoding::int4)
    code = static_cast<float>(part >> (i / 2 * 4 + i % 2 * 16) & 15) - (encoding.zeros ? 0.0f : 8.0f);
  else if (encoding.kind == Encoding::int8)
    code = static_cast<int8_t>(part >> 8 * i);
  else
    code = test::e4m3Value(static_cast<int>(part >> 8 * i & 255));
  const int64_t group = format.grouped() ? column / encoding.group : 0;
  const std::byte *scaleAt = &bytes[format.grouped() ? group_scale_offset(format, row, group, steps)
                                                     : tiles_bytes(format, rows, columns) + 4 * row];
  float scale;
  uint16_t narrow;
  std::memcpy(&narrow, scaleAt, 2);
  if (encoding.scale == Encoding::f32)
    std::memcpy(&scale, scaleAt, 4);
  else
    scale = encoding.scale == Encoding::f16 ? f16ToFloat(narrow) : bf16ToFloat(narrow);
  if (encoding.zeros)
    code -= static_cast<float>(bytes[group_zero_offset(format, row, group, steps)]);
  return scale * code;
}

// Addresses by hand: tiles of 16 rows, of 512 bytes a step of 32 columns, then a scale a padded row.
TEST(WeightPacker, Int8HasWeightsAndScalesWhereTheHeaderSays) {
  constexpr int64_t rows = 19, columns = 40;
  const EncodedMatrix matrix({rows}, columns, false);
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
  const EncodedMatrix matrix({16, 16}, 32, true);
  const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, RampSource());
  ASSERT_TRUE(bytes.isOk()) << bytes.status().message();
  for (int64_t n = 0; n < 32; ++n) { // eight rows of each part in turn
    const int64_t row = n / 16 * 8 + n % 8;
    float scale;
    std::memcpy(&scale, bytes->data() + 1024 + 4 * n, 4);
    EXPECT_EQ(scale, row == RampSource::zeroRow ? 0.0f : static_cast<float>(6 * (row + 1)) / 8 / 127) << n;
  }
}

EncodedRow encodedRow(const Encoding &encoding, const std::vector<float> &values) {
  EncodedRow row(encoding, static_cast<int64_t>(values.size()));
  const Status status = nearestCodes().encode(encoding, {}, 0, values, row);
  EXPECT_TRUE(status.isOk()) << status.message();
  return row;
}

TEST(NearestCodes, Int8TiesToEven) {
  const EncodedRow row = encodedRow(Encoding::int8, {254, 1, 3, -1, -3, 5, 0, -254}); // over 254 / 127 = 2: halves
  EXPECT_EQ(row.scales, std::vector<float>{2});
  EXPECT_EQ(row.codes, (std::vector<int16_t>{127, 0, 2, 0, -2, 2, 0, -127}));
}

TEST(NearestCodes, Int4TiesToEvenInGroups) {
  std::vector<float> values(40, 1.0f);
  const std::vector<float> first = {14, 1, 3, -14, -3, 5}, second = {0.5f, -3.5f};
  std::copy(first.begin(), first.end(), values.begin());
  std::copy(second.begin(), second.end(), values.begin() + 32);
  std::fill(values.begin() + 34, values.end(), 0.0f);
  const EncodedRow row = encodedRow({Encoding::int4, 32, false, Encoding::bf16}, values);
  EXPECT_EQ(row.scales, (std::vector<float>{2, 0.5f}));
  EXPECT_EQ(std::vector<int16_t>(row.codes.begin(), row.codes.begin() + 7),
            (std::vector<int16_t>{7, 0, 2, -7, -2, 2, 0}));
  EXPECT_EQ(row.codes[32], 1);
  EXPECT_EQ(row.codes[33], -7);
}

TEST(NearestCodes, ZerosCoverTheRangeOfValuesAndZero) {
  const EncodedRow row = encodedRow({Encoding::int4, 32, true, Encoding::f16}, {-2.5f, 5, 0, 1.25f, 4.75f});
  EXPECT_EQ(row.scales, std::vector<float>{0.5f});
  EXPECT_EQ(row.zeros, std::vector<int16_t>{5});
  EXPECT_EQ(row.codes, (std::vector<int16_t>{0, 15, 5, 7, 15})); // 2.5 and 9.5 are ties
  const EncodedRow positive = encodedRow({Encoding::int4, 32, true, Encoding::f16}, {7.5f, 15});
  EXPECT_EQ(positive.zeros, std::vector<int16_t>{0});
  EXPECT_EQ(positive.codes, (std::vector<int16_t>{8, 15}));
}

// Every e4m3 is itself, and between two of them it is the nearer one, or that of an even mantissa.
TEST(NearestCodes, E4m3) {
  for (int bits = 0; bits < 0x7e; ++bits) {
    const double value = test::e4m3Value(bits), next = test::e4m3Value(bits + 1), middle = (value + next) / 2;
    EXPECT_EQ(e4m3Nearest(value), bits);
    EXPECT_EQ(e4m3Nearest(-value), bits | 0x80);
    EXPECT_EQ(e4m3Nearest(middle), bits + bits % 2) << value;
    EXPECT_EQ(e4m3Nearest(std::nextafter(middle, 0)), bits);
    EXPECT_EQ(e4m3Nearest(std::nextafter(middle, next)), bits + 1);
  }
  EXPECT_EQ(e4m3Nearest(1e300), 0x7e);
  EXPECT_EQ(e4m3Nearest(448), 0x7e);
  EXPECT_EQ(e4m3Nearest(-460), 0xfe);
}

// A scale is never below what it is rounded from: nothing is beyond the codes.
TEST(NearestCodes, ScalesAreRoundedUp) {
  for (const Encoding::Scale type : {Encoding::f16, Encoding::bf16})
    for (float largest : {1.0f, 3.3f, 1e-3f, 6e-5f, 1e-6f}) {
      const EncodedRow row = encodedRow({Encoding::int4, 32, false, type}, {largest, -largest / 2});
      EXPECT_GE(row.scales[0], largest / 7);
      EXPECT_LE(std::fabs(row.codes[0] * row.scales[0] - largest), row.scales[0] / 2);
      EXPECT_EQ(row.scales[0], type == Encoding::f16 ? f16ToFloat(floatToF16(row.scales[0]))
                                                     : bf16ToFloat(floatToBf16(row.scales[0])));
    }
}

TEST(NearestCodes, AScaleTooLargeForF16IsRefused) {
  EncodedRow row(Encoding::int4, 2);
  const std::vector<float> values = {1e6f, 0};
  const Status status = nearestCodes().encode(Encoding::int4, {}, 0, values, row);
  ASSERT_FALSE(status.isOk());
  EXPECT_EQ(status.message(), "magnitudes of 1000000.000000 take a scale that is too large for f16; use an encoding "
                              "with scales in bf16 or f32, or --encode=tiles16");
  EXPECT_TRUE(nearestCodes().encode({Encoding::int4, 128, false, Encoding::bf16}, {}, 0, values, row).isOk());
}

// What docs say, and benchmarks count.
TEST(Encodings, BitsAWeightOfSuperBlocks) {
  const auto bits = [](const char *name) {
    return 8.0 * dense_bytes<int64_t>(format_of(*encodingNamed(name)), 4096, 14336) / (4096.0 * 14336);
  };
  EXPECT_EQ(bits("q4_k"), 4.625);
  EXPECT_EQ(bits("q5_k"), 5.625);
  EXPECT_EQ(bits("q6_k"), 6.5625);
  EXPECT_EQ(bits("q6_k:minima"), 6.875);
}

// So small that a scale is a denormal, or none at all: no infinity, nothing beyond the codes.
TEST(NearestCodes, TinyRows) {
  for (float tiny : {1e-38f, 1e-43f, 1e-45f}) {
    const EncodedRow row = encodedRow(Encoding::int8, {tiny, -tiny, tiny / 2});
    EXPECT_TRUE(std::isfinite(row.scales[0]));
    for (int16_t code : row.codes)
      EXPECT_LE(std::abs(code), 127);
    EXPECT_NEAR(row.scales[0] * row.codes[0], tiny, tiny / 127 + 1e-43f);
  }
}

/// Values of any magnitude that are no codes: a matrix with a row of zeros.
class AnySource final : public WeightSource {
public:
  static float value(int64_t row, int64_t column) {
    return row == 3 ? 0.0f : static_cast<float>(row + 1) * std::sin(static_cast<float>(7 * row + 3 * column));
  }
  std::string describe() const override { return "any"; }

private:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType,
                  std::span<std::byte> out) const override {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < spec.columns(); ++column) {
        const float x = value(firstRow + row, column);
        std::memcpy(out.data() + 4 * (row * spec.columns() + column), &x, 4);
      }
    return Status::ok();
  }
};

/// The codes of packed_matrix.h.
class GivenCodes final : public RowEncoder {
public:
  Status encode(const Encoding &encoding, const WeightSpec &, int64_t, std::span<const float> values,
                EncodedRow &out) const override {
    std::vector<float> row(values.begin(), values.end());
    if (has_super_blocks(encoding)) {
      giveSuperBlocks(encoding, row, out);
      return Status::ok();
    }
    const size_t width = encoding.group == 0 ? row.size() : encoding.group;
    for (size_t first = 0, group = 0; first < row.size(); first += width, ++group) {
      int zero = 0;
      const std::vector<int> bits = test::roundGroup(
          encoding, &row[first], static_cast<int>(std::min(width, row.size() - first)), out.scales[group], zero);
      for (size_t i = 0; i < bits.size(); ++i)
        out.codes[first + i] =
            static_cast<int16_t>(bits[i] - (encoding.kind == Encoding::int4 && !encoding.zeros ? 8 : 0));
      if (encoding.zeros)
        out.zeros[group] = static_cast<int16_t>(zero);
    }
    return Status::ok();
  }

private:
  static void giveSuperBlocks(const Encoding &encoding, std::vector<float> &row, EncodedRow &out) {
    const bool six = encoding.kind == Encoding::q6_k;
    out.sub_scales.clear();
    out.sub_minima.clear();
    for (size_t first = 0, i = 0; first < row.size(); first += super_columns, ++i) {
      const test::SuperBlock block = test::roundSuperBlock(
          encoding, &row[first], static_cast<int>(std::min<size_t>(super_columns, row.size() - first)));
      out.scales[i] = f16ToFloat(block.d);
      out.sub_scales.insert(out.sub_scales.end(), block.scales.begin(), block.scales.end());
      if (!out.minima.empty()) {
        out.minima[i] = f16ToFloat(block.dmin);
        out.sub_minima.insert(out.sub_minima.end(), block.minima.begin(), block.minima.end());
      }
      for (size_t k = 0; k < block.codes.size(); ++k)
        out.codes[first + k] = static_cast<int16_t>(block.codes[k] - (six ? 32 : 0));
    }
  }
};

// Where each byte lies, by lines that are not the packer's.
TEST(WeightPacker, EncodingsHaveCodesAndScalesWhereTheHeaderSays) {
  for (const Encoding &encoding : matrixEncodings()) {
    if (encoding == Encoding::tiles16)
      continue;
    SCOPED_TRACE(encodingName(encoding));
    for (auto [rows, columns] : {std::pair<int64_t, int64_t>{19, 200}, {16, 32}, {1, 7}, {33, 576}}) {
      EncodedMatrix matrix({rows}, columns, false);
      Weight &weight = matrix.built.program.weights[0];
      weight.encoding = encoding;
      weight.bytes = storedBytes(weight);
      std::vector<std::byte> bytes(weight.bytes);
      const AnySource source;
      const GivenCodes codes;
      ASSERT_TRUE(SourcePacker(matrix.built, source, codes).pack(0, bytes).isOk());
      std::vector<float> values;
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
          values.push_back(AnySource::value(row, column));
      const std::vector<uint8_t> expected =
          test::packMatrix(encoding, values, static_cast<int>(rows), static_cast<int>(columns));
      ASSERT_EQ(bytes.size(), expected.size());
      EXPECT_EQ(std::memcmp(bytes.data(), expected.data(), bytes.size()), 0) << rows << " x " << columns;
    }
  }
}

TEST(WeightPacker, NearestCodesAreWithinTheErrorBound) {
  for (const Encoding &encoding : matrixEncodings()) {
    if (encoding == Encoding::tiles16)
      continue;
    SCOPED_TRACE(encodingName(encoding));
    constexpr int64_t rows = 19, columns = 200;
    EncodedMatrix matrix({rows}, columns, false);
    Weight &weight = matrix.built.program.weights[0];
    weight.encoding = encoding;
    weight.bytes = storedBytes(weight);
    const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, AnySource());
    ASSERT_TRUE(bytes.isOk()) << bytes.status().message();
    const EncodingFormat format = format_of(encoding);
    for (int64_t row = 0; row < rows; ++row) {
      float largest = 0;
      for (int64_t column = 0; column < columns; ++column)
        largest = std::max(largest, std::fabs(AnySource::value(row, column)));
      for (int64_t column = 0; column < columns; ++column)
        ASSERT_NEAR(unpackedValue(encoding, format, *bytes, row, rows, column, columns), AnySource::value(row, column),
                    format.error_bound * largest * 1.00001)
            << row << ", " << column;
    }
  }
}

/// A matrix of a checkpoint in codes.
class CodesMatrix final : public StoredMatrix {
public:
  StoredFormat what;
  int64_t rowCount, columnCount;
  std::optional<int16_t> badCode = std::nullopt;
  CodesMatrix(StoredFormat what, int64_t rows, int64_t columns) : what(what), rowCount(rows), columnCount(columns) {}
  StoredFormat format() const override { return what; }
  int64_t rows() const override { return rowCount; }
  int64_t columns() const override { return columnCount; }
  Status read(int64_t first, int64_t count, StoredRows &out) const override {
    out = {};
    for (int64_t row = first; row < first + count; ++row) {
      for (int64_t column = 0; column < columnCount; ++column)
        out.codes.push_back(badCode ? *badCode : code(row, column));
      for (int64_t group = 0; group < what.groups(columnCount); ++group) {
        out.scales.push_back(static_cast<float>(1 + (row + group) % 5) / 8);
        if (what.has_zeros)
          out.zeros.push_back(code(row + 1, group));
        if (what.super_block != 0)
          addFactors(row, group, out);
      }
    }
    return Status::ok();
  }

private:
  void addFactors(int64_t row, int64_t group, StoredRows &out) const {
    const float d = 0.25f * static_cast<float>(1 + row % 3), dmin = 0.125f * static_cast<float>(1 + group % 2);
    if (group * what.group % what.super_block == 0) {
      out.super_scales.push_back(d);
      if (what.has_minima)
        out.super_minima.push_back(dmin);
    }
    out.sub_scales.push_back(static_cast<int16_t>(what.is_signed ? 100 - 13 * (group % 16) : 63 - group % 60));
    out.scales.back() = d * out.sub_scales.back();
    if (what.has_minima) {
      out.sub_minima.push_back(static_cast<int16_t>((row + 7 * group) % 64));
      out.minima.push_back(-(out.super_minima.back() * out.sub_minima.back()));
    }
  }
  int16_t code(int64_t row, int64_t column) const {
    const int count = 1 << what.bits;
    const auto bits = static_cast<int>((17 * row + 5 * column) % count);
    if (what.kind == CodeKind::e4m3)
      return static_cast<int16_t>((bits & 0x7f) == 0x7f ? 0 : bits);
    return static_cast<int16_t>(what.kind == CodeKind::integer && what.is_signed ? bits - count / 2 : bits);
  }
};

/// A source whose tensor is such a matrix, and holds no floats.
class CodesSource final : public WeightSource {
public:
  explicit CodesSource(const CodesMatrix &matrix) : matrix_(matrix) {}
  std::string describe() const override { return "codes"; }
  const StoredMatrix *stored(const WeightSpec &) const override { return &matrix_; }

private:
  Status readRows(const WeightSpec &, int64_t, int64_t, DType, std::span<std::byte>) const override {
    return {StatusCode::InvalidInput, "read as floats"};
  }
  const CodesMatrix &matrix_;
};

// What a plan has of codes is the value that the one formula of all formats gives.
TEST(WeightPacker, CodesOfACheckpointAreRepacked) {
  const auto f16 = DType::f16, bf16 = DType::bf16, f32 = DType::f32;
  for (const auto &[format, name] : std::vector<std::pair<StoredFormat, std::string>>{
           {{CodeKind::integer, 8, true, 0, false, false, f32}, "int8"},
           {{CodeKind::integer, 8, true, 32, false, false, f16}, "int8:g32"},
           {{CodeKind::integer, 5, true, 32, false, false, f16}, "int8:g32"},
           {{CodeKind::iq4_nl, 4, false, 32, false, false, f16}, "int8:g32"},
           {{CodeKind::integer, 4, true, 128, false, false, f16}, "int4"},
           {{CodeKind::integer, 4, true, 64, false, false, bf16}, "int4:g64:bf16"},
           {{CodeKind::integer, 4, false, 128, true, false, f16}, "int4:zeros"},
           {{CodeKind::integer, 4, true, 32, true, false, bf16}, "int4:g32:zeros:bf16"},
           {{CodeKind::e4m3, 8, true, 0, false, false, f32}, "fp8"},
           {{CodeKind::e4m3, 8, true, 128, false, false, f32}, "fp8:g128"},
           {{CodeKind::e2m1, 4, true, 32, false, false, f32}, "fp8:g32"},
           {{CodeKind::integer, 4, false, 32, false, true, f32, false, 256}, "q4_k"},
           {{CodeKind::integer, 5, false, 32, false, true, f32, false, 256}, "q5_k"},
           {{CodeKind::integer, 6, true, 16, false, false, f32, false, 256}, "q6_k"},
           {{CodeKind::integer, 4, false, 32, false, true, f32, false, 256}, "q6_k:minima"},
           {{CodeKind::integer, 5, false, 32, false, true, f32, false, 256}, "q6_k:minima"},
           {{CodeKind::integer, 6, true, 16, false, false, f32, false, 256}, "q6_k:minima"}}) {
    SCOPED_TRACE(name);
    const std::optional<Encoding> encoding = name == "q6_k:minima" ? encodingNamed(name) : encodingHolding(format);
    ASSERT_TRUE(encoding);
    ASSERT_TRUE(holds(*encoding, format));
    EXPECT_EQ(encodingName(*encoding), name);
    constexpr int64_t rows = 24;
    const int64_t columns = format.super_block != 0 ? 512 : 200;
    EncodedMatrix matrix({rows}, columns, false);
    Weight &weight = matrix.built.program.weights[0];
    weight.encoding = *encoding;
    weight.bytes = storedBytes(weight);
    WeightSpec &spec = matrix.built.recipes[0].parts[0];
    spec.view = WeightView{rows + 8, false, 8, rows, rows}; // the last rows of the tensor
    const CodesMatrix tensor(format, rows + 8, columns);
    const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, CodesSource(tensor));
    ASSERT_TRUE(bytes.isOk()) << bytes.status().message();
    StoredRows stored;
    ASSERT_TRUE(tensor.read(8, rows, stored).isOk());
    std::vector<float> expected(rows * columns);
    dequantize(format, stored, columns, expected.data());
    const EncodingFormat layout = format_of(*encoding);
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        ASSERT_EQ(unpackedValue(*encoding, layout, *bytes, row, rows, column, columns),
                  expected[row * columns + column])
            << row << ", " << column;
  }
}

TEST(WeightPacker, WhatAnEncodingDoesNotHoldIsReadAsFloats) {
  const CodesMatrix tensor({CodeKind::nf4, 4, false, 64, false, false, DType::f32}, 16, 64);
  EXPECT_FALSE(encodingHolding(tensor.format()));
  EXPECT_FALSE(encodingHolding({CodeKind::integer, 4, false, 32, false, true, DType::f16})) << "minima";
  EXPECT_FALSE(encodingHolding({CodeKind::integer, 6, true, 16, false, false, DType::f32})) << "groups of 16";
  EXPECT_FALSE(encodingHolding({CodeKind::integer, 2, false, 16, false, true, DType::f32, false, 256})) << "Q2_K";
  const StoredFormat inOrder{.kind = CodeKind::integer, .bits = 4, .group = 128, .scales = DType::f16};
  StoredFormat permuted = inOrder;
  permuted.permuted = true;
  EXPECT_TRUE(holds(*encodingHolding(inOrder), inOrder));
  EXPECT_FALSE(holds(*encodingHolding(inOrder), permuted)) << "a column's group is not that of its place";
  EncodedMatrix matrix({16}, 64, false);
  const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, CodesSource(tensor));
  ASSERT_FALSE(bytes.isOk());
  EXPECT_EQ(bytes.status().message(), "read as floats");
}

TEST(WeightPacker, CodesThatTheFormatForbidsAreRefused) {
  CodesMatrix tensor({CodeKind::integer, 4, true, 128, false, false, DType::f16}, 16, 64);
  tensor.badCode = 9;
  EncodedMatrix matrix({16}, 64, false);
  matrix.built.program.weights[0].encoding = Encoding::int4;
  matrix.built.program.weights[0].bytes = storedBytes(matrix.built.program.weights[0]);
  const StatusOr<std::vector<std::byte>> bytes = packAll(matrix.built, CodesSource(tensor));
  ASSERT_FALSE(bytes.isOk());
  EXPECT_EQ(bytes.status().message(), "weight 'part', row 0: a code 9, which has more than 4 bits");
}

TEST(WeightPacker, Int8RefusesWhatIsNotFinite) {
  const EncodedMatrix matrix({16}, 32, false);
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

#include "test/compiler/quantize/rows.h"

#include "compiler/quantize/choose_encodings.h"
#include "compiler/quantize/encoding_type.h"
#include "compiler/quantize/measure_errors.h"
#include "runtime/support/encoding_name.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace cadenza {
namespace {

/// Rows of weights that depend on their role; counts what is read.
class MadeUpWeights final : public WeightSource {
public:
  std::string describe() const override { return "made up"; }
  mutable std::atomic<int64_t> rowsRead = 0;
  std::string nanIn, hugeIn; // roles

private:
  uint64_t storedNonFinite(const WeightSpec &, int64_t firstRow, int64_t) const override { return firstRow <= 5; }
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType,
                  std::span<std::byte> out) const override {
    rowsRead += rows;
    for (int64_t row = 0; row < rows; ++row) {
      const auto seed = static_cast<unsigned>(std::hash<std::string>()(spec.role) + firstRow + row);
      // Values of v_proj are hard to store in few bits.
      std::vector<float> values = spec.role.find("value") == std::string::npos ? gaussian(spec.columns(), seed)
                                                                               : heavyTailed(spec.columns(), seed);
      if (spec.role == nanIn && firstRow + row == 5)
        values[3] = NAN;
      if (spec.role == hugeIn)
        values[3] = 1e30F;
      std::memcpy(out.data() + row * spec.columns() * sizeof(float), values.data(), values.size() * sizeof(float));
    }
    return Status::ok();
  }
};

QuantizableMatrix matrix(const std::string &role, const std::string &tensor, int64_t rows, int64_t columns,
                         int64_t input) {
  return {
      {.role = role, .tensor = tensor, .shape = {rows, columns}, .dtype = DType::f32}, role == "head.weight", input};
}

/// Two layers and a head.
std::vector<QuantizableMatrix> model() {
  std::vector<QuantizableMatrix> matrices;
  int64_t input = 0;
  for (int layer = 0; layer < 2; ++layer) {
    const std::string role = "layers." + std::to_string(layer), tensor = "model." + role;
    matrices.push_back(matrix(role + ".attention.query.weight", tensor + ".self_attn.q_proj.weight", 128, 128, input));
    matrices.push_back(matrix(role + ".attention.value.weight", tensor + ".self_attn.v_proj.weight", 64, 128, input));
    matrices.push_back(
        matrix(role + ".attention.output.weight", tensor + ".self_attn.o_proj.weight", 128, 128, ++input));
    matrices.push_back(matrix(role + ".mlp.up.weight", tensor + ".mlp.up_proj.weight", 512, 128, ++input));
    matrices.push_back(matrix(role + ".mlp.down.weight", tensor + ".mlp.down_proj.weight", 128, 512, ++input));
    ++input;
  }
  matrices.push_back(matrix("head.weight", "lm_head.weight", 256, 128, input));
  return matrices;
}

std::vector<std::string> chosen(const QuantizeOptions &options) {
  const StatusOr<std::vector<Encoding>> encodings = chooseEncodings(model(), options, MadeUpWeights(), 2);
  EXPECT_TRUE(encodings.isOk()) << encodings.status().message();
  std::vector<std::string> names;
  if (encodings.isOk())
    std::ranges::transform(*encodings, std::back_inserter(names), encodingName);
  return names;
}

std::string refusal(const QuantizeOptions &options) {
  const Status status = chooseEncodings(model(), options, MadeUpWeights()).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
  return status.message();
}

TEST(ChooseEncodings, OneForTheLayersAndOneForTheHead) {
  std::vector<std::string> expected(10, "int4");
  expected.push_back("int8");
  EXPECT_EQ(chosen({.type = "int4"}), expected);
  std::ranges::fill_n(expected.begin(), 10, "int4:g32:zeros");
  expected.back() = "tiles16";
  EXPECT_EQ(chosen({.type = "int4:zeros", .group = 32, .head = "tiles16"}), expected);
  EXPECT_EQ(chosen({.type = "int8", .group = 32})[0], "int8:g32");
  EXPECT_EQ(chosen({.type = "int4:bf16", .group = 64})[0], "int4:g64:bf16");
  EXPECT_EQ(chosen({.type = "fp8"})[0], "fp8");
}

TEST(ChooseEncodings, KeepsWhatPatternsName) {
  const std::vector<std::string> names = chosen({.type = "int8", .keep = {"v_proj", "layers.1.mlp"}});
  const std::vector<std::string> expected = {"int8",    "tiles16", "int8",    "int8",    "int8", "int8",
                                             "tiles16", "int8",    "tiles16", "tiles16", "int8"};
  EXPECT_EQ(names, expected);
}

TEST(ChooseEncodings, TheHeadHasItsOwnOption) {
  std::vector<std::string> expected(10, "tiles16");
  expected.push_back("int8");
  EXPECT_EQ(chosen({.type = "int4", .keep = {"*"}}), expected);
  expected.back() = "tiles16";
  EXPECT_EQ(chosen({.type = "int4", .head = "tiles16", .keep = {"*"}}), expected);
  for (const char *head : {"head.weight", "lm_head"})
    EXPECT_EQ(refusal({.type = "int4", .keep = {head}}),
              "--keep=" + std::string(head) + ": that is the head; --quantize-head=tiles16 leaves it at 16 bits");
}

TEST(ChooseEncodings, APatternThatMatchesNothing) {
  EXPECT_EQ(refusal({.type = "int8", .keep = {"mlp.dwn"}})
                .find("--keep=mlp.dwn: no matrix of a product has such a "
                      "name; did you mean layers.0.mlp.down.weight"),
            0);
}

double averageBits(const std::vector<std::string> &names) {
  double bits = 0, weights = 0;
  const std::vector<QuantizableMatrix> matrices = model();
  for (size_t i = 0; i + 1 < matrices.size(); ++i) { // without the head
    const int64_t rows = matrices[i].spec.rows(), columns = matrices[i].spec.columns();
    bits += bitsPerWeight(*encodingNamed(names[i]), rows, columns) * static_cast<double>(rows * columns);
    weights += static_cast<double>(rows * columns);
  }
  return bits / weights;
}

TEST(ChooseEncodings, MixedMeetsItsBudget) {
  for (const double budget : {4.2, 4.5, 5.0, 6.0, 9.0, 16.0}) {
    const std::vector<std::string> names = chosen({.type = "mixed", .bits = budget});
    EXPECT_LE(averageBits(names), budget);
    EXPECT_GT(averageBits(names), budget - 1) << "much of the budget is left";
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(names[i], names[i + 5]) << "layers are one body";
    EXPECT_EQ(names[0], names[1]) << "products of one vector are one";
    EXPECT_EQ(names.back(), "int8");
  }
  EXPECT_EQ(chosen({.type = "mixed", .bits = 16})[3], "tiles16");
}

TEST(ChooseEncodings, MixedGivesMoreBitsToWhatNeedsThem) {
  // At 5 bits small matrices with large errors get 8, large ones 4.
  const std::vector<std::string> names = chosen({.type = "mixed", .bits = 5});
  EXPECT_EQ(names[1], "int8");
  EXPECT_EQ(names[3].substr(0, 4), "int4");
}

TEST(ChooseEncodings, WhatIsKeptCountsInTheBudget) {
  EXPECT_LE(averageBits(chosen({.type = "mixed", .bits = 6, .keep = {"o_proj"}})), 6);
  EXPECT_EQ(
      refusal({.type = "mixed", .bits = 4.5, .keep = {"mlp.up"}}).find("--bits=4.5: these matrices take at least"), 0);
}

TEST(ChooseEncodings, OptionsThatContradictEachOther) {
  EXPECT_EQ(refusal({.bits = 4}), "--bits goes with --quantize");
  EXPECT_EQ(refusal({.keep = {"x"}}), "--keep goes with --quantize");
  EXPECT_EQ(refusal({.type = "mixed"}), "--quantize=mixed needs a budget, such as --bits=4.5");
  EXPECT_EQ(refusal({.type = "int4", .bits = 4}),
            "--bits goes with --quantize=mixed; --quantize=int4 has its own number of bits");
  EXPECT_EQ(refusal({.type = "int4:g32", .group = 64}),
            "--group=64: --quantize=int4:g32 has no such groups; groups are of 32, 64 or 128");
  EXPECT_EQ(refusal({.type = "int4", .group = 48}),
            "--group=48: --quantize=int4 has no such groups; groups are of 32, 64 or 128");
  EXPECT_EQ(refusal({.type = "tiles16", .group = 32}).find("--group=32"), 0);
  EXPECT_EQ(refusal({.type = "int3"}).find("--quantize=int3: there is no such encoding"), 0);
  EXPECT_EQ(refusal({.type = "int4", .head = "int5"}).find("--quantize-head=int5: there is no such encoding"), 0);
  EXPECT_EQ(refusal({.type = "mixed", .bits = 3}),
            "--bits=3: these matrices take at least 4.125 bits a weight, scales included");
}

TEST(MeasureErrors, DoNotDependOnThreads) {
  std::vector<WeightSpec> specs;
  for (const QuantizableMatrix &matrix : model())
    specs.push_back(matrix.spec);
  const std::vector<Encoding> encodings = {Encoding::int4, Encoding::fp8};
  const auto one = measureErrors(specs, encodings, MadeUpWeights(), 1, {});
  const auto three = measureErrors(specs, encodings, MadeUpWeights(), 3, {});
  ASSERT_TRUE(one.isOk() && three.isOk());
  for (size_t i = 0; i < specs.size(); ++i)
    for (size_t e = 0; e < encodings.size(); ++e) {
      EXPECT_EQ((*one)[i][e].squares, (*three)[i][e].squares);
      EXPECT_EQ((*one)[i][e].values, (*three)[i][e].values);
    }
  EXPECT_NEAR((*one)[0][0].relative(), 0.095, 0.01);
  EXPECT_NEAR((*one)[0][1].relative(), 0.024, 0.004);
}

TEST(MeasureErrors, ReadSomeRowsOfLargeMatrices) {
  const MadeUpWeights weights;
  const WeightSpec spec = matrix("head.weight", "lm_head.weight", 1300, 64, 0).spec;
  ASSERT_TRUE(measureErrors({spec}, {Encoding::int8}, weights, 2, {}).isOk());
  EXPECT_EQ(weights.rowsRead, 10 * 16 + 16);
}

TEST(ChooseEncodings, MixedLeavesOutWhatScalesCannotHold) {
  MadeUpWeights weights;
  weights.hugeIn = "layers.0.mlp.up.weight"; // int4 has scales in f16
  const Status tight = chooseEncodings(model(), {.type = "mixed", .bits = 4.5}, weights, 2).status();
  EXPECT_EQ(tight.message().find("--bits=4.5: these matrices take at least"), 0) << tight.message();
  const StatusOr<std::vector<Encoding>> encodings = chooseEncodings(model(), {.type = "mixed", .bits = 7}, weights, 2);
  ASSERT_TRUE(encodings.isOk()) << encodings.status().message();
  for (const size_t up : {3, 8})
    EXPECT_EQ(encodingName((*encodings)[up]), "int8");
}

TEST(MeasureErrors, NameTheWeightThatCannotBeStored) {
  MadeUpWeights weights;
  weights.nanIn = "layers.1.mlp.up.weight";
  const Status status = chooseEncodings(model(), {.type = "mixed", .bits = 5}, weights, 2).status();
  ASSERT_EQ(status.code(), StatusCode::InvalidInput);
  EXPECT_EQ(status.message().find("weight 'layers.1.mlp.up.weight': row 5: column 3: an infinity or NaN"), 0)
      << status.message();
}

} // namespace
} // namespace cadenza

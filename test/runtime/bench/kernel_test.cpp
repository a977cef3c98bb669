// cadenza-bench --kernel: which kernels are asked for, what they move and compute, what is refused, and when a result
// is wrong. That the graphs compile and give what they should is test/e2e/tensors/kernels.test.
#include "runtime/bench/kernel_bench.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace cadenza::bench {
namespace {

KernelOptions options(const std::string &kernel, const std::vector<std::string> &shapes,
                      const std::vector<std::string> &encodings = {}) {
  KernelOptions options;
  options.kernel = kernel;
  options.shapes = shapes;
  options.encodings = encodings;
  return options;
}

/// The message of the error; of one of another kind, that.
std::string problem(const KernelOptions &options) {
  const auto cases = kernelCases(options);
  if (cases.isOk())
    return "no error";
  return cases.status().code() == StatusCode::InvalidArgument ? cases.status().message() : "another kind of error";
}

KernelCase only(const KernelOptions &options) {
  const auto cases = kernelCases(options);
  EXPECT_TRUE(cases.isOk()) << cases.status().message();
  EXPECT_EQ(cases->size(), 1u);
  return cases->front();
}

TEST(KernelCase, EachShapeWithEachEncoding) {
  const auto cases = kernelCases(options("linear", {"1x64x32", "16x64x32"}, {"plain", "int8", "int4:g32"}));
  ASSERT_TRUE(cases.isOk()) << cases.status().message();
  std::string text;
  for (const KernelCase &kernel : *cases)
    text += kernel.shapeText() + " " + kernel.encoding + "; ";
  EXPECT_EQ(text, "1x64x32 plain; 1x64x32 int8; 1x64x32 int4:g32; 16x64x32 plain; 16x64x32 int8; 16x64x32 int4:g32; ");
}

TEST(KernelCase, OperationsAndBytes) {
  EXPECT_EQ(only(options("linear", {"128x16384x4096"})).operations(), 2.0 * 128 * 16384 * 4096);
  EXPECT_EQ(only(options("linear", {"128x64x32"})).activationBytes(), 2u * (128 * 32 + 128 * 64));
  EXPECT_EQ(only(options("linear", {"128x64x32"}, {"int8"})).activationBytes(), 2u * 128 * 32 + 4u * 128 * 64);
  EXPECT_EQ(only(options("linear", {"1x64x32"}, {"int8"})).activationBytes(), 4u * 32 + 4u * 64);
  EXPECT_EQ(only(options("linear", {"128x64x32"}, {"int8"})).sharedBytes(), 2u * 128 * 32);
  EXPECT_EQ(only(options("linear", {"1x64x32"}, {"int8"})).sharedBytes(), 0u);
  EXPECT_EQ(only(options("linear", {"128x64x32"})).sharedBytes(), 0u);
  KernelOptions attention = options("attention", {"2x3x8x16"});
  EXPECT_EQ(only(attention).operations(), 4.0 * 2 * 3 * 8 * 8 * 16);
  EXPECT_EQ(only(attention).activationBytes(), 4u * 2 * 2 * 3 * 8 * 16);
  attention.causal = true; // 1 + 2 + ... + 8 keys
  EXPECT_EQ(only(attention).operations(), 4.0 * 2 * 3 * 36 * 16);
}

TEST(KernelCase, WhatIsRefused) {
  EXPECT_EQ(problem(options("conv", {"1x2x3"})), "--kernel 'conv': choose from attention, linear, linear_silu, "
                                                 "linear_gelu");
  EXPECT_EQ(problem(options("linear", {})), "--kernel=linear needs --shape MxNxK, one or more");
  for (const char *shape : {"1x2", "1x2x3x4", "1x2x", "x1x2", "1x0x2", "1x-2x3", "1x2x3 ", "1,2,3", "", "1x2x3e1",
                            "99999999999999999999x1x1"})
    EXPECT_EQ(problem(options("linear", {shape})),
              "--shape '" + std::string(shape) +
                  "': linear takes MxNxK: rows of x, outputs, depth, such as 128x16384x4096");
  EXPECT_EQ(problem(options("attention", {"1x2x3"})),
            "--shape '1x2x3': attention takes BxHxSxD: batch, heads, positions, head_dim, such as 1x16x2048x128");
  EXPECT_EQ(problem(options("attention", {"1x2x8x20"})),
            "--shape '1x2x8x20': a head_dim of 20; multiples of 8 up to 256 are possible");
  EXPECT_EQ(problem(options("attention", {"1x2x8x264"})),
            "--shape '1x2x8x264': a head_dim of 264; multiples of 8 up to 256 are possible");
  EXPECT_EQ(problem(options("attention", {"1x1x65536x64"})),
            "--shape '1x1x65536x64': a tensor of it has more than 2^31 - 1 elements");
  EXPECT_EQ(problem(options("linear", {"1x65536x65536"})),
            "--shape '1x65536x65536': a tensor of it has more than 2^31 - 1 elements");
  EXPECT_EQ(problem(options("linear", {"20x64x32"}, {"int8"})),
            "--shape '20x64x32': 20 rows of x, for a packed matrix (--encoding=int8); 1 or multiples of 16 up to 65536 "
            "are possible");
  EXPECT_EQ(problem(options("linear", {"20x64x32"})), "no error");
  EXPECT_TRUE(problem(options("linear", {"1x64x32"}, {"int3"})).starts_with("--encoding 'int3': there are plain and "));
  EXPECT_TRUE(
      problem(options("linear", {"1x64x32"}, {"rope_table"})).starts_with("--encoding 'rope_table': there are"));
  EXPECT_EQ(problem(options("attention", {"1x2x8x16"}, {"int8"})), "--encoding: attention has no matrix");
  KernelOptions causal = options("linear", {"1x64x32"});
  causal.causal = true;
  EXPECT_EQ(problem(causal), "--causal: only attention can be");
  KernelOptions wide = options("linear", {"1x64x32"});
  wide.dtype = "f32";
  EXPECT_EQ(problem(wide), "--dtype 'f32': f16 and bf16 are possible");
}

TEST(Kernels, TakeSetsInTurnThatDoNotFitTheCache) {
  EXPECT_EQ(rotatingSets(1000, 50'000), 200);
  EXPECT_EQ(rotatingSets(1001, 50'000), 200);
  EXPECT_EQ(rotatingSets(999, 50'000), 201);
  EXPECT_EQ(rotatingSets(1'000'000, 50'000), 2);
  EXPECT_EQ(rotatingSets(1, 50'000), 256);
}

TEST(Kernels, AreComparedWithTheReference) {
  std::vector<double> values(1000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(static_cast<double>(i));
  const auto tensor = [](const std::vector<double> &of) {
    return nn::tensorOf(ElementType::f32, {static_cast<int64_t>(of.size())}, std::span<const double>(of));
  };
  const Tensor reference = tensor(values);
  EXPECT_EQ(*compareToReference(reference, reference), 0);
  // What rounding to bf16 makes is fine; twice as much everywhere is not, nor is one element that is wrong.
  const auto with = [&](auto change) {
    std::vector<double> changed = values;
    change(changed);
    return compareToReference(tensor(changed), reference).status().code();
  };
  EXPECT_EQ(with([](auto &v) { v[3] *= 1.004; }), StatusCode::Ok);
  EXPECT_EQ(with([](auto &v) {
              for (double &x : v)
                x *= 1.004;
            }),
            StatusCode::Ok);
  EXPECT_EQ(with([](auto &v) {
              for (double &x : v)
                x *= 1.02;
            }),
            StatusCode::NumericMismatch);
  EXPECT_EQ(with([](auto &v) { v[500] += 0.2; }), StatusCode::NumericMismatch);
  EXPECT_EQ(with([](auto &v) { v[7] = std::numeric_limits<double>::quiet_NaN(); }), StatusCode::NumericMismatch);
  EXPECT_EQ(with([](auto &v) { v.pop_back(); }), StatusCode::NumericMismatch);
  const Tensor nothing = tensor(std::vector<double>(10));
  EXPECT_EQ(compareToReference(nothing, nothing).status().code(), StatusCode::NumericMismatch);
}

KernelBenchResult measured() {
  KernelBenchResult result{.device = "GPU", .driver = "CUDA 13.0", .schedule = "graph", .l2Bytes = 1000, .repeats = 5};
  KernelResult plain{.kernel = only(options("linear", {"128x64x32"})), .name = "time_p0"};
  plain.microseconds = {4, 3, 5};
  plain.bytes = 8000;
  plain.sets = 2;
  KernelResult packed = plain;
  packed.kernel = only(options("linear", {"128x64x32"}, {"int8"}));
  packed.microseconds = {2, 1, 3};
  result.kernels = {plain, packed};
  return result;
}

TEST(KernelReport, SaysRatesAndSpeedUp) {
  const std::string text = formatReport(measured(), ReportStyle::Text);
  EXPECT_NE(text.find("  time_p0 (linear 128x64x32, bf16, int8): 2 sets, 0 MB\n"), std::string::npos) << text;
  EXPECT_NE(text.find("linear  128x64x32  bf16, plain  4.00  3.00  5.00  0.01   2.0     0.13      1.00  0.00000\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("linear  128x64x32  bf16, int8   2.00  1.00  3.00  0.01   4.0     0.26      2.00  0.00000\n"),
            std::string::npos)
      << text;
}

TEST(KernelReport, SaysWhatIsNotCold) {
  KernelBenchResult result = measured();
  result.l2Bytes = 5000;
  EXPECT_NE(formatReport(result, ReportStyle::Text).find("less than that: not cold"), std::string::npos);
}

TEST(KernelReport, ForPrograms) {
  const std::string csv = formatCsv(measured());
  EXPECT_NE(csv.find("\nlinear,0,128x64x32,bf16,int8,2.000,1.000,3.000,8000,4.0,0.262,2,0.000000,\"GPU\"\n"),
            std::string::npos)
      << csv;
  const auto records = toRecords(measured());
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1]["encoding"], "int8");
  EXPECT_EQ(records[1]["shape"], (std::vector<int>{128, 64, 32}));
  EXPECT_EQ(records[1]["microseconds"], 2);
  EXPECT_EQ(records[1]["gb_per_second"], 4);
  EXPECT_TRUE(records[1]["causal"].is_null());
}

} // namespace
} // namespace cadenza::bench

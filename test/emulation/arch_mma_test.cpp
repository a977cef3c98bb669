// arch_mma.cuh function by function, and that each mistake with asynchronous copies shows.
#include "test/emulation/driver_test.h"

#include <bit>
#include <cmath>
#include <random>

namespace cadenza::emulation {
namespace {

class ArchMmaTest : public DriverTest {
protected:
  template <typename Args>
  CUresult execute(const char *name, const Args &args, uint32_t shared = 0, uint32_t threads = 32) {
    const CUresult error = launch(kernel(name, "arch_mma"), 1, threads, args, shared);
    return error == CUDA_SUCCESS ? finish() : error;
  }
};

/// 10 stored bits of mantissa, ties away from zero, by search in double precision.
float referenceTf32(float x) {
  if (std::isinf(x) || x == 0)
    return x;
  int exponent = 0;
  std::frexp(x, &exponent);
  const double step = std::ldexp(1.0, std::max(exponent, -125) - 11);
  const double rounded = std::round(static_cast<double>(x) / step) * step; // std::round: ties away from zero
  return static_cast<float>(rounded) == rounded ? static_cast<float>(rounded) : std::copysign(INFINITY, x);
}

TEST_F(ArchMmaTest, RoundsToTf32) {
  std::vector<float> in = {0.0f,     -0.0f,     1.0f,          1.00048828125f, -1.00048828125f,
                           INFINITY, -INFINITY, 3.4028235e38f, 1e-40f};
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i)
    if (const float x = std::bit_cast<float>(static_cast<uint32_t>(random())); !std::isnan(x))
      in.push_back(x);
  struct {
    const float *in;
    float *out;
    uint64_t count;
  } args{upload(in), allocate<float>(in.size()), in.size()};
  ASSERT_EQ(execute("round_tf32", args), CUDA_SUCCESS) << message();
  const std::vector<float> out = download(args.out, in.size());
  for (size_t i = 0; i < in.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), std::bit_cast<uint32_t>(referenceTf32(in[i]))) << in[i];
}

TEST_F(ArchMmaTest, ProductOfTf32) {
  std::mt19937 random(3);
  std::vector<float> a(16 * 8), b(8 * 8), d(16 * 8);
  for (float &x : a)
    x = static_cast<float>(static_cast<int>(random() % 2047) - 1023); // 11 bits
  for (float &x : b)
    x = static_cast<float>(static_cast<int>(random() % 15) - 7);
  for (size_t i = 0; i < d.size(); ++i)
    d[i] = static_cast<float>(i) * 1000;
  std::vector<float> expected = d;
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column)
      for (int k = 0; k < 8; ++k)
        expected[row * 8 + column] += a[row * 8 + k] * b[k * 8 + column];
  for (float &x : a)
    x += x > 0 ? 0.0625f : -0.0625f; // bits that tf32 has no room for, at least for the large ones
  for (size_t i = 0; i < a.size(); ++i)
    a[i] = std::fabs(a[i]) >= 128 ? a[i] : std::trunc(a[i]);
  for (int seed = 1; seed <= 5; ++seed) {
    restartWithSeed(seed);
    struct {
      const float *a, *b;
      float *d;
    } args{upload(a), upload(b), upload(d)};
    ASSERT_EQ(execute("mma_tf32", args), CUDA_SUCCESS) << message();
    EXPECT_EQ(download(args.d, 128), expected);
  }
}

TEST_F(ArchMmaTest, MatricesFromSharedMemory) {
  std::vector<uint16_t> rows(32 * 8);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<uint16_t>(i * 7 + 1);
  for (int seed = 1; seed <= 5; ++seed) {
    restartWithSeed(seed);
    struct {
      const uint16_t *rows;
      uint32_t *out;
    } args{upload(rows), allocate<uint32_t>(256)};
    ASSERT_EQ(execute("matrices", args, 512), CUDA_SUCCESS) << message();
    const std::vector<uint32_t> out = download(args.out, 256);
    for (size_t lane = 0; lane < 32; ++lane)
      for (size_t m = 0; m < 4; ++m) {
        const size_t g = lane / 4, t = lane % 4;
        const auto pair = [&](size_t row0, size_t column0, size_t row1, size_t column1) {
          return rows[(8 * m + row0) * 8 + column0] | static_cast<uint32_t>(rows[(8 * m + row1) * 8 + column1]) << 16;
        };
        ASSERT_EQ(out[lane * 4 + m], pair(g, 2 * t, g, 2 * t + 1));
        ASSERT_EQ(out[(32 + lane) * 4 + m], pair(2 * t, g, 2 * t + 1, g));
      }
    EXPECT_EQ(execute("matrices_misaligned", args, 1024), CUDA_ERROR_MISALIGNED_ADDRESS);
    restartWithSeed(seed);
    EXPECT_EQ(execute("matrices_outside", args, 512), CUDA_ERROR_ILLEGAL_ADDRESS);
  }
}

TEST_F(ArchMmaTest, CopiesFillWithZeros) {
  std::vector<unsigned char> in(17 * 16), expected(17 * 16);
  for (size_t i = 0; i < in.size(); ++i) {
    in[i] = static_cast<unsigned char>(i % 250 + 1);
    expected[i] = i % 16 < i / 16 ? in[i] : 0;
  }
  struct {
    const unsigned char *in;
    unsigned char *out;
  } args{upload(in), allocate<unsigned char>(in.size())};
  ASSERT_EQ(execute("copy_partly", args, 512), CUDA_SUCCESS) << message();
  EXPECT_EQ(download(args.out, in.size()), expected);
  EXPECT_EQ(execute("copy_misaligned", args, 512), CUDA_ERROR_MISALIGNED_ADDRESS);
  restartWithSeed(2);
  args = {upload(in), allocate<unsigned char>(in.size())};
  EXPECT_EQ(execute("copy_outside", args, 512), CUDA_ERROR_ILLEGAL_ADDRESS);
  int shown = 0;
  for (int seed = 1; seed <= 20; ++seed) {
    restartWithSeed(seed);
    args = {upload(in), allocate<unsigned char>(in.size())};
    shown += execute("copy_and_exit", args, 512) == CUDA_ERROR_LAUNCH_FAILED;
  }
  EXPECT_GT(shown, 5) << "exit with copies in flight";
}

TEST_F(ArchMmaTest, EveryMistakeOfAPipelineShows) {
  constexpr size_t threads = 64, stages = 7;
  std::vector<uint32_t> in(stages * threads * 4), expected(threads);
  for (size_t i = 0; i < in.size(); ++i)
    in[i] = static_cast<uint32_t>(i * i + 3);
  for (size_t i = 0; i < threads; ++i)
    for (size_t stage = 0; stage < stages; ++stage) {
      const uint32_t *words = &in[(stage * threads + (i + 1) % threads) * 4];
      expected[i] += words[0] + 3 * words[1] + 5 * words[2] + 7 * words[3];
    }
  const auto wrong = [&](const char *name) {
    int count = 0;
    for (int seed = 1; seed <= 40; ++seed) {
      restartWithSeed(seed);
      struct {
        const uint32_t *in;
        uint32_t *out;
        uint64_t stages;
      } args{upload(in), allocate<uint32_t>(threads), stages};
      const CUresult error = execute(name, args, 3 * threads * 16, threads);
      count += error != CUDA_SUCCESS || download(args.out, threads) != expected;
    }
    return count;
  };
  EXPECT_EQ(wrong("pipeline_right"), 0) << message();
  EXPECT_GT(wrong("pipeline_waits_for_too_few"), 20);
  EXPECT_GT(wrong("pipeline_no_barrier"), 20);
  EXPECT_GT(wrong("pipeline_refills_early"), 20);
}

} // namespace
} // namespace cadenza::emulation

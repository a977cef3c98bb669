// arch_host.cuh function by function against scalar references.
#include "test/emulation/driver_test.h"

#include <bit>
#include <cmath>
#include <functional>
#include <random>

namespace cadenza::emulation {
namespace {

class ArchTest : public DriverTest {};

// References that share nothing with arch_host.cuh: the nearest representable value by search, ties to even.
uint16_t referenceRound(float x, float (*decode)(uint16_t), uint16_t infinity) {
  if (std::isnan(x))
    return 0x7fff;
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const double magnitude = std::fabs(static_cast<double>(x));
  uint16_t low = 0, high = infinity; // invariant: decode(low) <= magnitude
  while (high - low > 1) {
    const uint16_t middle = static_cast<uint16_t>((low + high) / 2);
    (static_cast<double>(decode(middle)) <= magnitude ? low : high) = middle;
  }
  if (std::isinf(x))
    return sign | infinity;
  // The distance to infinity is measured as if the exponent range went on: one more step of the last binade.
  const double below = decode(low);
  const double step = high == infinity ? below - static_cast<double>(decode(static_cast<uint16_t>(low - 1)))
                                       : static_cast<double>(decode(high)) - below;
  const double rest = magnitude - below;
  const bool up = rest > step / 2 || (rest == step / 2 && low % 2 == 1);
  return sign | static_cast<uint16_t>(low + up);
}
float decodeBf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
float decodeF16(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31)
    return mantissa ? NAN : sign * INFINITY;
  return sign * (exponent ? std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25)
                          : std::ldexp(static_cast<float>(mantissa), -24));
}

std::vector<float> interestingFloats() {
  std::vector<float> values = {0.0f,        -0.0f,      1.0f,      -1.0f,    65504.0f,      65519.0f,
                               65519.996f,  65520.0f,   -65520.0f, 65536.0f, 3.4028235e38f, 3.396e38f,
                               6.1e-5f,     6.0976e-5f, 5.96e-8f,  2.98e-8f, 2.981e-8f,     1e-45f,
                               1.1754e-38f, INFINITY,   -INFINITY, NAN,      -NAN};
  for (uint32_t bits : {0x3f808000u, 0x3f818000u, 0x3f808001u, 0x3f807fffu, 0x7f7f8000u, 0x7f7f7fffu, 0x00008000u,
                        0x00018000u, 0x7f800001u, 0x33000000u, 0x33000001u, 0x33800000u, 0x33c00000u, 0x387fe000u,
                        0x387ff000u, 0x38800000u, 0x477fefffu, 0x477ff000u})
    values.push_back(std::bit_cast<float>(bits));
  std::mt19937 random(7);
  for (int i = 0; i < 20000; ++i)
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  for (int i = 0; i < 20000; ++i) // where f16 lives
    values.push_back(
        std::ldexp(static_cast<float>(random() % 65536) / 65536.0f - 0.5f, static_cast<int>(random() % 48) - 28));
  if (values.size() % 2)
    values.push_back(0.5f);
  return values;
}

TEST_F(ArchTest, ConversionsRoundToNearestEven) {
  const std::vector<float> in = interestingFloats();
  const size_t n = in.size();
  struct {
    const float *in;
    uint16_t *bf, *half;
    float *bfBack, *halfBack;
    uint32_t *pairs;
    uint64_t count;
  } args{upload(in),
         allocate<uint16_t>(n),
         allocate<uint16_t>(n),
         allocate<float>(n),
         allocate<float>(n),
         allocate<uint32_t>(n),
         n};
  ASSERT_EQ(launch(kernel("convert", "arch"), 1, 256, args), CUDA_SUCCESS);
  ASSERT_EQ(finish(), CUDA_SUCCESS);
  const auto bf = download(args.bf, n), half = download(args.half, n);
  const auto bfBack = download(args.bfBack, n), halfBack = download(args.halfBack, n);
  const auto pairs = download(args.pairs, n);
  for (size_t i = 0; i < n; ++i) {
    ASSERT_EQ(bf[i], referenceRound(in[i], decodeBf16, 0x7f80)) << in[i] << " " << std::bit_cast<uint32_t>(in[i]);
    ASSERT_EQ(half[i], referenceRound(in[i], decodeF16, 0x7c00)) << in[i] << " " << std::bit_cast<uint32_t>(in[i]);
    if (!std::isnan(in[i])) {
      ASSERT_EQ(bfBack[i], decodeBf16(bf[i]));
      ASSERT_EQ(halfBack[i], decodeF16(half[i]));
    }
    ASSERT_EQ(static_cast<uint16_t>(pairs[i / 2] >> (i % 2 * 16)), bf[i]);
    ASSERT_EQ(static_cast<uint16_t>(pairs[n / 2 + i / 2] >> (i % 2 * 16)), half[i]);
  }
}

TEST_F(ArchTest, EveryHalfDecodes) {
  struct {
    float *out;
  } args{allocate<float>(65536)};
  ASSERT_EQ(launch(kernel("all_halves", "arch"), 1, 256, args), CUDA_SUCCESS);
  ASSERT_EQ(finish(), CUDA_SUCCESS);
  const auto out = download(args.out, 65536);
  for (uint32_t i = 0; i < 65536; ++i) {
    const float expected = decodeF16(static_cast<uint16_t>(i));
    const uint32_t bits = std::isnan(expected) ? 0x7fffffff : std::bit_cast<uint32_t>(expected);
    ASSERT_EQ(std::bit_cast<uint32_t>(out[i]), bits) << i;
  }
}

/// All fragments of all lanes: A, B and C hold small integers, every sum is exact, every element is different.
void testMma(
    float (*decode)(uint16_t), const std::function<uint16_t(float)> &encode,
    const std::function<std::vector<float>(std::vector<uint16_t>, std::vector<uint16_t>, std::vector<float>)> &run) {
  std::mt19937 random(3);
  auto integers = [&](size_t count) {
    std::vector<uint16_t> values(count);
    for (uint16_t &value : values)
      value = encode(static_cast<float>(static_cast<int>(random() % 31) - 15));
    return values;
  };
  const auto a = integers(16 * 16), b = integers(16 * 8);
  std::vector<float> c(16 * 8);
  for (size_t i = 0; i < c.size(); ++i)
    c[i] = static_cast<float>(i) * 1000;
  const auto d = run(a, b, c);
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float expected = c[row * 8 + column];
      for (int k = 0; k < 16; ++k)
        expected += decode(a[row * 16 + k]) * decode(b[k * 8 + column]);
      ASSERT_EQ(d[row * 8 + column], expected) << row << "," << column;
    }
}

TEST_F(ArchTest, MatrixProduct) {
  for (int seed = 1; seed <= 5; ++seed) {
    restartWithSeed(seed);
    for (const bool half : {false, true}) {
      const auto decode = half ? decodeF16 : decodeBf16;
      testMma(
          decode, [&](float x) { return referenceRound(x, decode, half ? 0x7c00 : 0x7f80); },
          [&](const std::vector<uint16_t> &a, const std::vector<uint16_t> &b, const std::vector<float> &c) {
            struct {
              const uint16_t *a, *b;
              float *d;
            } args{upload(a), upload(b), upload(c)};
            EXPECT_EQ(launch(kernel(half ? "mma_f16" : "mma_bf16", "arch"), 1, 32, args), CUDA_SUCCESS);
            EXPECT_EQ(finish(), CUDA_SUCCESS);
            return download(args.d, 16 * 8);
          });
    }
  }
}

TEST_F(ArchTest, Shuffles) {
  struct {
    uint32_t *out;
  } args{allocate<uint32_t>(5 * 128)};
  ASSERT_EQ(launch(kernel("shuffles", "arch"), 1, 128, args), CUDA_SUCCESS);
  ASSERT_EQ(finish(), CUDA_SUCCESS);
  const auto out = download(args.out, 5 * 128);
  for (uint32_t i = 0; i < 128; ++i) {
    uint32_t votes = 0;
    for (uint32_t lane = 0; lane < 32; ++lane)
      votes |= ((i / 32 * 32 + lane) % 3 != 0 ? 1u : 0u) << lane;
    EXPECT_EQ(out[384 + i], votes);
    EXPECT_EQ(out[512 + i], i % 32 + 1);
    EXPECT_EQ(out[i], i / 32 * 32 + (i % 32 ^ 5));
    EXPECT_EQ(out[128 + i], i / 32 * 32 + (i % 32 * 7 + 3) % 32);
    EXPECT_EQ(out[256 + i], std::bit_cast<uint32_t>(static_cast<float>(i / 32 * 32 + 31)));
  }
}

TEST_F(ArchTest, Arithmetic) {
  std::vector<float> in(32);
  for (int i = 0; i < 32; ++i)
    in[i] = (static_cast<float>(i) - 15.5f) * 0.7f;
  struct {
    const float *in;
    float *out;
  } args{upload(in), allocate<float>(5 * 32)};
  ASSERT_EQ(launch(kernel("math", "arch"), 1, 32, args), CUDA_SUCCESS);
  ASSERT_EQ(finish(), CUDA_SUCCESS);
  const auto out = download(args.out, 5 * 32);
  for (int i = 0; i < 32; ++i) {
    const double x = in[i];
    EXPECT_FLOAT_EQ(out[i], static_cast<float>(std::exp(x)));
    EXPECT_FLOAT_EQ(out[32 + i], static_cast<float>(std::exp2(x)));
    EXPECT_FLOAT_EQ(out[64 + i], static_cast<float>(1 / std::sqrt(std::fabs(x))));
    EXPECT_FLOAT_EQ(out[96 + i], static_cast<float>(std::tanh(x)));
    EXPECT_EQ(out[128 + i], static_cast<float>(x * x - 1)); // one rounding: x * x is exact in double
  }
}

} // namespace
} // namespace cadenza::emulation

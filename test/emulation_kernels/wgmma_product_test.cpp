// The product of many tokens on Hopper against a reference in double precision.
#include "test/emulation_kernels/wgmma_configs.cuh"
#include "test/emulation_kernels/wgmma_test.h"

namespace cadenza::emulation {
namespace {

class WgmmaProductTest : public WgmmaKernelTest {
protected:
  struct Division {
    const char *name;
    WgmmaTiles tiles;
    bool isF16;
    int outBytes;

    template <class D> static Division of(const char *name) {
      return {name, D::Product::tiles, std::is_same_v<typename D::type, f16>,
              static_cast<int>(sizeof(typename D::Out))};
    }
  };
#define CADENZA_DIVISION(name) Division::of<wgmma::name>(#name),
  const std::vector<Division> divisions_{CADENZA_WGMMA_DIVISIONS(CADENZA_DIVISION)};

  /// W [rows][columns] · Xᵀ [columns][tokens]; X has room for `room` tokens.
  struct Shape {
    int rows, columns, tokens, room;
  };

  /// Runs a division on random operands; checks what is stored, and that nothing else is. Rows of the result are apart.
  std::vector<float> check(const Division &d, const Shape &shape, int blocks, int seed) {
    restartWithSeed(seed);
    reseed();
    const auto round = [&](std::vector<float> values) {
      return d.isF16 ? emulation::rounded<f16>(std::move(values)) : emulation::rounded<bf16>(std::move(values));
    };
    const auto store = [&](const std::vector<float> &values) {
      return d.isF16 ? bits<f16>(values) : bits<bf16>(values);
    };
    const int stride = round_up(shape.columns, 8), outStride = round_up(shape.rows, 4) + 4;
    const std::vector<float> weights = round(random(shape.rows * shape.columns));
    std::vector<float> x = round(random(shape.room * stride));
    for (int token = 0; token < shape.room; ++token)
      for (int k = 0; k < stride; ++k)
        if (token >= shape.tokens || k >= shape.columns)
          x[static_cast<size_t>(token * stride + k)] = NAN; // belongs to nobody
    const auto packed =
        d.isF16 ? pack<f16>(weights, shape.rows, shape.columns) : pack<bf16>(weights, shape.rows, shape.columns);
    const CUtensorMap *weightsMap =
        uploadMap(weights_map(d.tiles, static_cast<uint64_t>(shape.rows), static_cast<uint64_t>(shape.columns)),
                  upload(packed), d.isF16);
    const CUtensorMap *xMap =
        uploadMap(activations_map(d.tiles, static_cast<uint64_t>(shape.room), static_cast<uint64_t>(shape.columns),
                                  static_cast<uint64_t>(stride)),
                  upload(store(x)), d.isF16);
    const int count = shape.room * outStride;
    std::vector<float> result(static_cast<size_t>(count), 12345);
    if (d.outBytes == 2)
      result = round(result);
    const float mark = result[0];
    const uint64_t out = d.outBytes == 4 ? word(upload(result)) : word(upload(store(result)));
    const auto pair = [](int low, int high) { return static_cast<uint64_t>(low) | static_cast<uint64_t>(high) << 32; };
    start(d.name, {blocks * d.tiles.cluster, d.tiles.threads(), d.tiles.shared_bytes(), 5, d.tiles.cluster},
          {word(weightsMap), word(xMap), pair(shape.rows, shape.columns), pair(shape.tokens, outStride), out},
          "wgmma_templates");
    EXPECT_EQ(finish(), CUDA_SUCCESS) << message();
    if (d.outBytes == 4) {
      result = download(reinterpret_cast<const float *>(out), result.size());
    } else {
      const auto raw = download(reinterpret_cast<const uint16_t *>(out), result.size());
      result = d.isF16 ? floats<f16>(raw) : floats<bf16>(raw);
    }
    double worst = 0;
    int elsewhere = 0;
    for (int token = 0; token < shape.room; ++token)
      for (int row = 0; row < outStride; ++row) {
        const float actual = result[static_cast<size_t>(token * outStride + row)];
        if (token >= shape.tokens || row >= shape.rows) {
          elsewhere += actual != mark;
          continue;
        }
        double sum = 0, magnitude = 0;
        for (int k = 0; k < shape.columns; ++k) {
          const double term = static_cast<double>(weights[static_cast<size_t>(row * shape.columns + k)]) *
                              x[static_cast<size_t>(token * stride + k)];
          sum += term;
          magnitude += std::fabs(term);
        }
        const double rounding = d.outBytes == 4 ? 0 : d.isF16 ? 0x1p-11 : 0x1p-8;
        const double error = std::fabs(actual - sum) / (0x1p-21 * magnitude + 1.01 * rounding * std::fabs(sum) + 1e-7);
        worst = std::isnan(error) ? INFINITY : std::max(worst, error);
      }
    EXPECT_LE(worst, 1) << d.name << ", seed " << seed;
    EXPECT_EQ(elsewhere, 0) << d.name << ", seed " << seed << ": wrote what does not exist";
    return result;
  }
};

TEST_F(WgmmaProductTest, EqualsTheReference) {
  for (const Division &d : divisions_)
    for (int seed = 1; seed <= 3; ++seed)
      check(d, {4 * d.tiles.rows, 192, 2 * d.tiles.tokens, 2 * d.tiles.tokens}, 2, seed);
}

/// Rows that end inside a tile and inside a cluster, columns inside a step, tokens inside a chunk; odd rows.
TEST_F(WgmmaProductTest, EdgesOfEverything) {
  for (const Division &d : divisions_) {
    check(d, {d.tiles.rows + 41, 100, d.tiles.tokens + 7, 2 * d.tiles.tokens}, 1, 1);
    check(d, {24, 264, 1, 16}, 1, 2);
    check(d, {2 * d.tiles.rows + 16, 72, d.tiles.tokens - 1, d.tiles.tokens}, 3, 3);
  }
}

/// Neither the division nor a token's place decides a row's bits, nor does the schedule.
TEST_F(WgmmaProductTest, BitsAreThoseOfTheOperands) {
  const Shape shape{200, 328, 50, 64};
  std::vector<float> expected;
  for (const Division &d : divisions_)
    if (!d.isF16 && d.outBytes == 4)
      for (int seed = 1; seed <= 3; ++seed) {
        const std::vector<float> result = check(d, shape, 2, seed);
        expected = expected.empty() ? result : expected;
        EXPECT_EQ(result, expected) << d.name << ", seed " << seed;
      }
}

/// What is chosen fits, and there is a choice whenever row groups fit in the rows of a tile.
TEST(WgmmaTilesTest, ChoicesFit) {
  for (int tokens : {16, 128, 1024, 4096})
    for (int rows : {16, 640, 4096, 128256})
      for (int columns : {64, 1000, 8192})
        for (int slots : {1, 2})
          for (int group : {1, 64, 80, 128, 256})
            for (int multiprocessors : {4, 114, 132}) {
              const TokenShape shape{tokens, rows, columns, 512, slots, group, 0};
              const WgmmaTiles tiles = wgmma_tiles(shape, multiprocessors);
              EXPECT_EQ(tiles.tokens == 0, group == 80 || group * slots > 256) << group << ", " << slots;
              if (tiles.tokens == 0)
                continue;
              EXPECT_TRUE(wgmma_tiles_fit(tiles, shape));
              EXPECT_EQ(tiles.rows / slots % group, 0);
              const int blocks = wgmma_blocks(tiles, tokens, rows, slots, multiprocessors);
              EXPECT_EQ(blocks % tiles.cluster, 0);
              EXPECT_GT(blocks, 0);
              EXPECT_LE(blocks, 2 * multiprocessors);
            }
  EXPECT_EQ(wgmma_tiles({128, 4096, 1024, 256, 1, 1, 0}, 132).tokens, 0) << "int8";
  EXPECT_EQ(wgmma_tiles({128, 4096, 1024, 512, 1, 1, 96}, 132).tokens, 0) << "segments that begin inside tiles";
  EXPECT_EQ(wgmma_tiles({2048, 2048, 2048, 512, 1, 128, 0}, 132), (WgmmaTiles{128, 256, 2, 1, 4, 1})) << "measured";
}

} // namespace
} // namespace cadenza::emulation

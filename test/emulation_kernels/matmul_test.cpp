// Products of graphs against a reference in double precision.
#include "test/emulation_kernels/matmul_configs.cuh"
#include "test/emulation_kernels/tensor_test.h"

namespace cadenza::emulation {
namespace {

class MatmulTest : public TensorTest {
protected:
  /// A product as its configuration says.
  struct Product {
    std::string name;
    Geometry geometry;
    Element type;
    int depth;
    bool hasEpilogue;
    Tensor a, b, c;

    template <class Config> static Product of(const std::string &name) {
      using Batch = Config::batch;
      return {name,
              Geometry::of<Matmul<Config>>(),
              elementOf<typename Config::type>,
              Config::depth,
              Config::epilogue::words > 0,
              Tensor::of<Batch, typename Config::a>(Config::rows, Config::depth),
              Tensor::of<Batch, typename Config::b>(Config::depth, Config::columns),
              Tensor::of<Batch, typename Config::c>(Config::rows, Config::columns)};
    }
  };

  /// Runs it on random operands: the error of each element, in units of what the types' rounding of operands, sums and
  /// result may do, at most 1.
  double worst(Product p) {
    fill(p.a);
    fill(p.b);
    mark(p.c);
    const uint64_t result = uploadTensor(p.c);
    Words words{uploadTensor(p.a), uploadTensor(p.b), result};
    const std::vector<float> bias = random(p.c.columns), residual = random(2000 * p.c.columns);
    if (p.hasEpilogue) {
      words.push_back(word(upload(bias)));
      words.push_back(word(upload(residual)));
    }
    run(p.name, p.geometry, words, "graph_templates");
    downloadTensor(p.c, result);
    bits_ = p.c.values;
    EXPECT_TRUE(isMarkedElsewhere(p.c)) << p.name << ": wrote beside the result";

    double worst = 0;
    for (int batch = 0; batch < static_cast<int>(p.c.first.size()); ++batch)
      for (int row = 0; row < p.c.rows; ++row)
        for (int column = 0; column < p.c.columns; ++column) {
          double sum = 0, magnitude = 0;
          for (int k = 0; k < p.depth; ++k) {
            const double term =
                static_cast<double>(stored(p.type, p.a.at(batch, row, k))) * stored(p.type, p.b.at(batch, k, column));
            sum += term;
            magnitude += std::fabs(term);
          }
          if (p.hasEpilogue) {
            const double of_residual =
                residual[static_cast<size_t>(batch * 1000 + row) * bias.size() + static_cast<size_t>(column)];
            sum = of_residual + std::max(sum + bias[static_cast<size_t>(column)], 0.0);
            magnitude += std::fabs(of_residual) + 1;
          }
          const double bound = 0x1p-21 * magnitude + 1.01 * rounding(p.c.type) * std::fabs(sum) + 1e-7;
          const double error = std::fabs(p.c.at(batch, row, column) - sum) / bound;
          worst = std::max(worst, std::isnan(error) ? INFINITY : error);
        }
    return worst;
  }

#define CADENZA_PRODUCT(name) Product::of<graph::name>(#name),
  const std::vector<Product> plain_{CADENZA_PRODUCTS(CADENZA_PRODUCT)};
  const std::vector<Product> clustered_{CADENZA_CLUSTER_PRODUCTS(CADENZA_PRODUCT)};
  std::vector<float> bits_; // the latest result
};

TEST_F(MatmulTest, EqualsTheReference) {
  for (int seed = 1; seed <= 3; ++seed) {
    restartWithSeed(seed);
    for (const auto *products : {&plain_, &clustered_})
      for (const Product &product : *products)
        EXPECT_LE(worst(product), 1.0) << product.name << ", seed " << seed;
  }
}

TEST_F(MatmulTest, RunsOnDevicesWithoutClusters) {
  restart({{"CADENZA_EMULATED_CAPABILITY", "8.0"}});
  for (const Product &product : plain_)
    EXPECT_LE(worst(product), 1.0) << product.name;
}

TEST_F(MatmulTest, SameBitsUnderEverySeed) {
  std::vector<Product> products = clustered_;
  products.push_back(Product::of<graph::parts_by_warps>("parts_by_warps"));
  products.push_back(Product::of<graph::rounded_result>("rounded_result"));
  for (const Product &product : products) {
    std::vector<float> expected;
    for (int seed = 1; seed <= 5; ++seed) {
      restartWithSeed(seed);
      reseed();
      worst(product);
      if (seed == 1)
        expected = bits_;
      EXPECT_EQ(bits_, expected) << product.name << ", seed " << seed;
    }
  }
}

/// A launch that begins before the one that writes its operand is complete.
TEST_F(MatmulTest, DependentLaunches) {
  for (int seed = 1; seed <= 10; ++seed) {
    restartWithSeed(seed);
    Product first = Product::of<graph::chain_first>("chain_first"),
            second = Product::of<graph::chain_second>("chain_second");
    fill(first.a);
    fill(first.b);
    const uint64_t matrix = uploadTensor(first.b), middle = uploadTensor(first.c), out = uploadTensor(second.c);
    start(first.name, first.geometry, {uploadTensor(first.a), matrix, middle}, "graph_templates");
    start(second.name, second.geometry, {middle, matrix, out}, "graph_templates", true);
    ASSERT_EQ(finish(), CUDA_SUCCESS) << message();
    downloadTensor(first.c, middle);
    downloadTensor(second.c, out);
    for (int row = 0; row < 64; ++row)
      for (int column = 0; column < 64; ++column) {
        double sum = 0;
        for (int k = 0; k < 64; ++k)
          sum += static_cast<double>(first.c.at(0, row, k)) * first.b.at(0, k, column);
        ASSERT_NEAR(second.c.at(0, row, column), sum, 1e-4) << "seed " << seed;
      }
  }
}

/// Products of fp32 are as good as those of an fp32 unit.
TEST_F(MatmulTest, FloatsAreAsExactAsFma) {
  Product p = Product::of<graph::long_sums>("long_sums");
  fill(p.a);
  fill(p.b);
  const uint64_t out = uploadTensor(p.c);
  run(p.name, p.geometry, {uploadTensor(p.a), uploadTensor(p.b), out}, "graph_templates");
  downloadTensor(p.c, out);
  double ours = 0, plain = 0;
  for (int row = 0; row < p.c.rows; ++row)
    for (int column = 0; column < p.c.columns; ++column) {
      double exact = 0;
      float fma = 0;
      for (int k = 0; k < p.depth; ++k) {
        exact += static_cast<double>(p.a.at(0, row, k)) * p.b.at(0, k, column);
        fma = std::fma(p.a.at(0, row, k), p.b.at(0, k, column), fma);
      }
      ours += std::pow(p.c.at(0, row, column) - exact, 2);
      plain += std::pow(fma - exact, 2);
    }
  EXPECT_LE(ours, 2 * plain);
}

/// Every choice is one that the kernel takes and every device has room for.
TEST(GraphTiles, ChoicesFit) {
  for (int batch : {1, 12})
    for (int rows : {1, 16, 128, 130, 2048})
      for (int columns : {1, 7, 384, 3072, 30522})
        for (int depth : {1, 64, 384, 768, 3072})
          for (int bytes : {2, 4})
            for (bool along_k : {false, true})
              for (bool clusters : {false, true}) {
                const MatmulShape shape{batch, rows, columns, depth, bytes, along_k, !along_k};
                const MatmulTiles tiles = matmul_tiles(shape, 132, clusters);
                const MatmulLaunch launch = matmul_launch(tiles, shape);
                const int steps = tiles.depth * bytes / 32; // of a stage
                ASSERT_TRUE(launch.shared_bytes <= tiles_shared_limit && launch.threads <= 256 && launch.blocks > 0);
                ASSERT_TRUE(tiles.rows % (16 * tiles.row_warps) == 0 &&
                            tiles.columns % (16 * tiles.column_warps) == 0 && steps % tiles.depth_warps == 0 &&
                            tiles.rows % tiles.cluster == 0);
                ASSERT_TRUE(clusters || tiles.cluster == 1);
              }
  for (int heads : {1, 12, 96})
    for (int queries : {1, 128, 2048})
      for (int keys : {1, 128, 2048})
        for (int dim = 8; dim <= 256; dim += 8)
          for (int bytes : {2, 4}) {
            const AttendShape shape{heads, queries, keys, dim, bytes};
            const AttendTiles tiles = attend_tiles(shape, 132);
            const AttendLaunch launch = attend_launch(tiles, shape);
            ASSERT_TRUE(tiles.keys >= 16 && launch.shared_bytes <= tiles_shared_limit && launch.threads <= 256) << dim;
          }
}

/// What is small is divided until it fills the GPU.
TEST(GraphTiles, SmallProductsFillTheGpu) {
  for (int columns : {384, 768, 1536, 3072}) {
    const MatmulShape shape{1, 128, columns, 768, 2, true, true};
    EXPECT_GE(matmul_launch(matmul_tiles(shape, 132, true), shape).blocks, 48) << columns;
  }
}

} // namespace
} // namespace cadenza::emulation

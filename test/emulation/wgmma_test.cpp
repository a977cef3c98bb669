// arch_wgmma.cuh: boxes and products equal a reference under every seed, and each mistake shows.
#include "test/emulation/driver_test.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace cadenza::emulation {
namespace {

struct Map {
  std::vector<uint64_t> extents, strides; // strides: bytes, of all but the innermost
  std::vector<unsigned> box;
  CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
  CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
};

class WgmmaTest : public DriverTest {
protected:
  static CUresult encode(CUtensorMap *map, const Map &m, const void *address) {
    const std::vector<unsigned> ones(m.box.size(), 1);
    return cuTensorMapEncodeTiled(map, m.type, static_cast<unsigned>(m.extents.size()), const_cast<void *>(address),
                                  m.extents.data(), m.strides.data(), m.box.data(), ones.data(),
                                  CU_TENSOR_MAP_INTERLEAVE_NONE, m.swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                                  CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  }
  CUtensorMap *uploadMap(const Map &m, const void *address) {
    CUtensorMap map;
    EXPECT_EQ(encode(&map, m, address), CUDA_SUCCESS);
    return upload(std::vector<CUtensorMap>{map});
  }
};

// Boxes ---------------------------------------------------------------------------------------------------------------

struct BoxArgs {
  const CUtensorMap *map;
  unsigned char *out;
  uint64_t bytes;
  int coordinates[4];
  uint64_t ranks;
};

/// The bytes of a box as the PTX ISA draws them: elements one after the other, those outside zero; then, in units of 16
/// bytes, column c of row r of a swizzle of b bytes stands in column c ^ (r mod b / 16), where a row has 128 bytes.
std::vector<uint16_t> referenceBox(const Map &m, const std::vector<uint16_t> &data, const int *coordinates) {
  const size_t rank = m.extents.size();
  std::vector<uint16_t> linear;
  std::vector<unsigned> at(rank, 0);
  for (bool more = true; more;) {
    uint64_t byte = 0;
    bool exists = true;
    for (size_t i = 0; i < rank; ++i) {
      const int64_t place = int64_t{coordinates[i]} + at[i];
      exists = exists && place >= 0 && place < static_cast<int64_t>(m.extents[i]);
      byte += static_cast<uint64_t>(place) * (i == 0 ? 2 : m.strides[i - 1]);
    }
    linear.push_back(exists ? data[byte / 2] : 0);
    more = false;
    for (size_t i = 0; i < rank && !more; ++i) {
      more = ++at[i] < m.box[i];
      at[i] = more ? at[i] : 0;
    }
  }
  std::vector<uint16_t> swizzled(linear.size());
  const size_t exchanged = size_t{1} << m.swizzle; // units of a swizzle's row
  for (size_t i = 0; i < linear.size(); ++i) {
    const size_t unit = i / 8, row = unit / 8, column = unit % 8;
    swizzled[(row * 8 + (column ^ row % exchanged)) * 8 + i % 8] = linear[i];
  }
  return swizzled;
}

TEST_F(WgmmaTest, BoxesAsTheirMapsSay) {
  std::vector<uint16_t> data(1 << 16);
  std::iota(data.begin(), data.end(), 1);
  struct Case {
    Map map;
    int coordinates[4];
  };
  const Case cases[] = {{{{100, 30}, {208}, {64, 24}, CU_TENSOR_MAP_SWIZZLE_128B}, {32, 8, 0, 0}}, // over both edges
                        {{{100, 30}, {208}, {32, 24}, CU_TENSOR_MAP_SWIZZLE_64B}, {-3, -5, 0, 0}}, // before both
                        {{{100, 30}, {208}, {16, 8}, CU_TENSOR_MAP_SWIZZLE_32B}, {7, 3, 0, 0}},
                        {{{100, 30}, {208}, {24, 16}, CU_TENSOR_MAP_SWIZZLE_NONE}, {90, 20, 0, 0}},
                        {{{100, 30}, {208}, {64, 8}, CU_TENSOR_MAP_SWIZZLE_128B}, {0, 40, 0, 0}}, // outside
                        {{{32, 16, 20}, {64, 1024}, {32, 16, 3}, CU_TENSOR_MAP_SWIZZLE_64B}, {0, 0, 18, 0}},
                        // A packed matrix of 5 tiles and 3 steps: tiles first.
                        {{{32, 16, 5, 3}, {64, 3072, 1024}, {32, 16, 4, 2}, CU_TENSOR_MAP_SWIZZLE_64B}, {0, 0, 0, 0}},
                        {{{32, 16, 5, 3}, {64, 3072, 1024}, {32, 16, 4, 2}, CU_TENSOR_MAP_SWIZZLE_64B}, {0, 0, 4, 2}}};
  for (int seed = 1; seed <= 5; ++seed) {
    restartWithSeed(seed);
    const uint16_t *memory = upload(data);
    for (const Case &c : cases) {
      const std::vector<uint16_t> expected = referenceBox(c.map, data, c.coordinates);
      BoxArgs args{uploadMap(c.map, memory), allocate<unsigned char>(expected.size() * 2), expected.size() * 2, {}, 0};
      std::copy_n(c.coordinates, 4, args.coordinates);
      const std::string name = "box_" + std::to_string(c.map.extents.size()) + "d";
      ASSERT_EQ(launch(kernel(name, "wgmma"), 1, 32, args, static_cast<unsigned>(args.bytes + 8)), CUDA_SUCCESS);
      ASSERT_EQ(finish(), CUDA_SUCCESS) << message();
      EXPECT_EQ(download(reinterpret_cast<uint16_t *>(args.out), expected.size()), expected)
          << name << ", box of " << c.map.box[0] << " at " << c.coordinates[0];
    }
  }
}

TEST_F(WgmmaTest, MulticastReachesAllBlocks) {
  std::vector<uint16_t> data(64 * 64);
  std::iota(data.begin(), data.end(), 1);
  Map map{{64, 64}, {128}, {64, 16}, CU_TENSOR_MAP_SWIZZLE_128B}, whole = map;
  whole.box[1] = 32;
  const int origin[4] = {};
  const std::vector<uint16_t> expected = referenceBox(whole, data, origin);
  for (const auto &[name, right] : {std::pair{"multicast", true}, {"multicast_before_the_others_are_there", false}}) {
    int wrong = 0;
    for (int seed = 1; seed <= 20; ++seed) {
      restartWithSeed(seed);
      BoxArgs args{uploadMap(map, upload(data)), allocate<unsigned char>(4 * 4096), 4096, {}, 3};
      std::vector<CUlaunchAttribute> attributes{attribute(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION)};
      attributes.back().value.clusterDim = {2, 1, 1};
      ASSERT_EQ(launch(kernel(name, "wgmma"), 4, 32, args, 4096 + 8, attributes), CUDA_SUCCESS);
      bool good = finish() == CUDA_SUCCESS;
      for (int block = 0; good && block < 4; ++block)
        good = download(reinterpret_cast<uint16_t *>(args.out + block * 4096), expected.size()) == expected;
      wrong += !good;
    }
    if (right)
      EXPECT_EQ(wrong, 0) << message();
    else
      EXPECT_GT(wrong, 10);
  }
}

TEST_F(WgmmaTest, MapsThatTheDriverRefuses) {
  alignas(64) CUtensorMap map;
  const uint16_t *memory = allocate<uint16_t>(1024);
  const Map good{{64, 16}, {128}, {64, 16}, CU_TENSOR_MAP_SWIZZLE_128B};
  EXPECT_EQ(encode(&map, good, memory), CUDA_SUCCESS);
  EXPECT_EQ(encode(&map, good, memory + 4), CUDA_ERROR_INVALID_VALUE);
  const auto refused = [&](auto change) {
    Map bad = good;
    change(bad);
    return encode(&map, bad, memory);
  };
  EXPECT_EQ(refused([](Map &m) { m.box[0] = 128; }), CUDA_ERROR_INVALID_VALUE); // more than the swizzle's bytes
  EXPECT_EQ(refused([](Map &m) { m.box[0] = 4; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(refused([](Map &m) { m.box[1] = 257; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(refused([](Map &m) { m.strides[0] = 120; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(refused([](Map &m) { m.extents[1] = 0; }), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(WgmmaTest, UsesOfMapsThatFail) {
  const Map map{{64, 16}, {128}, {64, 16}, CU_TENSOR_MAP_SWIZZLE_128B};
  struct Case {
    uint64_t what;
    CUresult code;
    const char *reason;
  };
  for (const Case &c : {Case{0, CUDA_ERROR_LAUNCH_FAILED, "no acquire_tensor_map"},
                        Case{1, CUDA_ERROR_MISALIGNED_ADDRESS, "the map is 64-byte aligned"},
                        Case{2, CUDA_ERROR_LAUNCH_FAILED, "no tensor map of 3 dimensions"},
                        Case{3, CUDA_ERROR_MISALIGNED_ADDRESS, "the destination is 128-byte aligned"},
                        Case{4, CUDA_ERROR_ILLEGAL_ADDRESS, "not in this block's shared memory"},
                        Case{5, CUDA_ERROR_ILLEGAL_ADDRESS, "are not in one allocation"}}) {
    restartWithSeed(1);
    const uint16_t *memory = allocate<uint16_t>(c.what == 5 ? 64 * 15 : 64 * 16);
    BoxArgs args{uploadMap(map, memory), nullptr, 2048, {}, c.what};
    ASSERT_EQ(launch(kernel("bad_box", "wgmma"), 1, 32, args, 2048 + 8), CUDA_SUCCESS);
    EXPECT_EQ(finish(), c.code) << c.what;
    EXPECT_NE(message().find(c.reason), std::string::npos) << message();
  }
}

// Products ------------------------------------------------------------------------------------------------------------

struct ProductArgs {
  const CUtensorMap *a_map, *b_map;
  const uint16_t *a, *b;
  float *d;
  uint64_t steps;
};

class WarpgroupTest : public WgmmaTest {
protected:
  struct Product {
    const char *name;
    unsigned columns;                         // of D
    unsigned rowBytes;                        // of the swizzle
    bool isF16 = false, isTransposed = false; // transposed: B lies as [K][N]
  };
  static constexpr uint64_t steps = 5;

  /// Integers, so that sums are exact in any order.
  std::vector<float> numbers(size_t count) {
    std::vector<float> values(count);
    for (float &x : values)
      x = static_cast<float>(static_cast<int>(generator_() % 15) - 7);
    return values;
  }
  static std::vector<uint16_t> stored(const std::vector<float> &values, bool isF16) {
    std::vector<uint16_t> bits;
    for (float x : values) {
      const auto half = static_cast<_Float16>(x);
      bits.push_back(isF16 ? __builtin_bit_cast(uint16_t, half)
                           : static_cast<uint16_t>(__builtin_bit_cast(uint32_t, x) >> 16));
    }
    return bits;
  }

  /// Whether D = 1 + A · Bᵀ comes out under this seed.
  bool isRight(const Product &p, int seed) {
    restartWithSeed(seed);
    const unsigned row = p.rowBytes / 2, depth = row * steps;
    const std::vector<float> a = numbers(size_t{64} * depth), b = numbers(size_t{p.columns} * depth);
    const uint16_t *aMemory = upload(stored(a, p.isF16)), *bMemory = upload(stored(b, p.isF16));
    if (p.isTransposed) {
      std::vector<float> other(b.size());
      for (size_t i = 0; i < b.size(); ++i)
        other[i % depth * p.columns + i / depth] = b[i];
      bMemory = upload(stored(other, p.isF16));
    }
    const auto map = [&](unsigned rows) {
      return Map{{depth, rows},
                 {depth * 2},
                 {row, rows},
                 p.rowBytes == 128 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B};
    };
    const ProductArgs args{
        uploadMap(map(64), aMemory),
        uploadMap(p.isTransposed ? Map{{p.columns, depth}, {p.columns * 2}, {64, row}, CU_TENSOR_MAP_SWIZZLE_128B}
                                 : map(p.columns),
                  bMemory),
        aMemory,
        bMemory,
        allocate<float>(size_t{64} * p.columns),
        steps};
    const unsigned shared = 2 * (64 + p.columns) * p.rowBytes + 16;
    const CUfunction function = kernel(p.name, "wgmma");
    EXPECT_EQ(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(shared)),
              CUDA_SUCCESS);
    EXPECT_EQ(launch(function, 1, 128, args, shared), CUDA_SUCCESS);
    if (finish() != CUDA_SUCCESS)
      return false;
    const std::vector<float> d = download(args.d, size_t{64} * p.columns);
    for (unsigned i = 0; i < 64; ++i)
      for (unsigned j = 0; j < p.columns; ++j) {
        float sum = 1;
        for (unsigned k = 0; k < depth; ++k)
          sum += a[size_t{i} * depth + k] * b[size_t{j} * depth + k];
        if (!(d[size_t{i} * p.columns + j] == sum))
          return false;
      }
    return true;
  }
  int wrongRuns(const Product &p, int seeds) {
    int count = 0;
    for (int seed = 1; seed <= seeds; ++seed)
      count += !isRight(p, seed);
    return count;
  }

private:
  std::mt19937 generator_{5};
};

TEST_F(WarpgroupTest, ProductsUnderEverySeed) {
  for (const Product &p :
       {Product{"product_16", 16, 128}, Product{"product_32", 32, 64, true}, Product{"product_64", 64, 64},
        Product{"product_96", 96, 128, true}, Product{"product_128", 128, 128}, Product{"product_192", 192, 64},
        Product{"product_256", 256, 128}, Product{"product_of_stores", 32, 128},
        Product{"product_of_stores_64", 32, 64, true}, Product{"product_of_registers", 32, 128},
        Product{"product_of_registers_f16", 64, 64, true}, Product{"product_transposed_64", 64, 128, false, true},
        Product{"product_transposed_128", 128, 128, true, true}})
    EXPECT_EQ(wrongRuns(p, p.columns > 100 ? 5 : 12), 0) << p.name << ": " << message();
}
TEST_F(WarpgroupTest, SumsReadBeforeTheWaitShow) { EXPECT_EQ(wrongRuns({"no_wait", 32, 128}, 20), 20); }
TEST_F(WarpgroupTest, StageFilledTooEarlyShows) { EXPECT_GT(wrongRuns({"early_refill", 32, 128}, 40), 25); }
TEST_F(WarpgroupTest, MissingFenceShows) {
  EXPECT_EQ(wrongRuns({"no_fence", 32, 128}, 5), 5);
  EXPECT_NE(message().find("wgmma without wgmma_fence"), std::string::npos) << message();
}
TEST_F(WarpgroupTest, MissingProxyFenceShows) {
  EXPECT_EQ(wrongRuns({"no_proxy_fence", 32, 128}, 20), 20);
  EXPECT_GT(wrongRuns({"one_warp_has_no_fence", 32, 128}, 40), 3); // it must store last
}
TEST_F(WarpgroupTest, WrongDescriptorsShow) {
  for (const Product &p :
       {Product{"other_swizzle", 32, 128}, Product{"other_swizzle_64", 32, 64}, Product{"other_distance", 32, 128},
        Product{"other_distance_transposed", 128, 128, false, true}})
    EXPECT_EQ(wrongRuns(p, 5), 5) << p.name;
}
TEST_F(WarpgroupTest, RegistersTouchedInFlightShow) {
  EXPECT_EQ(wrongRuns({"sums_written", 32, 128}, 5), 5);
  EXPECT_NE(message().find("were written while"), std::string::npos) << message();
  EXPECT_GT(wrongRuns({"fragment_overwritten", 32, 128}, 40), 25);
}
TEST_F(WarpgroupTest, UndefinedUsesAreNamed) {
  struct Case {
    uint64_t what;
    unsigned threads;
    CUresult code;
    const char *reason;
    const char *capability = "9.0";
  };
  for (const Case &c :
       {Case{0, 128, CUDA_ERROR_LAUNCH_FAILED, "the warps of a warpgroup give wgmma different operands"},
        Case{1, 64, CUDA_ERROR_LAUNCH_FAILED, "a warpgroup of fewer than four warps"},
        Case{2, 128, CUDA_ERROR_LAUNCH_FAILED, "exited with wgmmas in flight"},
        Case{3, 128, CUDA_ERROR_ILLEGAL_ADDRESS, "not in this block's shared memory"},
        Case{1, 128, CUDA_ERROR_LAUNCH_FAILED, "needs sm_90a", "10.0"},
        Case{1, 128, CUDA_ERROR_LAUNCH_FAILED, "needs sm_90a", "8.0"}}) {
    restart({{"CADENZA_EMULATED_CAPABILITY", c.capability}});
    const ProductArgs args{nullptr, nullptr, nullptr, nullptr, nullptr, c.what};
    ASSERT_EQ(launch(kernel("bad_product", "wgmma"), 1, c.threads, args, 16 * 1024), CUDA_SUCCESS);
    EXPECT_EQ(finish(), c.code) << c.reason;
    EXPECT_NE(message().find(c.reason), std::string::npos) << message();
  }
}
TEST_F(WarpgroupTest, RegistersThatOthersGive) {
  for (int seed = 1; seed <= 10; ++seed) {
    restartWithSeed(seed);
    ASSERT_EQ(
        launch(kernel("registers", "wgmma"), 1, 384, ProductArgs{nullptr, nullptr, nullptr, nullptr, nullptr, 232}),
        CUDA_SUCCESS);
    EXPECT_EQ(finish(), CUDA_SUCCESS) << message();
  }
  ASSERT_EQ(launch(kernel("registers", "wgmma"), 1, 384, ProductArgs{nullptr, nullptr, nullptr, nullptr, nullptr, 240}),
            CUDA_SUCCESS);
  EXPECT_EQ(finish(), CUDA_ERROR_LAUNCH_FAILED); // more than there are: for ever
}

} // namespace
} // namespace cadenza::emulation

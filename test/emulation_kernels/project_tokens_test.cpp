// Products of tiles of tokens: against references in double precision, against the kernels of one token, and each
// division against the others, bit by bit.
#include "test/emulation_kernels/tokens_test.h"

namespace cadenza::emulation {
namespace {

using tokens::direct;
using tokens::down;

class ProjectTokensTest : public TokensTest {
protected:
  // Query, key and value ----------------------------------------------------------------------------------------------

  struct QkvResult {
    Rows query;
    std::vector<uint16_t> key, value; // caches [2][positions][dim]
    bool operator==(const QkvResult &) const = default;
  };
  static constexpr int columns = 192, ring = 66, longest = 70; // positions wrap in the last tokens of 64

  struct QkvData {
    int dim, rotary;
    Rows x;
    std::vector<float> gamma, weights, qGamma, kGamma, table;
  };
  QkvData qkvData(int dim) { return qkvData(dim, tokens::rotary_of(dim)); }
  QkvData qkvData(int dim, int rotary) {
    return {dim,
            rotary,
            randomRows(64, columns),
            random(columns),
            emulation::rounded<bf16>(random(8 * dim * columns, 0.1f)),
            random(dim),
            random(dim),
            random(longest * rotary)};
  }

  /// The tile of `count` tokens from the first-th of the data's on, of which `live` are.
  template <class Config>
  QkvResult qkv(const std::string &name, const QkvData &data, int count, int live, int first = 0) {
    const int dim = data.dim;
    const auto cache = std::vector<uint16_t>(static_cast<size_t>(2 * ring * dim), 0xffff);
    auto *query = markedEdge<float>(count, 4 * dim);
    auto *key = upload(cache), *value = upload(cache);
    auto *state = uploadState(tile(live, base + first));
    auto *angles = upload(data.table);
    runPhase<Config>({name,
                      "qkv_one_warp",
                      word(uploadEdge<float>(Rows(data.x.begin() + first, data.x.begin() + first + count))),
                      word(upload(pack<bf16>(data.weights, 8 * dim, columns))),
                      state,
                      {word(upload(data.gamma))},
                      {word(upload(data.qGamma)), word(upload(data.kGamma)), word(angles), word(state), word(angles),
                       word(state), word(key), word(value), word(state), ring, word(query)}},
                     count);
    return {downloadEdge(query, count, 4 * dim), download(key, cache.size()), download(value, cache.size())};
  }

  struct Heads {
    std::vector<double> query, key, value;
  };
  static Heads expected(const QkvData &data, int token) {
    const auto dim = static_cast<size_t>(data.dim);
    const std::vector<float> &x = data.x[static_cast<size_t>(token)];
    std::vector<float> activation(columns);
    for (size_t i = 0; i < activation.size(); ++i)
      activation[i] = emulation::rounded<bf16>(x[i] * data.gamma[i]); // the factor is deferred
    std::vector<double> y = multiply(data.weights, activation);
    for (double &v : y)
      v *= rmsFactor(x.data(), x.size(), 1e-6);
    const float *angles = &data.table[index((base + token) * data.rotary)];
    const auto part = [&](size_t from, size_t to) {
      return std::vector<double>(y.begin() + static_cast<long>(from * dim), y.begin() + static_cast<long>(to * dim));
    };
    return {rope(rmsNorm(part(0, 4), data.qGamma, 1e-6), angles, dim, index(data.rotary)),
            rope(rmsNorm(part(4, 6), data.kGamma, 1e-6), angles, dim, index(data.rotary)), part(6, 8)};
  }

  void check(const QkvData &data, const QkvResult &result, int live) {
    EXPECT_TRUE(isMarkedFrom(result.query, live));
    std::vector<bool> written(result.key.size());
    for (int token = 0; token < live; ++token) {
      const Heads heads = expected(data, token);
      expectNear(result.query[static_cast<size_t>(token)], heads.query, 1e-5);
      for (int head = 0; head < 2; ++head)
        for (int i = 0; i < data.dim; ++i) {
          const size_t at = index((head * ring + (base + token) % ring) * data.dim + i);
          const size_t of = index(head * data.dim + i);
          ASSERT_NEAR(arch::to_float(bf16{result.key[at]}), heads.key[of], 0.005 * std::fabs(heads.key[of]) + 1e-5);
          ASSERT_NEAR(arch::to_float(bf16{result.value[at]}), heads.value[of],
                      0.005 * std::fabs(heads.value[of]) + 1e-5);
          written[at] = true;
        }
    }
    for (size_t at = 0; at < written.size(); ++at)
      if (!written[at]) {
        ASSERT_EQ(result.key[at], 0xffff) << at;
        ASSERT_EQ(result.value[at], 0xffff) << at;
      }
  }

  // Gate and up -------------------------------------------------------------------------------------------------------

  /// Eight rows of each in turn.
  static std::vector<float> interleave(const std::vector<float> &a, const std::vector<float> &b, size_t columns) {
    std::vector<float> result;
    for (size_t first = 0; first < a.size(); first += 8 * columns)
      for (const std::vector<float> *matrix : {&a, &b})
        result.insert(result.end(), matrix->begin() + static_cast<long>(first),
                      matrix->begin() + static_cast<long>(first + 8 * columns));
    return result;
  }

  struct Matrix {
    std::vector<float> values;
    uint64_t packed;
  };
  Matrix encodedMatrix(const Encoding &encoding, int rows, int columns) {
    Matrix matrix{random(rows * columns), 0};
    matrix.packed = word(upload(packMatrix(encoding, matrix.values, rows, columns)));
    return matrix;
  }

  /// Two configurations of the interleaved product, by their names.
  template <class Small, class Wide> void checkGateUp(const std::string &name) {
    SCOPED_TRACE(name);
    const Rows x = randomRows(64, 200);
    const std::vector<float> gamma = random(200);
    const Matrix matrix = encodedMatrix(Small::encoding::encoding, 208, 200);
    const auto run = [&]<class Config>(const std::string &kernel) {
      auto *first = markedEdge<float>(64, 104), *second = markedEdge<float>(64, 104);
      runPhase<Config>({kernel,
                        "int8_small", // the prologue is the same
                        word(uploadEdge<float>(x)),
                        matrix.packed,
                        uploadState(tile(64)),
                        {word(upload(gamma))},
                        {word(first), word(second)}},
                       64);
      return std::pair(downloadEdge(first, 64, 104), downloadEdge(second, 64, 104));
    };
    const auto result = run.template operator()<Small>(name + "_small");
    for (int token = 0; token < 64; ++token) {
      const std::vector<float> &row = x[static_cast<size_t>(token)];
      std::vector<float> activation(200);
      for (size_t i = 0; i < 200; ++i)
        activation[i] = emulation::rounded<bf16>(row[i] * gamma[i]);
      const std::vector<double> y = multiply(matrix.values, activation);
      const double factor = rmsFactor(row.data(), row.size(), 1e-5);
      std::vector<double> first, second;
      for (size_t packed = 0; packed < 208; ++packed)
        (packed / 8 % 2 == 0 ? first : second).push_back(y[packed] * factor);
      expectNear(result.first[static_cast<size_t>(token)], first, 1e-5);
      expectNear(result.second[static_cast<size_t>(token)], second, 1e-5);
    }
    EXPECT_EQ(result, run.template operator()<Wide>(name + "_wide"));
  }
  /// The same of an odd number of rows.
  template <class Wide, class Small> void checkRows(const std::string &name) {
    SCOPED_TRACE(name);
    const Rows x = randomRows(32, 200);
    const Matrix matrix = encodedMatrix(Wide::encoding::encoding, 37, 200);
    const auto run = [&]<class Config>(const std::string &kernel) {
      auto *out = markedEdge<float>(32, 37);
      runPhase<Config>(
          {kernel, "int8_rows", word(uploadEdge<float>(x)), matrix.packed, uploadState(tile(32)), {}, {word(out)}}, 32);
      return downloadEdge(out, 32, 37);
    };
    const Rows result = run.template operator()<Wide>(name);
    for (size_t token = 0; token < 32; ++token)
      expectNear(result[token], multiply(matrix.values, emulation::rounded<f16>(x[token])), 1e-5);
    EXPECT_EQ(result, run.template operator()<Small>(name + "_small"));
  }
};

#define CADENZA_RUN_QKV(name, ...) qkv<tokens::name>(#name, __VA_ARGS__)

TEST_F(ProjectTokensTest, QueryKeyValue) {
  const QkvData data = qkvData(64);
  for (int live : {1, 15, 16, 17, 64}) {
    const QkvResult result = CADENZA_RUN_QKV(qkv_all_ahead, data, 64, live);
    check(data, result, live);
    EXPECT_EQ(result, CADENZA_RUN_QKV(qkv_one_warp, data, 64, live)) << live;
    EXPECT_EQ(result, CADENZA_RUN_QKV(qkv_row_warps, data, 64, live)) << live;
    EXPECT_EQ(result, CADENZA_RUN_QKV(qkv_last_stage, data, 64, live)) << live;
    EXPECT_EQ(result, CADENZA_RUN_QKV(qkv_token_warps, data, 64, live)) << live;
  }
}

TEST_F(ProjectTokensTest, HeadsOfAllSizes) {
  for (int live : {16, 33, 64}) {
    for (int dim : {72, 80, 96, 128, 256}) {
      const QkvData data = qkvData(dim);
      check(data,
            dim == 72    ? CADENZA_RUN_QKV(qkv_72, data, 64, live)
            : dim == 80  ? CADENZA_RUN_QKV(qkv_80, data, 64, live)
            : dim == 96  ? CADENZA_RUN_QKV(qkv_96, data, 64, live)
            : dim == 128 ? CADENZA_RUN_QKV(qkv_128, data, 64, live)
                         : CADENZA_RUN_QKV(qkv_256, data, 64, live),
            live);
    }
  }
}

/// Of heads that lanes can divide and of others.
TEST_F(ProjectTokensTest, WhereRowsAre) {
  static_assert(ProjectTokens<tokens::qkv_128>::Finish::lanes == 8 &&
                ProjectTokens<tokens::qkv_256>::Finish::lanes == 16);
  static_assert(ProjectTokens<tokens::qkv_one_warp>::Finish::lanes == 2 &&
                ProjectTokens<tokens::gate_up_wide>::Finish::lanes == 4);
  static_assert(!ProjectTokens<tokens::qkv_72>::Finish::in_registers);
  static_assert(!ProjectTokens<tokens::qkv_128_in_shared>::Finish::in_registers);
  for (int live : {1, 31, 64}) {
    const QkvData data = qkvData(128, 40);
    check(data, CADENZA_RUN_QKV(qkv_128_in_shared, data, 64, live), live);
  }
}

/// Neither a tile's size nor a token's place in it changes its bits.
TEST_F(ProjectTokensTest, PlaceInATileDoesNotChangeBits) {
  const QkvData data = qkvData(64);
  const QkvResult whole = CADENZA_RUN_QKV(qkv_token_warps, data, 64, 64);
  for (int first : {0, 7, 16, 48}) {
    const QkvResult part = CADENZA_RUN_QKV(qkv_one_warp, data, 16, 16, first);
    for (int token = 0; token < 16; ++token) {
      ASSERT_EQ(part.query[static_cast<size_t>(token)], whole.query[static_cast<size_t>(first + token)]);
      for (int head = 0; head < 2; ++head)
        for (int i = 0; i < 64; ++i) {
          const size_t at = index((head * ring + (base + first + token) % ring) * 64 + i);
          ASSERT_EQ(part.key[at], whole.key[at]);
          ASSERT_EQ(part.value[at], whole.value[at]);
        }
    }
  }
}

TEST_F(ProjectTokensTest, SameBitsUnderEverySeed) {
  const QkvData data = qkvData(64);
  const QkvResult result = CADENZA_RUN_QKV(qkv_token_warps, data, 64, 50);
  for (int seed = 2; seed < 12; ++seed) {
    restartWithSeed(seed);
    EXPECT_EQ(result, CADENZA_RUN_QKV(qkv_token_warps, data, 64, 50)) << seed;
    EXPECT_EQ(result, CADENZA_RUN_QKV(qkv_last_stage, data, 64, 50)) << seed;
    EXPECT_EQ(result, CADENZA_RUN_QKV(qkv_row_warps, data, 64, 50)) << seed;
  }
}

/// The same but for the order of sums.
TEST_F(ProjectTokensTest, EqualsTheKernelOfOneToken) {
  const QkvData data = qkvData(64);
  const QkvResult result = CADENZA_RUN_QKV(qkv_all_ahead, data, 32, 32);
  for (int token : {0, 13, 31}) {
    const auto cache = std::vector<uint16_t>(2 * ring * 64, 0xffff);
    auto *query = allocate<float>(256);
    auto *key = upload(cache), *value = upload(cache);
    auto *state = uploadState(at(base + token));
    auto *angles = upload(data.table);
    run<Project<phase::qkv_wide>>(
        "qkv_wide", {word(upload(data.x[static_cast<size_t>(token)])), word(upload(pack<bf16>(data.weights, 512, 192))),
                     word(upload(data.gamma)), word(upload(data.qGamma)), word(upload(data.kGamma)), word(angles),
                     word(state), word(angles), word(state), word(key), word(value), word(state), ring, word(query)});
    const std::vector<float> one = download(query, 256);
    expectNear(result.query[static_cast<size_t>(token)], {one.begin(), one.end()}, 2e-6);
    const std::vector<uint16_t> keys = download(key, cache.size()), values = download(value, cache.size());
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == 0xffff)
        continue;
      ASSERT_LE(std::abs(keys[i] - result.key[i]), 1) << "one unit of the last place";
      ASSERT_LE(std::abs(values[i] - result.value[i]), 1);
    }
  }
}

TEST_F(ProjectTokensTest, InterleavedGateAndUp) {
  const Rows x = rounded<bf16>(randomRows(64, 160));
  const std::vector<float> gamma = random(160), gate = emulation::rounded<bf16>(random(104 * 160, 0.3f)),
                           up = emulation::rounded<bf16>(random(104 * 160, 0.3f));
  const auto run = [&]<class Config>(const std::string &name, int live) {
    auto *out = markedEdge<bf16>(64, 104);
    runPhase<Config>({name,
                      "gate_up_small",
                      word(uploadEdge<bf16>(x)),
                      word(upload(pack<bf16>(interleave(gate, up, 160), 208, 160))),
                      uploadState(tile(live)),
                      {word(upload(gamma))},
                      {word(out)}},
                     64);
    return downloadEdge(out, 64, 104);
  };
  for (int live : {1, 15, 17, 64}) {
    const Rows result = run.operator()<tokens::gate_up_small>("gate_up_small", live);
    EXPECT_TRUE(isMarkedFrom(result, live));
    for (int token = 0; token < live; ++token) {
      const std::vector<float> &row = x[static_cast<size_t>(token)];
      const double factor = rmsFactor(row.data(), row.size(), 1e-5);
      std::vector<float> activation(160);
      for (size_t i = 0; i < 160; ++i)
        activation[i] = emulation::rounded<bf16>(static_cast<float>(row[i] * factor) * gamma[i]);
      const std::vector<double> g = multiply(gate, activation), u = multiply(up, activation);
      std::vector<double> expected(104);
      for (size_t i = 0; i < 104; ++i)
        expected[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
      expectNear(result[static_cast<size_t>(token)], expected, 0.004);
    }
    EXPECT_EQ(result, run.operator()<tokens::gate_up_wide>("gate_up_wide", live)) << live;
    EXPECT_EQ(result, run.operator()<tokens::gate_up_passes>("gate_up_passes", live)) << live;
  }
  static_assert(ProjectTokens<tokens::gate_up_passes>::passes == 2);
}

#define CADENZA_CHECK_GATE_UP(name) checkGateUp<tokens::name##_small, tokens::name##_wide>(#name)
#define CADENZA_CHECK_ROWS(name) checkRows<tokens::name##_rows, tokens::name##_rows_small>(#name "_rows")

TEST_F(ProjectTokensTest, CodesOfADeferredNorm) {
  CADENZA_CHECK_GATE_UP(int8);
  CADENZA_CHECK_GATE_UP(int8_groups);
  CADENZA_CHECK_GATE_UP(int4);
  CADENZA_CHECK_GATE_UP(int4_zeros);
  CADENZA_CHECK_GATE_UP(fp8);
  CADENZA_CHECK_GATE_UP(fp8_groups);
  CADENZA_CHECK_GATE_UP(q4_k);
  CADENZA_CHECK_GATE_UP(q5_k);
  CADENZA_CHECK_GATE_UP(q6_k);
  CADENZA_CHECK_GATE_UP(q6_k_minima);
}

TEST_F(ProjectTokensTest, CodesOfAnOddNumberOfRows) {
  CADENZA_CHECK_ROWS(int8);
  CADENZA_CHECK_ROWS(int8_groups);
  CADENZA_CHECK_ROWS(int4);
  CADENZA_CHECK_ROWS(int4_zeros);
  CADENZA_CHECK_ROWS(fp8);
  CADENZA_CHECK_ROWS(fp8_groups);
  CADENZA_CHECK_ROWS(q4_k);
  CADENZA_CHECK_ROWS(q6_k);
}

TEST_F(ProjectTokensTest, BiasAndResidualInPlace) {
  const Rows x = randomRows(32, 200), residual = randomRows(32, 40);
  const std::vector<float> bias = random(40), weights = emulation::rounded<f16>(random(40 * 200));
  const auto run = [&]<class Config>(const std::string &name) {
    auto *stream = uploadEdge<float>(residual);
    runPhase<Config>({name,
                      "down",
                      word(uploadEdge<float>(x)),
                      word(upload(pack<f16>(weights, 40, 200))),
                      uploadState(tile(19)),
                      {},
                      {word(upload(bias)), word(stream), word(stream)}},
                     32);
    return downloadEdge(stream, 32, 40);
  };
  const Rows result = run.operator()<down>("down");
  for (size_t token = 0; token < 32; ++token) {
    if (token >= 19) {
      EXPECT_EQ(result[token], residual[token]);
      continue;
    }
    std::vector<double> expected = multiply(weights, emulation::rounded<f16>(x[token]));
    for (size_t i = 0; i < 40; ++i)
      expected[i] += bias[i] + residual[token][i];
    expectNear(result[token], expected, 1e-5);
  }
  EXPECT_EQ(result, run.operator()<tokens::down_wide>("down_wide"));
}

TEST_F(ProjectTokensTest, InputsAsTheyLie) {
  static_assert(!TokenActivation<direct>::prepared && TokenActivation<down>::prepared);
  const Rows x = rounded<bf16>(randomRows(32, 96));
  const std::vector<float> weights = emulation::rounded<bf16>(random(96 * 96, 0.3f)), table = random(64 * 24);
  const auto run = [&]<class Config>(const std::string &name) {
    auto *out = markedEdge<bf16>(32, 96);
    auto *state = uploadState(tile(31));
    runPhase<Config>({name,
                      "",
                      word(uploadEdge<bf16>(x)),
                      word(upload(pack<bf16>(weights, 96, 96))),
                      state,
                      {},
                      {word(upload(table)), word(state), word(out)}},
                     32);
    return downloadEdge(out, 32, 96);
  };
  const Rows result = run.operator()<direct>("direct");
  EXPECT_TRUE(isMarkedFrom(result, 31));
  for (size_t token = 0; token < 31; ++token) {
    const std::vector<double> y = multiply(weights, x[token]);
    std::vector<double> expected = y;
    for (size_t head = 0; head < 96; head += 32)
      for (size_t i = 0; i < 12; ++i) {
        const size_t angle = (base + token) * 24 + 2 * i;
        const double c = table[angle], s = table[angle + 1], a = y[head + 2 * i], b = y[head + 2 * i + 1];
        expected[head + 2 * i] = a * c - b * s;
        expected[head + 2 * i + 1] = b * c + a * s;
      }
    for (double &v : expected)
      v = 2.5 * std::tanh(-1.75 * v / 2.5);
    expectNear(result[token], expected, 0.003);
  }
  EXPECT_EQ(result, run.operator()<tokens::direct_wide>("direct_wide"));
}

TEST_F(ProjectTokensTest, LayerNormBiasGelu) {
  Rows x = randomRows(16, 200);
  for (std::vector<float> &row : x)
    for (float &value : row)
      value += 50.0f;
  const std::vector<float> gamma = random(200), beta = random(200), bias = random(48);
  const std::vector<float> weights = emulation::rounded<bf16>(random(48 * 200, 0.2f));
  auto *out = markedEdge<float>(16, 48);
  runPhase<tokens::ungated>({"ungated",
                             "ungated",
                             word(uploadEdge<float>(x)),
                             word(upload(pack<bf16>(weights, 48, 200))),
                             uploadState(tile(16)),
                             {word(upload(gamma)), word(upload(beta))},
                             {word(upload(bias)), word(out)}},
                            16);
  const Rows result = downloadEdge(out, 16, 48);
  for (size_t token = 0; token < 16; ++token) {
    const std::vector<double> normal = layerNorm({x[token].begin(), x[token].end()}, gamma, beta, 1e-5);
    std::vector<double> expected = multiply(weights, emulation::rounded<bf16>({normal.begin(), normal.end()}));
    for (size_t i = 0; i < 48; ++i) {
      const double y = expected[i] + bias[i];
      expected[i] = 0.5 * y * (1 + std::tanh(std::sqrt(2 / M_PI) * (y + 0.044715 * y * y * y)));
    }
    expectNear(result[token], expected, 2e-3); // an element between two bf16 numbers may be rounded either way
  }
}

/// A tile whose first token is behind the prompt: nothing is stored, and no copy is left on its way.
TEST_F(ProjectTokensTest, TilesWithoutLiveTokens) {
  const QkvData data = qkvData(64);
  for (int live : {0, -3}) {
    const QkvResult result = CADENZA_RUN_QKV(qkv_all_ahead, data, 32, live);
    check(data, result, 0);
  }
}

} // namespace
} // namespace cadenza::emulation

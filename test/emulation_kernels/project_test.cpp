// Project and the functions of its chain.
#include "test/emulation_kernels/kernel_test.h"

namespace cadenza::emulation {
namespace {

class ProjectTest : public KernelTest {
protected:
  struct QkvResult {
    std::vector<float> query;
    std::vector<uint16_t> key, value; // caches [2][context][64]
    bool operator==(const QkvResult &) const = default;
  };
  static constexpr int context = 5, position = 3;

  std::vector<float> x = random(192), gamma = random(192), weights = rounded<bf16>(random(512 * 192, 0.1f));
  std::vector<float> qGamma = random(64), kGamma = random(64), table = random(context * 48);

  template <class Config> QkvResult qkv(const std::string &name) {
    const auto cache = std::vector<uint16_t>(2 * context * 64, 0xffff);
    auto *query = allocate<float>(256);
    auto *key = upload(cache), *value = upload(cache);
    auto *state = uploadState(at(position));
    auto *angles = upload(table);
    run<Project<Config>>(name, {word(upload(x)), word(upload(pack<bf16>(weights, 512, 192))), word(upload(gamma)),
                                word(upload(qGamma)), word(upload(kGamma)), word(angles), word(state), word(angles),
                                word(state), word(key), word(value), word(state), context, word(query)});
    return {download(query, 256), download(key, cache.size()), download(value, cache.size())};
  }

  template <class Config> void checkRows(const std::string &name) {
    SCOPED_TRACE(name);
    const std::vector<float> x = random(1000);
    std::vector<float> weights = random(37 * 1000);
    const std::vector<uint8_t> packed = packMatrix(Config::encoding::encoding, weights, 37, 1000);
    auto *out = allocate<float>(37);
    run<Project<Config>>(name, {word(upload(x)), word(upload(packed)), word(out)});
    expectNear(download(out, 37), multiply(weights, rounded<f16>(x)), 1e-5);
  }
  template <class Config> void checkGateUp(const std::string &name) {
    SCOPED_TRACE(name);
    const std::vector<float> x = random(200), gamma = random(200);
    std::vector<float> interleaved = random(208 * 200);
    for (size_t row = 0; row < 208; ++row) // rows of very different scales
      for (size_t k = 0; k < 200; ++k)
        interleaved[row * 200 + k] *= static_cast<float>(row + 1);
    const std::vector<uint8_t> packed = packMatrix(Config::encoding::encoding, interleaved, 208, 200);
    auto *gate = allocate<float>(104), *up = allocate<float>(104);
    run<Project<Config>>(name, {word(upload(x)), word(upload(packed)), word(upload(gamma)), word(gate), word(up)});
    std::vector<float> activation(200);
    for (size_t i = 0; i < 200; ++i)
      activation[i] = rounded<bf16>(x[i] * gamma[i]);
    std::vector<double> y = multiply(interleaved, activation), expected[2];
    for (size_t row = 0; row < 208; ++row)
      expected[row / 8 % 2].push_back(y[row] * rmsFactor(x.data(), x.size(), 1e-5));
    expectNear(download(gate, 104), expected[0], 1e-5);
    expectNear(download(up, 104), expected[1], 1e-5);
  }
};

TEST_F(ProjectTest, QueryKeyValue) {
  const QkvResult result = qkv<phase::qkv_wide>("qkv_wide");
  std::vector<float> activation = x;
  for (size_t i = 0; i < activation.size(); ++i)
    activation[i] = rounded<bf16>(x[i] * gamma[i]); // the factor is deferred
  std::vector<double> y = multiply(weights, activation);
  for (double &v : y)
    v *= rmsFactor(x.data(), x.size(), 1e-6);
  const float *angles = &table[position * 48];
  const std::vector<double> query(y.begin(), y.begin() + 256), key(y.begin() + 256, y.begin() + 384);
  expectNear(result.query, rope(rmsNorm(query, qGamma, 1e-6), angles, 64, 48), 1e-5);
  const std::vector<double> rotated = rope(rmsNorm(key, kGamma, 1e-6), angles, 64, 48);
  for (int head = 0; head < 2; ++head)
    for (int p = 0; p < context; ++p)
      for (int i = 0; i < 64; ++i) {
        const auto at = static_cast<size_t>((head * context + p) * 64 + i);
        if (p != position) {
          ASSERT_EQ(result.key[at], 0xffff);
          ASSERT_EQ(result.value[at], 0xffff);
          continue;
        }
        const double k = rotated[static_cast<size_t>(head * 64 + i)], v = y[static_cast<size_t>(384 + head * 64 + i)];
        ASSERT_NEAR(arch::to_float(bf16{result.key[at]}), k, 0.005 * std::fabs(k) + 1e-5);
        ASSERT_NEAR(arch::to_float(bf16{result.value[at]}), v, 0.005 * std::fabs(v) + 1e-5);
      }
}

TEST_F(ProjectTest, GeometryAndSchedulingDoNotChangeBits) {
  const QkvResult result = qkv<phase::qkv_wide>("qkv_wide");
  EXPECT_EQ(result, qkv<phase::qkv_narrow>("qkv_narrow"));
  for (int seed = 2; seed < 6; ++seed) {
    restartWithSeed(seed);
    EXPECT_EQ(result, qkv<phase::qkv_wide>("qkv_wide"));
    EXPECT_EQ(result, qkv<phase::qkv_narrow>("qkv_narrow"));
  }
}

TEST_F(ProjectTest, InterleavedGateAndUp) {
  const std::vector<float> x = rounded<bf16>(random(1056)), gamma = random(1056);
  const std::vector<float> gate = rounded<bf16>(random(104 * 1056, 0.1f)), up = rounded<bf16>(random(104 * 1056, 0.1f));
  std::vector<float> interleaved; // eight rows of each in turn
  for (size_t row = 0; row < 104; row += 8)
    for (const std::vector<float> *matrix : {&gate, &up})
      interleaved.insert(interleaved.end(), matrix->begin() + static_cast<long>(row * 1056),
                         matrix->begin() + static_cast<long>((row + 8) * 1056));
  auto *out = allocate<uint16_t>(104);
  run<Project<phase::gate_up>>(
      "gate_up",
      {word(upload(bits<bf16>(x))), word(upload(pack<bf16>(interleaved, 208, 1056))), word(upload(gamma)), word(out)});
  const double factor = rmsFactor(x.data(), x.size(), 1e-5);
  std::vector<float> activation(1056);
  for (size_t i = 0; i < 1056; ++i)
    activation[i] = rounded<bf16>(static_cast<float>(x[i] * factor) * gamma[i]);
  const std::vector<double> g = multiply(gate, activation), u = multiply(up, activation);
  std::vector<double> expected(104);
  for (size_t i = 0; i < 104; ++i)
    expected[i] = g[i] / (1 + std::exp(-g[i])) * u[i];
  expectNear(floats<bf16>(download(out, 104)), expected, 0.004);
}

TEST_F(ProjectTest, LayerNormBiasGelu) {
  std::vector<float> x = random(1000), gamma = random(1000), beta = random(1000), bias = random(48);
  for (float &value : x)
    value += 50.0f;
  const std::vector<float> weights = rounded<bf16>(random(48 * 1000, 0.1f));
  const auto check = [&](const std::vector<float> &actual, const std::vector<float> &added) {
    const std::vector<double> normal = layerNorm({x.begin(), x.end()}, gamma, added, 1e-5);
    std::vector<double> expected = multiply(weights, rounded<bf16>({normal.begin(), normal.end()}));
    for (size_t i = 0; i < 48; ++i) {
      const double y = expected[i] + bias[i];
      expected[i] = 0.5 * y * (1 + std::tanh(std::sqrt(2 / M_PI) * (y + 0.044715 * y * y * y)));
    }
    expectNear(actual, expected, 2e-4); // an element between two bf16 numbers may be rounded either way
  };
  const auto run = [&](bool biased) {
    Words words = {word(upload(x)), word(upload(pack<bf16>(weights, 48, 1000))), word(upload(gamma))};
    if (biased)
      words.push_back(word(upload(beta)));
    auto *out = allocate<float>(48);
    words.insert(words.end(), {word(upload(bias)), word(out)});
    if (biased)
      KernelTest::run<Project<phase::layer_norm_biased>>("layer_norm_biased", words);
    else
      KernelTest::run<Project<phase::layer_norm_plain>>("layer_norm_plain", words);
    return download(out, 48);
  };
  const std::vector<float> result = run(true);
  check(result, beta);
  check(run(false), {});
  for (int seed = 2; seed < 6; ++seed) {
    restartWithSeed(seed);
    EXPECT_EQ(result, run(true));
  }
}

TEST_F(ProjectTest, BiasResidualAndPaddedColumns) {
  const std::vector<float> x = random(1000), bias = random(40), residual = random(40);
  const std::vector<float> weights = rounded<f16>(random(40 * 1000));
  auto *stream = upload(residual); // read and written in place
  run<Project<phase::down>>("down", {word(upload(x)), word(upload(pack<f16>(weights, 40, 1000))), word(upload(bias)),
                                     word(stream), word(stream)});
  std::vector<double> expected = multiply(weights, rounded<f16>(x));
  for (size_t i = 0; i < 40; ++i)
    expected[i] += bias[i] + residual[i];
  expectNear(download(stream, 40), expected, 1e-5);
}

#define CADENZA_CHECK_ROWS(name) checkRows<phase::name##_rows>(#name "_rows")
#define CADENZA_CHECK_GATE_UP(name) checkGateUp<phase::name##_gate_up>(#name "_gate_up")

TEST_F(ProjectTest, CodesOfAnOddNumberOfRows) {
  CADENZA_CHECK_ROWS(int8);
  CADENZA_CHECK_ROWS(int8_groups);
  CADENZA_CHECK_ROWS(int4);
  CADENZA_CHECK_ROWS(int4_zeros);
  CADENZA_CHECK_ROWS(fp8);
  CADENZA_CHECK_ROWS(fp8_groups);
  CADENZA_CHECK_ROWS(q4_k);
  CADENZA_CHECK_ROWS(q5_k);
  CADENZA_CHECK_ROWS(q6_k);
  CADENZA_CHECK_ROWS(q6_k_minima);
}

TEST_F(ProjectTest, ScalesGoWithInterleavedRowsAndADeferredNorm) {
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

/// Sums in fp32, in the order of codegen/kernels/sum_order.cuh.
class SumOrderTest : public KernelTest {
protected:
  static constexpr size_t rows = 40, columns = 1174, padded = 1184;
  std::vector<float> x = rounded<bf16>(random(columns)), weights = rounded<bf16>(random(rows * columns));

  template <class Config> std::vector<float> project(const std::string &name) {
    auto *out = allocate<float>(rows);
    run<Project<Config>>(name, {word(upload(x)), word(upload(pack<bf16>(weights, rows, columns))), word(out)});
    return download(out, rows);
  }

  /// One chain of emulated tensor-core products, which add k by k: the even pairs of every lane, or the odd ones.
  float chain(size_t row, size_t first, size_t end, size_t apart, size_t element) {
    float sum = 0;
    for (size_t step = first; step < end; step += apart)
      for (size_t pair : {0, 4})
        for (size_t lane = 0; lane < 4; ++lane)
          for (size_t column : {0, 1}) {
            column += 32 * step + 8 * lane + element + pair;
            sum += column < columns ? weights[row * columns + column] * x[column] : 0.0f;
          }
    return sum;
  }

  std::vector<float> expected(std::vector<size_t> groups, size_t ways) {
    groups.push_back(padded / 32);
    std::vector<float> y(rows);
    for (size_t row = 0; row < rows; ++row)
      for (size_t group = 0; group + 1 < groups.size(); ++group) {
        std::vector<float> way(ways);
        for (size_t w = 0; w < ways; ++w)
          way[w] = chain(row, groups[group] + w, groups[group + 1], ways, 0) +
                   chain(row, groups[group] + w, groups[group + 1], ways, 2);
        for (size_t apart = 1; apart < ways; apart *= 2)
          for (size_t w = 0; w < ways; w += 2 * apart)
            way[w] += way[w + apart];
        y[row] = group == 0 ? way[0] : y[row] + way[0];
      }
    return y;
  }
};

TEST_F(SumOrderTest, GroupsAndWays) {
  const std::vector<float> parts = project<phase::sum_parts>("sum_parts");
  EXPECT_EQ(parts, expected({0, 3, 20}, 4));
  EXPECT_EQ(parts, project<phase::sum_parts_by_few>("sum_parts_by_few"));
  EXPECT_EQ(project<phase::sum_ways>("sum_ways"), expected({0}, 32));
  EXPECT_EQ(project<phase::sum_groups>("sum_groups"), expected({0, 1, 2, 36}, 1));
  EXPECT_NE(parts, expected({0}, 4)) << "the order makes no difference here";
  EXPECT_NE(parts, expected({0, 3, 20}, 2)) << "the order makes no difference here";
}

class HeadTest : public KernelTest {
protected:
  using Head = Project<phase::head>;
  std::vector<float> x = rounded<bf16>(random(198)), weights = rounded<bf16>(random(501 * 198));
  std::vector<int32_t> tokens = std::vector<int32_t>(16, -1);
  std::vector<int32_t> arrived; // at the host
  uint32_t published = 0;

  /// Runs the head at position 4; the state afterwards.
  DecodeState head(DecodeState state, float *logits, bool stopRequested = false) {
    auto *hostTokens = upload(std::vector<int32_t>(tokens.size(), -1));
    auto *deviceTokens = upload(tokens);
    auto *deviceState = upload(std::vector<SequenceState>{{.decode = state,
                                                           .host = {.tokens = hostTokens,
                                                                    .published = upload(std::vector<uint32_t>{0}),
                                                                    .stop_requested = stopRequested,
                                                                    .reserved = 0},
                                                           .sampling = {},
                                                           .draw = {}}});
    auto *scratch = upload(std::vector<uint32_t>(4 + 2 * Head::blocks));
    const Words words = {word(upload(x)),   word(upload(pack<bf16>(weights, 501, 198))),
                         word(deviceState), word(deviceTokens),
                         word(logits),      word(scratch)};
    run<Head>("head", words);
    EXPECT_EQ(download(scratch, 1)[0], 0u) << "the counter is reset for the next launch";
    tokens = download(deviceTokens, tokens.size());
    arrived = download(hostTokens, tokens.size());
    const SequenceState after = download(deviceState, 1)[0];
    published = download(after.host.published, 1)[0];
    return after.decode;
  }
};

TEST_F(HeadTest, SelectsTheLargestLogit) {
  auto *logits = allocate<float>(501);
  const DecodeState after = head(at(4), logits);
  const std::vector<double> expected = multiply(weights, x);
  expectNear(download(logits, 501), expected, 1e-5);
  EXPECT_EQ(tokens[5], std::max_element(expected.begin(), expected.end()) - expected.begin());
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), -1), 15);
  EXPECT_EQ(arrived, tokens);
  EXPECT_EQ(published, 6u);
  EXPECT_EQ(after.stopped, 0);
  EXPECT_EQ(after.position, 4);
}

TEST_F(HeadTest, StopTokens) {
  head(at(4), nullptr);
  DecodeState state = at(4);
  state.stop_token_count = 2;
  state.stop_tokens[1] = tokens[5];
  EXPECT_EQ(head(state, nullptr).stopped, 1);
}

TEST_F(HeadTest, TheHostCanStopASequence) {
  EXPECT_EQ(head(at(4), nullptr).stopped, 0);
  EXPECT_EQ(head(at(4), nullptr, /*stopRequested=*/true).stopped, 1);
  EXPECT_EQ(published, 6u) << "the token in work arrives";
}

TEST_F(HeadTest, PromptTokensAreKept) {
  DecodeState state = at(4);
  state.forced_tokens = 6;
  tokens[5] = 77;
  head(state, nullptr);
  EXPECT_EQ(tokens[5], 77);
  EXPECT_EQ(arrived[5], -1) << "the host has it";
  EXPECT_EQ(published, 6u) << "but not that the step has run";
  state.forced_tokens = 5;
  head(state, nullptr);
  EXPECT_NE(tokens[5], 77);
}

} // namespace
} // namespace cadenza::emulation

// Embed, map and select.
#include "test/emulation_kernels/kernel_test.h"

namespace cadenza::emulation {
namespace {

class MapTest : public KernelTest {};

TEST_F(MapTest, EmbedAdvancesTheState) {
  const std::vector<float> table = rounded<f16>(random(20 * 198));
  auto *matrix = upload(pack<f16>(table, 20, 198));
  DecodeState state{};
  state.next_position = 1;
  auto *deviceState = uploadState(state);
  auto *tokens = upload(std::vector<int32_t>{3, 17, 0});
  auto *out = allocate<float>(198);
  const auto embed = [&] {
    run<Embed<phase::embed_scaled>>("embed_scaled", {word(matrix), word(out), word(deviceState), word(tokens)});
    return download(deviceState, 1)[0];
  };
  state = embed();
  EXPECT_EQ(state.position, 1);
  EXPECT_EQ(state.next_position, 2);
  const std::vector<float> row = download(out, 198);
  for (size_t i = 0; i < 198; ++i)
    ASSERT_EQ(row[i], 3.0f * table[17 * 198 + i]);

  state.stopped = 1;
  deviceState = uploadState(state);
  state = embed();
  EXPECT_EQ(state.position, 1) << "a stopped model repeats its last step";
  EXPECT_EQ(state.next_position, 2);
  EXPECT_EQ(row, download(out, 198));
}

TEST_F(MapTest, EmbedAddsTheRowOfThePosition) {
  const std::vector<float> table = rounded<bf16>(random(20 * 100)), positions = rounded<f16>(random(40 * 100));
  DecodeState state{};
  state.next_position = 37;
  std::vector<int32_t> tokens(39, 0);
  tokens[37] = 17;
  auto *deviceState = uploadState(state);
  auto *out = allocate<float>(100);
  run<Embed<phase::embed_positioned>>("embed_positioned",
                                      {word(upload(pack<bf16>(table, 20, 100))), word(out), word(deviceState),
                                       word(upload(tokens)), word(upload(pack<f16>(positions, 40, 100)))});
  EXPECT_EQ(download(deviceState, 1)[0].position, 37);
  const std::vector<float> row = download(out, 100);
  for (size_t i = 0; i < 100; ++i)
    ASSERT_EQ(row[i], 0.5f * table[17 * 100 + i] + positions[37 * 100 + i]);
}

TEST_F(MapTest, NormOfAWholeVector) {
  const std::vector<float> x = rounded<bf16>(random(200)), gamma = random(200);
  auto *out = allocate<float>(200);
  run<Map<phase::norm_all>>("norm_all", {word(upload(bits<bf16>(x))), word(upload(gamma)), word(out)});
  expectNear(download(out, 200), rmsNorm({x.begin(), x.end()}, gamma, 1e-5), 1e-6);
}

TEST_F(MapTest, LayerNormOfAWholeVector) {
  std::vector<float> x = random(200), gamma = random(200), beta = random(200);
  for (float &value : x)
    value += 100.0f; // a mean that a sum of squares about zero would drown in
  auto *out = allocate<float>(200);
  const auto norm = [&] {
    run<Map<phase::layer_norm_all>>("layer_norm_all",
                                    {word(upload(x)), word(upload(gamma)), word(upload(beta)), word(out)});
    return download(out, 200);
  };
  const std::vector<float> result = norm();
  expectNear(result, layerNorm({x.begin(), x.end()}, gamma, beta, 1e-5), 2e-5);
  for (int seed = 2; seed < 6; ++seed) {
    restartWithSeed(seed);
    out = allocate<float>(200);
    EXPECT_EQ(result, norm());
  }
}

TEST_F(MapTest, LayerNormOfHeads) {
  const std::vector<float> x = rounded<bf16>(random(144)), gamma = random(16);
  auto *out = allocate<float>(144);
  run<Map<phase::layer_norm_heads>>("layer_norm_heads", {word(upload(bits<bf16>(x))), word(upload(gamma)), word(out)});
  expectNear(download(out, 144), layerNorm({x.begin(), x.end()}, gamma, {}, 1e-5), 1e-6);
}

TEST_F(MapTest, PostNormAndResidual) {
  const std::vector<float> x = random(1000), gamma = random(1000), residual = random(1000);
  auto *out = allocate<float>(1000);
  run<Map<phase::post_norm>>("post_norm", {word(upload(x)), word(upload(gamma)), word(upload(residual)), word(out)});
  std::vector<double> expected = rmsNorm({x.begin(), x.end()}, gamma, 1e-5);
  for (size_t i = 0; i < expected.size(); ++i)
    expected[i] += residual[i];
  expectNear(download(out, 1000), expected, 1e-6);
}

TEST_F(MapTest, ElementwiseFunctionsOverSeveralBlocks) {
  const std::vector<float> x = random(200, 4.0f), y = rounded<bf16>(random(200)), r = rounded<bf16>(random(200));
  auto *out = allocate<float>(200);
  run<Map<phase::gelu_mul_add>>("gelu_mul_add",
                                {word(upload(x)), word(upload(bits<bf16>(y))), word(upload(bits<bf16>(r))), word(out)});
  std::vector<double> expected(200);
  for (size_t i = 0; i < 200; ++i)
    expected[i] =
        0.5 * x[i] * (1 + std::tanh(std::sqrt(2 / M_PI) * (x[i] + 0.044715 * x[i] * x[i] * x[i]))) * y[i] + r[i];
  expectNear(download(out, 200), expected, 1e-6);
}

TEST_F(MapTest, ExactGeluScaleAndCap) {
  const std::vector<float> x = random(200, 4.0f);
  auto *out = allocate<float>(200);
  run<Map<phase::gelu_scale_cap>>("gelu_scale_cap", {word(upload(x)), word(out)});
  std::vector<double> expected(200);
  for (size_t i = 0; i < 200; ++i)
    expected[i] = 2.5 * std::tanh(-1.75 * (0.5 * x[i] * (1 + std::erf(x[i] / std::sqrt(2.0)))) / 2.5);
  expectNear(download(out, 200), expected, 1e-6);
}

TEST_F(MapTest, RotatesNeighbours) {
  const std::vector<float> x = random(160), table = random(3 * 24); // [context][pairs][cosine, sine]
  const auto rotate = [&] {
    auto *out = allocate<float>(160);
    run<Map<phase::rotate_neighbours>>("rotate_neighbours",
                                       {word(upload(x)), word(upload(table)), word(uploadState(at(2))), word(out)});
    return download(out, 160);
  };
  const std::vector<float> result = rotate();
  std::vector<double> expected(x.begin(), x.end());
  for (size_t head = 0; head < 160; head += 32)
    for (size_t i = 0; i < 12; ++i) {
      const double c = table[2 * 24 + 2 * i], s = table[2 * 24 + 2 * i + 1], a = x[head + 2 * i],
                   b = x[head + 2 * i + 1];
      expected[head + 2 * i] = a * c - b * s;
      expected[head + 2 * i + 1] = b * c + a * s;
    }
  expectNear(result, expected, 1e-6);
  restartWithSeed(3);
  EXPECT_EQ(result, rotate());
}

class SelectTest : public KernelTest {
protected:
  /// The token that is selected from logits, and that logits are passed on unchanged.
  int select(const std::vector<float> &logits) {
    using Instance = Select<phase::select_token>;
    auto *tokens = upload(std::vector<int32_t>(4));
    auto *copy = allocate<float>(1001);
    auto *scratch = upload(std::vector<uint32_t>(4 + 2 * Instance::blocks));
    auto *state = upload(std::vector<SequenceState>{{.decode = at(0),
                                                     .host = {.tokens = upload(std::vector<int32_t>(4)),
                                                              .published = upload(std::vector<uint32_t>{0}),
                                                              .stop_requested = 0,
                                                              .reserved = 0},
                                                     .sampling = {},
                                                     .draw = {}}});
    run<Instance>("select_token", {word(upload(logits)), word(state), word(tokens), word(copy), word(scratch)});
    const std::vector<float> passed = download(copy, 1001);
    for (size_t i = 0; i < 1001; ++i)
      EXPECT_EQ(std::bit_cast<uint32_t>(passed[i]), std::bit_cast<uint32_t>(logits[i]));
    return download(tokens, 2)[1];
  }
};

TEST_F(SelectTest, LowestIndexAmongEquals) {
  std::vector<float> logits = random(1001);
  logits[900] = logits[300] = logits[1000] = 2.0f;
  EXPECT_EQ(select(logits), 300);
  logits[1000] = 3.0f;
  EXPECT_EQ(select(logits), 1000);
  EXPECT_EQ(select(std::vector<float>(1001, -1.0f)), 0);
}

TEST_F(SelectTest, SignedZerosAreEqual) {
  std::vector<float> logits(1001, -1.0f);
  logits[700] = 0.0f;
  logits[20] = -0.0f;
  EXPECT_EQ(select(logits), 20);
}

TEST_F(SelectTest, InfinitiesAndNaN) {
  std::vector<float> logits(1001, -INFINITY);
  EXPECT_EQ(select(logits), 0);
  logits[5] = NAN;
  logits[800] = -1e30f;
  EXPECT_EQ(select(logits), 800) << "NaN is below everything";
  logits[801] = INFINITY;
  EXPECT_EQ(select(logits), 801);
  logits.assign(1001, NAN);
  EXPECT_EQ(select(logits), 0);
  logits[77] = -INFINITY;
  EXPECT_EQ(select(logits), 77);
}

} // namespace
} // namespace cadenza::emulation

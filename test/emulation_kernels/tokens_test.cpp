// Embed, map and the last token, of tiles of tokens; the choice of divisions.
#include "test/emulation_kernels/tokens_test.h"

namespace cadenza::emulation {
namespace {

TEST_F(TokensTest, EmbedTakesTheNextPosition) {
  const std::vector<float> table = emulation::rounded<bf16>(random(20 * 100)),
                           positions = emulation::rounded<f16>(random(40 * 100));
  std::vector<int32_t> ids(40);
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>(i * 7 % 20);
  for (int live : {0, 1, 15, 16}) {
    DecodeState state = tile(live);
    state.position = 2; // of the tile before
    auto *deviceState = uploadState(state);
    auto *out = markedEdge<float>(16, 100);
    runTokens<EmbedTokens<tokens::embed_positioned>>("embed_positioned", 16,
                                                     {word(upload(pack<bf16>(table, 20, 100))), word(out),
                                                      word(deviceState), word(upload(ids)),
                                                      word(upload(pack<f16>(positions, 40, 100)))});
    const DecodeState after = download(deviceState, 1)[0];
    EXPECT_EQ(after.position, base);
    EXPECT_EQ(after.next_position, base) << "the tile advances at its end";
    const Rows rows = downloadEdge(out, 16, 100);
    EXPECT_TRUE(isMarkedFrom(rows, live));
    for (size_t token = 0; token < static_cast<size_t>(live); ++token)
      for (size_t i = 0; i < 100; ++i)
        ASSERT_EQ(rows[token][i],
                  0.5f * table[static_cast<size_t>(ids[base + token]) * 100 + i] + positions[(base + token) * 100 + i]);
  }
}

TEST_F(TokensTest, TheLastLiveTokenGoesToTheHead) {
  const Rows x = randomRows(48, 100);
  for (int live : {0, 1, 15, 16, 17, 48})
    for (int seed : {1, 2, 3}) {
      restartWithSeed(seed);
      auto *state = uploadState(tile(live));
      auto *out = markedEdge<float>(1, 100);
      runTokens<LastToken<tokens::last_row>>("last_row", 48, {word(uploadEdge<float>(x)), word(out), word(state)});
      const DecodeState after = download(state, 1)[0];
      EXPECT_EQ(after.next_position, base + live);
      EXPECT_EQ(after.position, live == 0 ? base : base + live - 1);
      const Rows rows = downloadEdge(out, 1, 100);
      if (live == 0)
        EXPECT_TRUE(isMarkedFrom(rows, 0));
      else
        EXPECT_EQ(rows[0], x[static_cast<size_t>(live - 1)]);
    }
}

/// More tokens are left than the tile has: it ends with its last one.
TEST_F(TokensTest, ATileInTheMiddleOfAPrompt) {
  const Rows x = randomRows(16, 100);
  auto *state = uploadState(tile(200));
  auto *out = markedEdge<float>(1, 100);
  runTokens<LastToken<tokens::last_row>>("last_row", 16, {word(uploadEdge<float>(x)), word(out), word(state)});
  EXPECT_EQ(download(state, 1)[0].next_position, base + 16);
  EXPECT_EQ(downloadEdge(out, 1, 100)[0], x[15]);
}

TEST_F(TokensTest, MapOfWholeVectors) {
  const Rows x = randomRows(16, 300), residual = rounded<bf16>(randomRows(16, 300));
  const std::vector<float> gamma = random(300);
  auto *out = markedEdge<float>(16, 300);
  runTokens<MapTokens<tokens::post_norm>>("post_norm", 16,
                                          {word(uploadEdge<float>(x)), word(uploadState(tile(13))), word(upload(gamma)),
                                           word(uploadEdge<bf16>(residual)), word(out)});
  const Rows rows = downloadEdge(out, 16, 300);
  EXPECT_TRUE(isMarkedFrom(rows, 13));
  for (size_t token = 0; token < 13; ++token) {
    std::vector<double> expected = rmsNorm({x[token].begin(), x[token].end()}, gamma, 1e-5);
    for (size_t i = 0; i < 300; ++i)
      expected[i] += residual[token][i];
    expectNear(rows[token], expected, 1e-6);
  }
}

TEST_F(TokensTest, MapOfSeveralBlocksATokenKnowsThePosition) {
  const Rows x = rounded<bf16>(randomRows(16, 160));
  const std::vector<float> table = random(30 * 32);
  auto *out = markedEdge<float>(16, 160);
  auto *state = uploadState(tile(16));
  runTokens<MapTokens<tokens::rotate>>(
      "rotate", 16, {word(uploadEdge<bf16>(x)), word(state), word(upload(table)), word(state), word(out)});
  const Rows rows = downloadEdge(out, 16, 160);
  for (size_t token = 0; token < 16; ++token)
    expectNear(rows[token], rope({x[token].begin(), x[token].end()}, &table[(base + token) * 32], 32, 32), 1e-6);
}

/// Tiles as a model has them: each launch may begin before the one before it is complete.
TEST_F(TokensTest, DependentLaunches) {
  using Square = tokens::square;
  constexpr int count = 16, prompt = 27, columns = 100; // two tiles
  const std::vector<float> table = random(20 * columns), positions = random(40 * columns), gamma = random(columns),
                           weights = random(columns * columns, 0.2f);
  struct Result {
    Rows last;
    DecodeState state;
  };
  const auto run = [&](bool dependent) {
    auto *state = uploadState(tile(prompt));
    auto *stream = markedEdge<float>(count, columns), *mapped = markedEdge<float>(count, columns),
         *last = markedEdge<float>(1, columns);
    auto *activation = allocate<uint16_t>(count * TokenActivation<Square>::padded);
    auto *factors = allocate<float>(count);
    auto *matrix = upload(pack<bf16>(weights, columns, columns)), *vocabulary = upload(pack<bf16>(table, 20, columns));
    auto *learned = upload(pack<f16>(positions, 40, columns));
    auto *ids = upload(std::vector<int32_t>(40, 3));
    auto *scales = upload(gamma);
    const auto launch = [&]<class Instance>(const std::string &name, const Words &words) {
      start(name, geometry<Instance>(count), words, "token_templates", dependent);
      if (!dependent) {
        ASSERT_EQ(finish(), CUDA_SUCCESS) << name << ": " << message();
      }
    };
    for (int first = 0; first < prompt; first += count) {
      launch.operator()<EmbedTokens<tokens::embed_positioned>>(
          "embed_positioned", {word(vocabulary), word(stream), word(state), word(ids), word(learned)});
      for (int layer = 0; layer < 2; ++layer) {
        launch.operator()<PrepareTokens<Square>>(
            "prepare_square", {word(stream), word(activation), word(factors), word(state), word(scales)});
        launch.operator()<ProjectTokens<Square>>(
            "project_square", {word(activation), word(factors), word(matrix), word(state), word(stream), word(stream)});
      }
      launch.operator()<MapTokens<tokens::square_map>>("square_map", {word(stream), word(state), word(mapped)});
      launch.operator()<LastToken<tokens::last_row>>("last_row", {word(mapped), word(last), word(state)});
    }
    EXPECT_EQ(finish(), CUDA_SUCCESS) << message();
    return Result{downloadEdge(last, 1, columns), download(state, 1)[0]};
  };
  const Result expected = run(false);
  EXPECT_EQ(expected.state.position, base + prompt - 1);
  EXPECT_EQ(expected.state.next_position, base + prompt);
  for (int seed = 1; seed <= 60; ++seed) {
    restartWithSeed(seed);
    const Result result = run(true);
    EXPECT_EQ(result.last, expected.last) << "seed " << seed;
    EXPECT_EQ(result.state.next_position, base + prompt);
  }
}

/// Every choice is one that the kernel takes and every device has room for, and there is one for every model's shapes.
TEST(TokenTilesTest, ChoicesFit) {
  for (int tokens : {16, 48, 128, 1024, 2048})
    for (int group : {1, 16, 64, 72, 80, 96, 128, 160, 256})
      for (int unit : {256, 512})
        for (int columns : {32, 200, 1024, 14336})
          for (int slots : {1, 2})
            for (int heads : {1, 2, 9, 32}) {
              const int rows = group == 1 ? 333 * heads / 16 * 16 + 16 : group * heads * 3;
              const TokenShape shape{
                  tokens, rows, columns, unit, slots, group, slots == 1 && group > 1 ? group * heads : 0};
              const TokenTiles tiles = token_tiles(shape, 132);
              ASSERT_TRUE(tiles.tokens > 0 && token_tiles_fit(tiles, shape)) << group << " x " << heads;
              const TokenLaunch launch = token_launch(tiles, shape);
              ASSERT_TRUE(launch.shared_bytes <= token_shared_limit && launch.threads <= 512 && launch.blocks > 0);
            }
}

TEST(TokenTilesTest, WhatDoesNotFitABlockIsRefused) {
  EXPECT_EQ(token_tiles({16, 8192, 1024, 512, 1, 8192, 0}, 132).tokens, 0) << "a group of 8192 rows";
  EXPECT_EQ(token_tiles({16, 96, 1024, 512, 1, 64, 32}, 132).tokens, 0) << "a segment that begins within a group";
  EXPECT_EQ(token_tiles({20, 96, 1024, 512, 1, 1, 0}, 132).tokens, 0) << "no multiple of 16 tokens";
}

/// Few tokens take the matrix once, by as many blocks as the GPU has multiprocessors where rows allow.
TEST(TokenTilesTest, FewTokensFillTheGpu) {
  for (int rows : {1024, 2048, 6144, 16384}) {
    const TokenShape shape{16, rows, 2048, 512, 1, 1, 0};
    EXPECT_GE(token_launch(token_tiles(shape, 132), shape).blocks, 96) << rows;
  }
}

TEST(TokenTilesTest, LiveTokens) {
  EXPECT_EQ(live_tokens(0, 5, 16), 5);
  EXPECT_EQ(live_tokens(5, 100, 16), 16);
  EXPECT_EQ(live_tokens(100, 100, 16), 0);
  EXPECT_EQ(live_tokens(101, 100, 16), 0);
}

} // namespace
} // namespace cadenza::emulation

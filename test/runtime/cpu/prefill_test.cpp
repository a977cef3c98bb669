// Tiles of prompts: what steps compute, at every border; and what is refused.
#include "runtime/cpu/products.h"
#include "runtime/decode/sequence.h"
#include "test/runtime/cpu/phase_harness.h"
#include "test/runtime/cpu/tiny_model.h"

#include <random>

namespace cadenza::test {
namespace {

using Tokens = std::vector<int32_t>;
using Rows = std::vector<std::vector<float>>;

Tokens randomTokens(size_t count, uint32_t seed = 1) {
  std::mt19937 random(seed);
  Tokens tokens(count);
  for (int32_t &token : tokens)
    token = static_cast<int32_t>(random() % TinyModel::vocabulary);
  return tokens;
}

std::vector<float> logitsOf(Executor &executor) {
  const auto logits = executor.logits();
  EXPECT_TRUE(logits.isOk()) << logits.status().message();
  return logits.isOk() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
}

/// The logits of `more` steps after the prompt, the first of which is the prompt's last token. The prompt takes steps,
/// or tiles of the sizes that `next` gives for what is left of it.
using NextTile = std::function<int64_t(int64_t left)>;
Rows logitsAfter(Executor &executor, const Tokens &prompt, int more, const NextTile &next) {
  EXPECT_TRUE(executor.begin(prompt, {}).isOk());
  for (int64_t left = std::ssize(prompt); left > 0;) {
    const int64_t size = next ? next(left) : 1;
    const Status status = size > 1 ? executor.enqueueTile(size, size >= left) : executor.enqueueStep(left == 1);
    EXPECT_TRUE(status.isOk()) << status.message();
    left -= std::min(left, size);
  }
  Rows rows = {logitsOf(executor)};
  for (int i = 1; i < more; ++i) {
    EXPECT_TRUE(executor.awaitToken(std::ssize(prompt) + i - 1).isOk());
    EXPECT_TRUE(executor.enqueueStep(true).isOk());
    rows.push_back(logitsOf(executor));
  }
  return rows;
}

/// Steps and tiles of this model sum in one order, so all bits are equal.
TEST(CpuPrefill, TilesComputeWhatStepsDo) {
  TinyModel model(/*fused=*/true, /*maxContext=*/512);
  for (int64_t tile : {4, 16, 128})
    model.test.prefill(tile);
  auto executor = makeExecutor(model.test, {.context = 512, .logits = true}, /*threads=*/1);
  ASSERT_TRUE(executor);
  ASSERT_EQ(std::vector<int64_t>(executor->tileSizes().begin(), executor->tileSizes().end()),
            (std::vector<int64_t>{4, 16, 128}));
  std::mt19937 random(7);
  std::vector<size_t> lengths;
  for (size_t border : {4, 16, 64, 128, 256}) // 64: maximumBatch
    for (size_t length : {border - 1, border, border + 1, border + 2})
      lengths.push_back(length);
  for (int i = 0; i < 8; ++i)
    lengths.push_back(2 + random() % 400);
  for (size_t length : lengths) {
    SCOPED_TRACE(length);
    const Tokens prompt = randomTokens(length, static_cast<uint32_t>(length));
    const Rows steps = logitsAfter(*executor, prompt, 3, {});
    const NextTile best = [&](int64_t left) { return chooseTile(executor->tileSizes(), left); };
    ASSERT_EQ(logitsAfter(*executor, prompt, 3, best), steps);
    // Whatever the tiles, and with steps between them.
    const NextTile any = [&](int64_t) { return std::array<int64_t, 4>{1, 4, 16, 128}[random() % 4]; };
    ASSERT_EQ(logitsAfter(*executor, prompt, 3, any), steps);
  }
}

TEST(CpuPrefill, SameBitsForEveryThreadCount) {
  TinyModel model(/*fused=*/false, /*maxContext=*/256);
  model.test.prefill(128);
  const Tokens prompt = randomTokens(150);
  const NextTile tiles = [](int64_t) { return 128; };
  auto one = makeExecutor(model.test, {.logits = true}, 1), five = makeExecutor(model.test, {.logits = true}, 5);
  EXPECT_EQ(logitsAfter(*one, prompt, 2, tiles), logitsAfter(*five, prompt, 2, tiles));
  EXPECT_EQ(logitsAfter(*one, prompt, 2, tiles), logitsAfter(*one, prompt, 2, {}));
}

/// 2^25, 1, -2^25 and 1, a step of columns each: their sum in fp32 is 1 in order, as a tile adds them, and 2 in two
/// ways.
TEST(CpuPrefill, OrdersOfStepsDoNotBindTiles) {
  constexpr int64_t columns = 4 * 32, rows = 3;
  TestProgram test(/*vocabulary=*/2);
  Matrix tokens{2, columns, std::vector<float>(2 * columns)};
  for (int64_t token = 0; token < 2; ++token)
    for (int64_t step = 0; step < 4; ++step)
      tokens.values[static_cast<size_t>(token * columns + 32 * step)] = step % 2 ? 1.0f : step ? -0x1p25f : 0x1p25f;
  const auto ones = [&](int64_t height, int64_t width) {
    const Matrix matrix{height, width, std::vector<float>(static_cast<size_t>(height * width), 1.0f)};
    return test.matrix("ones", DType::bf16, {matrix});
  };
  const uint32_t x = test.edge("x", DType::f32, columns), sums = test.edge("sums", DType::f32, rows);
  test.block("input");
  test.embed(test.matrix("embedding", DType::bf16, {tokens}), x);
  test.project("sums", x, ones(rows, columns), {rows}, {sums}).kWays = 2;
  test.head(sums, ones(2, rows));
  test.prefill(4);
  auto executor = makeExecutor(test);
  ASSERT_TRUE(executor);
  EXPECT_EQ(logitsAfter(*executor, {1, 0}, 1, {})[0][0], 2.0f * rows);
  EXPECT_EQ(logitsAfter(*executor, {1, 0}, 1, [](int64_t) { return 4; })[0][0], 1.0f * rows);
}

/// Caches that keep a window and a tile - 1 positions: what a tile appends overwrites nothing that its tokens attend
/// to.
TEST(CpuPrefill, RingsKeepWhatATileNeeds) {
  const auto model = [](std::array<int64_t, 3> kept) {
    TinyModel made(/*fused=*/true, /*maxContext=*/256);
    made.test.program.scalars = {{"five", 5}, {"none", 0}, {"three", 3}};
    made.test.program.scalarTables = {{0, 1, 2}};
    made.test.blocks()[1].phases[1].scalars = {{true, 0}};
    for (size_t i = 0; i < 3; ++i)
      made.test.program.caches[i].positions = kept[i];
    made.test.prefill(16);
    made.test.prefill(32);
    return made;
  };
  const TinyModel whole = model({0, 0, 0}), rings = model({5 + 31, 0, 3 + 31});
  auto steps = makeExecutor(whole.test, {.context = 256, .logits = true}, /*threads=*/1);
  auto tiles = makeExecutor(rings.test, {.context = 256, .logits = true}, /*threads=*/1);
  ASSERT_TRUE(tiles);
  for (size_t length : {7, 16, 31, 32, 33, 36, 37, 64, 100, 131}) {
    SCOPED_TRACE(length);
    const Tokens prompt = randomTokens(length);
    for (int64_t tile : {16, 32})
      EXPECT_EQ(logitsAfter(*tiles, prompt, 3, [&](int64_t) { return tile; }), logitsAfter(*steps, prompt, 3, {}));
  }
}

TEST(CpuPrefill, LogitsOfAllTokens) {
  TinyModel model;
  model.test.prefill(8);
  model.test.prefill(32);
  auto executor = makeExecutor(model.test);
  const Tokens tokens = randomTokens(45);
  Rows steps, tiles;
  ASSERT_TRUE(executor->begin(tokens, {}).isOk());
  for (size_t i = 0; i < tokens.size(); ++i) {
    ASSERT_TRUE(executor->enqueueStep(true).isOk());
    steps.push_back(logitsOf(*executor));
  }
  ASSERT_TRUE(executor->begin(tokens, {}).isOk());
  for (int64_t size : {8, 32, 8}) // 8, 32 and 5 tokens
    ASSERT_TRUE(executor
                    ->runTileWithLogits(size,
                                        [&](int64_t position, std::span<const float> logits) {
                                          EXPECT_EQ(position, std::ssize(tiles));
                                          tiles.emplace_back(logits.begin(), logits.end());
                                          return Status::ok();
                                        })
                    .isOk());
  EXPECT_EQ(tiles, steps);
  for (int64_t position = 1; position < 45; ++position)
    EXPECT_EQ(*executor->awaitToken(position), tokens[static_cast<size_t>(position)]);
  EXPECT_TRUE(executor->awaitToken(45).isOk());
  EXPECT_TRUE(executor->enqueueStep(true).isOk()); // of the token that the last head selected

  ASSERT_TRUE(executor->begin(tokens, {}).isOk());
  const Status failure(StatusCode::Io, "disk full");
  EXPECT_EQ(executor->runTileWithLogits(8, [&](int64_t, auto) { return failure; }).message(), "disk full");
  EXPECT_EQ(executor->enqueueTile(8, false).code(), StatusCode::InvalidArgument); // the sequence has ended
  auto without = makeExecutor(model.test, {});
  ASSERT_TRUE(without->begin(tokens, {}).isOk());
  EXPECT_EQ(without->runTileWithLogits(8, [&](int64_t, auto) { return failure; }).code(), StatusCode::InvalidArgument);
  EXPECT_TRUE(without->enqueueTile(8, false).isOk());
}

TEST(CpuPrefill, WhatIsRefusedChangesNothing) {
  TinyModel model;
  model.test.prefill(8);
  auto executor = makeExecutor(model.test, {.context = 16, .logits = true});
  EXPECT_EQ(executor->enqueueTile(8, true).code(), StatusCode::InvalidArgument); // nothing was begun
  const Tokens prompt = randomTokens(11);
  const Rows expected = logitsAfter(*executor, prompt, 3, {});
  ASSERT_TRUE(executor->begin(prompt, {}).isOk());
  EXPECT_EQ(executor->enqueueTile(16, true).message(), "there are no tiles of 16 tokens; there are those of 8");
  ASSERT_TRUE(executor->enqueueTile(8, false).isOk());
  ASSERT_TRUE(executor->enqueueTile(8, true).isOk());
  EXPECT_EQ(
      executor->enqueueTile(8, true).message(),
      "there is no given token at position 11, which a tile could begin with: tokens that are selected take steps");
  EXPECT_EQ(logitsOf(*executor), expected[0]);
  ASSERT_TRUE(executor->enqueueStep(true).isOk());
  EXPECT_EQ(logitsOf(*executor), expected[1]);
  EXPECT_EQ(executor->begin(Tokens(17, 1), {}).code(), StatusCode::CacheFull);
  EXPECT_EQ(executor->begin(Tokens{1, 2, 67}, {}).code(), StatusCode::InvalidArgument);
  ASSERT_TRUE(executor->begin(Tokens(16, 1), {}).isOk()); // fills the context
  ASSERT_TRUE(executor->enqueueTile(8, false).isOk());
  ASSERT_TRUE(executor->enqueueTile(8, true).isOk());
  EXPECT_TRUE(executor->awaitToken(16).isOk());
  EXPECT_EQ(executor->enqueueTile(8, true).code(), StatusCode::CacheFull);

  auto off = makeExecutor(model.test, {.prefill = false});
  EXPECT_TRUE(off->tileSizes().empty());
  ASSERT_TRUE(off->begin(prompt, {}).isOk());
  EXPECT_EQ(off->enqueueTile(8, true).message(), "there are no tiles of 8 tokens; there are none");
}

/// The products of a token, of whatever encoding and order of sums, among any number of others.
TEST(CpuPrefill, ProductsOfATokenAreItsOwn) {
  struct Order {
    std::vector<int64_t> groups;
    int64_t ways;
  };
  constexpr int64_t rows = 40, columns = 300, steps = 10, stripes = 5, padded = steps * 32;
  TestProgram test(1);
  Matrix matrix = test.randomMatrix(DType::bf16, rows, columns, 1.0f);
  std::vector<Matrix> parts = {matrix};
  const Ref tiles16 = test.matrix("tiles16", DType::bf16, parts), f16 = test.matrix("f16", DType::f16, parts);
  const Ref int8 = test.encodedMatrix("int8", Encoding::int8, DType::bf16, parts),
            int4 = test.encodedMatrix("int4", {Encoding::int4, 64, true, Encoding::f16}, DType::bf16, parts),
            fp8 = test.encodedMatrix("fp8", {Encoding::fp8, 128, false, Encoding::f32}, DType::f16, parts);
  std::vector<float> input = test.randomValues(9 * padded);
  for (float &x : input)
    x = stored(DType::bf16, x);
  for (const Ref &ref : {tiles16, f16, int8, int4, fp8}) {
    const Weight &weight = test.program.weights[ref.index];
    for (const Order &order : {Order{{0}, 1}, Order{{0}, 4}, Order{{0, 3, 7}, 2}}) {
      const auto products = [&](int64_t first, int64_t tokens) {
        std::vector<float> out(static_cast<size_t>(tokens * rows));
        cpu::multiplyStripes({test.weights.data() + weight.offset, weight.encoding, weight.dtype,
                              input.data() + first * padded, tokens, steps, order.groups, order.ways},
                             0, stripes, out.data(), rows);
        return out;
      };
      std::vector<float> alone;
      for (int64_t token = 0; token < 9; ++token)
        for (float product : products(token, 1))
          alone.push_back(product);
      for (int64_t tokens = 1; tokens <= 9; ++tokens)
        EXPECT_EQ(products(0, tokens), std::vector<float>(alone.begin(), alone.begin() + tokens * rows)) << tokens;
      EXPECT_EQ(products(3, 5), std::vector<float>(alone.begin() + 3 * rows, alone.begin() + 8 * rows));
    }
  }
}

} // namespace
} // namespace cadenza::test

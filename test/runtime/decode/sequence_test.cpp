#include "runtime/decode/sequence.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

using Tokens = std::vector<int32_t>;

/// A decoder of 67 tokens and 8 positions.
Program smallModel() {
  Program model;
  model.model.name = "m";
  model.decoder.emplace().maxContext = 8;
  model.decoder->vocabulary = 67;
  return model;
}

TEST(Context, IsTheModels) {
  Program model;
  model.model.name = "m";
  model.decoder.emplace().maxContext = 10000;
  EXPECT_EQ(*chooseContext(model, 0), 4096);
  EXPECT_EQ(*chooseContext(model, 10000), 10000);
  EXPECT_EQ(chooseContext(model, 10001).status().message(), "context 10001: m has positions for 1 to 10000");
  EXPECT_EQ(chooseContext(model, -1).status().code(), StatusCode::InvalidArgument);
  model.decoder->maxContext = 512;
  EXPECT_EQ(*chooseContext(model, 0), 512);
}

TEST(Sequence, ChecksPrompts) {
  const Sequence sequence(smallModel(), 4);
  auto code = [&](const Tokens &tokens, const Tokens &stop = {}) { return sequence.checkPrompt(tokens, stop).code(); };
  EXPECT_EQ(code({}), StatusCode::InvalidArgument);
  EXPECT_EQ(code({1, -1}), StatusCode::InvalidArgument);
  EXPECT_EQ(code({67}), StatusCode::InvalidArgument);
  EXPECT_EQ(code({1, 1, 1, 1, 1}), StatusCode::CacheFull);
  EXPECT_EQ(sequence.checkPrompt(Tokens(5, 1), {}).message(),
            "a prompt of 5 tokens does not fit into the context of 4; load with a larger --context, up to 8");
  EXPECT_EQ(Sequence(smallModel(), 8).checkPrompt(Tokens(9, 1), {}).message(),
            "a prompt of 9 tokens does not fit into the context of 8; m has no more positions");
  EXPECT_EQ(code({1}, Tokens(17, 0)), StatusCode::InvalidArgument);
  EXPECT_EQ(code({0, 66, 1, 1}, Tokens(16, 0)), StatusCode::Ok);
  EXPECT_EQ(sequence.checkFill(-1).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence.checkFill(5).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence.checkFill(4).code(), StatusCode::Ok);
}

TEST(Sequence, EveryStepNeedsItsToken) {
  Sequence sequence(smallModel(), 8);
  EXPECT_EQ(sequence.beginStep().code(), StatusCode::InvalidArgument); // nothing was begun
  sequence.start(0, 2, 2);
  for (bool withHead : {false, true, false}) {
    EXPECT_TRUE(sequence.beginStep().isOk());
    sequence.finishStep(withHead);
  }
  EXPECT_EQ(sequence.position(), 3);
  EXPECT_EQ(sequence.checkSelected(1).code(), StatusCode::InvalidArgument);
  EXPECT_TRUE(sequence.checkSelected(2).isOk());
  for (int64_t position : {-1, 0, 3, 9})
    EXPECT_EQ(sequence.checkSelected(position).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(sequence.beginStep().code(), StatusCode::InvalidArgument); // no head selected token 3
}

/// With prefill entries of these tiles.
Program withTiles(Program model, std::initializer_list<int64_t> tiles) {
  for (int64_t tile : tiles)
    model.entries.push_back({"prefill_" + std::to_string(tile), {{PortKind::Token, "", {tile}}}, {}, {}});
  return model;
}

TEST(Sequence, ChoosesTheSmallestTileThatHoldsTheRest) {
  const std::vector<int64_t> sizes = {4, 16, 128};
  for (const auto &[tokens, tile] :
       {std::pair<int64_t, int64_t>{1, 4}, {4, 4}, {5, 16}, {16, 16}, {17, 128}, {500, 128}})
    EXPECT_EQ(chooseTile(sizes, tokens), tile);
}

TEST(Sequence, TilesTakeGivenTokens) {
  const Program model = withTiles(smallModel(), {4, 2});
  Sequence sequence(model, 8);
  EXPECT_EQ(std::vector<int64_t>(sequence.tileSizes().begin(), sequence.tileSizes().end()),
            (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(sequence.beginTile(2).status().code(), StatusCode::InvalidArgument); // nothing was begun
  sequence.start(0, 7, 7);
  for (int64_t size : {0, 1, 3, 8})
    EXPECT_EQ(sequence.beginTile(size).status().message(),
              "there are no tiles of " + std::to_string(size) + " tokens; there are those of 2, 4");
  EXPECT_EQ(*sequence.beginTile(4), 4);
  EXPECT_EQ(sequence.beginTile(4).status().code(), StatusCode::InvalidArgument); // it was not finished
  sequence.start(0, 7, 7);
  EXPECT_EQ(*sequence.beginTile(4), 4);
  sequence.finishStep(/*withHead=*/false, 4);
  EXPECT_EQ(sequence.checkSelected(4).code(), StatusCode::InvalidArgument);
  EXPECT_EQ(*sequence.beginTile(4), 3); // the prompt ends
  sequence.finishStep(/*withHead=*/true, 3);
  EXPECT_EQ(sequence.position(), 7);
  EXPECT_TRUE(sequence.checkSelected(7).isOk());
  EXPECT_EQ(
      sequence.beginTile(2).status().message(),
      "there is no given token at position 7, which a tile could begin with: tokens that are selected take steps");
  EXPECT_TRUE(sequence.beginStep().isOk()); // that changed nothing
  sequence.finishStep(true);
  EXPECT_EQ(sequence.beginTile(2).status().code(), StatusCode::CacheFull);
}

TEST(Sequence, ATileOfHeadsSelectsEveryToken) {
  const Program model = withTiles(smallModel(), {4});
  Sequence sequence(model, 8);
  sequence.start(0, 3, 3);
  EXPECT_EQ(*sequence.beginTile(4), 3);
  sequence.finishTileOfHeads(3);
  for (int64_t position : {1, 2, 3})
    EXPECT_TRUE(sequence.checkSelected(position).isOk());
  EXPECT_EQ(sequence.position(), 3);
}

TEST(Sequence, WithoutTiles) {
  Sequence none(smallModel(), 8);
  none.start(0, 7, 7);
  EXPECT_EQ(none.beginTile(16).status().message(), "there are no tiles of 16 tokens; there are none");
  EXPECT_TRUE(Sequence(withTiles(smallModel(), {4}), 8, /*withTiles=*/false).tileSizes().empty());
}

TEST(Sequence, AStepThatIsNotFinishedEndsIt) {
  Sequence sequence(smallModel(), 8);
  sequence.start(0, 2, 2);
  EXPECT_TRUE(sequence.beginStep().isOk());
  EXPECT_EQ(sequence.beginStep().code(), StatusCode::InvalidArgument);
  sequence.start(0, 2, 2);
  EXPECT_TRUE(sequence.beginStep().isOk());
}

TEST(Sequence, AShortOneDoesNotBecomeLong) {
  Program model = smallModel();
  model.weights.resize(3);
  model.weights[1].longAfter = 2;
  EXPECT_EQ(longAfter(model), 2);
  EXPECT_EQ(longAfter(smallModel()), 0);
  Sequence sequence(model, 8);
  sequence.start(0, 2, 2);
  EXPECT_FALSE(sequence.isLong());
  for (int step = 0; step < 2; ++step) {
    EXPECT_TRUE(sequence.beginStep().isOk());
    sequence.finishStep(true);
  }
  for (int i = 0; i < 2; ++i) { // changes nothing
    const Status status = sequence.beginStep();
    EXPECT_EQ(status.code(), StatusCode::InvalidArgument);
    EXPECT_EQ(status.message(),
              "keys of a sequence of more than 2 tokens are rotated by other angles: begin again with "
              "all of its tokens");
  }
  EXPECT_TRUE(sequence.checkSelected(2).isOk());
  sequence.start(0, 3, 3);
  EXPECT_TRUE(sequence.isLong());
  for (int step = 0; step < 8; ++step) {
    EXPECT_TRUE(sequence.beginStep().isOk());
    sequence.finishStep(true);
  }
  Sequence none(smallModel(), 8);
  none.start(0, 8, 8);
  EXPECT_FALSE(none.isLong());
}

TEST(Sequence, AFullContextChangesNothing) {
  Sequence sequence(smallModel(), 2);
  sequence.start(1, 2, 2);
  EXPECT_EQ(sequence.checkHeadRan().code(), StatusCode::InvalidArgument);
  EXPECT_TRUE(sequence.beginStep().isOk());
  sequence.finishStep(true);
  EXPECT_TRUE(sequence.checkHeadRan().isOk());
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(sequence.beginStep().code(), StatusCode::CacheFull);
  EXPECT_TRUE(sequence.checkSelected(2).isOk());
  EXPECT_EQ(sequence.position(), 2);
}

/// The same with 32 positions, of which a cache with a window of 4 keeps 8.
Program windowModel() {
  Program model = smallModel();
  model.decoder->maxContext = 32;
  model.caches = {{.name = "window", .positions = 8}, {.name = "all"}};
  model.scalars = {{.name = "window", .value = 4}};
  model.cacheTables = {{0, 1}};
  Phase attend;
  attend.kind = PhaseKind::Attend;
  attend.caches = {{.perLayer = false, .index = 0}};
  attend.scalars = {{.perLayer = false, .index = 0}};
  Block block;
  block.count = 1;
  block.phases = {attend};
  model.entries.emplace_back().blocks = {block};
  return model;
}

void process(Sequence &sequence, int64_t tokens) {
  for (int64_t i = 0; i < tokens; ++i) {
    ASSERT_TRUE(sequence.beginStep().isOk());
    sequence.finishStep(/*withHead=*/true);
  }
}

TEST(Sequence, KeepsWhatWasProcessed) {
  Sequence sequence(smallModel(), 8);
  EXPECT_EQ(sequence.keepable(1, 4), 0);
  sequence.start(0, 4, 4);
  process(sequence, 5);
  EXPECT_EQ(sequence.keepable(5, 8), 5);
  EXPECT_EQ(sequence.keepable(6, 8), 0);
  EXPECT_TRUE(sequence.checkPrompt(Tokens(8, 1), {}, 5).isOk());
  for (int64_t kept : {-1, 6, 8})
    EXPECT_EQ(sequence.checkPrompt(Tokens(8, 1), {}, kept).code(), StatusCode::InvalidArgument) << kept;
  const uint64_t number = sequence.number();
  sequence.start(2, 4, 4);
  EXPECT_NE(sequence.number(), number);
  EXPECT_EQ(sequence.position(), 2);
  EXPECT_EQ(sequence.keepable(3, 8), 0); // overwritten from 2 on
}

TEST(Sequence, RingsGoBackAsFarAsTheyAreLargerThanTheirWindow) {
  Sequence sequence(windowModel(), 32);
  sequence.start(0, 8, 8);
  process(sequence, 8);
  EXPECT_EQ(sequence.keepable(1, 20), 1); // nothing was overwritten yet
  process(sequence, 4);
  EXPECT_EQ(sequence.keepable(12, 20), 12);
  EXPECT_EQ(sequence.keepable(8, 20), 8); // needs 5 to 7; the ring has 4 to 11
  EXPECT_EQ(sequence.keepable(7, 20), 0);
  // What was overwritten stays so, also if the new sequence is shorter.
  sequence.start(8, 9, 9);
  process(sequence, 1);
  EXPECT_EQ(sequence.keepable(9, 20), 9);
  EXPECT_EQ(sequence.keepable(7, 20), 0);
  sequence.start(0, 4, 4);
  process(sequence, 4);
  EXPECT_EQ(sequence.keepable(2, 20), 2);
}

TEST(Sequence, OtherAnglesKeepNothing) {
  Program model = smallModel();
  model.weights.emplace_back().longAfter = 4;
  Sequence sequence(model, 8);
  sequence.start(0, 3, 3);
  process(sequence, 3);
  EXPECT_EQ(sequence.keepable(3, 4), 3);
  EXPECT_EQ(sequence.keepable(3, 5), 0); // a long one
}

} // namespace
} // namespace cadenza

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

} // namespace
} // namespace cadenza

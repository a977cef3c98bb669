// How work is divided: over groups by the planner, over ranks by what the ops mean.
#include "compiler/schedule/describe.h"
#include "compiler/schedule/work.h"
#include "test/compiler/schedule/models.h"

#include <gtest/gtest.h>

#include <vector>

namespace cadenza {
namespace {

/// Every tile x step of a product exactly once. If tiles count from a group's first, those of its last are unknown
/// here: then only what a group has is looked at, and how much there is in all.
void expectCovered(Lowered &s, llvm::StringRef phase, int64_t layer, int64_t tiles, int64_t steps, bool tilesOfGroup) {
  sched::ComputeOp compute = s.compute(phase);
  const auto groups = static_cast<int64_t>(s.grid.getGroups()), ranks = static_cast<int64_t>(s.grid.getRanks());
  std::vector<std::vector<bool>> seen(tilesOfGroup ? groups : 1, std::vector<bool>(tiles * steps));
  int64_t all = 0;
  for (int64_t group = 0; group < groups; ++group)
    for (int64_t rank = 0; rank < ranks; ++rank) {
      const BlockWork work = workOf(compute, group, rank, layer);
      all += work.tiles * work.steps;
      for (int64_t tile = work.firstTile; tile < work.firstTile + work.tiles; ++tile)
        for (int64_t step = work.firstStep; step < work.firstStep + work.steps; ++step) {
          ASSERT_TRUE(tile < tiles && step < steps) << "tile " << tile << ", step " << step;
          auto &&already = seen[tilesOfGroup ? group : 0][tile * steps + step];
          ASSERT_FALSE(already) << "group " << group << ", rank " << rank << ", tile " << tile << ", step " << step
                                << " twice";
          already = true;
        }
    }
  EXPECT_EQ(all, tiles * steps);
}

TEST(Division, EveryWeightIsSomebodysAndNobodyElses) {
  struct Case {
    Model model;
    PersistentDevice device;
  };
  for (const auto &[model, device] :
       {Case{qwen3Small, h100}, Case{llama1B, h100}, Case{tiny, tinyDevice}, Case{tinyUngated, tinyDevice}}) {
    Lowered s(model, device);
    ASSERT_TRUE(s.grid) << s.errors;
    const LayerShape &shape = model.shape;
    const int64_t hiddenSteps = shape.hidden / 32, hiddenTiles = shape.hidden / 16;
    const int64_t unitSteps = (shape.units + 31) / 32;
    for (int64_t layer : {0, 1, 2}) {
      expectCovered(s, "layer_query_key_key", layer, (shape.heads + 2 * shape.kvHeads) * shape.headDim / 16,
                    hiddenSteps, true);
      expectCovered(s, "layer_output", layer, hiddenTiles, shape.heads * shape.headDim / 32, false);
      expectCovered(s, shape.unitRows == 2 ? "layer_gate_gate" : "layer_gate", layer, shape.units * shape.unitRows / 16,
                    hiddenSteps, true);
      expectCovered(s, "layer_down", layer, hiddenTiles, unitSteps, false);
    }
    expectCovered(s, "head", 0, (model.vocabulary + 15) / 16, hiddenSteps, false);
  }
}

/// The steps of units of each group.
std::vector<int64_t> groupSteps(const LayerShape &shape, const PersistentDevice &device) {
  StatusOr<LayerDivision> division = divide(shape, device);
  EXPECT_TRUE(division.isOk()) << division.status().message();
  std::vector<int64_t> steps;
  if (division.isOk())
    for (size_t group = 0; group < division->unitStarts.size(); ++group)
      steps.push_back(
          (group + 1 < division->unitStarts.size() ? division->unitStarts[group + 1] : (shape.units + 31) / 32) -
          division->unitStarts[group]);
  return steps;
}

// Others have 3/4 of 227 KiB each in their rings before they begin, which is 3.5 steps of Llama-3.2-1B.
TEST(Division, FeedForwardHalvesOfALargeLayerTakeAsLong) {
  EXPECT_EQ(groupSteps(llama1B.shape, h100),
            (std::vector<int64_t>{17, 17, 16, 16, 16, 16, 16, 16, 18, 18, 18, 18, 18, 18, 18}));
  StatusOr<LayerDivision> s = divide(llama1B.shape, h100);
  ASSERT_TRUE(s.isOk());
  EXPECT_TRUE(s->memoryBound);
  EXPECT_EQ(s->inFlight.kvGroup, s->inFlight.others); // the memory serves all alike
  EXPECT_EQ(s->inFlight.kvGroupAhead, s->inFlight.kvGroup);
  EXPECT_EQ(s->inFlight.othersAhead, s->inFlight.others);
}

TEST(Division, WarpsShareAHeadOfMoreThan128Elements) {
  LayerShape shape = qwen3Small.shape;
  shape.headDim = 256;
  StatusOr<LayerDivision> s = divide(shape, h100);
  ASSERT_TRUE(s.isOk()) << s.status().message();
  shape.heads = 12 * shape.kvHeads;
  PersistentDevice device = h100;
  device.subgroups = 1;
  s = divide(shape, device);
  ASSERT_FALSE(s.isOk());
  EXPECT_EQ(s.status().message(),
            "divides the 8 consumer warps of a block over sets of four query heads that share a KV "
            "head, and over slices of 128 elements of a head: 12 heads are 3 sets of 2 slices, "
            "which do not divide them");
}

TEST(Division, UnitsOfASmallLayerAreSpreadAsTheStreamAllows) {
  EXPECT_EQ(groupSteps(qwen3Small.shape, h100), (std::vector<int64_t>{6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 6}));
  StatusOr<LayerDivision> s = divide(qwen3Small.shape, h100);
  ASSERT_TRUE(s.isOk());
  EXPECT_FALSE(s->memoryBound);
  EXPECT_GT(s->inFlight.kvGroup, s->inFlight.others); // who reads more than others keeps more in flight
}

TEST(Division, GroupsHaveSeveralKvHeadsIfThereAreMore) {
  Model model = tiny;
  model.shape.heads = 16;
  model.shape.kvHeads = 8;
  Lowered s(model, tinyDevice); // three groups
  ASSERT_TRUE(s.grid) << s.errors;
  EXPECT_EQ(llvm::to_vector(*s.compute("layer_query_key_key").getStarts()), (llvm::SmallVector<int64_t>{0, 3, 6}));
  EXPECT_EQ(llvm::to_vector(*s.compute("layer_output").getStarts()), (llvm::SmallVector<int64_t>{0, 3, 6}));
  for (int64_t layer : {0, 1}) {
    expectCovered(s, "layer_query_key_key", layer, (16 + 2 * 8) * 16 / 16, 2, true);
    expectCovered(s, "layer_output", layer, 4, 8, false);
  }
}

// Few KV heads: their query heads are divided over as many groups as there are, where that pays.
// A long context is shared by as many groups as warps take its chunks in turn.
TEST(Division, GroupsWithAKvHeadShareALongContext) {
  const auto shareFrom = [](LayerShape shape, int64_t asked = 0) -> std::string {
    PersistentDevice device = h100;
    device.shareFrom = asked;
    const StatusOr<LayerDivision> usual = divide(shape, device);
    EXPECT_TRUE(usual.isOk()) << usual.status().message();
    if (!usual.isOk())
      return "";
    EXPECT_EQ(usual->shareFrom, 0);
    shape.subgroups = usual->subgroups;
    const auto shared = shareContext(shape, *usual, device);
    if (!shared.isOk())
      return shared.status().message();
    if (!*shared)
      return "never";
    EXPECT_EQ((*shared)->headStarts, usual->headStarts);
    EXPECT_EQ((*shared)->unitStarts, usual->unitStarts);
    EXPECT_GT(packetBytes(shape, **shared, device, 2), packetBytes(shape, *usual, device, 2));
    EXPECT_GT(ringOffset(shape, **shared, device), ringOffset(shape, *usual, device));
    return std::to_string((*shared)->shareFrom);
  };
  LayerShape gemma = {.hidden = 1152, .heads = 4, .kvHeads = 1, .headDim = 256, .units = 6912};
  EXPECT_EQ(shareFrom(gemma), "7510");
  EXPECT_EQ(shareFrom(gemma, 100), "100");
  gemma.longest = 7509;
  EXPECT_EQ(shareFrom(gemma), "never");
  EXPECT_EQ(shareFrom(gemma, 8000), "has no context of 8000 positions to share: a layer attends to 7509 at most");
  EXPECT_EQ(shareFrom(qwen3Small.shape), "never"); // a group a KV head
  EXPECT_EQ(shareFrom(qwen3Small.shape, 100),
            "shares a context among 8 groups with the same KV head and one query head each, not among 1 with 2");
  const LayerShape qwen2{.hidden = 896, .heads = 14, .kvHeads = 2, .headDim = 64, .units = 4864};
  EXPECT_EQ(shareFrom(qwen2), "never"); // seven groups, eight warps
}

TEST(Division, GroupsShareAKvHeadIfThereAreFewer) {
  const auto subgroups = [](LayerShape shape) {
    StatusOr<LayerDivision> s = divide(shape, h100);
    EXPECT_TRUE(s.isOk()) << s.status().message();
    return s.isOk() ? s->subgroups : 0;
  };
  EXPECT_EQ(subgroups(qwen3Small.shape), 1); // 8 KV heads, 15 groups
  EXPECT_EQ(subgroups({.hidden = 896, .heads = 14, .kvHeads = 2, .headDim = 64, .units = 4864}), 7);
  EXPECT_EQ(subgroups({.hidden = 576, .heads = 9, .kvHeads = 3, .headDim = 64, .units = 1536}), 1); // little to divide
  EXPECT_EQ(subgroups({.hidden = 1152, .heads = 4, .kvHeads = 1, .headDim = 256, .units = 6912}), 4);
  EXPECT_EQ(subgroups({.hidden = 4096, .heads = 32, .kvHeads = 2, .headDim = 128, .units = 13696}), 4);
  // Nine query heads a KV head are three sets of four, which eight warps do not divide into: three groups of three.
  EXPECT_EQ(subgroups({.hidden = 1024, .heads = 36, .kvHeads = 4, .headDim = 64, .units = 4096}), 3);

  Model model = tiny;
  model.shape.heads = 6;
  model.shape.kvHeads = 1;
  PersistentDevice device = tinyDevice;
  device.subgroups = 3;
  Lowered s(model, device); // three groups of two heads: 32 rows of queries, 16 of the key, 16 of the value
  ASSERT_TRUE(s.grid) << s.errors;
  EXPECT_EQ(*s.compute("layer_query_key_key").getOf(), 3u);
  EXPECT_EQ(*s.compute("layer_query_key_key").getEach(), 64u);
  EXPECT_EQ(llvm::to_vector(*s.compute("layer_output").getStarts()), (llvm::SmallVector<int64_t>{0, 1, 2}));
  for (int64_t group : {0, 1, 2})
    for (int64_t rank : {0, 1})
      EXPECT_EQ(workOf(s.compute("layer_query_key_key"), group, rank, 0).tiles, 2);
}

TEST(Division, ShapesThatDoNotFitAreNamed) {
  const auto message = [](LayerShape shape, PersistentDevice device) {
    StatusOr<LayerDivision> s = divide(shape, device);
    EXPECT_FALSE(s.isOk());
    EXPECT_EQ(s.status().code(), StatusCode::Unsupported);
    return s.isOk() ? "" : s.status().message();
  };
  LayerShape shape = tiny.shape;
  shape.headDim = 24;
  EXPECT_NE(message(shape, tinyDevice).find("a head_dim that is a multiple of 16, not 24"), std::string::npos);
  shape = tiny.shape;
  shape.units = 8;
  EXPECT_NE(message(shape, tinyDevice).find("2 blocks of a group 8 feed-forward units at least: 8 are not enough"),
            std::string::npos);
  shape.unitRows = 1; // without a gate a tile has sixteen units
  EXPECT_NE(message(shape, tinyDevice).find("a feed-forward size that is a multiple of 16, not 8"), std::string::npos);
  shape.units = 16;
  EXPECT_NE(message(shape, tinyDevice).find("2 blocks of a group 16 feed-forward units at least: 16 are not enough"),
            std::string::npos);
  PersistentDevice device = tinyDevice;
  device.ranks = 8;
  EXPECT_NE(message(tiny.shape, device).find("8 blocks of a group 16 rows of the residual stream at least: 64 are not"),
            std::string::npos);
  shape.hidden = 128;
  EXPECT_NE(message(shape, device).find("16 rows of the query, key and value of a query group at least: 64 are not"),
            std::string::npos);
}

TEST(Division, AsManyGroupsAsThereAreUnitsFor) {
  LayerShape shape = tiny.shape;
  const auto steps = [&](const PersistentDevice &device) { return groupSteps(shape, device); };
  shape.units = 64;
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1, 1}));
  shape.units = 24; // a part of a step, but enough for two ranks
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1}));
  shape.units = 48;
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1, 1}));
  shape.units = 72; // eight units would not do for two ranks
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1, 2}));
  shape.unitRows = 1; // nor sixteen, of an MLP without a gate
  shape.units = 80;
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1, 2}));
  shape.unitRows = 2;
  shape.hidden = shape.units = 256; // two steps for eight ranks
  shape.headDim = 32;
  PersistentDevice device = tinyDevice;
  device.groups = 15;
  device.ranks = 8;
  EXPECT_EQ(steps(device), (std::vector<int64_t>{2, 2, 2, 2}));
}

// The kernel asserts the same number: here are the terms, for a model whose groups have six or seven steps of units.
TEST(Division, OneMoreGroupIsWorthItsClustersToLargeLayersOfCodes) {
  LayerShape large = {.hidden = 4096, .heads = 32, .kvHeads = 8, .headDim = 128, .units = 14336};
  LayerShape small = {.hidden = 2048, .heads = 32, .kvHeads = 8, .headDim = 64, .units = 8192};
  PersistentDevice device = h100;
  const auto groupsOf = [&](LayerShape shape, const Encoding &encoding) {
    shape.encoding = shape.outputEncoding = shape.unitEncoding = shape.downEncoding = encoding;
    const PersistentDevice chosen = chooseClusters(shape, device);
    EXPECT_EQ(chosen.clusters, chosen.groups == device.groups);
    return chosen.groups;
  };
  const Encoding int4(Encoding::int4, 128, false, Encoding::f16);
  EXPECT_EQ(groupsOf(large, Encoding::int8), device.groups); // it is not said that there are more
  device.groupsWithoutClusters = device.groups + 1;
  EXPECT_EQ(groupsOf(large, Encoding::tiles16), device.groups);
  EXPECT_EQ(groupsOf(large, Encoding::int8), device.groups + 1);
  EXPECT_EQ(groupsOf(large, int4), device.groups + 1);
  EXPECT_EQ(groupsOf(large, Encoding::q4_k), device.groups + 1);
  EXPECT_EQ(groupsOf(small, Encoding::int8), device.groups);
  EXPECT_EQ(groupsOf(small, int4), device.groups);
}

TEST(Division, WithoutClustersHopsHavePacketsToo) {
  PersistentDevice device = h100;
  StatusOr<LayerDivision> with = divide(qwen3Small.shape, device);
  ASSERT_TRUE(with.isOk());
  const uint64_t exchanged = packetBytes(qwen3Small.shape, *with, device, /*parts=*/2);
  EXPECT_EQ(packetBytes(qwen3Small.shape, *with, device, /*parts=*/4) - exchanged, 16 * 4 * 120 * 128 / 8 * 3);
  device.clusters = false;
  StatusOr<LayerDivision> without = divide(qwen3Small.shape, device);
  ASSERT_TRUE(without.isOk());
  EXPECT_EQ(with->unitStarts, without->unitStarts);
  const uint64_t residual = 1024 / 4, sums = 1024 / 16, rows = (2 + 2) * 128 / 2, parts = 8 * 2 * 132 / 2,
                 units = 7 * 32 / 4, stepFlags = 4 * 15 * 8;
  EXPECT_EQ(packetBytes(qwen3Small.shape, *without, device, /*parts=*/2),
            exchanged + 15 * 16 * (residual + sums + rows + parts + units) + stepFlags);
}

TEST(Description, HasALineABlock) {
  Lowered s(tiny, tinyDevice);
  ASSERT_TRUE(s.grid) << s.errors;
  const std::string text = describe(s.grid);
  EXPECT_NE(text.find("3 groups of 2 blocks"), std::string::npos) << text;
  EXPECT_NE(text.find("the shared memory of its cluster"), std::string::npos) << text;
  EXPECT_NE(text.find("\n    2    1  -"), std::string::npos) << text;
}

// A chunk of a norm's sum of squares lies in the rows of one rank.
TEST(Division, NormChunksFollowTheRowsOfARank) {
  EXPECT_EQ(normChunk(1024, 8), 128);
  EXPECT_EQ(normChunk(4096, 8), 128);
  EXPECT_EQ(normChunk(2560, 8), 64);
  EXPECT_EQ(normChunk(896, 8), 16);
  EXPECT_EQ(normChunk(576, 8), 16) << "72 rows a rank, but tiles of 16 rows are divided: 80 or 64";
}

} // namespace
} // namespace cadenza

#include "compiler/schedule/exchanges.h"
#include "test/compiler/schedule/models.h"

#include <gtest/gtest.h>

#include <vector>

namespace cadenza {
namespace {

/// Every tile x step of a product exactly once. If tiles count from a group's first, those of its last are unknown
/// here: then only what a group has is looked at, and how much there is in all.
void expectCovered(const PersistentSchedule &s, Product product, int64_t layer, int64_t tiles, int64_t steps,
                   bool tilesOfGroup) {
  std::vector<std::vector<bool>> seen(tilesOfGroup ? s.device.groups : 1, std::vector<bool>(tiles * steps));
  int64_t all = 0;
  for (int group = 0; group < s.device.groups; ++group)
    for (int rank = 0; rank < s.device.ranks; ++rank) {
      const BlockWork work = s.work(product, group, rank, layer);
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

TEST(PersistentSchedule, EveryWeightIsSomebodysAndNobodyElses) {
  struct Case {
    PersistentModel model;
    PersistentDevice device;
  };
  for (const auto &[model, device] : {Case{qwen3Small, h100}, Case{llama1B, h100}, Case{tiny, tinyDevice}}) {
    StatusOr<PersistentSchedule> s = planPersistent(model, device);
    ASSERT_TRUE(s.isOk()) << s.status().message();
    const int64_t hiddenSteps = model.hidden / 32, hiddenTiles = model.hidden / 16;
    const int64_t unitSteps = (model.units + 31) / 32;
    for (int64_t layer : {0, 1, 2}) {
      expectCovered(*s, Product::QueryKeyValue, layer, (model.heads + 2 * model.kvHeads) * model.headDim / 16,
                    hiddenSteps, true);
      expectCovered(*s, Product::Output, layer, hiddenTiles, model.heads * model.headDim / 32, false);
      expectCovered(*s, Product::GateUp, layer, model.units / 8, hiddenSteps, true);
      expectCovered(*s, Product::Down, layer, hiddenTiles, unitSteps, false);
    }
    expectCovered(*s, Product::Head, 0, (model.vocabulary + 15) / 16, hiddenSteps, false);
  }
}

/// The steps of units of each group.
std::vector<int64_t> groupSteps(const PersistentSchedule &s) {
  std::vector<int64_t> steps;
  steps.reserve(s.device.groups);
  for (int group = 0; group < s.device.groups; ++group)
    steps.push_back(s.work(Product::Down, group, 0, 0).steps);
  return steps;
}

// Others have 3/4 of 227 KiB each in their rings before they begin, which is 3.5 steps of Llama-3.2-1B.
TEST(PersistentSchedule, FeedForwardHalvesOfALargeLayerTakeAsLong) {
  StatusOr<PersistentSchedule> s = planPersistent(llama1B, h100);
  ASSERT_TRUE(s.isOk());
  EXPECT_EQ(groupSteps(*s), (std::vector<int64_t>{16, 16, 16, 15, 15, 15, 15, 15, 19, 19, 19, 19, 19, 19, 19}));
  EXPECT_TRUE(s->memoryBound());
  EXPECT_EQ(s->inFlight.kvGroup, s->inFlight.others); // the memory serves all alike
  EXPECT_LT(s->inFlight.kvGroupAhead, s->inFlight.kvGroup);
  EXPECT_EQ(s->inFlight.othersAhead, s->inFlight.others);
}

TEST(PersistentSchedule, UnitsOfASmallLayerAreSpreadAsTheStreamAllows) {
  StatusOr<PersistentSchedule> s = planPersistent(qwen3Small, h100);
  ASSERT_TRUE(s.isOk());
  EXPECT_EQ(groupSteps(*s), (std::vector<int64_t>{6, 6, 6, 6, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 6}));
  EXPECT_FALSE(s->memoryBound());
  EXPECT_GT(s->inFlight.kvGroup, s->inFlight.others); // who reads more than others keeps more in flight
}

TEST(PersistentSchedule, ColumnsOfOutputAreCutAtKvHeads) {
  StatusOr<PersistentSchedule> s = planPersistent(qwen3Small, h100);
  ASSERT_TRUE(s.isOk());
  EXPECT_EQ(s->columnGroups(Product::Output), (std::vector<int64_t>{0, 8, 16, 24, 32, 40, 48, 56}));
  EXPECT_EQ(s->columnGroups(Product::GateUp), std::vector<int64_t>{0});
  EXPECT_EQ(s->columnGroups(Product::Down).size(), 15u);
}

TEST(PersistentSchedule, GroupsHaveSeveralKvHeadsIfThereAreMore) {
  PersistentModel model = tiny;
  model.heads = 16;
  model.kvHeads = 8;
  StatusOr<PersistentSchedule> s = planPersistent(model, tinyDevice); // three groups
  ASSERT_TRUE(s.isOk()) << s.status().message();
  EXPECT_EQ(s->columnGroups(Product::Output), (std::vector<int64_t>{0, 3, 6})); // a step a head
  for (int64_t layer : {0, 1}) {
    expectCovered(*s, Product::QueryKeyValue, layer, (16 + 2 * 8) * 16 / 16, 2, true);
    expectCovered(*s, Product::Output, layer, 4, 8, false);
  }
  const Status status = verifyExchanges(*s);
  EXPECT_TRUE(status.isOk()) << status.message();
}

TEST(PersistentSchedule, ShapesThatDoNotFitAreNamed) {
  const auto message = [](PersistentModel model, PersistentDevice device) {
    StatusOr<PersistentSchedule> s = planPersistent(model, device);
    EXPECT_FALSE(s.isOk());
    EXPECT_EQ(s.status().code(), StatusCode::Unsupported);
    return s.isOk() ? "" : s.status().message();
  };
  PersistentModel model = tiny;
  model.headDim = 24;
  EXPECT_NE(message(model, tinyDevice).find("a head_dim that is a multiple of 16, not 24"), std::string::npos);
  model = tiny;
  model.units = 8;
  EXPECT_NE(message(model, tinyDevice).find("2 blocks of a group 8 feed-forward units at least: 8 are not enough"),
            std::string::npos);
  PersistentDevice device = tinyDevice;
  device.ranks = 8;
  EXPECT_NE(message(tiny, device).find("8 blocks of a group 16 rows of the residual stream at least: 64 are not"),
            std::string::npos);
  model.hidden = 128;
  EXPECT_NE(message(model, device).find("16 rows of the query, key and value of a KV head at least: 64 are not"),
            std::string::npos);
}

TEST(PersistentSchedule, AsManyGroupsAsThereAreUnitsFor) {
  PersistentModel model = tiny;
  const auto steps = [&](PersistentDevice device) {
    StatusOr<PersistentSchedule> s = planPersistent(model, device);
    EXPECT_TRUE(s.isOk()) << s.status().message();
    return s.isOk() ? groupSteps(*s) : std::vector<int64_t>();
  };
  model.units = 64;
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1, 1}));
  model.units = 24; // a part of a step, but enough for two ranks
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1}));
  model.units = 48;
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1, 1}));
  model.units = 72; // eight units would not do for two ranks
  EXPECT_EQ(steps(tinyDevice), (std::vector<int64_t>{1, 2}));
  model.hidden = model.units = 256; // two steps for eight ranks
  model.headDim = 32;
  PersistentDevice device = tinyDevice;
  device.groups = 15;
  device.ranks = 8;
  EXPECT_EQ(steps(device), (std::vector<int64_t>{2, 2, 2, 2}));
}

// The kernel asserts the same number: here are the terms, for a model whose groups have six or seven steps of units.
TEST(PersistentSchedule, WithoutClustersHopsHavePacketsToo) {
  PersistentDevice device = h100;
  StatusOr<PersistentSchedule> with = planPersistent(qwen3Small, device);
  device.clusters = false;
  StatusOr<PersistentSchedule> without = planPersistent(qwen3Small, device);
  ASSERT_TRUE(with.isOk() && without.isOk());
  EXPECT_EQ(with->unitStarts, without->unitStarts);
  const uint64_t residual = 1024 / 4, sums = 1024 / 16, rows = (2 + 2) * 128 / 2, parts = 8 * 2 * 132 / 2,
                 units = 7 * 32 / 4, stepFlags = 4 * 15 * 8;
  EXPECT_EQ(without->packetBytes(),
            with->packetBytes() + 15 * 16 * (residual + sums + rows + parts + units) + stepFlags);
}

TEST(PersistentSchedule, DescriptionHasALineABlock) {
  StatusOr<PersistentSchedule> s = planPersistent(tiny, tinyDevice);
  ASSERT_TRUE(s.isOk());
  const std::string text = describe(*s);
  EXPECT_NE(text.find("3 groups of 2 blocks"), std::string::npos) << text;
  EXPECT_NE(text.find("the shared memory of its cluster"), std::string::npos) << text;
  EXPECT_NE(text.find("\n    2    1  -"), std::string::npos) << text;
}

// A chunk of a norm's sum of squares lies in the rows of one rank.
TEST(PersistentSchedule, NormChunksFollowTheRowsOfARank) {
  EXPECT_EQ(normChunk(1024, 8), 128);
  EXPECT_EQ(normChunk(4096, 8), 128);
  EXPECT_EQ(normChunk(2560, 8), 64);
  EXPECT_EQ(normChunk(896, 8), 16);
  EXPECT_EQ(normChunk(576, 8), 16) << "72 rows a rank, but tiles of 16 rows are divided: 80 or 64";
}

} // namespace
} // namespace cadenza

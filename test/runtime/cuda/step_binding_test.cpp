#include "runtime/cuda/step_binding.h"
#include "test/runtime/cuda/toy_plan.h"

#include <gtest/gtest.h>

namespace cadenza::cuda {
namespace {

TEST(BindStep, ResolvesArgumentsLayerByLayer) {
  test::ToyPlan plan({});
  plan.mutableProgram().caches[0].positions = 3;
  plan.mutableProgram().caches[1].positions = 7; // of which there are no more than 5
  Addresses at{.arena = 10000,
               .state = 2,
               .tokens = 3,
               .logits = 4,
               .context = 5,
               .weights = {100, 101, 102, 103},
               .cacheKeys = {200, 201, 202},
               .cacheValues = {300, 301, 302},
               .scratch = {400}};
  auto bound = bindStep(plan.program(), at);
  ASSERT_TRUE(bound.isOk());
  std::vector<std::vector<uint64_t>> words;
  for (const BoundLaunch &launch : bound->launches)
    words.emplace_back(bound->words.begin() + static_cast<ptrdiff_t>(launch.firstWord),
                       bound->words.begin() + static_cast<ptrdiff_t>(launch.firstWord + launch.wordCount));
  EXPECT_EQ(words, (std::vector<std::vector<uint64_t>>{{10000, 2, 3},
                                                       {103, 10512, 2},
                                                       {10000, 10256, 100, 200, 300, 2, 3},
                                                       {10000, 10256, 101, 201, 301, 2, 5},
                                                       {10000, 10256, 102, 202, 302, 2, 5},
                                                       {10000, 2, 3, 4, 400}}));
  EXPECT_EQ(bound->headLaunch, 5u);
  EXPECT_EQ(bound->launches[3].iteration, 1);
  EXPECT_EQ(bound->launches[3].kernel, 2u);
}

TEST(BindStep, ScalarsAreWords) {
  test::ToyPlan plan({});
  Program program = plan.program();
  program.scalars = {{"zero", 0}, {"first", 512}, {"second", 7}};
  const auto layers = static_cast<size_t>(program.entries[0].blocks[1].count);
  program.scalarTables = {Table(layers, 1)};
  program.scalarTables[0][1] = 2;
  program.entries[0].blocks[1].phases[0].launch.arguments = {{ArgumentKind::Scalar, 0, {true, 0}},
                                                             {ArgumentKind::Scalar, 0, {false, 0}}};
  auto bound =
      bindStep(program, {.weights = {0, 0, 0, 0}, .cacheKeys = {0, 0, 0}, .cacheValues = {0, 0, 0}, .scratch = {0}});
  ASSERT_TRUE(bound.isOk());
  std::vector<uint64_t> words;
  for (const BoundLaunch &launch : bound->launches)
    if (launch.block == 1)
      words.insert(words.end(), bound->words.begin() + static_cast<ptrdiff_t>(launch.firstWord),
                   bound->words.begin() + static_cast<ptrdiff_t>(launch.firstWord + launch.wordCount));
  ASSERT_EQ(words.size(), 2 * layers);
  EXPECT_EQ(words[0], 512u);
  EXPECT_EQ(words[1], 0u);
  EXPECT_EQ(words[2], 7u);
}

/// A launch for all tokens of a tile, with its own grid, and one before it that prepares; the head is that of a step.
TEST(BindEntry, ATileIsLaunchedAtOnce) {
  test::ToyPlan plan({});
  Program program = plan.program();
  Entry entry = program.entries[0];
  entry.name = "prefill_16";
  entry.inputs = {{PortKind::Token, "", {16}}};
  Phase last;
  last.kind = PhaseKind::Last;
  last.inputs = {0};
  last.outputs = {1};
  last.launch = {"toy_rope", {{ArgumentKind::State, 0, {}}}, 1};
  entry.blocks.insert(entry.blocks.begin() + 2, {"last", 1, {last}});
  program.edges[0].tokens = 16;
  Phase &layer = entry.blocks[1].phases[0];
  layer.launch.blocks = 5;
  layer.prepare = {"toy_embed", {{ArgumentKind::Edge, 0, {}}}, 16};
  program.entries.push_back(entry);
  auto bound = bindEntry(
      program, 1,
      {.arena = 1000, .weights = {0, 0, 0, 0}, .cacheKeys = {0, 0, 0}, .cacheValues = {0, 0, 0}, .scratch = {0}});
  ASSERT_TRUE(bound.isOk()) << bound.status().message();
  std::vector<std::pair<uint32_t, uint32_t>> launches; // kernel, blocks
  for (const BoundLaunch &launch : bound->launches)
    launches.emplace_back(launch.kernel, launch.blocks);
  EXPECT_EQ(launches, (std::vector<std::pair<uint32_t, uint32_t>>{
                          {0, 0}, {1, 0}, {0, 16}, {2, 5}, {0, 16}, {2, 5}, {0, 16}, {2, 5}, {1, 1}, {3, 0}}));
  EXPECT_EQ(bound->headLaunch, 9u);
  EXPECT_EQ(bound->words[bound->launches[2].firstWord], 1000u);
}

/// Of a phase with variants, the one for the target of the code; arguments that are maps or numbers.
TEST(BindEntry, TakesTheVariantOfTheTarget) {
  test::ToyPlan plan({});
  Program program = plan.program();
  Variant variant{{"sm_90", "host"}, {"toy_rope", {}, 3}};
  variant.launch.arguments = {{ArgumentKind::Edge, 1, {}, TensorMap{.extents = {64}, .strides = {}, .box = {64}}},
                              {ArgumentKind::Number, 128, {}}};
  program.entries[0].blocks[1].phases[0].variants = {variant};
  const Addresses at{
      .arena = 1000, .weights = {0, 0, 0, 0}, .cacheKeys = {0, 0, 0}, .cacheValues = {0, 0, 0}, .scratch = {0}};
  auto other = bindEntry(program, 0, at, "sm_80"), bound = bindEntry(program, 0, at, "sm_90");
  ASSERT_TRUE(other.isOk() && bound.isOk());
  EXPECT_EQ(other->launches[2].kernel, 2u);
  EXPECT_TRUE(other->maps.empty());
  const BoundLaunch &launch = bound->launches[2];
  EXPECT_EQ(launch.kernel, 1u);
  EXPECT_EQ(launch.blocks, 3u);
  ASSERT_EQ(launch.wordCount, 2u);
  EXPECT_EQ(bound->words[launch.firstWord], 1256u);
  EXPECT_EQ(bound->words[launch.firstWord + 1], 128u);
  ASSERT_EQ(bound->maps.size(), static_cast<size_t>(test::toyLayers));
  EXPECT_EQ(bound->maps[0].word, launch.firstWord);
  EXPECT_EQ(bound->maps[0].address, 1256u);
  EXPECT_EQ(bound->maps[0].map, &*program.entries[0].blocks[1].phases[0].variants[0].launch.arguments[0].map);
}

TEST(BindStep, NamesAMissingKernel) {
  test::ToyPlan plan({});
  plan.mutableProgram().kernels[2].name = "other";
  Status status =
      bindStep(plan.program(), {.weights = {0, 0, 0, 0}, .cacheKeys = {}, .cacheValues = {}, .scratch = {}}).status();
  EXPECT_EQ(status.message(), "entry 'decode'.blocks[1].phases[0].launch: no kernel 'toy_layer'");
}

} // namespace
} // namespace cadenza::cuda

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

TEST(BindStep, NamesAMissingKernel) {
  test::ToyPlan plan({});
  plan.mutableProgram().kernels[2].name = "other";
  Status status =
      bindStep(plan.program(), {.weights = {0, 0, 0, 0}, .cacheKeys = {}, .cacheValues = {}, .scratch = {}}).status();
  EXPECT_EQ(status.message(), "entry 'decode'.blocks[1].phases[0].launch: no kernel 'toy_layer'");
}

} // namespace
} // namespace cadenza::cuda

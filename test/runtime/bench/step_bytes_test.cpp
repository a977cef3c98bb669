#include "runtime/bench/step_bytes.h"

#include <gtest/gtest.h>

namespace cadenza::bench {
namespace {

/// Two layers of one 48 x 40 matrix and its norm, a tied or untied head of 100 x 40, one cache a layer.
Program makeProgram(bool tied) {
  Program p;
  p.weights = {{"embedding", Encoding::tiles16, DType::bf16, 100, 40, 1, 0, 0},
               {"head", Encoding::tiles16, DType::bf16, 100, 40, 1, 0, 0},
               {"layers.0", Encoding::tiles16, DType::bf16, 48, 40, 1, 0, 0},
               {"layers.1", Encoding::tiles16, DType::bf16, 48, 40, 1, 0, 0},
               {"norm.0", Encoding::vector, DType::f32, 40, 1, 1, 0, 0},
               {"norm.1", Encoding::vector, DType::f32, 40, 1, 1, 0, 0},
               {"rope", Encoding::rope_table, DType::f32, 8, 1, 1, 0, 0}};
  p.weightTables = {{2, 3}, {4, 5}};
  p.caches = {{"0", DType::bf16, 2, 16}, {"1", DType::bf16, 2, 16}};
  p.cacheTables = {{0, 1}};
  Phase embed, project, attend, head;
  embed.kind = PhaseKind::Embed;
  embed.matrix = {false, 0};
  project.kind = PhaseKind::Project;
  project.matrix = {true, 0};
  Function norm, rope;
  norm.weights = {{true, 1}};
  rope.weights = {{false, 6}};
  project.prologue = {norm};
  project.epilogues = {rope};
  attend.kind = PhaseKind::Attend;
  attend.caches = {{true, 0}};
  head.kind = PhaseKind::Project;
  head.matrix = {false, tied ? 0u : 1u};
  p.entries = {{"decode", {}, {}, {{"first", 1, {embed}}, {"layers", 2, {project, attend}}, {"head", 1, {head}}}}};
  p.decoder = {.entry = 0, .headBlock = 2, .eosTokens = {}, .family = {}};
  return p;
}

TEST(StepBytes, EveryWeightOnceWithoutPadding) {
  uint64_t layers = 2 * (48 * 40 * 2 + 40 * 4), rope = 8 * 2 * 4, head = 100 * 40 * 2, row = 40 * 2;
  EXPECT_EQ(weightBytesPerStep(makeProgram(true)), layers + rope + head);
  EXPECT_EQ(weightBytesPerStep(makeProgram(false)), layers + rope + head + row);
}

TEST(StepBytes, ARowOfLearnedPositions) {
  Program program = makeProgram(true);
  const uint64_t without = weightBytesPerStep(program);
  program.entries[0].blocks[0].phases[0].positions = Ref{false, 1}; // nothing else reads it, if the head is tied
  EXPECT_EQ(weightBytesPerStep(program), without + 40 * 2);
}

TEST(StepBytes, TypesOfMatricesThoseOfMostBytesFirst) {
  Program program = makeProgram(false);
  EXPECT_EQ(storedTypes(program).layers, "bf16");
  EXPECT_EQ(storedTypes(program).head, "bf16");
  program.weights[1].encoding = Encoding::int8;
  program.weights[2].encoding = Encoding::q6_k;
  program.weights[3].encoding = Encoding::q4_k;
  EXPECT_EQ(storedTypes(program).layers, "q6_k+q4_k");
  EXPECT_EQ(storedTypes(program).head, "int8");
}

TEST(StepBytes, AnEncodingsWeightsAndScales) {
  Program program = makeProgram(false);
  for (uint32_t matrix : {1u, 2u, 3u})
    program.weights[matrix].encoding = Encoding::int8;
  uint64_t layers = 2 * (48 * 40 + 48 * 4 + 40 * 4), rope = 8 * 2 * 4, head = 100 * 40 + 100 * 4, row = 40 * 2;
  EXPECT_EQ(weightBytesPerStep(program), layers + rope + head + row);
  for (uint32_t matrix : {2u, 3u}) // two groups in 40 columns, of a scale and a zero each
    program.weights[matrix].encoding = {Encoding::int4, 32, true, Encoding::bf16};
  layers = 2 * (48 * 20 + 48 * 2 * 3 + 40 * 4);
  EXPECT_EQ(weightBytesPerStep(program), layers + rope + head + row);
}

TEST(StepBytes, Cache) { EXPECT_EQ(cacheBytesPerStep(makeProgram(true), 10), 2u * 2 * 2 * 16 * 2 * 10); }

TEST(StepBytes, CacheInAWindow) {
  Program program = makeProgram(true);
  program.scalars = {{"0", 4}, {"1", 0}};
  program.scalarTables = {{0, 1}};
  program.entries[0].blocks[1].phases[1].scalars = {{true, 0}};
  EXPECT_EQ(cacheBytesPerStep(program, 10), 2u * 2 * 16 * 2 * (4 + 10));
  EXPECT_EQ(cacheBytesPerStep(program, 3), 2u * 2 * 16 * 2 * (3 + 3));
  EXPECT_EQ(meanCacheBytes(program, 10, 5), 2.0 * 2 * 16 * 2 * (4 + 13));
  EXPECT_DOUBLE_EQ(meanCacheBytes(program, 2, 3), 2.0 * 2 * 16 * 2 * ((3 + 4 + 4) / 3.0 + 4));
}

TEST(Operations, OfAPromptWhoseHeadTakesOneToken) {
  Program program = makeProgram(true);
  program.entries[0].blocks[1].phases[1].parameters = {{"heads", 4}, {"head_dim", 16}};
  const double matrices = 2.0 * 48 * 40, head = 2.0 * 100 * 40, perPosition = 4 * 4 * 16;
  EXPECT_EQ(promptOperations(program, 1), 2 * (matrices + perPosition) + head);
  EXPECT_EQ(promptOperations(program, 3), 2 * (3 * matrices + (1 + 2 + 3) * perPosition) + head);
  program.scalars = {{"0", 2}, {"1", 0}}; // the first layer has a window
  program.scalarTables = {{0, 1}};
  program.entries[0].blocks[1].phases[1].scalars = {{true, 0}};
  EXPECT_EQ(promptOperations(program, 3), 2 * 3 * matrices + (1 + 2 + 2 + 1 + 2 + 3) * perPosition + head);
}

} // namespace
} // namespace cadenza::bench

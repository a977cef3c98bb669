// Counts of programs that no model of today becomes. Those of models: statistics.test.
#include "compiler/driver/statistics.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

Phase phase(PhaseKind kind, std::string output, size_t functions) {
  Phase phase;
  phase.kind = kind;
  phase.outputNames = {std::move(output)};
  phase.epilogues.resize(functions);
  return phase;
}

TEST(Statistics, PhasesThatOnlyCopyAreCountedALaunch) {
  Program program;
  program.decoder.emplace().layers = 3;
  std::vector<Block> &blocks = program.entries.emplace_back().blocks;
  blocks.push_back({.name = "start", .count = 1, .phases = {phase(PhaseKind::Map, "cast", 0)}});
  blocks.push_back(
      {.name = "layers",
       .count = 3,
       .phases = {phase(PhaseKind::Map, "model.layers.*.view", 0), phase(PhaseKind::Map, "model.layers.*.norm", 1),
                  phase(PhaseKind::Project, "model.layers.*.linear", 0)}});
  Statistics statistics;
  statistics.countAfter(program);
  EXPECT_EQ(statistics.copies, 1 + 3);
  EXPECT_EQ(statistics.launchesPerToken, 10);
  EXPECT_EQ(statistics.phasesPerLayer, 3);
  EXPECT_NE(statistics.toText().find("casts, views, copies    4\n"), std::string::npos) << statistics.toText();
  EXPECT_EQ(statistics.toJson()["copies"], 4);
}

} // namespace
} // namespace cadenza

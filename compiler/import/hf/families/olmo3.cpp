// OLMo 3 (OLMo Team 2025, https://allenai.org/olmo): OLMo 2's block; three of four layers have a window, and what
// scales RoPE is for the others only.
#include "compiler/import/hf/family.h"

namespace cadenza::families {
namespace {

constexpr double theta = 500000;
constexpr DecoderDefaults defaults{.configClass = "Olmo3Config",
                                   .maxPositions = 2048,
                                   .normEps = 1e-5,
                                   .ropeTheta = theta,
                                   .slidingThetaField = "rope_theta",
                                   .slidingRopeTheta = theta,
                                   .eosToken = 50279,
                                   .window = Window::Interval,
                                   .fullInterval = 4};

DecoderConfig readConfig(ConfigReader &reader) {
  DecoderConfig config = readDecoderConfig(reader, defaults);
  // Where the versions of transformers differ, nothing is guessed.
  if (!reader.has("rope_parameters") && !reader.has("rope_theta"))
    reader.findings().invalid(reader.where("rope_theta") +
                              " is missing; transformers 4 takes 10000 then, and 5 takes 500000");
  else if (!reader.has("rope_parameters") && config.rope.theta != theta)
    reader.findings().unsupported(reader.where("rope_theta") + " " + reader.raw("rope_theta").dump() +
                                  " is not supported: of layers with a window, transformers 4 takes it for the base, "
                                  "and 5 takes 500000; say both in rope_parameters, an entry a layer type");
  return config;
}

} // namespace

const Family &olmo2(); // has the same block

const Family &olmo3() {
  static const Family family{"olmo3", {"Olmo3ForCausalLM"}, readConfig, olmo2().build};
  return family;
}

} // namespace cadenza::families

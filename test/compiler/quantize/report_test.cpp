#include "compiler/quantize/report.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

TEST(QuantizationReport, SaysBitsAndTheLargestErrors) {
  QuantizationReport report{.type = "int4", .matrices = {}, .fileBytes = 12'345'678};
  for (int layer = 0; layer < 6; ++layer)
    report.matrices.push_back({.role = "layers." + std::to_string(layer) + ".mlp.up.weight",
                               .tensor = "up" + std::to_string(layer),
                               .rows = 512,
                               .columns = 256,
                               .encoding = Encoding::int4,
                               .error = {.squares = layer * layer * 1e-4, .values = 1}});
  report.matrices.push_back({.role = "layers.0.mlp.down.weight",
                             .tensor = "down",
                             .rows = 256,
                             .columns = 512,
                             .encoding = Encoding::tiles16,
                             .error = {}});
  report.matrices.push_back({.role = "head.weight",
                             .tensor = "lm_head",
                             .rows = 256,
                             .columns = 512,
                             .isHead = true,
                             .encoding = Encoding::int8,
                             .error = {.squares = 1e-4, .values = 4}});
  EXPECT_EQ(report.toText(),
            "quantized to 6.102 bits a weight (layers 5.821, head 8.062; scales included, the embedding not); plan of "
            "12.3 MB\n"
            "largest relative errors: layers.5.mlp.up.weight 5.00 % (int4), layers.4.mlp.up.weight 4.00 % (int4), "
            "layers.3.mlp.up.weight 3.00 % (int4), layers.2.mlp.up.weight 2.00 % (int4), layers.1.mlp.up.weight 1.00 % "
            "(int4)");
  const nlohmann::ordered_json json = report.toJson();
  EXPECT_EQ(json["file_bytes"], 12345678);
  EXPECT_EQ(json["worst"].size(), 5);
  EXPECT_EQ(json["worst"][0], "layers.5.mlp.up.weight");
  EXPECT_EQ(json["matrices"].size(), 8);
  EXPECT_EQ(json["matrices"][6]["encoding"], "tiles16");
  EXPECT_EQ(json["matrices"][6]["bits_per_weight"], 16);
  EXPECT_NEAR(json["matrices"][7]["relative_error"].get<double>(), 0.005, 1e-12);
}

} // namespace
} // namespace cadenza

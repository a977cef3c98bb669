// What config.json says of rotary position embedding: types, parts of heads, layers without it, queries that grow.
#include "test/compiler/import/read_config.h"

#include <cmath>

namespace cadenza {
namespace {

using nlohmann::json;

using test::Broken;
using test::notices;
using test::Read;
using test::read;
using test::readAs;

json phi3(const char *patch) {
  json object = test::smallConfig("phi3");
  object.erase("rope_scaling");
  object["num_key_value_heads"] = object["num_attention_heads"];
  object["head_dim"] = 8;
  object["max_position_embeddings"] = 64;
  object["original_max_position_embeddings"] = 16;
  object["sliding_window"] = nullptr;
  const json fields = json::parse(patch);
  for (const auto &[name, value] : fields.items())
    object[name] = value;
  return object;
}

TEST(ConfigRope, QueriesThatGrow) {
  const auto grown = [](const char *parameters) {
    json object = test::smallConfig("ministral3");
    object.erase("rope_theta");
    object["rope_parameters"] = json::parse(parameters);
    return object;
  };
  const std::string yarn = R"("rope_type":"yarn","rope_theta":100,"factor":4,"original_max_position_embeddings":128,)";
  Read result = readAs(grown(("{" + yarn + R"("llama_4_scaling_beta":0.1,"max_position_embeddings":512})").c_str()));
  EXPECT_EQ(test::noticesOf(result), "");
  EXPECT_EQ(result.config.rope.queryGrowth, 0.1);
  EXPECT_EQ(result.config.rope.originalMaxPositions, 128);
  // Without scaling of RoPE, the length has to be there all the same; without growth, it has not.
  result = readAs(grown(R"({"rope_theta":100,"original_max_position_embeddings":64,"llama_4_scaling_beta":2})"));
  EXPECT_EQ(result.findings.errors(), 0u);
  EXPECT_EQ(result.config.rope.originalMaxPositions, 64);
  EXPECT_EQ(readAs(grown(R"({"rope_theta":100,"llama_4_scaling_beta":0})")).findings.errors(), 0u);
  const Broken wrong[] = {
      {R"({"rope_theta":100})",
       "rope_parameters.llama_4_scaling_beta is missing; Ministral3Config multiplies queries by what it says"},
      {R"({"rope_theta":100,"llama_4_scaling_beta":0.1})",
       "rope_parameters.original_max_position_embeddings is missing"},
      {R"({"rope_theta":100,"llama_4_scaling_beta":0.1,"original_max_position_embeddings":0})",
       "rope_parameters.original_max_position_embeddings is 0; expected an integer in [1, 268435456]"},
      {R"({"rope_theta":100,"llama_4_scaling_beta":-0.1,"original_max_position_embeddings":64})",
       "rope_parameters.llama_4_scaling_beta is -0.1; expected a number above 0 and at most 1e+06"},
      {R"({"rope_theta":100,"llama_4_scaling_beta":"0.1","original_max_position_embeddings":64})",
       "rope_parameters.llama_4_scaling_beta is '0.1'; expected a number above 0 and at most 1e+06"},
  };
  test::expectRefused(wrong, [&](const char *parameters) { return readAs(grown(parameters)); });
  // Nothing at all is what the class has.
  json nothing = test::smallConfig("ministral3");
  nothing.erase("rope_theta");
  result = readAs(nothing);
  EXPECT_EQ(result.findings.errors(), 0u);
  EXPECT_EQ(result.config.rope.type, RopeParameters::Type::Yarn);
  EXPECT_EQ(result.config.rope.theta, 1e6);
  EXPECT_EQ(result.config.rope.factor, 16);
  EXPECT_EQ(result.config.rope.originalMaxPositions, 16384);
  EXPECT_EQ(result.config.rope.queryGrowth, 0.1);
  EXPECT_NE(test::noticesOf(result).find("is the default of Ministral3Config: "), std::string::npos);
  EXPECT_NE(test::noticesOf(result).find("rope_parameters {\"rope_type\":\"yarn\""), std::string::npos);
  // Another family ignores it.
  json llama = test::smallConfig();
  llama["rope_scaling"] = {{"rope_type", "default"}, {"llama_4_scaling_beta", 0.1}};
  EXPECT_EQ(test::noticesOf(readAs(llama)),
            "config.json: rope_scaling.llama_4_scaling_beta is not known and was ignored\n");
}

/// As Devstral 2 is published.
TEST(ConfigRope, YarnTakesAScaleOfZeroForNone) {
  json object = test::smallConfig();
  object["rope_scaling"] = {{"type", "yarn"}, {"factor", 4}, {"original_max_position_embeddings", 128}};
  const RopeParameters expected = readAs(object).config.rope;
  EXPECT_NEAR(expected.attentionFactor, 0.1 * std::log(4) + 1, 1e-15);
  object["rope_scaling"].update({{"mscale", 1.0}, {"mscale_all_dim", 0.0}});
  const Read result = readAs(object);
  EXPECT_EQ(test::noticesOf(result), "");
  EXPECT_EQ(result.config.rope, expected);
}

TEST(ConfigRope, RefusesWrongFields) {
  const Broken table[] = {
      {R"({"rope_theta":0})", "rope_theta is 0"},
      {R"({"rope_theta":-10000.0})", "rope_theta is -10000.0"},
      {R"({"rope_theta":"NaN"})", "rope_theta is 'NaN'"},
      {R"({"rope_parameters":{"rope_theta":5.0}})", "rope_theta differs from rope_parameters.rope_theta"},
      {R"({"rope_parameters":7})", "rope_parameters is 7; expected an object"},
      {R"({"rope_scaling":"llama3"})", "rope_scaling is 'llama3'; expected an object"},
      {R"({"rope_scaling":{"rope_type":"llama3","low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8}})",
       "rope_scaling.factor is missing"},
      {R"({"rope_scaling":{"rope_type":"linear"}})", "rope_scaling.factor is missing"},
      {R"({"rope_scaling":{"rope_type":"linear","factor":0}})", "rope_scaling.factor is 0"},
      {R"({"rope_scaling":{"rope_type":7}})", "rope_scaling.rope_type is 7; expected a string"},
      {R"({"rope_scaling":{"rope_type":"linear","factor":2},"rope_parameters":{"type":"linear","factor":3}})",
       "rope_scaling.factor differs from rope_parameters.factor"},
      {R"({"rope_scaling":{"rope_type":"linear","factor":2,"type":"default"}})",
       "rope_scaling.type differs from rope_scaling.rope_type"},
      {R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}})",
       "rope_scaling.low_freq_factor is not below high_freq_factor"},
      {R"({"rope_scaling":{"rope_type":"yarn"}})", "rope_scaling.factor is missing"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":0}})",
       "rope_scaling.factor is 0; expected a number above 1e-06"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"attention_factor":0}})",
       "rope_scaling.attention_factor is 0"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"beta_fast":0}})", "rope_scaling.beta_fast is 0"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"beta_slow":"1"}})", "rope_scaling.beta_slow is '1'"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"beta_fast":0.5}})",
       "rope_scaling.beta_fast is below beta_slow"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"mscale_all_dim":-1}})", "rope_scaling.mscale_all_dim is -1"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"truncate":0}})", "rope_scaling.truncate is 0"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":0}})",
       "rope_scaling.original_max_position_embeddings is 0"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"original_max_position_embeddings":8},"original_max_position_embeddings":9})",
       "original_max_position_embeddings differs from rope_scaling.original_max_position_embeddings"},
      {R"({"rope_theta":1,"rope_scaling":{"rope_type":"yarn","factor":4}})",
       "rope_scaling.rope_type 'yarn' needs a rope_theta above 1"},
      {R"({"rope_scaling":{"rope_type":"longrope","short_factor":[1,1],"factor":4}})",
       "rope_scaling.long_factor is missing"},
      {R"({"rope_scaling":{"rope_type":"longrope","short_factor":[1,1],"long_factor":[1,2,3]}})",
       "rope_scaling.long_factor must be a list of 2 numbers, not of 3"},
      {R"({"rope_scaling":{"rope_type":"longrope","short_factor":1,"long_factor":[1,1]}})",
       "rope_scaling.short_factor must be a list of 2 numbers"},
      {R"({"rope_scaling":{"rope_type":"longrope","short_factor":[0,1],"long_factor":[1,1]}})",
       "rope_scaling.short_factor[0] is 0; expected a number above 0"},
      {R"({"rope_scaling":{"rope_type":"longrope","short_factor":[1,1],"long_factor":["2",1]}})",
       "rope_scaling.long_factor[0] is '2'"},
      {R"({"rope_scaling":{"rope_type":"longrope","short_factor":[1,1],"long_factor":[2,2],"original_max_position_embeddings":1}})",
       "rope_scaling.original_max_position_embeddings 1 leaves no attention_factor to be computed"},
      {R"({"rope_scaling":{"rope_type":"dynamic","factor":2}})",
       "rope_scaling.rope_type 'dynamic' is not supported (its frequencies depend on the length of the text",
       StatusCode::Unsupported},
      {R"({"rope_scaling":{"rope_type":"ntk"}})",
       "rope_scaling.rope_type 'ntk' is not supported (default, linear, llama3, yarn and longrope are)",
       StatusCode::Unsupported},
      {R"({"rope_parameters":{"full_attention":{"rope_theta":5.0}}})",
       "rope_parameters with one entry a layer type is not supported", StatusCode::Unsupported},
      {R"({"partial_rotary_factor":0.5})", "partial_rotary_factor 0.5 is not supported", StatusCode::Unsupported},
  };
  test::expectRefused(table, [](const char *patch) {
    json object = test::smallConfig();
    object.merge_patch(json::parse(patch)); // null removes a field
    return read(object);
  });
}

json smollm3(const char *patch, int layers = 5) { return test::patched("smollm3", patch, layers); }

TEST(ConfigRope, LayersWithoutRope) {
  const std::pair<const char *, std::vector<bool>> table[] = {
      {R"({"no_rope_layers":[1,0,1,1,0]})", {true, false, true, true, false}},
      {R"({"no_rope_layers":[0,1,1,1,1,0,0]})", {false, true, true, true, true}}, // the list may be longer
      {R"({"no_rope_layers":null,"no_rope_layer_interval":2})", {true, false, true, false, true}},
      {R"({"no_rope_layers":[1,1,1,1,1],"no_rope_layer_interval":2})", {true, true, true, true, true}},
      {R"({"no_rope_layer_interval":1})", {false, false, false, false, false}},
      {R"({"no_rope_layer_interval":6})", {true, true, true, true, true}},
  };
  for (const auto &[patch, layers] : table) {
    const Read result = readAs(smollm3(patch));
    EXPECT_EQ(result.findings.all().size(), 0u) << patch;
    EXPECT_EQ(result.config.ropeLayers, layers) << patch;
  }
  const Read result = readAs(smollm3("{}"));
  EXPECT_EQ(result.config.ropeLayers, (std::vector<bool>{true, true, true, false, true}));
  ASSERT_EQ(result.findings.all().size(), 1u);
  EXPECT_EQ(result.findings.all()[0].message,
            "config.json: what is not given there is the default of SmolLM3Config: no_rope_layer_interval 4");
  EXPECT_TRUE(readAs(test::smallConfig()).config.ropeLayers.empty());
}

TEST(ConfigRope, RefusesWrongLayersWithoutRope) {
  const Broken table[] = {
      {R"({"no_rope_layers":[1,0,1,1]})", "no_rope_layers must be a list of one number a layer, 5"},
      {R"({"no_rope_layers":[]})", "no_rope_layers must be a list of one number a layer, 5"},
      {R"({"no_rope_layers":1})", "no_rope_layers must be a list of one number a layer, 5"},
      {R"({"no_rope_layers":[1,0,1,1,2]})", "no_rope_layers is 2; expected an integer in [0, 1]"},
      {R"({"no_rope_layers":[1,0,true,1,1]})", "no_rope_layers is true"},
      {R"({"no_rope_layer_interval":0})", "no_rope_layer_interval is 0; expected an integer in [1, 4096]"},
      {R"({"no_rope_layer_interval":null})", "no_rope_layer_interval is null"},
  };
  test::expectRefused(table, [](const char *patch) { return readAs(smollm3(patch)); });
}

/// Nothing is said of fields that may well be known to the type.
TEST(ConfigRope, OfAnUnknownTypeNothingElseIsSaid) {
  json object = test::smallConfig();
  object["rope_scaling"] = {{"type", "mrope"}, {"mrope_section", {16, 24, 24}}};
  EXPECT_EQ(readAs(object).findings.all().size(), 1u);
  object["rope_scaling"]["type"] = {"yarn"};
  EXPECT_EQ(readAs(object).findings.all().size(), 1u);
}

TEST(ConfigRope, OneFindingForAListOfWrongNumbers) {
  const json object = phi3(R"({"rope_scaling":{"type":"longrope","short_factor":[0,0,0,0],"long_factor":[1,1,1,1]}})");
  EXPECT_EQ(readAs(object).findings.toStatus().message(),
            "config.json: rope_scaling.short_factor[0] is 0; expected a number above 0 and at most 1e+06");
}

TEST(ConfigRope, BothGenerationsMaySayTheSame) {
  json object = test::smallConfig();
  object["rope_scaling"] = {{"factor", 8}, {"type", "llama3"}, {"low_freq_factor", 1}, {"high_freq_factor", 4}};
  object["rope_parameters"] = {{"high_freq_factor", 4.0},
                               {"rope_type", "llama3"},
                               {"rope_theta", 10000},
                               {"original_max_position_embeddings", 64},
                               {"factor", 8.0}};
  EXPECT_EQ(notices(object), "");
  const RopeParameters rope = read(object).config.rope;
  EXPECT_EQ(rope.type, RopeParameters::Type::Llama3);
  EXPECT_EQ(rope.factor, 8);
  EXPECT_EQ(rope.originalMaxPositions, 64);
  object.erase("rope_theta");
  EXPECT_EQ(read(object).config.rope.theta, 10000);
  object["rope_parameters"].erase("rope_theta");
  object["rope_scaling"]["rope_theta"] = 20;
  EXPECT_EQ(read(object).config.rope.theta, 20);
  object["rope_parameters"].erase("original_max_position_embeddings");
  object["original_max_position_embeddings"] = 32; // as Phi-3 writes it
  EXPECT_EQ(read(object).config.rope.originalMaxPositions, 32);
  object.erase("original_max_position_embeddings");
  EXPECT_EQ(notices(object), "config.json: what is not given there is the default of TestConfig: "
                             "original_max_position_embeddings 512\n");
  EXPECT_EQ(read(object).config.rope.originalMaxPositions, 512);
}

TEST(ConfigRope, LinearRope) {
  json object = test::smallConfig();
  object["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
  EXPECT_EQ(notices(object), "");
  const DecoderConfig config = read(object).config;
  EXPECT_EQ(config.rope.type, RopeParameters::Type::Linear);
  const std::vector<double> scaled = ropeInverseFrequencies(config.rope, 4);
  EXPECT_DOUBLE_EQ(scaled[0], 0.25);
  EXPECT_DOUBLE_EQ(scaled[1], 0.0025);
}

TEST(ConfigRope, RopeFrequencies) {
  std::vector<double> plain = ropeInverseFrequencies({.theta = 10000}, 4);
  ASSERT_EQ(plain.size(), 2u);
  EXPECT_DOUBLE_EQ(plain[0], 1.0);
  EXPECT_DOUBLE_EQ(plain[1], 0.01);
}

struct YarnCase {
  const char *name, *fields; // of rope_parameters
  int64_t headDim, maxPositions;
  double attentionFactor;
  std::vector<std::pair<size_t, double>> frequencies;
};

TEST(ConfigRope, YarnIsThatOfTransformers) {
  // _compute_yarn_parameters of transformers 5.24 with the published settings.
  const YarnCase table[] = {
      {"Qwen2.5 with factor 4",
       R"({"rope_theta":1e6,"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":32768})",
       128,
       32768,
       1.138629436111989,
       {{0, 1.0},
        {16, 0.03162277862429619},
        {25, 0.004131738096475601},
        {32, 0.0006029411451891065},
        {42, 2.8869548259535804e-05},
        {63, 3.102344408034696e-07}}},
      {"gpt-oss",
       R"({"rope_theta":150000,"rope_type":"yarn","factor":32.0,"beta_fast":32.0,"beta_slow":1.0,"truncate":false,
           "original_max_position_embeddings":4096})",
       64,
       131072,
       1.3465735902799727,
       {{8, 0.05081327259540558},
        {12, 0.006794959306716919},
        {16, 0.0004564839182421565},
        {21, 1.253256959898863e-05},
        {31, 3.023511396804679e-07}}},
      {"Ministral 3",
       R"({"rope_theta":1e6,"type":"yarn","factor":16.0,"beta_fast":32.0,"beta_slow":1.0,"mscale":1.0,
           "mscale_all_dim":1.0,"original_max_position_embeddings":16384})",
       128,
       262144,
       1.0,
       {{25, 0.0032820659689605236}, {32, 0.0003382352879270911}, {42, 7.217387064883951e-06}}},
      {"two scales",
       R"({"rope_theta":1e4,"rope_type":"yarn","factor":40,"mscale":0.707,"mscale_all_dim":0.9,
           "original_max_position_embeddings":4096})",
       64,
       163840,
       0.9465499858480512,
       {{8, 0.10000000149011612}, {12, 0.026879360899329185}, {16, 0.005500000435858965}}},
  };
  for (const YarnCase &expected : table) {
    SCOPED_TRACE(expected.name);
    json object = test::smallConfig();
    object.erase("rope_theta");
    object.erase("rope_scaling");
    object["rope_parameters"] = json::parse(expected.fields);
    object["head_dim"] = expected.headDim;
    object["max_position_embeddings"] = expected.maxPositions;
    EXPECT_EQ(notices(object), "");
    const DecoderConfig config = read(object).config;
    EXPECT_NEAR(config.rope.attentionFactor, expected.attentionFactor, 1e-12);
    const std::vector<double> frequencies = ropeInverseFrequencies(config.rope, config.rotaryDim);
    for (const auto &[i, value] : expected.frequencies)
      EXPECT_NEAR(frequencies[i], value, 1e-6 * value) << i; // transformers computes in fp32
  }
}

TEST(ConfigRope, WhatYarnLeavesOpen) {
  json object = test::smallConfig();
  object["max_position_embeddings"] = 64;
  object["rope_scaling"] = {{"type", "yarn"}, {"factor", 4.0}, {"mscale", 2.0}}; // no mscale_all_dim: not used
  EXPECT_EQ(notices(object), "config.json: what is not given there is the default of TestConfig: "
                             "original_max_position_embeddings 64\n");
  RopeParameters rope = read(object).config.rope;
  EXPECT_EQ(rope.originalMaxPositions, 64);
  EXPECT_NEAR(rope.attentionFactor, 0.1 * std::log(4.0) + 1, 1e-12);
  object["rope_scaling"]["original_max_position_embeddings"] = 32;
  object["rope_scaling"]["attention_factor"] = 1.5;
  EXPECT_EQ(notices(object), "config.json: rope_scaling.factor 4.0 is taken, and not max_position_embeddings / "
                             "original_max_position_embeddings, 64 / 32\n");
  EXPECT_EQ(read(object).config.rope.attentionFactor, 1.5);
}

TEST(ConfigRope, LongRopeHasTwoTables) {
  const char *patch = R"({"partial_rotary_factor":0.5,
                          "rope_scaling":{"type":"su","short_factor":[1,2],"long_factor":[4.0,5]}})";
  const Read result = readAs(phi3(patch));
  EXPECT_EQ(result.findings.toStatus().message(), "");
  EXPECT_EQ(result.findings.all().size(), 0u);
  const DecoderConfig &config = result.config;
  EXPECT_EQ(config.rotaryDim, 4);
  EXPECT_EQ(config.rope.type, RopeParameters::Type::LongRope);
  EXPECT_EQ(config.rope.originalMaxPositions, 16);
  EXPECT_NEAR(config.rope.attentionFactor, std::sqrt(1 + std::log(4.0) / std::log(16.0)), 1e-12);
  const double theta = config.rope.theta;
  const std::vector<double> ofShort = ropeInverseFrequencies(config.rope, 4);
  EXPECT_DOUBLE_EQ(ofShort[0], 1.0);
  EXPECT_DOUBLE_EQ(ofShort[1], 1 / (2 * std::sqrt(theta)));
  const std::vector<double> ofLong = ropeInverseFrequencies(config.rope, 4, /*isLong=*/true);
  EXPECT_DOUBLE_EQ(ofLong[0], 0.25);
  EXPECT_DOUBLE_EQ(ofLong[1], 1 / (5 * std::sqrt(theta)));
  // The former name of the type; factor, and attention_factor before it.
  json object = phi3(R"({"partial_rotary_factor":0.5,"rope_parameters":{"rope_type":"longrope","factor":4,
                         "short_factor":[1,2],"long_factor":[4,5],"attention_factor":2.5}})");
  EXPECT_EQ(readAs(object).config.rope.attentionFactor, 2.5);
  object["rope_parameters"].erase("attention_factor");
  object["rope_parameters"]["factor"] = 1.0;
  EXPECT_EQ(readAs(object).config.rope.attentionFactor, 1.0);
}

TEST(ConfigRope, GlmRotatesNeighboursInHalfOfAHead) {
  json object = test::smallConfig("glm");
  const Read result = readAs(object);
  EXPECT_EQ(result.config.rotaryDim, 2);
  EXPECT_TRUE(result.config.ropeInterleaved);
  EXPECT_TRUE(result.config.queryKeyValueBias);
  ASSERT_EQ(result.findings.all().size(), 1u);
  EXPECT_EQ(result.findings.all()[0].message, "config.json: what is not given there is the default of GlmConfig: "
                                              "attention_bias true, partial_rotary_factor 0.5");
  EXPECT_FALSE(readAs(test::smallConfig()).config.ropeInterleaved);
  object["vocab_size"] = 151552;
  object.erase("eos_token_id");
  EXPECT_EQ(readAs(object).config.eosTokens, (std::vector<int32_t>{151329, 151336, 151338}));
}

// GlmConfig writes 0.5 beside rope_parameters whatever these say, and reads these.
TEST(ConfigRope, APartBesideTheObjectThatIsTheDefault) {
  json object = test::smallConfig("glm");
  object["partial_rotary_factor"] = 0.5;
  object["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 10000.0}, {"partial_rotary_factor", 1.0}};
  object.erase("rope_theta");
  object.erase("rope_scaling");
  const Read result = readAs(object);
  EXPECT_EQ(result.findings.errors(), 0u);
  EXPECT_EQ(result.config.rotaryDim, result.config.headDim);
  EXPECT_NE(test::noticesOf(result).find("partial_rotary_factor 0.5 was ignored: it is the default, and "
                                         "rope_parameters.partial_rotary_factor says otherwise"),
            std::string::npos);
  object["partial_rotary_factor"] = 0.25;
  EXPECT_EQ(readAs(object).findings.errors(), 1u);
}

TEST(ConfigRope, PartsOfHeads) {
  EXPECT_EQ(readAs(phi3("{}")).config.rotaryDim, 8);
  EXPECT_EQ(readAs(phi3(R"({"partial_rotary_factor":0.75})")).config.rotaryDim, 6);
  EXPECT_EQ(readAs(phi3(R"({"partial_rotary_factor":0.3})")).config.rotaryDim, 2); // rounded down
  const Broken table[] = {
      {R"({"partial_rotary_factor":0})", "partial_rotary_factor is 0; expected a number above 0 and at most 1"},
      {R"({"partial_rotary_factor":1.5})", "partial_rotary_factor is 1.5"},
      {R"({"partial_rotary_factor":0.4})",
       "partial_rotary_factor 0.4 makes 3 of the 8 elements of a head; rotary embedding needs pairs"},
      {R"({"partial_rotary_factor":0.2})", "partial_rotary_factor 0.2 makes 1 of the 8 elements"},
      {R"({"rope_parameters":{"partial_rotary_factor":0.75},"partial_rotary_factor":0.5})",
       "partial_rotary_factor differs from rope_parameters.partial_rotary_factor"},
      {R"({"rope_scaling":{"type":"linear","factor":2}})",
       "rope_scaling.type 'linear' is not supported (default and longrope are)", StatusCode::Unsupported},
      {R"({"lm_head_bias":true})", "lm_head_bias true is not supported (false is)", StatusCode::Unsupported},
  };
  test::expectRefused(table, [](const char *patch) { return readAs(phi3(patch)); });
}

TEST(ConfigRope, RopeLlama3KeepsBlendsAndDivides) {
  // Llama-3.2-1B. Reference values: transformers' _compute_llama3_parameters, evaluated in double.
  RopeParameters rope{RopeParameters::Type::Llama3, 500000.0, 32.0, 1.0, 4.0, 8192};
  std::vector<double> plain = ropeInverseFrequencies({.theta = 500000.0}, 64);
  std::vector<double> scaled = ropeInverseFrequencies(rope, 64);
  int kept = 0, blended = 0, divided = 0;
  for (size_t i = 0; i < plain.size(); ++i) {
    double wavelength = 2 * 3.14159265358979323846 / plain[i];
    if (wavelength < 8192 / 4.0) {
      ++kept;
      EXPECT_DOUBLE_EQ(scaled[i], plain[i]);
    } else if (wavelength > 8192 / 1.0) {
      ++divided;
      EXPECT_DOUBLE_EQ(scaled[i], plain[i] / 32);
    } else {
      ++blended;
      double smooth = (8192 / wavelength - 1.0) / (4.0 - 1.0);
      EXPECT_NEAR(scaled[i], (1 - smooth) * plain[i] / 32 + smooth * plain[i], 1e-18);
    }
  }
  EXPECT_EQ(kept + blended + divided, 32);
  EXPECT_GT(kept, 0);
  EXPECT_GT(blended, 0);
  EXPECT_GT(divided, 0);
}

} // namespace
} // namespace cadenza

#include "compiler/import/hf/family.h"
#include "compiler/import/hf/published.h"
#include "test/compiler/import/read_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace cadenza {
namespace {

using nlohmann::json;

using test::Read;
using test::read;
using test::readAs;

TEST(Config, ReadsGeneration4) {
  json object = test::smallConfig();
  object["rope_scaling"] = {{"type", "llama3"},
                            {"factor", 8},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 8192}};
  Read result = read(object);
  EXPECT_EQ(result.findings.all().size(), 0u);
  EXPECT_EQ(result.config.vocabSize, 10);
  EXPECT_EQ(result.config.kvHeads, 2);
  EXPECT_EQ(result.config.rope.theta, 10000.0);
  EXPECT_EQ(result.config.rope.type, RopeParameters::Type::Llama3);
  EXPECT_EQ(result.config.rope.factor, 8.0);
  EXPECT_EQ(result.config.rope.originalMaxPositions, 8192);
  EXPECT_EQ(result.config.dtype, DType::bf16);
  EXPECT_EQ(result.config.eosTokens, (std::vector<int32_t>{1}));
}

TEST(Config, ReadsGeneration5) {
  json object = test::smallConfig();
  for (const char *name : {"rope_theta", "rope_scaling", "torch_dtype", "num_key_value_heads", "head_dim"})
    object.erase(name);
  object["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 5e5}};
  object["dtype"] = "float16";
  object["eos_token_id"] = {1, 2};
  object["layer_types"] = json::array({"full_attention"});
  Read result = read(object);
  EXPECT_EQ(result.findings.all().size(), 0u);
  EXPECT_EQ(result.config.rope.theta, 5e5);
  EXPECT_EQ(result.config.dtype, DType::f16);
  EXPECT_EQ(result.config.kvHeads, 4);
  EXPECT_EQ(result.config.headDim, 2);
  EXPECT_EQ(result.config.eosTokens, (std::vector<int32_t>{1, 2}));
}

TEST(Config, GenerationConfigGoesFirst) {
  Read result = read(test::smallConfig());
  json generation = {{"eos_token_id", {3, 4}}, {"bos_token_id", 9}, {"temperature", 0.6}};
  ConfigReader reader(generation, "generation_config.json", result.findings);
  readGenerationConfig(reader, result.config);
  EXPECT_EQ(result.config.eosTokens, (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(result.config.bosToken, 0);
  EXPECT_EQ(result.findings.all().size(), 0u);
}

/// The notices of a configuration without errors, one a line.
std::string notices(const json &object, const DecoderDefaults &defaults = {.configClass = "TestConfig"}) {
  return test::noticesOf(read(object, defaults));
}

json without(std::initializer_list<const char *> names) {
  json object = test::smallConfig();
  for (const char *name : names)
    object.erase(name);
  return object;
}

TEST(Config, MissingFieldsAreTheClassDefaultsAndOneNoticeNamesThem) {
  const DecoderDefaults defaults{.configClass = "TestConfig",
                                 .kvHeads = 1,
                                 .headDim = 6,
                                 .maxPositions = 77,
                                 .rmsNormEps = 1e-3,
                                 .ropeTheta = 500,
                                 .hiddenAct = "swish",
                                 .tieWordEmbeddings = true,
                                 .bosToken = 4,
                                 .eosToken = 5};
  json object = without({"num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps", "rope_theta",
                         "hidden_act", "tie_word_embeddings", "bos_token_id", "eos_token_id"});
  EXPECT_EQ(notices(object, defaults),
            "config.json: what is not given there is the default of TestConfig: num_key_value_heads 1, head_dim 6, "
            "max_position_embeddings 77, rms_norm_eps 0.001, tie_word_embeddings true, rope_theta 500, hidden_act "
            "'swish', bos_token_id 4, eos_token_id 5\n");
  const DecoderConfig config = read(object, defaults).config;
  EXPECT_EQ(config.kvHeads, 1);
  EXPECT_EQ(config.headDim, 6);
  EXPECT_EQ(config.maxPositions, 77);
  EXPECT_EQ(config.rmsNormEps, 1e-3);
  EXPECT_EQ(config.rope.theta, 500);
  EXPECT_TRUE(config.tieWordEmbeddings);
  EXPECT_EQ(config.bosToken, 4);
  EXPECT_EQ(config.eosTokens, std::vector<int32_t>{5});
}

TEST(Config, WhatFollowsFromOtherFieldsNeedsNoNotice) {
  EXPECT_EQ(notices(without({"num_key_value_heads", "head_dim", "tie_word_embeddings"})), "");
  json object = test::smallConfig();
  object["num_key_value_heads"] = nullptr; // num_attention_heads in every class, whatever its default
  EXPECT_EQ(read(object, {.configClass = "TestConfig", .kvHeads = 1}).config.kvHeads, 4);
}

TEST(Config, NullIsNoMissingField) {
  for (const char *name : {"rms_norm_eps", "hidden_act", "max_position_embeddings", "hidden_size"}) {
    json object = test::smallConfig();
    object[name] = nullptr;
    EXPECT_EQ(read(object).findings.toStatus().message(), std::string("config.json: ") + name + " is null");
  }
  json object = test::smallConfig();
  object["eos_token_id"] = nullptr; // says that there is none
  EXPECT_TRUE(read(object, {.configClass = "TestConfig", .eosToken = 2}).config.eosTokens.empty());
}

/// What the family itself makes of a configuration.
TEST(Config, FamiliesDefaultsAreThoseOfTransformers) {
  // configuration_*.py of transformers 4.57 and 5.24.
  struct Defaults {
    const char *family;
    int64_t kvHeads, headDim, maxPositions;
    double ropeTheta;
    bool tied;
    int32_t bosToken;
    std::vector<int32_t> eosTokens;
    double rmsNormEps = 1e-6;
  };
  const Defaults table[] = {{"glm", 2, 128, 131072, 10000, false, -1, {}, 1.5625e-7},
                            {"glm4", 2, 128, 131072, 10000, false, -1, {}, 1.5625e-7},
                            {"phi3", 32, 4, 4096, 10000, false, 1, {32000}, 1e-5},
                            {"gemma2", 4, 256, 8192, 10000, true, 2, {1}},
                            {"gemma3", 4, 256, 131072, 1000000, true, 2, {1}},
                            {"olmo2", 32, 4, 2048, 10000, false, -1, {50279}, 1e-5},
                            {"olmo3", 32, 4, 2048, 500000, false, -1, {50279}, 1e-5},
                            {"granite", 32, 4, 2048, 10000, false, 1, {2}},
                            {"llama", 32, 4, 2048, 10000, false, 1, {2}},
                            {"mistral", 8, 4, 131072, 10000, false, 1, {2}},
                            {"qwen2", 32, 4, 32768, 10000, false, -1, {}},
                            {"qwen3", 32, 128, 32768, 10000, false, -1, {}},
                            {"smollm3", 4, 4, 32768, 2000000, true, 128000, {128001}}};
  for (const Defaults &expected : table) {
    SCOPED_TRACE(expected.family);
    json object = test::smallConfig(expected.family);
    for (const char *field : {"num_key_value_heads", "head_dim", "max_position_embeddings", "rms_norm_eps",
                              "rope_theta", "hidden_act", "tie_word_embeddings", "bos_token_id", "eos_token_id"})
      object.erase(field);
    object["num_attention_heads"] = 32;
    object["hidden_size"] = 128;
    object["vocab_size"] = 128256;
    object["sliding_window"] = nullptr;
    const DecoderConfig config = readAs(object).config;
    EXPECT_EQ(config.kvHeads, expected.kvHeads);
    EXPECT_EQ(config.headDim, expected.headDim);
    EXPECT_EQ(config.maxPositions, expected.maxPositions);
    EXPECT_EQ(config.rmsNormEps, expected.rmsNormEps);
    EXPECT_EQ(config.rope.theta, expected.ropeTheta);
    EXPECT_EQ(config.tieWordEmbeddings, expected.tied);
    EXPECT_EQ(config.bosToken, expected.bosToken);
    EXPECT_EQ(config.eosTokens, expected.eosTokens);
  }
}

TEST(Config, BiasesOfAttention) {
  struct Biases {
    const char *family, *patch;
    bool queryKeyValue, output;
    const char *notice = "";
  };
  const char *ignored = "config.json: attention_bias is not known and was ignored";
  const Biases table[] = {
      {"llama", "{}", false, false},
      {"llama", R"({"attention_bias":true})", true, true},
      {"smollm3", R"({"attention_bias":true,"no_rope_layer_interval":4})", true, true},
      {"qwen2", "{}", true, false},
      {"qwen2", R"({"attention_bias":false})", true, false, ignored},
      {"mistral", R"({"sliding_window":512})", false, false},
      {"glm", R"({"attention_bias":true,"partial_rotary_factor":0.5})", true, false},
      {"glm", R"({"attention_bias":false,"partial_rotary_factor":0.5})", false, false},
      {"mistral", R"({"sliding_window":512,"attention_bias":true})", false, false, ignored},
  };
  for (const Biases &expected : table) {
    SCOPED_TRACE(expected.family + std::string(expected.patch));
    json object = test::smallConfig(expected.family);
    object.merge_patch(json::parse(expected.patch));
    const Read result = readAs(object);
    EXPECT_EQ(result.config.queryKeyValueBias, expected.queryKeyValue);
    EXPECT_EQ(result.config.outputBias, expected.output);
    EXPECT_EQ(result.findings.all().empty() ? "" : result.findings.all()[0].message, expected.notice);
  }
}

TEST(Config, Multipliers) {
  json object = test::smallConfig("granite");
  Read result = readAs(object);
  ASSERT_EQ(result.findings.all().size(), 1u);
  EXPECT_EQ(result.findings.all()[0].message,
            "config.json: what is not given there is the default of GraniteConfig: embedding_multiplier 1, "
            "attention_multiplier 1, residual_multiplier 1, logits_scaling 1");
  EXPECT_EQ(result.config.attentionScale, 1.0); // and not 1 / sqrt(head_dim)
  object.update({{"embedding_multiplier", 12},
                 {"attention_multiplier", 0.25},
                 {"residual_multiplier", 0.22},
                 {"logits_scaling", 8.0}});
  result = readAs(object);
  EXPECT_EQ(result.findings.all().size(), 0u);
  EXPECT_EQ(result.config.embeddingScale, 12);
  EXPECT_EQ(result.config.attentionScale, 0.25);
  EXPECT_EQ(result.config.residualScale, 0.22);
  EXPECT_EQ(result.config.logitsScale, 0.125);
  EXPECT_FALSE(readAs(test::smallConfig()).config.attentionScale);
  for (const char *name : {"embedding_multiplier", "attention_multiplier", "residual_multiplier", "logits_scaling"}) {
    json broken = object;
    broken[name] = 0;
    EXPECT_EQ(readAs(broken).findings.toStatus().message(),
              std::string("config.json: ") + name + " is 0; expected a number above 0 and at most 1e+06");
    broken[name] = nullptr;
    EXPECT_EQ(readAs(broken).findings.toStatus().message(), std::string("config.json: ") + name + " is null");
  }
}

json smollm3(const char *patch, int layers = 5) { return test::patched("smollm3", patch, layers); }

TEST(Config, LayersWithoutRope) {
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

TEST(Config, RefusesWrongLayersWithoutRope) {
  const std::pair<const char *, const char *> table[] = {
      {R"({"no_rope_layers":[1,0,1,1]})", "no_rope_layers must be a list of one number a layer, 5"},
      {R"({"no_rope_layers":[]})", "no_rope_layers must be a list of one number a layer, 5"},
      {R"({"no_rope_layers":1})", "no_rope_layers must be a list of one number a layer, 5"},
      {R"({"no_rope_layers":[1,0,1,1,2]})", "no_rope_layers is 2; expected an integer in [0, 1]"},
      {R"({"no_rope_layers":[1,0,true,1,1]})", "no_rope_layers is true"},
      {R"({"no_rope_layer_interval":0})", "no_rope_layer_interval is 0; expected an integer in [1, 4096]"},
      {R"({"no_rope_layer_interval":null})", "no_rope_layer_interval is null"},
  };
  for (const auto &[patch, message] : table) {
    const Status status = readAs(smollm3(patch)).findings.toStatus();
    EXPECT_EQ(status.code(), StatusCode::InvalidInput) << patch;
    EXPECT_EQ(status.message().rfind("config.json: " + std::string(message), 0), 0u) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos) << "one mistake, one finding: " << status.message();
  }
}

TEST(Config, BothGenerationsMaySayTheSame) {
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

TEST(Config, LinearRope) {
  json object = test::smallConfig();
  object["rope_scaling"] = {{"type", "linear"}, {"factor", 4}};
  EXPECT_EQ(notices(object), "");
  const DecoderConfig config = read(object).config;
  EXPECT_EQ(config.rope.type, RopeParameters::Type::Linear);
  const std::vector<double> scaled = ropeInverseFrequencies(config.rope, 4);
  EXPECT_DOUBLE_EQ(scaled[0], 0.25);
  EXPECT_DOUBLE_EQ(scaled[1], 0.0025);
}

TEST(Config, DTypeNames) {
  const std::pair<const char *, std::optional<DType>> table[] = {
      {"torch.bfloat16", DType::bf16}, {"bfloat16", DType::bf16},
      {"torch.float16", DType::f16},   {"half", DType::f16},
      {"float", DType::f32},           {"torch.float32", DType::f32},
      {"auto", std::nullopt}};
  for (const auto &[name, dtype] : table) {
    json object = test::smallConfig();
    object["torch_dtype"] = name;
    EXPECT_EQ(notices(object), "");
    EXPECT_EQ(read(object).config.dtype, dtype) << name;
  }
}

TEST(Config, TokensOutsideTheVocabularyAreIgnored) {
  json object = test::smallConfig();
  object["eos_token_id"] = {1, -1, 2, 1, 10, int64_t{1} << 40};
  object["bos_token_id"] = -1;
  EXPECT_EQ(notices(object), "config.json: bos_token_id: -1 is outside the vocabulary of 10 and was ignored\n"
                             "config.json: eos_token_id: -1, 10, 1099511627776 is outside the vocabulary of 10 and was "
                             "ignored\n");
  EXPECT_EQ(read(object).config.eosTokens, (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(read(object).config.bosToken, -1);
}

TEST(Config, StopTokensHaveALimit) {
  json object = test::smallConfig();
  object["vocab_size"] = 5000;
  object["eos_token_id"] = json::array();
  for (int token = 0; token < 1025; ++token)
    object["eos_token_id"].push_back(token);
  EXPECT_EQ(read(object).findings.toStatus().message(),
            "config.json: eos_token_id with 1025 ids is not supported (at most 1024 are)");
}

TEST(Config, NotesUnknownFields) {
  json object = test::smallConfig();
  object["logit_multiplier"] = 2;
  Read result = read(object);
  ASSERT_EQ(result.findings.all().size(), 1u);
  EXPECT_EQ(result.findings.all()[0].message, "config.json: logit_multiplier is not known and was ignored");
}

struct Broken {
  const char *patch; // JSON merge patch: null removes the field
  const char *message;
  StatusCode code = StatusCode::InvalidInput;
};

TEST(Config, RefusesWrongFields) {
  const Broken table[] = {
      {R"({"num_attention_heads":0})", "config.json: num_attention_heads is 0; expected an integer in [1, 4096]"},
      {R"({"num_attention_heads":-1})", "num_attention_heads is -1"},
      {R"({"num_key_value_heads":3})", "num_attention_heads 4 is no multiple of num_key_value_heads 3"},
      {R"({"num_key_value_heads":0})", "num_key_value_heads is 0"},
      {R"({"hidden_size":2147483648})", "hidden_size is 2147483648; expected an integer in [1, 1048576]"},
      {R"({"hidden_size":18446744073709551615})", "hidden_size is 18446744073709551615"},
      {R"({"hidden_size":8.0})", "hidden_size is 8.0"},
      {R"({"hidden_size":"8"})", "hidden_size is '8'"},
      {R"({"hidden_size":null})", "hidden_size is missing"},
      {R"({"hidden_size":9,"head_dim":null})",
       "hidden_size 9 is no multiple of num_attention_heads 4, and head_dim is not given"},
      {R"({"head_dim":3})", "head_dim 3 is odd"},
      {R"({"vocab_size":0})", "vocab_size is 0"},
      {R"({"num_hidden_layers":1000000})", "num_hidden_layers is 1000000"},
      {R"({"intermediate_size":[]})", "intermediate_size is a list"},
      {R"({"rms_norm_eps":0})", "rms_norm_eps is 0; expected a number above 0 and at most 1"},
      {R"({"tie_word_embeddings":"yes"})", "tie_word_embeddings is 'yes'; expected true or false"},
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
      {R"({"rope_scaling":{"rope_type":"yarn","factor":0}})", "rope_scaling.factor is 0; expected a number above 0"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"attention_factor":0}})",
       "rope_scaling.attention_factor is 0"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"beta_fast":0}})", "rope_scaling.beta_fast is 0"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"beta_slow":"1"}})", "rope_scaling.beta_slow is '1'"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"beta_fast":0.5}})",
       "rope_scaling.beta_fast is below beta_slow"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4,"mscale":0}})", "rope_scaling.mscale is 0"},
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
      {R"({"hidden_act":"relu2"})",
       "config.json: hidden_act 'relu2' is not supported (silu, gelu and gelu_pytorch_tanh are); it needs an nn op: "
       "docs/add-an-op.md",
       StatusCode::Unsupported},
      {R"({"quantization_config":{"quant_method":"awq"}})", "quantization_config.quant_method 'awq' is not supported",
       StatusCode::Unsupported},
      {R"({"quantization_config":{}})", "quantization_config.quant_method 'unnamed' is not supported",
       StatusCode::Unsupported},
      {R"({"torch_dtype":"float8_e4m3fn"})",
       "torch_dtype 'float8_e4m3fn' is not supported (bfloat16, float16 and float32 are)", StatusCode::Unsupported},
      {R"({"layer_types":["sliding_attention"]})", "layer_types 'sliding_attention' is not supported",
       StatusCode::Unsupported},
      {R"({"layer_types":["linear_attention"]})", "layer_types 'linear_attention' is not supported",
       StatusCode::Unsupported},
      {R"({"layer_types":["full_attention","full_attention"]})", "layer_types must be a list of one name a layer, 1"},
      {R"({"layer_types":"full_attention"})", "layer_types must be a list of one name a layer, 1"},
      {R"({"eos_token_id":[1,2.5]})", "eos_token_id is 2.5"},
      {R"({"bos_token_id":"<s>"})", "bos_token_id is '<s>'"},
  };
  for (const Broken &broken : table) {
    SCOPED_TRACE(broken.patch);
    json object = test::smallConfig();
    object.merge_patch(json::parse(broken.patch));
    Status status = read(object).findings.toStatus();
    EXPECT_EQ(status.code(), broken.code);
    EXPECT_EQ(status.message().rfind("config.json: ", 0), 0u) << status.message();
    EXPECT_NE(status.message().find(broken.message), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos) << "one mistake, one finding: " << status.message();
  }
}

const Family *familyOf(const char *text, Findings &findings) {
  json object = json::parse(text);
  ConfigReader reader(object, "config.json", findings);
  return readFamily(reader);
}

TEST(Config, ModelTypeNamesTheFamilyWithoutArchitectures) {
  for (const char *text : {R"({"model_type":"qwen3"})", R"({"model_type":"qwen3","architectures":null})",
                           R"({"model_type":"qwen3","architectures":[]})"}) {
    Findings findings;
    const Family *family = familyOf(text, findings);
    ASSERT_TRUE(family);
    EXPECT_EQ(family->name, "qwen3");
    ASSERT_EQ(findings.all().size(), 1u);
    EXPECT_EQ(findings.all()[0].message,
              "config.json: architectures is missing; model_type 'qwen3' makes it Qwen3ForCausalLM");
  }
}

TEST(Config, RefusesWhatNamesNoFamily) {
  const std::pair<const char *, const char *> table[] = {
      {R"({})", "config.json: architectures is missing, and model_type, too"},
      {R"({"model_type":"bert"})", "config.json: model_type 'bert' is not supported (Gemma2ForCausalLM, "},
      {R"({"model_type":7})", "config.json: model_type is 7; expected a string"},
      {R"({"architectures":"LlamaForCausalLM"})", "config.json: architectures must be a list of one name"},
      {R"({"architectures":["A","B"]})", "config.json: architectures must be a list of one name"},
      {R"({"architectures":[1]})", "config.json: architectures must be a list of one name"},
      {R"({"architectures":["LlamaForCausalLM"],"model_type":"qwen3"})",
       "config.json: architectures 'LlamaForCausalLM' contradicts model_type 'qwen3'"},
  };
  for (const auto &[text, message] : table) {
    Findings findings;
    EXPECT_FALSE(familyOf(text, findings)) << text;
    EXPECT_EQ(findings.toStatus().message().rfind(message, 0), 0u) << findings.toStatus().message();
  }
}

TEST(Config, KnownArchitecturesAreRefusedWithWhatTheyNeed) {
  const std::pair<const char *, const char *> table[] = {
      {"MixtralForCausalLM", "it is a mixture of experts; it needs a router, and"},
      {"Qwen2MoeForCausalLM", "it is a mixture of experts; it needs a router, and"},
      {"Qwen3NextForCausalLM", "it is a hybrid with recurrent layers; it needs their ops"},
      {"Gemma3nForConditionalGeneration", "it is a decoder whose layers share KV caches; it needs these"},
      {"T5ForConditionalGeneration", "it is an encoder and a decoder; it needs an encoder"},
      {"BertForMaskedLM", "it is an encoder, which generates no text"},
      {"Qwen2VLForConditionalGeneration", "it is a model of texts and images or sounds; it needs"},
  };
  for (const auto &[architecture, message] : table) {
    Findings findings;
    const json object = {{"architectures", {architecture}}};
    EXPECT_FALSE(familyOf(object.dump().c_str(), findings));
    EXPECT_EQ(findings.toStatus().code(), StatusCode::Unsupported);
    const std::string start = "config.json: architectures '" + std::string(architecture) + "' is not supported: ";
    EXPECT_EQ(findings.toStatus().message().rfind(start + message, 0), 0u) << findings.toStatus().message();
  }
  Findings findings;
  EXPECT_FALSE(familyOf(R"({"architectures":["GPT9ForCausalLM"]})", findings));
  EXPECT_EQ(
      findings.toStatus().message().rfind("config.json: architectures 'GPT9ForCausalLM' is not supported (Gemma2", 0),
      0u);
}

TEST(Config, RopeFrequencies) {
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

TEST(Config, YarnIsThatOfTransformers) {
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
    json object = without({"rope_theta", "rope_scaling"});
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

TEST(Config, WhatYarnLeavesOpen) {
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

TEST(Config, LongRopeHasTwoTables) {
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

TEST(Config, GlmRotatesNeighboursInHalfOfAHead) {
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

TEST(Config, PartsOfHeads) {
  EXPECT_EQ(readAs(phi3("{}")).config.rotaryDim, 8);
  EXPECT_EQ(readAs(phi3(R"({"partial_rotary_factor":0.75})")).config.rotaryDim, 6);
  EXPECT_EQ(readAs(phi3(R"({"partial_rotary_factor":0.3})")).config.rotaryDim, 2); // rounded down
  const std::pair<const char *, const char *> table[] = {
      {R"({"partial_rotary_factor":0})", "partial_rotary_factor is 0; expected a number above 0 and at most 1"},
      {R"({"partial_rotary_factor":1.5})", "partial_rotary_factor is 1.5"},
      {R"({"partial_rotary_factor":0.4})",
       "partial_rotary_factor 0.4 makes 3 of the 8 elements of a head; rotary embedding needs pairs"},
      {R"({"partial_rotary_factor":0.2})", "partial_rotary_factor 0.2 makes 1 of the 8 elements"},
      {R"({"rope_parameters":{"partial_rotary_factor":0.75},"partial_rotary_factor":0.5})",
       "partial_rotary_factor differs from rope_parameters.partial_rotary_factor"},
      {R"({"rope_scaling":{"type":"linear","factor":2}})",
       "rope_scaling.rope_type 'linear' is not supported (default and longrope are)"},
      {R"({"lm_head_bias":true})", "lm_head_bias true is not supported (false is)"},
  };
  for (const auto &[patch, message] : table) {
    const Status status = readAs(phi3(patch)).findings.toStatus();
    EXPECT_NE(status.message().find(message), std::string::npos) << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos) << status.message();
  }
}

TEST(Config, RopeLlama3KeepsBlendsAndDivides) {
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

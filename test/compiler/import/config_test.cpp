#include "compiler/import/hf/family.h"
#include "compiler/import/hf/published.h"
#include "test/compiler/import/read_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace cadenza {
namespace {

using nlohmann::json;

using test::Broken;
using test::notices;
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
                                 .normEps = 1e-3,
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
  EXPECT_EQ(config.normEps, 1e-3);
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
    double normEps = 1e-6;
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
                            {"ministral3", 8, 128, 262144, 1000000, false, 1, {2}, 1e-5},
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
    EXPECT_EQ(config.normEps, expected.normEps);
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
    broken[name] = 1e-46;
    EXPECT_EQ(readAs(broken).findings.toStatus().message(),
              std::string("config.json: ") + name + " is 1e-46; expected a number that is not 0 as a 32-bit float");
    broken[name] = nullptr;
    EXPECT_EQ(readAs(broken).findings.toStatus().message(), std::string("config.json: ") + name + " is null");
  }
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

TEST(Config, RefusesWrongFields) {
  const Broken table[] = {
      {R"({"num_attention_heads":0})", "num_attention_heads is 0; expected an integer in [1, 4096]"},
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
      {R"({"hidden_act":"relu2"})",
       "hidden_act 'relu2' is not supported (silu, gelu and gelu_pytorch_tanh are); it needs an nn op: "
       "docs/add-an-op.md",
       StatusCode::Unsupported},
      {R"({"quantization_config":{"quant_method":"aqlm"}})", "quantization_config.quant_method 'aqlm' is not supported",
       StatusCode::Unsupported},
      {R"({"quantization_config":{}})", "quantization_config.quant_method 'unnamed' is not supported",
       StatusCode::Unsupported},
      {R"({"torch_dtype":"float8_e4m3fn"})",
       "torch_dtype 'float8_e4m3fn' is not supported (bfloat16, float16 and float32 are)", StatusCode::Unsupported},
      {R"({"layer_types":["sliding_attention"]})", "layer_types 'sliding_attention' is not supported",
       StatusCode::Unsupported},
      {R"({"layer_types":["linear_attention"]})", "layer_types 'linear_attention' is not supported",
       StatusCode::Unsupported},
      {R"({"layer_types":["full_attention","full_attention"]})",
       "layer_types must be a list of one name a layer, 1, not of 2"},
      {R"({"layer_types":"full_attention"})", "layer_types must be a list of one name a layer, 1"},
      {R"({"eos_token_id":[1,2.5]})", "eos_token_id is 2.5"},
      {R"({"bos_token_id":"<s>"})", "bos_token_id is '<s>'"},
  };
  test::expectRefused(table, [](const char *patch) {
    json object = test::smallConfig();
    object.merge_patch(json::parse(patch)); // null removes a field
    return read(object);
  });
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
      {"MiniMaxM2ForCausalLM", "it is a mixture of experts"},
      {"Qwen3_5MoeForConditionalGeneration", "it is a hybrid with recurrent layers"},
      {"Gemma4ForCausalLM", "it is a decoder whose layers share KV caches"},
      {"T5Gemma2ForConditionalGeneration", "it is an encoder and a decoder"},
      {"Phi4MultimodalForCausalLM", "it is a model of texts and images or sounds"},
      {"LlamaForSequenceClassification", "it is a classifier, which generates no text"},
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

} // namespace
} // namespace cadenza

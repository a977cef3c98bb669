#include "compiler/import/hf/config.h"
#include "compiler/import/hf/published.h"
#include "test/compiler/import/model_files.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace cadenza {
namespace {

using nlohmann::json;

struct Read {
  DecoderConfig config;
  Findings findings;
};

Read read(const json &object, DecoderDefaults defaults = {.headDimFromHidden = true}) {
  Read result;
  ConfigReader reader(object, "config.json", result.findings);
  EXPECT_TRUE(readArchitecture(reader));
  result.config = readDecoderConfig(reader, defaults);
  reader.noteUnread();
  return result;
}

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
  object["layer_types"] = {"full_attention"};
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

TEST(Config, AcceptsWindowThatIsSwitchedOff) {
  json object = test::smallConfig();
  object["sliding_window"] = 4096;
  object["use_sliding_window"] = false;
  EXPECT_FALSE(read(object).findings.hasErrors());
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
      {R"({"max_position_embeddings":null})", "max_position_embeddings is missing"},
      {R"({"rms_norm_eps":0})", "rms_norm_eps is 0; expected a number above 0 and at most 1"},
      {R"({"rms_norm_eps":null})", "rms_norm_eps is missing"},
      {R"({"tie_word_embeddings":"yes"})", "tie_word_embeddings is 'yes'; expected true or false"},
      {R"({"rope_theta":null})", "rope_theta is missing"},
      {R"({"rope_theta":0})", "rope_theta is 0"},
      {R"({"rope_theta":-10000.0})", "rope_theta is -10000.0"},
      {R"({"rope_theta":"NaN"})", "rope_theta is 'NaN'"},
      {R"({"rope_parameters":{"rope_type":"default"}})", "rope_parameters.rope_theta is missing"},
      {R"({"rope_parameters":{"rope_theta":5.0}})", "rope_theta differs from rope_parameters.rope_theta"},
      {R"({"rope_parameters":7})", "rope_parameters is 7; expected an object"},
      {R"({"rope_scaling":"llama3"})", "rope_scaling is 'llama3'; expected an object"},
      {R"({"rope_scaling":{"rope_type":"llama3","low_freq_factor":1,"high_freq_factor":4,"original_max_position_embeddings":8}})",
       "rope_scaling.factor is missing"},
      {R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}})",
       "rope_scaling.low_freq_factor is not below high_freq_factor"},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":4}})",
       "rope_scaling.rope_type 'yarn' is not supported (default and llama3 are)", StatusCode::Unsupported},
      {R"({"rope_parameters":{"full_attention":{"rope_theta":5.0}}})",
       "rope_parameters with one entry a layer type is not supported", StatusCode::Unsupported},
      {R"({"partial_rotary_factor":0.5})", "partial_rotary_factor 0.5 is not supported", StatusCode::Unsupported},
      {R"({"hidden_act":"relu2"})",
       "config.json: hidden_act 'relu2' is not supported (silu is); it needs an nn op: docs/add-an-op.md",
       StatusCode::Unsupported},
      {R"({"hidden_act":null})", "hidden_act is missing"},
      {R"({"quantization_config":{"quant_method":"awq"}})", "quantization_config.quant_method 'awq' is not supported",
       StatusCode::Unsupported},
      {R"({"quantization_config":{}})", "quantization_config.quant_method 'unnamed' is not supported",
       StatusCode::Unsupported},
      {R"({"torch_dtype":"float8_e4m3fn"})",
       "torch_dtype 'float8_e4m3fn' is not supported (bfloat16, float16 and float32 are)", StatusCode::Unsupported},
      {R"({"sliding_window":4096})", "sliding_window 4096 is not supported", StatusCode::Unsupported},
      {R"({"use_sliding_window":true,"sliding_window":4096})", "sliding_window 4096 is not supported",
       StatusCode::Unsupported},
      {R"({"layer_types":["full_attention","sliding_attention"]})", "layer_types 'sliding_attention' is not supported",
       StatusCode::Unsupported},
      {R"({"eos_token_id":10})", "eos_token_id is 10; expected an integer in [0, 9]"},
      {R"({"eos_token_id":[1,-1]})", "eos_token_id is -1"},
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

TEST(Config, FamilyMayRequireHeadDim) {
  json object = test::smallConfig();
  object.erase("head_dim");
  EXPECT_EQ(read(object, {}).findings.toStatus().message(), "config.json: head_dim is missing");
}

TEST(Config, RefusesArchitectureLists) {
  for (const char *text : {R"({})", R"({"architectures":[]})", R"({"architectures":"LlamaForCausalLM"})",
                           R"({"architectures":["A","B"]})", R"({"architectures":[1]})"}) {
    Findings findings;
    json object = json::parse(text);
    ConfigReader reader(object, "config.json", findings);
    EXPECT_FALSE(readArchitecture(reader));
    EXPECT_EQ(findings.toStatus().message().rfind("config.json: architectures ", 0), 0u);
  }
}

TEST(Config, RopeFrequencies) {
  std::vector<double> plain = ropeInverseFrequencies({.theta = 10000}, 4);
  ASSERT_EQ(plain.size(), 2u);
  EXPECT_DOUBLE_EQ(plain[0], 1.0);
  EXPECT_DOUBLE_EQ(plain[1], 0.01);
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

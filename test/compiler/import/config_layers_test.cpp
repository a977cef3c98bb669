// Which layers have a window, and what differs between layers with and without one.
#include "test/compiler/import/read_config.h"

namespace cadenza {
namespace {

using nlohmann::json;
using test::patched;
using test::read;
using test::readAs;

const DecoderDefaults switched{.configClass = "TestConfig", .window = Window::Switched};
const DecoderDefaults always{.configClass = "TestConfig", .window = Window::Always, .slidingWindow = 100};
const DecoderDefaults interval{.configClass = "TestConfig",
                               .window = Window::Interval,
                               .fullInterval = 2,
                               .fullIntervalField = "sliding_window_pattern"};

/// "16: 1, 2": a window of 16 on these layers; "" if there is none.
std::string windowOf(const DecoderConfig &config) {
  std::string text;
  for (size_t layer = 0; layer < config.slidingLayers.size(); ++layer)
    if (config.slidingLayers[layer])
      text += (text.empty() ? "" : ", ") + std::to_string(layer);
  return config.window == 0 ? "" : std::to_string(config.window) + ": " + text;
}

TEST(ConfigWindow, InForceOnTheLayersThatTheClassSays) {
  struct Case {
    const DecoderDefaults &defaults;
    const char *patch, *window;
  };
  const Case table[] = {
      // A switch: from max_window_layers (28) on, or where layer_types says.
      {switched, R"({"sliding_window":4096})", ""},                         // off by default
      {switched, R"({"sliding_window":0,"use_sliding_window":false})", ""}, // and nobody looks at what it switches
      {switched, R"({"sliding_window":null,"use_sliding_window":true})", ""},
      {switched, R"({"sliding_window":16,"use_sliding_window":true})", ""}, // there are three layers
      {switched, R"({"sliding_window":16,"use_sliding_window":true,"max_window_layers":1})", "16: 1, 2"},
      {switched, R"({"use_sliding_window":true,"max_window_layers":2,"max_position_embeddings":8192})", "4096: 2"},
      {switched, R"({"sliding_window":512,"use_sliding_window":true,"max_window_layers":0})", ""}, // the longest text
      {switched, R"({"sliding_window":511,"use_sliding_window":true,"max_window_layers":0})", "511: 0, 1, 2"},
      {switched,
       R"({"sliding_window":16,"use_sliding_window":true,"max_window_layers":0,
           "layer_types":["full_attention","sliding_attention","full_attention"]})",
       "16: 1"},
      {switched,
       R"({"sliding_window":16,"use_sliding_window":true,"max_window_layers":0,
           "layer_types":["full_attention","full_attention","full_attention"]})",
       ""},
      // All layers, whatever layer_types says.
      {always, R"({"sliding_window":null})", ""},
      {always, "{}", "100: 0, 1, 2"},
      {always, R"({"sliding_window":16})", "16: 0, 1, 2"},
      {always, R"({"sliding_window":16,"layer_types":["full_attention","full_attention","full_attention"]})",
       "16: 0, 1, 2"},
      // All but every second.
      {interval, R"({"sliding_window":16})", "16: 0, 2"},
      {interval, R"({"sliding_window":16,"sliding_window_pattern":3})", "16: 0, 1"},
      {interval, R"({"sliding_window":16,"sliding_window_pattern":1})", ""},
      {interval, R"({"sliding_window":600})", ""},
      {interval, R"({"sliding_window":1,"layer_types":["full_attention","sliding_attention","full_attention"]})",
       "1: 1"},
  };
  for (const Case &c : table) {
    const test::Read result = read(patched("llama", c.patch, 3), c.defaults);
    EXPECT_EQ(result.findings.toStatus().message(), "") << c.patch;
    EXPECT_EQ(windowOf(result.config), c.window) << c.patch;
  }
  EXPECT_EQ(test::noticesOf(read(patched("llama", R"({"sliding_window":16})"))), // a class that has no windows
            "config.json: sliding_window is not known and was ignored\n");
}

TEST(ConfigWindow, OfLayersWithoutRope) {
  const std::pair<const char *, const char *> table[] = {
      {R"({"no_rope_layer_interval":4,"sliding_window":16})", ""}, // the switch is off by default
      {R"({"no_rope_layer_interval":4,"use_sliding_window":true})", ""},
      {R"({"no_rope_layer_interval":4,"use_sliding_window":true,"sliding_window":null})", ""},
      {R"({"no_rope_layer_interval":4,"use_sliding_window":true,"sliding_window":512})", ""},
      {R"({"no_rope_layer_interval":6,"use_sliding_window":true,"sliding_window":16})", ""}, // all five have RoPE
      {R"({"no_rope_layer_interval":4,"use_sliding_window":true,"sliding_window":16,"max_window_layers":28})", "16: 3"},
      {R"({"no_rope_layers":[1,1,1,1,0],"use_sliding_window":true,"sliding_window":16})", "16: 4"},
  };
  for (const auto &[patch, window] : table) {
    const test::Read result = readAs(patched("smollm3", patch, 5));
    EXPECT_EQ(test::noticesOf(result), "") << patch;
    EXPECT_EQ(windowOf(result.config), window) << patch;
  }
}

TEST(ConfigWindow, RefusesNonsenseAndContradictions) {
  struct Case {
    const DecoderDefaults &defaults;
    const char *patch, *message;
  };
  const Case table[] = {
      {switched, R"({"use_sliding_window":true,"sliding_window":0})",
       "sliding_window is 0; expected an integer in [1,"},
      {switched, R"({"use_sliding_window":true,"max_window_layers":-1})", "max_window_layers is -1"},
      {switched, R"({"use_sliding_window":1})", "use_sliding_window is 1; expected true or false"},
      {switched, R"({"layer_types":["full_attention","sliding_attention","full_attention"]})",
       "layer_types 'sliding_attention' is not supported without a sliding_window in force"},
      {always, R"({"sliding_window":0})", "sliding_window is 0"},
      {always, R"({"sliding_window":"long"})", "sliding_window is 'long'"},
      {interval, R"({"sliding_window":0})", "sliding_window is 0"},
      {interval, R"({"sliding_window":-3})", "sliding_window is -3"},
      {interval, R"({"sliding_window":1.5})", "sliding_window is 1.5"},
      {interval, R"({"sliding_window":null})",
       "layer_types 'sliding_attention' is not supported without a sliding_window in force"},
      {interval, R"({"sliding_window_pattern":0})", "sliding_window_pattern is 0"},
      {interval, R"({"layer_types":["full_attention","sliding_attention"]})",
       "layer_types must be a list of one name a layer, 3"},
      {interval, R"({"layer_types":["full_attention","chunked_attention","full_attention"]})",
       "layer_types 'chunked_attention' is not supported (full_attention and sliding_attention are)"},
      {interval, R"({"layer_types":["full_attention",7,"full_attention"]})", "layer_types entry is not supported"},
      {interval,
       R"({"sliding_window_pattern":2,"layer_types":["sliding_attention","sliding_attention","full_attention"]})",
       "sliding_window_pattern contradicts layer_types"},
  };
  for (const Case &c : table) {
    const Status status = read(patched("llama", c.patch, 3), c.defaults).findings.toStatus();
    EXPECT_EQ(status.message().rfind("config.json: " + std::string(c.message), 0), 0u)
        << c.patch << ": " << status.message();
    EXPECT_EQ(status.message().find('\n'), std::string::npos) << "one mistake, one finding: " << status.message();
  }
}

/// Gemma 3 in the fields of transformers 4.
json gemma3(const char *patch) {
  json object = patched("gemma3", "{}", 3);
  object.erase("hidden_act");
  object["sliding_window"] = 16;
  object["layer_types"] = {"sliding_attention", "full_attention", "sliding_attention"};
  const json fields = json::parse(patch);
  for (const auto &[name, value] : fields.items())
    object[name] = value;
  return object;
}

TEST(ConfigGemma, RopeByLayerType) {
  struct Case {
    const char *patch;
    double theta, slidingTheta, factor;
  };
  const Case table[] = {
      {R"({"rope_theta":30000.0,"rope_local_base_freq":500.0})", 30000, 500, 1},
      {R"({"rope_scaling":{"rope_type":"linear","factor":8.0},"rope_local_base_freq":500.0})", 10000, 500, 8},
      {R"({"rope_parameters":{"full_attention":{"rope_type":"linear","factor":2,"rope_theta":10000},
           "sliding_attention":{"rope_type":"default","rope_theta":70}}})",
       10000, 70, 2},
      {R"({"rope_parameters":{"full_attention":{"rope_type":"default"}},"rope_local_base_freq":7})", 10000, 7, 1},
      {R"({"rope_parameters":{"sliding_attention":{"rope_type":"default"}},"rope_local_base_freq":7})", 10000, 7, 1},
  };
  for (const Case &c : table) {
    const test::Read result = readAs(gemma3(c.patch));
    EXPECT_EQ(result.findings.toStatus().message(), "") << c.patch;
    EXPECT_EQ(result.config.rope.theta, c.theta) << c.patch;
    EXPECT_EQ(result.config.rope.factor, c.factor) << c.patch;
    ASSERT_TRUE(result.config.slidingRope) << c.patch;
    EXPECT_EQ(result.config.slidingRope->theta, c.slidingTheta) << c.patch;
    EXPECT_EQ(result.config.slidingRope->type, RopeParameters::Type::Default) << c.patch;
  }
  // One base, and no scaling: one table.
  EXPECT_FALSE(readAs(gemma3(R"({"rope_theta":5.0,"rope_local_base_freq":5.0})")).config.slidingRope);
  const std::string notices = test::noticesOf(readAs(gemma3("{}")));
  EXPECT_NE(notices.find("rope_local_base_freq 10000"), std::string::npos) << notices;
}

TEST(ConfigGemma, EveryUnknownLayerTypeIsSaidOnce) {
  const test::Read result =
      readAs(gemma3(R"({"layer_types":["linear_attention","chunked_attention","linear_attention"]})"));
  EXPECT_EQ(result.findings.errors(), 2u);
}

TEST(ConfigGemma, RefusesWhatWouldChangeTheComputation) {
  const test::Broken table[] = {
      {R"({"rope_parameters":{"rope_type":"default","rope_theta":5.0},"rope_theta":5.0})",
       "rope_parameters must have one entry a layer type, full_attention and sliding_attention"},
      {R"({"rope_scaling":{"type":"linear","factor":8.0}})",
       "rope_scaling with a type and without a rope_type is not supported (with a rope_type is): transformers 4 takes "
       "the type, and 5 leaves the scaling out",
       StatusCode::Unsupported},
      {R"({"rope_scaling":{"rope_type":"yarn","factor":8.0,"truncate":false}})",
       "rope_scaling with truncate false is not supported (with true is)", StatusCode::Unsupported},
      {R"({"rope_parameters":{"full_attention":{"rope_theta":5.0}}})",
       "rope_theta differs from rope_parameters.full_attention.rope_theta"},
      {R"({"rope_parameters":{"sliding_attention":{"rope_theta":5.0}},"rope_local_base_freq":6})",
       "rope_local_base_freq differs from rope_parameters.sliding_attention.rope_theta"},
      {R"({"rope_parameters":{"sliding_attention":{"rope_type":"dynamic"}}})",
       "rope_parameters.sliding_attention.rope_type 'dynamic' is not supported", StatusCode::Unsupported},
      {R"({"rope_parameters":{"sliding_attention":7,"full_attention":{}}})",
       "rope_parameters.sliding_attention is 7; expected an object"},
      {R"({"rope_local_base_freq":0})", "rope_local_base_freq is 0"},
      {R"({"query_pre_attn_scalar":0})", "query_pre_attn_scalar is 0"},
      {R"({"query_pre_attn_scalar":null})", "query_pre_attn_scalar is null"},
      {R"({"final_logit_softcapping":0})", "final_logit_softcapping is 0"},
      {R"({"final_logit_softcapping":"30"})", "final_logit_softcapping is '30'"},
      {R"({"use_bidirectional_attention":true})",
       "use_bidirectional_attention true is not supported (false is): a token would attend to later ones",
       StatusCode::Unsupported},
      {R"({"hidden_activation":"relu2"})", "hidden_activation 'relu2' is not supported", StatusCode::Unsupported},
      {R"({"hidden_activation":null})", "hidden_activation is null"},
  };
  test::expectRefused(table, [](const char *patch) { return readAs(gemma3(patch)); });
}

TEST(ConfigGemma, NoticesWhatTheClassDoesNotRead) {
  const std::pair<const char *, const char *> table[] = {
      {R"({"attn_logit_softcapping":50.0})", "attn_logit_softcapping was ignored"},
      {R"({"hidden_act":"silu"})", "hidden_act was ignored: the class reads hidden_activation"},
      {R"({"hidden_act":"silu","hidden_activation":"gelu_pytorch_tanh"})", "hidden_act was ignored"},
      {R"({"rope_parameters":{"full_attention":{},"chunked_attention":{}}})",
       "rope_parameters.chunked_attention is not known and was ignored"},
  };
  for (const auto &[patch, message] : table) {
    const std::string notices = test::noticesOf(readAs(gemma3(patch)));
    EXPECT_NE(notices.find(message), std::string::npos) << patch << ": " << notices;
  }
  const std::string quiet =
      test::noticesOf(readAs(gemma3(R"({"hidden_act":"gelu_pytorch_tanh","final_logit_softcapping":null,
      "attn_logit_softcapping":null,"cache_implementation":"hybrid","rope_local_base_freq":10000.0,
      "query_pre_attn_scalar":256,"hidden_activation":"gelu_pytorch_tanh"})")));
  EXPECT_EQ(quiet, "");
}

TEST(ConfigGemma, SoftcapsOfTheClassUnlessTheyAreNull) {
  const json gemma2 =
      patched("gemma2", R"({"hidden_activation":"gelu_pytorch_tanh","hidden_act":"gelu_pytorch_tanh"})", 3);
  const DecoderConfig byDefault = readAs(gemma2).config;
  EXPECT_EQ(byDefault.attentionCap, 50.0);
  EXPECT_EQ(byDefault.logitsCap, 30.0);
  EXPECT_EQ(byDefault.activation, Activation::GeluTanh);
  EXPECT_EQ(byDefault.attentionScale, 1.0 / 16);
  EXPECT_EQ(byDefault.embeddingScale, std::sqrt(8.0));
  EXPECT_EQ(byDefault.normPlus, 1.0);
  json capped = gemma2;
  capped["attn_logit_softcapping"] = nullptr;
  capped["final_logit_softcapping"] = 7;
  EXPECT_EQ(readAs(capped).config.attentionCap, std::nullopt);
  EXPECT_EQ(readAs(capped).config.logitsCap, 7.0);
  EXPECT_EQ(windowOf(readAs(patched("gemma2", R"({"sliding_window":16})", 5)).config), "16: 0, 2, 4");
}

TEST(ConfigOlmo3, WhatScalesRopeIsForLayersWithoutAWindow) {
  const DecoderConfig config = readAs(patched("olmo3", R"({"rope_theta":500000,"sliding_window":16,
      "rope_scaling":{"rope_type":"linear","factor":8.0}})",
                                              5))
                                   .config;
  EXPECT_EQ(windowOf(config), "16: 0, 1, 2, 4");
  EXPECT_EQ(config.rope.factor, 8);
  ASSERT_TRUE(config.slidingRope);
  EXPECT_EQ(config.slidingRope->type, RopeParameters::Type::Default);
  EXPECT_EQ(config.slidingRope->theta, 500000);
  EXPECT_FALSE(readAs(patched("olmo3", R"({"rope_theta":500000})", 5)).config.slidingRope);
  // Where versions of transformers differ, nothing is guessed.
  const json other = patched("olmo3", R"({"rope_theta":10000})", 5);
  EXPECT_EQ(readAs(other).findings.toStatus().message().rfind("config.json: rope_theta 10000 is not supported", 0), 0u);
  json missing = other;
  missing.erase("rope_theta");
  EXPECT_EQ(readAs(missing).findings.toStatus().message(),
            "config.json: rope_theta is missing; transformers 4 takes 10000 then, and 5 takes 500000");
  json both = other;
  both["rope_parameters"] = {{"full_attention", {{"rope_theta", 10000}}},
                             {"sliding_attention", {{"rope_theta", 10000}}}};
  EXPECT_EQ(readAs(both).findings.toStatus().message(), "");
}

/// Gemma 3 as the text part of a model that reads images.
json withImages(const char *text, const char *outside) {
  json object = {{"architectures", {"Gemma3ForConditionalGeneration"}},
                 {"model_type", "gemma3"},
                 {"torch_dtype", "bfloat16"},
                 {"mm_tokens_per_image", 256},
                 {"vision_config", {{"hidden_size", 1152}}},
                 {"text_config",
                  {{"model_type", "gemma3_text"},
                   {"hidden_size", 8},
                   {"intermediate_size", 12},
                   {"num_hidden_layers", 2},
                   {"sliding_window", 16}}}};
  const json inText = json::parse(text), beside = json::parse(outside);
  for (const auto &[name, value] : inText.items())
    object["text_config"][name] = value;
  for (const auto &[name, value] : beside.items())
    object[name] = value;
  return object;
}

TEST(ConfigText, IsReadWithTheDefaultsOfItsClass) {
  const test::Read result = readAs(withImages("{}", R"({"eos_token_id":[1,106]})"));
  const std::string notices = test::noticesOf(result);
  EXPECT_NE(notices.find("the default of Gemma3TextConfig: query_pre_attn_scalar 256, vocab_size 262208, "
                         "num_attention_heads 8, num_key_value_heads 4, head_dim 256"),
            std::string::npos)
      << notices;
  EXPECT_EQ(std::count(notices.begin(), notices.end(), '\n'), 1) << notices;
  EXPECT_EQ(result.config.vocabSize, 262208);
  EXPECT_EQ(result.config.heads, 8);
  EXPECT_EQ(result.config.headDim, 256);
  EXPECT_EQ(result.config.dtype, DType::bf16);
  EXPECT_TRUE(result.config.tieWordEmbeddings);
  EXPECT_EQ(result.config.eosTokens, (std::vector<int32_t>{1, 106}));
  EXPECT_EQ(windowOf(result.config), "16: 0, 1");
}

TEST(ConfigText, NamesTheFieldsOfTheTextPart) {
  const std::pair<json, const char *> table[] = {
      {withImages(R"({"sliding_window":0})", "{}"), "config.json: text_config.sliding_window is 0"},
      {withImages(R"({"hidden_size":null})", "{}"), "config.json: text_config.hidden_size is null"},
      {withImages(R"({"tie_word_embeddings":true})", R"({"tie_word_embeddings":false})"),
       "config.json: tie_word_embeddings differs from text_config.tie_word_embeddings"},
      {withImages("{}", R"({"text_config":7})"), "config.json: text_config is 7; expected an object"},
      {withImages("{}", R"({"quantization_config":{"quant_method":"aqlm"}})"),
       "config.json: quantization_config.quant_method 'aqlm' is not supported"},
  };
  for (const auto &[object, message] : table) {
    const Status status = readAs(object).findings.toStatus();
    EXPECT_EQ(status.message().rfind(message, 0), 0u) << status.message();
  }
  const test::Read unknown = readAs(withImages(R"({"frob":1})", R"({"knob":1})"));
  EXPECT_NE(test::noticesOf(unknown).find("config.json: text_config.frob is not known and was ignored"),
            std::string::npos);
  EXPECT_NE(test::noticesOf(unknown).find("config.json: knob is not known and was ignored"), std::string::npos);
}

} // namespace
} // namespace cadenza

// The configurations of GPT-2 and GPT-NeoX, whose fields have names of their own.
#include "test/compiler/import/read_config.h"

#include <gtest/gtest.h>

namespace cadenza {
namespace {

using nlohmann::json;

using test::Broken;
using test::Read;
using test::readAs;

std::vector<std::string> messagesOf(const Read &read) {
  std::vector<std::string> messages;
  for (const Finding &finding : read.findings.all())
    messages.push_back(finding.message);
  return messages;
}

/// As published, but for the sizes.
json gpt2(const char *patch = "{}") {
  json object = json::parse(R"({
    "activation_function": "gelu_new", "architectures": ["GPT2LMHeadModel"], "attn_pdrop": 0.1, "bos_token_id": 9,
    "embd_pdrop": 0.1, "eos_token_id": 9, "initializer_range": 0.02, "layer_norm_epsilon": 1e-05,
    "model_type": "gpt2", "n_ctx": 32, "n_embd": 8, "n_head": 2, "n_layer": 1, "n_positions": 32, "resid_pdrop": 0.1,
    "summary_activation": null, "summary_first_dropout": 0.1, "summary_proj_to_labels": true,
    "summary_type": "cls_index", "summary_use_proj": true,
    "task_specific_params": {"text-generation": {"do_sample": true, "max_length": 50}}, "vocab_size": 10})");
  object.merge_patch(json::parse(patch));
  return object;
}

TEST(GptConfig, Gpt2AsPublished) {
  const Read result = readAs(gpt2());
  EXPECT_EQ(messagesOf(result),
            (std::vector<std::string>{
                "config.json: what is not given there is the default of GPT2Config: tie_word_embeddings true"}));
  const DecoderConfig &config = result.config;
  EXPECT_EQ(config.vocabSize, 10);
  EXPECT_EQ(config.hiddenSize, 8);
  EXPECT_EQ(config.intermediateSize, 32); // four times as many
  EXPECT_EQ(config.layers, 1);
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.kvHeads, 2);
  EXPECT_EQ(config.headDim, 4);
  EXPECT_EQ(config.maxPositions, 32);
  EXPECT_EQ(config.normEps, 1e-5);
  EXPECT_EQ(config.activation, Activation::GeluTanh);
  EXPECT_TRUE(config.tieWordEmbeddings && config.queryKeyValueBias && config.outputBias && config.mlpBias);
  EXPECT_FALSE(config.parallelResidual);
  EXPECT_FALSE(config.attentionScale);
  EXPECT_EQ(config.eosTokens, (std::vector<int32_t>{9}));
}

TEST(GptConfig, Gpt2sDefaultsAreThoseOfTransformers) {
  json object = gpt2();
  for (const char *name : {"activation_function", "layer_norm_epsilon", "n_positions", "bos_token_id", "eos_token_id"})
    object.erase(name);
  object["vocab_size"] = 50257;
  const Read result = readAs(object);
  EXPECT_EQ(messagesOf(result),
            (std::vector<std::string>{
                "config.json: what is not given there is the default of GPT2Config: n_positions 1024, "
                "layer_norm_epsilon 1e-05, tie_word_embeddings true, activation_function 'gelu_new', bos_token_id "
                "50256, eos_token_id 50256"}));
  EXPECT_EQ(result.config.maxPositions, 1024);
  EXPECT_EQ(result.config.bosToken, 50256);
  EXPECT_EQ(result.config.eosTokens, (std::vector<int32_t>{50256}));
}

TEST(GptConfig, Gpt2sOptions) {
  EXPECT_EQ(readAs(gpt2(R"({"n_inner":12})")).config.intermediateSize, 12);
  json null = gpt2();
  null["n_inner"] = nullptr;
  EXPECT_EQ(readAs(null).config.intermediateSize, 32);
  EXPECT_EQ(readAs(gpt2(R"({"scale_attn_weights":false})")).config.attentionScale, 1.0);
  EXPECT_FALSE(readAs(gpt2(R"({"scale_attn_weights":true})")).config.attentionScale);
  EXPECT_FALSE(readAs(gpt2(R"({"tie_word_embeddings":false})")).config.tieWordEmbeddings);
  for (const char *same : {R"({"reorder_and_upcast_attn":true})", R"({"reorder_and_upcast_attn":false})",
                           R"({"scale_attn_by_inverse_layer_idx":false})", R"({"add_cross_attention":false})"})
    EXPECT_EQ(readAs(gpt2(same)).findings.all().size(), 1u) << same; // the default that is named
}

TEST(GptConfig, ActivationsOfManyNames) {
  const std::pair<const char *, Activation> table[] = {
      {"gelu", Activation::Gelu},          {"gelu_python", Activation::Gelu},
      {"gelu_new", Activation::GeluTanh},  {"gelu_pytorch_tanh", Activation::GeluTanh},
      {"gelu_fast", Activation::GeluTanh}, {"gelu_python_tanh", Activation::GeluTanh},
      {"silu", Activation::Silu},          {"gelu_accurate", Activation::GeluTanh}};
  for (const auto &[name, activation] : table) {
    json object = gpt2();
    object["activation_function"] = name;
    EXPECT_EQ(readAs(object).config.activation, activation) << name;
  }
}

TEST(GptConfig, Gpt2sWrongFields) {
  const Broken table[] = {
      {R"({"n_embd":null})", "n_embd is missing"},
      {R"({"n_embd":0})", "n_embd is 0; expected an integer in [1, 1048576]"},
      {R"({"n_embd":9})", "n_embd 9 is no multiple of n_head 2"},
      {R"({"n_embd":6})", "n_embd 6 / n_head 2 makes heads of an odd size"},
      {R"({"n_head":null})", "n_head is missing"},
      {R"({"n_head":-1})", "n_head is -1"},
      {R"({"n_layer":0})", "n_layer is 0"},
      {R"({"n_inner":0})", "n_inner is 0"},
      {R"({"n_inner":"big"})", "n_inner is 'big'"},
      {R"({"n_positions":0})", "n_positions is 0"},
      {R"({"layer_norm_epsilon":0})", "layer_norm_epsilon is 0; expected a number above 0"},
      {R"({"layer_norm_epsilon":"1e-5"})", "layer_norm_epsilon is '1e-5'"},
      {R"({"activation_function":"relu"})",
       "activation_function 'relu' is not supported (silu, gelu and gelu_pytorch_tanh are)", StatusCode::Unsupported},
      {R"({"activation_function":7})", "activation_function is 7; expected a string"},
      {R"({"scale_attn_weights":1})", "scale_attn_weights is 1; expected true or false"},
      {R"({"scale_attn_by_inverse_layer_idx":true})",
       "scale_attn_by_inverse_layer_idx true is not supported (false is)", StatusCode::Unsupported},
      {R"({"scale_attn_by_inverse_layer_idx":2})", "scale_attn_by_inverse_layer_idx is 2"},
      {R"({"add_cross_attention":true})", "add_cross_attention true is not supported (false is)",
       StatusCode::Unsupported},
      {R"({"reorder_and_upcast_attn":"no"})", "reorder_and_upcast_attn is 'no'"},
      {R"({"tie_word_embeddings":0})", "tie_word_embeddings is 0"},
      {R"({"vocab_size":null})", "vocab_size is missing"},
  };
  test::expectRefused(table, [](const char *patch) { return readAs(gpt2(patch)); });
}

TEST(GptConfig, Gpt2HasNoFieldsOfLlama) {
  const Read result = readAs(gpt2(R"({"num_key_value_heads":1,"head_dim":64,"rope_theta":10000.0})"));
  const std::vector<std::string> messages = messagesOf(result);
  for (const char *name : {"num_key_value_heads", "head_dim", "rope_theta"})
    EXPECT_NE(std::find(messages.begin(), messages.end(),
                        std::string("config.json: ") + name + " is not known and was ignored"),
              messages.end())
        << name;
  EXPECT_EQ(result.config.kvHeads, 2);
  EXPECT_EQ(result.config.headDim, 4);
}

/// Pythia's, but for the sizes.
json neox(const char *patch = "{}") {
  json object = json::parse(R"({
    "architectures": ["GPTNeoXForCausalLM"], "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "gelu",
    "hidden_size": 32, "initializer_range": 0.02, "intermediate_size": 24, "layer_norm_eps": 1e-05,
    "max_position_embeddings": 2048, "model_type": "gpt_neox", "num_attention_heads": 2, "num_hidden_layers": 1,
    "rotary_emb_base": 500, "rotary_pct": 0.25, "tie_word_embeddings": false, "torch_dtype": "float16",
    "transformers_version": "4.24.0", "use_cache": true, "use_parallel_residual": true, "vocab_size": 10})");
  object.merge_patch(json::parse(patch));
  return object;
}

TEST(GptConfig, NeoxAsPublished) {
  const Read result = readAs(neox());
  EXPECT_EQ(messagesOf(result),
            (std::vector<std::string>{
                "config.json: what is not given there is the default of GPTNeoXConfig: attention_bias true"}));
  const DecoderConfig &config = result.config;
  EXPECT_EQ(config.heads, 2);
  EXPECT_EQ(config.kvHeads, 2);
  EXPECT_EQ(config.headDim, 16);
  EXPECT_EQ(config.rotaryDim, 4);
  EXPECT_EQ(config.rope.theta, 500.0);
  EXPECT_EQ(config.activation, Activation::Gelu);
  EXPECT_TRUE(config.parallelResidual && config.queryKeyValueBias && config.outputBias && config.mlpBias);
  EXPECT_FALSE(config.tieWordEmbeddings);
}

TEST(GptConfig, NeoxsDefaultsAreThoseOfTransformers) {
  json object = neox();
  for (const char *name : {"hidden_act", "layer_norm_eps", "max_position_embeddings", "rotary_emb_base", "rotary_pct",
                           "tie_word_embeddings", "use_parallel_residual", "bos_token_id", "eos_token_id"})
    object.erase(name);
  const Read result = readAs(object);
  std::string all;
  for (const std::string &message : messagesOf(result))
    all += message + "\n";
  for (const char *part :
       {"use_parallel_residual true", "max_position_embeddings 2048", "layer_norm_eps 1e-05", "rotary_emb_base 10000",
        "rotary_pct 0.25", "hidden_act 'gelu'", "attention_bias true", "bos_token_id 0", "eos_token_id 2"})
    EXPECT_NE(all.find(part), std::string::npos) << part << " in " << all;
  EXPECT_TRUE(result.config.parallelResidual);
  EXPECT_EQ(result.config.rope.theta, 10000.0);
  EXPECT_EQ(result.config.rotaryDim, 4);
}

TEST(GptConfig, NeoxsOptions) {
  const DecoderConfig config =
      readAs(neox(R"({"use_parallel_residual":false,"attention_bias":false,"tie_word_embeddings":true})")).config;
  EXPECT_FALSE(config.parallelResidual || config.queryKeyValueBias || config.outputBias);
  EXPECT_TRUE(config.mlpBias && config.tieWordEmbeddings);
  EXPECT_EQ(readAs(neox(R"({"rotary_pct":1})")).config.rotaryDim, 16);
  EXPECT_EQ(readAs(neox(R"({"rotary_pct":0.65})")).config.rotaryDim, 10); // 10.4, rounded down
}

/// transformers 5 writes rope_parameters, 4.57 both names of each field.
TEST(GptConfig, NeoxsRopeInBothGenerations) {
  json object = neox(R"({"rotary_emb_base":null,"rotary_pct":null,
    "rope_parameters":{"rope_type":"default","rope_theta":500.0,"partial_rotary_factor":0.5}})");
  Read result = readAs(object);
  EXPECT_EQ(result.findings.all().size(), 1u);
  EXPECT_EQ(result.config.rope.theta, 500.0);
  EXPECT_EQ(result.config.rotaryDim, 8);
  result = readAs(neox(R"({"rope_theta":500.0,"partial_rotary_factor":0.25,"rope_scaling":null})"));
  EXPECT_EQ(result.findings.all().size(), 1u);
  EXPECT_EQ(result.config.rotaryDim, 4);
}

TEST(GptConfig, NeoxsWrongFields) {
  const Broken table[] = {
      {R"({"hidden_size":33})", "hidden_size 33 is no multiple of num_attention_heads 2"},
      {R"({"intermediate_size":null})", "intermediate_size is missing"},
      {R"({"layer_norm_eps":0})", "layer_norm_eps is 0; expected a number above 0"},
      {R"({"hidden_act":"relu"})", "hidden_act 'relu' is not supported", StatusCode::Unsupported},
      {R"({"use_parallel_residual":1})", "use_parallel_residual is 1; expected true or false"},
      {R"({"attention_bias":"yes"})", "attention_bias is 'yes'; expected true or false"},
      {R"({"rotary_emb_base":0})", "rotary_emb_base is 0; expected a number above 0"},
      {R"({"rotary_pct":0})", "rotary_pct is 0; expected a number above 0"},
      {R"({"rotary_pct":1.5})", "rotary_pct is 1.5"},
      {R"({"rotary_pct":0.2})", "rotary_pct 0.2 makes 3 of the 16 elements of a head; rotary "
                                "embedding needs pairs"},
      {R"({"rotary_pct":0.01})", "rotary_pct 0.01 makes 0 of the 16 elements"},
      {R"({"rotary_pct":0.25,"partial_rotary_factor":0.5})", "rotary_pct differs from "
                                                             "partial_rotary_factor"},
      {R"({"rope_parameters":{"rope_theta":10000.0}})", "rotary_emb_base differs from "
                                                        "rope_parameters.rope_theta"},
      {R"({"rope_scaling":{"rope_type":"dynamic","factor":2.0}})",
       "rope_scaling.rope_type 'dynamic' is "
       "not supported",
       StatusCode::Unsupported},
  };
  test::expectRefused(table, [](const char *patch) { return readAs(neox(patch)); });
}

} // namespace
} // namespace cadenza

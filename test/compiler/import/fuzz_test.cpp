#include "test/compiler/gguf/gguf_bytes.h"
#include "test/compiler/import/fuzz_targets.h"
#include "test/compiler/import/model_files.h"

#include <array>
#include <gtest/gtest.h>

#include <random>

namespace cadenza {
namespace {

using Target = void (*)(std::string_view);

/// Every prefix and every single-bit flip of `seed`, then `rounds` heavier mutations of it.
void replay(Target target, const std::string &seed, int rounds) {
  target(seed);
  for (size_t length = 0; length < seed.size(); ++length)
    target(std::string_view(seed).substr(0, length));
  for (size_t bit = 0; bit < 8 * seed.size(); ++bit) {
    std::string flipped = seed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    target(flipped);
  }
  const std::string tokens[] = {"{",
                                "}",
                                "[",
                                "]",
                                ":",
                                ",",
                                "null",
                                "-1",
                                "1e400",
                                "0",
                                "18446744073709551615",
                                "\"\\u0000\"",
                                "\"shape\"",
                                "\"data_offsets\"",
                                "{\"rope_type\":\"llama3\"}"};
  std::mt19937 random(20);
  auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  for (int round = 0; round < rounds; ++round) {
    std::string mutated = seed;
    for (size_t edits = 1 + below(4); edits > 0 && !mutated.empty(); --edits) {
      size_t at = below(mutated.size());
      switch (below(4)) {
      case 0:
        mutated[at] = static_cast<char>(random());
        break;
      case 1:
        mutated.insert(at, tokens[below(std::size(tokens))]);
        break;
      case 2:
        mutated.erase(at, 1 + below(8));
        break;
      case 3:
        mutated.insert(at, mutated.substr(below(mutated.size()), below(40)));
        break;
      }
    }
    target(mutated);
  }
}

TEST(Fuzz, Safetensors) {
  replay(test::fuzzSafetensors, test::safetensors({test::ones("a", {2}), test::ones("b", {3, 2})}), 20000);
}

/// quantization_config of each kind.
constexpr std::array quantizations = {
    R"({"quant_method":"awq","bits":4,"group_size":128,"zero_point":true,"modules_to_not_convert":["a.*b"]})",
    R"({"quant_method":"gptq","bits":8,"group_size":-1,"sym":true,"dynamic":{"-:.*q_proj":{},"a|b":{"bits":4}}})",
    R"({"quant_method":"compressed-tensors","format":"pack-quantized","ignore":["re:.*head"],"config_groups":{"g":
        {"targets":["Linear"],"weights":{"num_bits":4,"type":"int","strategy":"group","group_size":32}}}})",
    R"({"quant_method":"fp8","weight_block_size":[128,128],"activation_scheme":"dynamic"})",
    R"({"load_in_4bit":true,"bnb_4bit_quant_type":"nf4","llm_int8_skip_modules":["lm_head"]})"};

TEST(Fuzz, Config) {
  nlohmann::json config = test::smallConfig();
  replay(test::fuzzConfig, config.dump(), 5000);
  for (const char *quantization : quantizations) {
    config["quantization_config"] = nlohmann::json::parse(quantization);
    replay(test::fuzzConfig, config.dump(), 1000);
  }
  config.erase("quantization_config");
  config.erase("rope_theta");
  config.erase("rope_scaling");
  config["rope_parameters"] = {{"rope_type", "llama3"},   {"rope_theta", 5e5},
                               {"factor", 8.0},           {"low_freq_factor", 1.0},
                               {"high_freq_factor", 4.0}, {"original_max_position_embeddings", 64}};
  replay(test::fuzzConfig, config.dump(), 5000);
}

TEST(Fuzz, Gguf) {
  test::GgufBytes file = test::smallGguf();
  // Without the tensors of the layer, whose descriptions are all alike, and with keys of every kind.
  file.tensors.resize(2);
  file.tensors.push_back(test::onesF32("rope_freqs.weight", {4}));
  file.tensors[0] = test::onesF32("token_embd.weight", {32, 1});
  file.keys.push_back({"llama.rope.scaling.type", test::text("yarn")});
  file.keys.push_back({"tokenizer.ggml.model", test::text("llama")});
  file.keys.push_back({"tokenizer.ggml.tokens", test::strings({"<s>", "a", "b", "ab"})});
  file.keys.push_back({"tokenizer.ggml.scores", test::floats({0, -1, -2, -3})});
  file.keys.push_back({"tokenizer.ggml.token_type", test::integers({3, 1, 1, 1})});
  file.keys.push_back({"tokenizer.ggml.bos_token_id", test::u32(0)});
  replay(test::fuzzGguf, file.make(), 5000);
}

} // namespace
} // namespace cadenza

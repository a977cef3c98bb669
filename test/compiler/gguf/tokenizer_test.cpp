// Tokenizers from GGUF files against Hugging Face's ids of the tokenizers that they were made from:
// test/fixtures/gguf/make_tokenizers.py.
#include "compiler/import/gguf/tokenizer.h"
#include "runtime/tokenizer/tokenizer.h"
#include "test/compiler/gguf/gguf_bytes.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

namespace cadenza::gguf {
namespace {

class GgufTokenizer : public testing::TestWithParam<const char *> {};

/// Texts whose ids the file cannot say: added tokens that match text only after it was normalised (`normalized`), or
/// that strip white space before them or match whole words only, which no token type of GGUF tells apart; and runs of
/// spaces that are a token which no merge makes, since with scores every token can be made.
std::vector<std::string> unsayable(const nlohmann::json &tokenizer) {
  std::vector<std::string> texts;
  for (const auto &token : tokenizer["added_tokens"]) {
    const std::string content = token["content"], mark = "\u2581";
    const bool isRun = content.size() == 3 * mark.size() && content.starts_with(mark + mark);
    if (token["lstrip"] == true || token["single_word"] == true || (token["normalized"] == true && content == "<tool>"))
      texts.push_back(content);
    else if (isRun)
      texts.emplace_back("   ");
  }
  return texts;
}

TEST_P(GgufTokenizer, GivesTheIdsOfHuggingFace) {
  const std::filesystem::path fixtures = CADENZA_SOURCE_DIR "/test/fixtures";
  const auto file = File::open((fixtures / "gguf/tokenizers" / (GetParam() + std::string(".gguf"))).string());
  ASSERT_TRUE(file.isOk()) << file.status().message();
  Findings findings;
  const auto tokenizer = Tokenizer::parse(makeTokenizer(*file, "", findings));
  ASSERT_TRUE(tokenizer.isOk()) << tokenizer.status().message();
  EXPECT_TRUE(findings.all().empty());

  const auto original = nlohmann::json::parse(std::ifstream(fixtures / "tokenizer" / GetParam() / "tokenizer.json"));
  const std::vector<std::string> left = unsayable(original);
  std::ifstream corpus(fixtures / "tokenizer" / GetParam() / "corpus.jsonl");
  size_t compared = 0, all = 0;
  for (std::string line; std::getline(corpus, line); ++all) {
    const auto entry = nlohmann::json::parse(line);
    const auto text = entry["text"].get<std::string>();
    if (std::any_of(left.begin(), left.end(), [&](const std::string &token) { return text.find(token) != text.npos; }))
      continue;
    ++compared;
    const auto ids = entry["ids"].get<std::vector<int32_t>>();
    EXPECT_EQ(tokenizer->encode(text), ids) << text;
    if (!entry.contains("decoded"))
      continue;
    EXPECT_EQ(tokenizer->decode(ids, /*skipSpecial=*/false), entry["decoded"].get<std::string>());
  }
  EXPECT_GT(compared, all * 4 / 5);
}

INSTANTIATE_TEST_SUITE_P(Families, GgufTokenizer,
                         testing::Values("gpt2", "gpt_neox", "smollm2", "llama3", "olmo2", "glm4", "qwen", "tekken",
                                         "phi4_mini", "llama2", "phi3", "gemma"));

/// The tokenizer of keys, and what is said of it.
std::string make(const std::vector<std::pair<std::string, std::string>> &keys, Findings &findings,
                 const std::string &pre = "") {
  test::GgufBytes bytes;
  for (const auto &[key, value] : keys)
    bytes.keys.push_back({"tokenizer.ggml." + key, value});
  const std::string made = bytes.make();
  const auto file = File::parse(std::as_bytes(std::span(made)));
  EXPECT_TRUE(file.isOk());
  return makeTokenizer(*file, pre, findings);
}

void expectFinding(const std::vector<std::pair<std::string, std::string>> &keys, Finding::Kind kind,
                   const std::string &message) {
  Findings findings;
  EXPECT_TRUE(make(keys, findings).empty()) << message;
  ASSERT_EQ(findings.all().size(), 1U) << message;
  EXPECT_EQ(findings.all()[0].kind, kind) << findings.all()[0].message;
  EXPECT_NE(findings.all()[0].message.find(message), std::string::npos) << findings.all()[0].message;
}

using test::floats, test::integers, test::strings, test::text;

TEST(GgufTokenizer, WhatIsWrongIsSaid) {
  using enum Finding::Kind;
  const std::pair<std::string, std::string> gpt2{"model", text("gpt2")}, llama{"model", text("llama")},
      pre{"pre", text("gpt-2")}, tokens{"tokens", strings({"a", "b", "ab"})}, merges{"merges", strings({"a b"})};
  expectFinding({}, Notice, "tokenizer.ggml.model is missing; the plan will take token ids only");
  expectFinding({{"model", text("t5")}}, Notice, "tokenizer.ggml.model 't5' is not supported (gpt2 and llama are)");
  expectFinding({gpt2, pre, merges}, Invalid, "tokenizer.ggml.tokens must be a list of strings");
  expectFinding({gpt2, pre, {"tokens", floats({1})}, merges}, Invalid, "tokens must be a list of strings");
  expectFinding({gpt2, pre, {"tokens", strings({"a", "\xFF"})}, merges}, Invalid, "token 1 is not valid UTF-8");
  expectFinding({gpt2, pre, {"tokens", strings({"a", "b", "a"})}, merges}, Invalid, "token 2 has the text of token 0");
  expectFinding({gpt2, pre, tokens, {"token_type", integers({1, 1})}, merges}, Invalid,
                "token_type must have an entry a token, 3, not 2");
  expectFinding({gpt2, pre, tokens}, Invalid, "merges must be a list of strings");
  expectFinding({gpt2, tokens, merges}, Unsupported, "tokenizer.ggml.pre is missing (gpt-2, ");
  expectFinding({gpt2, {"pre", text("viking")}, tokens, merges}, Unsupported, "--pre-tokenizer=NAME");
  expectFinding({llama, tokens}, Invalid, "scores must have an entry a token, 3, not 0");
  expectFinding({llama, {"tokens", strings({std::string(257, 'a')})}, {"scores", floats({0})}}, Invalid,
                "token 0 has 257 bytes, more than 256");
  expectFinding({llama, tokens, {"scores", floats({0, NAN, 0})}}, Invalid, "scores has a NaN");

  Findings findings;
  EXPECT_FALSE(make({gpt2, {"pre", text("viking")}, tokens, merges}, findings, "gpt-2").empty());
}

} // namespace
} // namespace cadenza::gguf

// Equality with Hugging Face tokenizers: every folder of test/fixtures/tokenizer holds a tokenizer.json and a
// corpus.jsonl of lines that Hugging Face produced: {"text", "ids"}, and "decoded", what the ids decode to, with
// "plain" where that is another text without special tokens. Folders are discovered; those that must exist are named,
// so that a missing one is a failure.
#include "runtime/tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

namespace fs = std::filesystem;

namespace cadenza {
namespace {

const fs::path kFixtures = fs::path(CADENZA_SOURCE_DIR) / "test/fixtures/tokenizer";

std::string readFile(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << "missing fixture " << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::set<std::string> fixtureNames() {
  std::set<std::string> names{"qwen",  "llama3", "gpt2",       "gpt_neox", "smollm2", "olmo2",
                              "glm4",  "tekken", "phi4_mini",  "llama2",   "phi3",    "mistral_v3",
                              "gemma", "bert",   "bert_cased", "t5",       "albert",  "unigram_bytes"};
  std::error_code error;
  for (const auto &entry : fs::directory_iterator(kFixtures, error))
    if (entry.is_directory())
      names.insert(entry.path().filename());
  return names;
}

class TokenizerFixture : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    auto parsed = Tokenizer::parse(readFile(kFixtures / GetParam() / "tokenizer.json"));
    ASSERT_TRUE(parsed.isOk()) << parsed.status().message();
    tokenizer = std::move(*parsed);
    std::istringstream lines(readFile(kFixtures / GetParam() / "corpus.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      auto entry = nlohmann::json::parse(line);
      Line &read = corpus.emplace_back(Line{entry.at("text"), entry.at("ids"), std::nullopt, {}});
      if (entry.contains("decoded")) {
        read.decoded = entry["decoded"];
        read.plain = entry.value("plain", *read.decoded);
      }
    }
    ASSERT_GE(corpus.size(), 100u);
  }

  struct Line {
    std::string text;
    std::vector<int32_t> ids;
    std::optional<std::string> decoded;
    std::string plain;
  };
  std::optional<Tokenizer> tokenizer;
  std::vector<Line> corpus;
};

TEST_P(TokenizerFixture, EncodesLikeHuggingFace) {
  for (const auto &[text, ids, expected, plain] : corpus)
    EXPECT_EQ(tokenizer->encode(text), ids) << "text: " << nlohmann::json(text);
}

TEST_P(TokenizerFixture, DecodesLikeHuggingFace) {
  for (const auto &[text, ids, expected, plain] : corpus) {
    std::string decoded = tokenizer->decode(ids, false);
    if (expected) {
      EXPECT_EQ(decoded, *expected) << "text: " << nlohmann::json(text);
      EXPECT_EQ(tokenizer->decode(ids), plain) << "text: " << nlohmann::json(text);
      continue;
    }
    // The text may have been normalised, so compare ids; a special token that was put in front is now in the text.
    EXPECT_EQ(tokenizer->encode(decoded, false), ids) << "text: " << nlohmann::json(text);
  }
}

TEST_P(TokenizerFixture, StreamEqualsDecode) {
  for (bool skipSpecial : {false, true}) {
    for (const auto &[text, ids, expected, plain] : corpus) {
      StreamDecoder stream(*tokenizer, skipSpecial);
      std::string streamed;
      for (int32_t id : ids) {
        std::string part = stream.push(id);
        EXPECT_TRUE(utf8::isValid(part));
        streamed += part;
      }
      streamed += stream.finish();
      EXPECT_EQ(streamed, tokenizer->decode(ids, skipSpecial)) << "text: " << nlohmann::json(text);
    }
  }
}

TEST_P(TokenizerFixture, TokensAndIdsCorrespond) {
  int32_t count = 0;
  for (int32_t id = 0; id < tokenizer->idLimit(); ++id) {
    if (auto token = tokenizer->idToToken(id)) {
      // An added token that the normalizer changes is known by its own content.
      EXPECT_EQ(tokenizer->tokenToId(*token).value_or(id), id) << *token;
      ++count;
    }
  }
  EXPECT_EQ(count, tokenizer->vocabSize());
  EXPECT_FALSE(tokenizer->idToToken(tokenizer->idLimit()));
}

class LargeText : public TokenizerFixture {};

#if defined(__SANITIZE_ADDRESS__)
constexpr double kSeconds = 20;
#else
constexpr double kSeconds = 1; // published tokenizers; quadratic behaviour would take hours
#endif

/// A megabyte of each kind in a second of processor time.
TEST_P(LargeText, AMegabyteIsNoProblem) {
  std::string prose;
  while (prose.size() < 1 << 20)
    for (const auto &[text, ids, expected, plain] : corpus)
      prose += text + "\n";
  auto repeat = [](std::string_view unit) {
    std::string text;
    while (text.size() < 1 << 20)
      text += unit;
    return text;
  };
  std::pair<const char *, std::string> cases[] = {{"prose", prose},
                                                  {"letters", repeat("a")},
                                                  {"spaces", repeat(" ")},
                                                  {"spaces, then a letter", repeat(" ") + "x"},
                                                  {"newlines", repeat("\n")},
                                                  {"digits", repeat("1234567890")},
                                                  {"punctuation", repeat("!?")},
                                                  {"marks", repeat("\u0301\u0323")},
                                                  {"invalid", repeat("\xFF\xE2\x82")},
                                                  {"open tags", repeat("<|im_star")},
                                                  {"Hangul", repeat("\uD55C\uAE00")}};
  for (const auto &[name, text] : cases) {
    const std::clock_t start = std::clock();
    std::vector<int32_t> ids = tokenizer->encode(text, false);
    const double elapsed = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    EXPECT_LT(elapsed, kSeconds) << name;
    RecordProperty(name, std::to_string(elapsed));
    if (std::getenv("CADENZA_PRINT_TIMES"))
      printf("%s: %s: %.3f s, %zu ids\n", GetParam().c_str(), name, elapsed, ids.size());
  }
}

INSTANTIATE_TEST_SUITE_P(, TokenizerFixture, testing::ValuesIn(fixtureNames()),
                         [](const auto &info) { return info.param; });
// The ways to work: with NFC, without, and without pieces; words; Unigram with a table of replacements.
INSTANTIATE_TEST_SUITE_P(, LargeText, testing::Values("qwen", "llama3", "llama2", "bert", "t5", "unigram_bytes"),
                         [](const auto &info) { return info.param; });

} // namespace
} // namespace cadenza

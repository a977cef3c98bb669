// The tokenizers of the fixtures, damaged at random: the fuzz target on inputs of its own, without libFuzzer.
#include "test/runtime/tokenizer/fuzz_target.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace cadenza::testing {
namespace {

TEST(TokenizerFuzz, DamagedDocuments) {
  std::vector<std::string> corpus;
  for (const char *name : {"bert", "t5", "albert", "unigram_bytes", "gemma", "gpt2"}) {
    std::ifstream stream(std::string(CADENZA_SOURCE_DIR "/test/fixtures/tokenizer/") + name + "/tokenizer.json",
                         std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    ASSERT_FALSE(corpus.back().empty()) << name;
  }
  std::mt19937 random(1);
  const auto below = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  for (int round = 0; round < 600; ++round) {
    std::string text = corpus[below(corpus.size())];
    for (size_t edits = below(3); edits > 0; --edits) {
      const size_t at = below(text.size());
      const size_t digit = text.find_first_of("0123456789", at);
      switch (below(3)) {
      case 0: // another number
        if (digit != std::string::npos)
          text[digit] = static_cast<char>('0' + below(10));
        break;
      case 1: // another letter of a name, a token or the base64 of a table
        text[at] = static_cast<char>('A' + below(58));
        break;
      default:
        text.erase(at, 1 + below(8));
      }
    }
    fuzzTokenizer(text);
  }
}

} // namespace
} // namespace cadenza::testing

// The templates of the tests, damaged at random: the fuzz target on inputs of its own, without libFuzzer.
#include "test/runtime/chat/fuzz_target.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace cadenza::testing {
namespace {

TEST(ChatTemplateFuzz, DamagedTemplates) {
  std::vector<std::string> corpus;
  for (const auto &entry : std::filesystem::directory_iterator(CADENZA_SOURCE_DIR "/test/runtime/chat/templates")) {
    std::ifstream stream(entry.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  ASSERT_GT(corpus.size(), 10u);
  std::mt19937 random(1);
  const auto below = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  for (int round = 0; round < 1500; ++round) {
    std::string text = corpus[below(corpus.size())];
    for (size_t edits = 1 + below(4); edits > 0; --edits) {
      const size_t at = below(text.size()), length = 1 + below(30);
      const std::string &other = corpus[below(corpus.size())];
      switch (below(4)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(at, other.substr(below(other.size()), length));
        break;
      default:
        text.insert(at, text.substr(below(text.size()), length));
      }
      if (text.empty())
        text = "{";
    }
    fuzzChatTemplate(text);
  }
}

} // namespace
} // namespace cadenza::testing

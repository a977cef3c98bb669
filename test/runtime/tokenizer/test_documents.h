// Small tokenizer.json documents for tests, made by changing one that is sound.
#pragma once

#include "runtime/tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace cadenza::test {

using nlohmann::json;

/// A tokenizer over the letters a, b, c, the space and the digits 0 and 1, with GPT-2's splits. Ids by position in
/// kTokens; "bc" is the first merge, so "abc" is a + bc although "ab" is a token.
inline const std::vector<std::string> kTokens = {"a", "b", "c", "Ġ", "0", "1", "bc", "ab", "Ġa", "abc", "Ã", "©", "'"};

inline json document() {
  json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", ""},
                {"end_of_word_suffix", ""},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", false}};
  for (size_t id = 0; id < kTokens.size(); ++id)
    model["vocab"][kTokens[id]] = id;
  model["merges"] = {"b c", "a b", "Ġ a", "ab c"};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer", byteLevel},
          {"post_processor", nullptr},
          {"decoder", byteLevel},
          {"model", model}};
}

/// A tokenizer over text as it is, without a pre-tokenizer and a decoder. 'A' and 'é' are no tokens, their bytes are.
inline json textDocument() {
  json d = document();
  json model = d["model"];
  model["vocab"] = {{"<unk>", 0}, {"a", 1},      {"b", 2},      {"▁", 3},  {"<0x41>", 4},
                    {"▁a", 5},    {"<0xC3>", 6}, {"<0xA9>", 7}, {"ab", 8}, {"b▁", 9}};
  model["merges"] = {"▁ a", "a b"};
  d["model"] = model;
  d["pre_tokenizer"] = d["decoder"] = nullptr;
  return d;
}

inline json addedToken(int id, const std::string &content, bool special = true) {
  return {{"id", id},        {"content", content}, {"special", special}, {"normalized", false}, {"single_word", false},
          {"lstrip", false}, {"rstrip", false}};
}

inline Tokenizer make(const json &document) {
  auto tokenizer = Tokenizer::parse(document.dump());
  EXPECT_TRUE(tokenizer.isOk()) << tokenizer.status().message();
  if (!tokenizer.isOk())
    throw std::runtime_error(tokenizer.status().message()); // GoogleTest turns it into a failure of this test
  return *tokenizer;
}

/// The error that parsing gives, checked to be of `code`.
inline std::string errorOf(std::string_view text, StatusCode code) {
  auto tokenizer = Tokenizer::parse(text);
  EXPECT_EQ(statusCodeName(tokenizer.status().code()), statusCodeName(code)) << tokenizer.status().message();
  return tokenizer.status().message();
}

using Ids = std::vector<int32_t>;

} // namespace cadenza::test

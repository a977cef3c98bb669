// The tokenizer files of a Hugging Face directory: what is merged, what is a notice, what is refused. The ids are
// transformers' (5.17).
#include "compiler/import/hf/tokenizer.h"
#include "runtime/tokenizer/tokenizer.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace cadenza {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

std::string readFile(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class ImportTokenizer : public testing::Test {
protected:
  void load(const std::string &name) {
    std::filesystem::path folder = std::filesystem::path(CADENZA_SOURCE_DIR) / "test/fixtures/tokenizer_cases" / name;
    tokenizerJson = readFile(folder / "tokenizer.json");
    configJson = readFile(folder / "tokenizer_config.json");
    ASSERT_FALSE(tokenizerJson.empty());
  }
  std::string import(int64_t vocabulary = 520) {
    return importTokenizer(tokenizerJson, configJson, vocabulary, findings);
  }
  Ids encode(const std::string &text) {
    auto tokenizer = Tokenizer::parse(import());
    EXPECT_TRUE(tokenizer.isOk()) << tokenizer.status().message();
    return tokenizer.isOk() ? tokenizer->encode(text) : Ids{};
  }
  bool found(Finding::Kind kind, const std::string &text) const {
    for (const Finding &finding : findings.all())
      if (finding.kind == kind && finding.message.find(text) != std::string::npos)
        return true;
    return false;
  }
  void setConfig(const json &config) { configJson = config.dump(); }

  std::string tokenizerJson, configJson;
  Findings findings;
};

json token(const std::string &content) {
  return {{"content", content}, {"special", true},     {"lstrip", false},
          {"rstrip", false},    {"normalized", false}, {"single_word", false}};
}

TEST_F(ImportTokenizer, TruncationIsNotLookedAt) {
  load("truncation");
  EXPECT_EQ(encode("Hello <gap>x Hi"), (Ids{42, 71, 78, 353, 223, 30, 73, 67, 82, 32, 90, 223, 42, 75}));
  EXPECT_TRUE(findings.all().empty());
  EXPECT_EQ(import(), tokenizerJson); // as it is
}

TEST_F(ImportTokenizer, MetaspaceAndByteFallback) {
  load("metaspace_byte_fallback");
  EXPECT_EQ(encode("Hello <gap>x"), (Ids{42, 71, 78, 353, 30, 73, 67, 82, 32, 90}));
  EXPECT_TRUE(findings.all().empty());
}

TEST_F(ImportTokenizer, NoDecoderPutsSpacesBetweenTokens) {
  load("null_decoder");
  auto tokenizer = Tokenizer::parse(import());
  ASSERT_TRUE(tokenizer.isOk());
  EXPECT_EQ(tokenizer->decode(Ids{0, 42, 75, 300, 43, 301}), "H i as I un");
  EXPECT_EQ(tokenizer->decode(Ids{0, 42, 75}, false), "<s> H i");
}

TEST_F(ImportTokenizer, IdsFollowFromTheVocabulary) {
  load("id_gap");
  EXPECT_EQ(encode("Hello <gap>x"), (Ids{42, 71, 78, 353, 223, 512, 90}));
  EXPECT_TRUE(found(Finding::Kind::Notice, "added_tokens[3].id: '<gap>' has the id 512, which follows from the "
                                           "vocabulary, and not 600"));
  EXPECT_FALSE(found(Finding::Kind::Notice, "beyond the model's vocabulary"));
  import(512);
  EXPECT_TRUE(found(Finding::Kind::Notice, "1 token has an id beyond the model's vocabulary of 512 (the first is "
                                           "'<gap>', 512): a prompt that contains one is refused"));
  EXPECT_FALSE(findings.hasErrors());
}

TEST_F(ImportTokenizer, TokensOfTheConfiguration) {
  load("added_in_config_only");
  EXPECT_EQ(encode("<|im_start|>Hi<|im_end|>"), (Ids{512, 42, 75, 513}));
  EXPECT_TRUE(found(Finding::Kind::Notice,
                    "tokenizer_config.json: 2 tokens are not in tokenizer.json like this and were taken from here: the "
                    "first is '<|im_start|>' (512)"));
  auto merged = json::parse(import());
  EXPECT_EQ(merged["added_tokens"].size(), 5u);
  EXPECT_EQ(merged["added_tokens"][4]["id"], 513);
}

TEST_F(ImportTokenizer, NamedSpecialTokens) {
  load("truncation");
  setConfig({{"eos_token", "</s>"}, {"bos_token", nullptr}, {"pad_token", "[PAD]"}, {"unk_token", token("<unk>")}});
  auto tokenizer = Tokenizer::parse(import());
  ASSERT_TRUE(tokenizer.isOk());
  EXPECT_EQ(tokenizer->encode("<unk>[PAD]"), (Ids{512, 513}));
  EXPECT_TRUE(tokenizer->isSpecial(513));
}

TEST_F(ImportTokenizer, FlagsOfTheConfigurationHold) {
  load("truncation");
  json stripping = token("</s>");
  stripping["rstrip"] = true;
  setConfig({{"added_tokens_decoder", {{"1", stripping}, {"0", token("<s>")}}}});
  EXPECT_EQ(encode("</s>  H"), (Ids{1, 42}));
  EXPECT_TRUE(found(Finding::Kind::Notice, "1 token is not in tokenizer.json like this"));
  setConfig({{"added_tokens_decoder", {{"600", token("<far>")}}}});
  EXPECT_EQ(encode("<far>"), (Ids{512}));
  EXPECT_TRUE(found(Finding::Kind::Notice, "added_tokens_decoder: '<far>' has the id 512, which follows from the "
                                           "vocabulary, and not 600"));
}

TEST_F(ImportTokenizer, UnsupportedIsANotice) {
  load("truncation");
  json document = json::parse(tokenizerJson);
  document["model"]["type"] = "WordLevel";
  tokenizerJson = document.dump();
  EXPECT_EQ(import(), "");
  EXPECT_FALSE(findings.hasErrors());
  EXPECT_TRUE(
      found(Finding::Kind::Notice,
            "tokenizer.json: model.type 'WordLevel' is not supported (BPE, WordPiece and Unigram are); the plan "
            "will take token ids only"));
}

TEST_F(ImportTokenizer, MalformedIsAnError) {
  load("truncation");
  const std::string sound = tokenizerJson;
  tokenizerJson.resize(1000);
  EXPECT_EQ(import(), "");
  EXPECT_TRUE(found(Finding::Kind::Invalid, "tokenizer.json: "));
  tokenizerJson = sound;
  for (auto [config, message] : std::initializer_list<std::pair<const char *, const char *>>{
           {"{", "tokenizer_config.json: "},
           {"[]", "tokenizer_config.json: the document is no object"},
           {R"({"added_tokens_decoder": 5})", "tokenizer_config.json: added_tokens_decoder: expected an object"},
           {R"({"added_tokens_decoder": {"x": {"content": "y"}}})",
            "added_tokens_decoder['x']: the key is no token id"},
           {R"({"added_tokens_decoder": {"-1": {"content": "y"}}})", "added_tokens_decoder['-1']: the key is no"},
           {R"({"added_tokens_decoder": {"9": "y"}})", "added_tokens_decoder['9']: expected an object"},
           {R"({"added_tokens_decoder": {"9": {"content": ""}}})", "added_tokens_decoder['9']: expected an object"},
           {R"({"added_tokens_decoder": {"9": {"content": "y", "special": 1}}})",
            "added_tokens_decoder['9']: expected"},
           {R"({"eos_token": {"special": true}})", "tokenizer_config.json: eos_token: expected an object"}}) {
    findings = Findings();
    configJson = config;
    import();
    EXPECT_TRUE(found(Finding::Kind::Invalid, message)) << config;
  }
}

} // namespace
} // namespace cadenza

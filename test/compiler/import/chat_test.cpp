// Where the chat templates of a directory are, as transformers looks for them.
#include "compiler/import/hf/chat.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cadenza {
namespace {

using nlohmann::json;

class ImportChat : public testing::Test {
protected:
  void write(const std::string &name, const std::string &text) {
    std::filesystem::create_directories(std::filesystem::path(folder.path(name)).parent_path());
    std::ofstream(folder.path(name), std::ios::binary) << text;
  }
  json import(const std::string &config = "") {
    auto directory = ModelDirectory::open(folder.path().string());
    EXPECT_TRUE(directory.isOk());
    const std::string text = importChat(*directory, config, findings);
    return text.empty() ? json() : json::parse(text);
  }
  std::string messages() const {
    std::string all;
    for (const Finding &finding : findings.all())
      all += finding.message + "\n";
    return all;
  }

  test::TemporaryFolder folder;
  Findings findings;
};

TEST_F(ImportChat, NoTemplateIsNoSection) {
  EXPECT_TRUE(import().is_null());
  EXPECT_TRUE(import(R"({"eos_token": "</s>", "chat_template": null})").is_null());
  EXPECT_TRUE(findings.all().empty());
}

TEST_F(ImportChat, OfTheConfiguration) {
  const json one =
      import(R"({"chat_template": "c", "eos_token": {"content": "</s>"}, "bos_token": "<s>", "unk_token": null,
                              "extra_special_tokens": {"image_token": "<img>"}})");
  EXPECT_EQ(one["templates"], json::parse(R"([{"name": "default", "text": "c"}])"));
  EXPECT_EQ(one["special_tokens"], json::parse(R"({"bos_token": "<s>", "eos_token": "</s>", "image_token": "<img>"})"));
  const json named =
      import(R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  EXPECT_EQ(named["templates"],
            json::parse(R"([{"name": "default", "text": "d"}, {"name": "tool_use", "text": "t"}])"));
  EXPECT_TRUE(findings.all().empty()) << messages();
}

TEST_F(ImportChat, FilesComeFirst) {
  write("chat_template.json", R"({"chat_template": "processor"})");
  EXPECT_EQ(import()["templates"][0]["text"], "processor");
  EXPECT_EQ(import(R"({"chat_template": "config"})")["templates"][0]["text"], "config");
  write("chat_template.jinja", "jinja");
  write("additional_chat_templates/rag.jinja", "rag");
  write("additional_chat_templates/README.md", "none");
  write("special_tokens_map.json", R"({"eos_token": "<end>", "bos_token": "<map>"})");
  const json all = import(R"({"chat_template": "config", "bos_token": "<s>"})");
  EXPECT_EQ(all["templates"], json::parse(R"([{"name": "default", "text": "jinja"}, {"name": "rag", "text": "rag"}])"));
  EXPECT_EQ(all["special_tokens"], json::parse(R"({"bos_token": "<s>", "eos_token": "<end>"})"));
}

TEST_F(ImportChat, MalformedFieldsAreFindings) {
  for (const char *config :
       {R"({"chat_template": 3})", R"({"chat_template": [3]})", R"({"chat_template": [{"name": "a"}]})"}) {
    (void)import(config);
    EXPECT_NE(messages().find("tokenizer_config.json: chat_template"), std::string::npos) << config;
    EXPECT_TRUE(findings.hasInvalid());
    findings = {};
  }
  EXPECT_TRUE(import("{").is_null()); // the finding of whoever reads the tokenizer
  EXPECT_TRUE(findings.all().empty());
  write("chat_template.jinja", "version https://git-lfs.github.com/spec/v1\n");
  (void)import();
  EXPECT_NE(messages().find("Git LFS pointer"), std::string::npos);
}

TEST_F(ImportChat, WhatTheRuntimeCannotRenderIsANotice) {
  EXPECT_FALSE(import(R"({"chat_template": "{% include 'x' %}"})").is_null());
  EXPECT_NE(messages().find("chat template 'default': line 1: {% include %} is not supported; "), std::string::npos)
      << messages();
  EXPECT_FALSE(findings.hasErrors());
}

TEST_F(ImportChat, GenerationDefaults) {
  EXPECT_EQ(importGenerationDefaults(R"({"top_k": 20,  "eos_token_id": [1, 2]})"),
            R"({"eos_token_id":[1,2],"top_k":20})");
  for (const char *text : {"", "[]", "{", "{}"})
    EXPECT_EQ(importGenerationDefaults(text), "");
}

} // namespace
} // namespace cadenza

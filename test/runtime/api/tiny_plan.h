// The tiny model of the CPU executor's tests as a plan file, with a tokenizer of one character a token: ids 0-61 are
// a-z, A-Z, 0-9, 62 is a space, 63-65 are ".,!", 66 is the special token <|end|>.
#pragma once

#include "runtime/plan/plan.h"
#include "test/runtime/cpu/tiny_model.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

namespace cadenza::test {

inline std::string characterTokenizer() {
  std::string characters;
  for (char c = 'a'; c <= 'z'; ++c)
    characters += c;
  for (char c = 'A'; c <= 'Z'; ++c)
    characters += c;
  characters += "0123456789";
  nlohmann::json vocabulary;
  for (size_t i = 0; i < characters.size(); ++i)
    vocabulary[std::string(1, characters[i])] = i;
  vocabulary["Ġ"] = 62; // the byte-level alphabet's space
  vocabulary["."] = 63;
  vocabulary[","] = 64;
  vocabulary["!"] = 65;
  nlohmann::json byteLevel = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", false}, {"use_regex", false}};
  nlohmann::json end = {{"id", 66},        {"content", "<|end|>"}, {"single_word", false}, {"lstrip", false},
                        {"rstrip", false}, {"normalized", false},  {"special", true}};
  nlohmann::json model = {{"type", "BPE"},
                          {"dropout", nullptr},
                          {"unk_token", nullptr},
                          {"continuing_subword_prefix", ""},
                          {"end_of_word_suffix", ""},
                          {"fuse_unk", false},
                          {"byte_fallback", false},
                          {"ignore_merges", false},
                          {"vocab", vocabulary},
                          {"merges", nlohmann::json::array()}};
  return nlohmann::json{{"version", "1.0"},          {"truncation", nullptr}, {"padding", nullptr},
                        {"added_tokens", {end}},     {"normalizer", nullptr}, {"pre_tokenizer", byteLevel},
                        {"post_processor", nullptr}, {"decoder", byteLevel},  {"model", model}}
      .dump();
}

/// Writes a program to `path`. Texts may be empty.
inline void writeTestPlan(const std::string &path, const TestProgram &test, const std::string &tokenizer = {},
                          const std::string &chat = {}, const std::string &generation = {}) {
  class Packer : public WeightPacker {
  public:
    explicit Packer(const TestProgram &test) : test_(test) {}
    Status pack(uint32_t index, std::span<std::byte> out) override {
      std::memcpy(out.data(), test_.weights.data() + test_.program.weights[index].offset, out.size());
      return Status::ok();
    }

  private:
    const TestProgram &test_;
  };
  Packer packer(test);
  PlanContents contents;
  contents.program = &test.program;
  contents.metadata = nlohmann::ordered_json::object();
  contents.tokenizerJson = tokenizer;
  contents.chatJson = chat;
  contents.generationJson = generation;
  contents.packer = &packer;
  Status status = writePlan(path, contents);
  ASSERT_TRUE(status.isOk()) << status.message();
}

inline void writeTinyPlan(const std::string &path, const TinyModel &model, const std::string &tokenizer) {
  writeTestPlan(path, model.test, tokenizer);
}

} // namespace cadenza::test

// Sessions of the C API for its tests.
#pragma once

#include "test/runtime/api/tiny_plan.h"
#include "test/runtime/cpu/tensor_graph.h"

#include <cadenza/cadenza.h>

#include <memory>
#include <string>
#include <vector>

namespace cadenza::test {

using Tokens = std::vector<int32_t>;

struct CloseSession {
  void operator()(cadenza_session *session) const { EXPECT_EQ(cadenza_close(session), CADENZA_OK); }
};
using OwnedSession = std::unique_ptr<cadenza_session, CloseSession>;

struct FreeGeneration {
  void operator()(cadenza_generation *generation) const { cadenza_generation_free(generation); }
};
using OwnedGeneration = std::unique_ptr<cadenza_generation, FreeGeneration>;

inline cadenza_open_options openOptions() {
  cadenza_open_options options;
  EXPECT_EQ(cadenza_open_options_init(&options, sizeof(options)), CADENZA_OK);
  options.device = "cpu";
  options.threads = 1;
  options.logits = 1;
  return options;
}
inline cadenza_generate_options generateOptions() {
  cadenza_generate_options options;
  EXPECT_EQ(cadenza_generate_options_init(&options, sizeof(options)), CADENZA_OK);
  options.max_tokens = 12;
  return options;
}
inline cadenza_sampling samplingOptions() {
  cadenza_sampling sampling;
  EXPECT_EQ(cadenza_sampling_init(&sampling, sizeof(sampling)), CADENZA_OK);
  return sampling;
}

inline OwnedSession openPlan(const std::string &path, const cadenza_open_options &options = openOptions()) {
  cadenza_session *session = nullptr;
  EXPECT_EQ(cadenza_open(path.c_str(), &options, &session), CADENZA_OK) << cadenza_last_error();
  return OwnedSession(session);
}
inline OwnedGeneration generate(const OwnedSession &session, const Tokens &prompt,
                                const cadenza_generate_options &options) {
  cadenza_generation *generation = nullptr;
  EXPECT_EQ(cadenza_generate(session.get(), prompt.data(), prompt.size(), &options, &generation), CADENZA_OK)
      << cadenza_last_error();
  return OwnedGeneration(generation);
}
inline Tokens tokensOf(const OwnedGeneration &generation) {
  size_t count = 0;
  const int32_t *tokens = cadenza_generation_tokens(generation.get(), &count);
  return {tokens, tokens + count};
}
inline std::string textOf(const OwnedGeneration &generation) {
  size_t bytes = 0;
  const char *text = cadenza_generation_text(generation.get(), &bytes);
  return {text, bytes};
}
/// What a function gave as text; freed.
inline std::string taken(char *text) {
  std::string copy = text;
  cadenza_free(text);
  return copy;
}

/// Expects an error whose message has `part`.
inline void expectError(cadenza_status status, cadenza_status expected, const std::string &part) {
  EXPECT_EQ(status, expected) << cadenza_last_error();
  EXPECT_NE(std::string(cadenza_last_error()).find(part), std::string::npos) << cadenza_last_error();
}

/// The tiny model with a template, as a plan.
class LibraryTest : public ::testing::Test {
protected:
  static constexpr const char *chat =
      R"({"templates": [{"name": "default", "text": "{% for m in messages %}{{ m.content }}{% endfor %}{% if polite %} please{% endif %}{% if add_generation_prompt %}!{% endif %}"}],
          "special_tokens": {"eos_token": "<|end|>"}})";
  static constexpr const char *generation =
      R"({"do_sample": true, "temperature": 0.7, "top_k": 5, "repetition_penalty": 1.1})";

  LibraryTest() : plan(folder.path("tiny.plan")) {
    writeTestPlan(plan, model.test, characterTokenizer(), chat, generation);
  }

  TemporaryFolder folder;
  TinyModel model;
  std::string plan;
  const Tokens prompt = {7, 8, 62, 40}; // "hi O"
};

} // namespace cadenza::test

// Opening and closing, options with sizes, errors, and what a session says of itself.
#include "test/runtime/library/library_test.h"

#include "runtime/support/status.h"

#include <fstream>
#include <thread>

namespace cadenza::test {
namespace {

cadenza_status openWith(const std::string &path, const cadenza_open_options &options) {
  cadenza_session *session = nullptr;
  const cadenza_status status = cadenza_open(path.c_str(), &options, &session);
  EXPECT_EQ(session, nullptr);
  return status;
}

TEST_F(LibraryTest, SaysWhatItOpened) {
  const OwnedSession session = openPlan(plan);
  char *text = nullptr;
  ASSERT_EQ(cadenza_info(session.get(), &text), CADENZA_OK);
  const nlohmann::json info = nlohmann::json::parse(taken(text));
  EXPECT_EQ(info["path"], plan);
  EXPECT_EQ(info["device"], "cpu");
  EXPECT_EQ(info["schedule"], nullptr);
  EXPECT_EQ(info["decoder"]["vocabulary"], 67);
  EXPECT_EQ(info["decoder"]["context"], 64);
  EXPECT_EQ(info["decoder"]["tokenizer"], true);
  EXPECT_EQ(info["decoder"]["chat_template"], true);
  EXPECT_TRUE(info["entries"].empty());
  EXPECT_EQ(std::string(cadenza_version()).substr(0, 2), "0.");
}

TEST_F(LibraryTest, ErrorsOfOpenHaveCodeAndText) {
  cadenza_open_options options = openOptions();
  expectError(openWith(folder.path("none.plan"), options), CADENZA_IO, "none.plan");
  std::ofstream(folder.path("text.plan")) << std::string(4096, 'x');
  expectError(openWith(folder.path("text.plan"), options), CADENZA_INVALID_PLAN, "text.plan");
  options.device = "toaster";
  expectError(openWith(plan, options), CADENZA_INVALID_ARGUMENT, "toaster");
  options.device = "cuda:99";
  EXPECT_NE(openWith(plan, options), CADENZA_OK);
  options.device = "cpu";
  options.context = -1;
  expectError(openWith(plan, options), CADENZA_INVALID_ARGUMENT, "context -1");
  options.context = 65;
  expectError(openWith(plan, options), CADENZA_INVALID_ARGUMENT, "65");
  options.context = 0;
  options.schedule = "later";
  expectError(openWith(plan, options), CADENZA_INVALID_ARGUMENT, "later");
  cadenza_session *session = nullptr;
  expectError(cadenza_open(nullptr, nullptr, &session), CADENZA_INVALID_ARGUMENT, "path is NULL");
  expectError(cadenza_open(plan.c_str(), nullptr, nullptr), CADENZA_INVALID_ARGUMENT, "session is NULL");
}

TEST_F(LibraryTest, OptionsOfOtherVersionsOfTheHeader) {
  struct Newer {
    cadenza_open_options known;
    int64_t unknown;
  } newer;
  ASSERT_EQ(cadenza_open_options_init(&newer.known, sizeof(newer)), CADENZA_OK);
  EXPECT_EQ(newer.known.size, sizeof(newer));
  EXPECT_EQ(newer.unknown, 0);
  newer.known.device = "cpu";
  openPlan(plan, newer.known);
  newer.unknown = 1;
  expectError(openWith(plan, newer.known), CADENZA_UNSUPPORTED, "update the library");
  cadenza_open_options unset = openOptions();
  unset.size = 8;
  expectError(openWith(plan, unset), CADENZA_INVALID_ARGUMENT, "cadenza_open_options_init");
  expectError(cadenza_open_options_init(nullptr, 8), CADENZA_INVALID_ARGUMENT, "options is NULL");
}

TEST(Library, NamesOfCodesAndTypes) {
  for (int code = 0; code <= static_cast<int>(StatusCode::NumericMismatch); ++code)
    EXPECT_EQ(cadenza_status_name(static_cast<cadenza_status>(code)), statusCodeName(static_cast<StatusCode>(code)));
  EXPECT_STREQ(cadenza_status_name(CADENZA_BUSY), "busy");
  EXPECT_STREQ(cadenza_status_name(static_cast<cadenza_status>(55)), "unknown");
  EXPECT_STREQ(cadenza_type_name(CADENZA_BF16), "bf16");
  EXPECT_STREQ(cadenza_type_name(CADENZA_BOOL), "bool");
  EXPECT_EQ(cadenza_type_name(static_cast<cadenza_type>(99)), nullptr);
}

TEST(Library, ErrorsAreOfTheirThread) {
  cadenza_open(nullptr, nullptr, nullptr);
  std::string other = "?";
  std::thread([&] { other = cadenza_last_error(); }).join();
  EXPECT_EQ(other, "");
  EXPECT_STREQ(cadenza_last_error(), "path is NULL");
}

TEST_F(LibraryTest, LogSaysWhatAPlanIsOpenedOn) {
  std::string lines;
  cadenza_set_log(
      [](void *user, cadenza_log_level level, const char *message) {
        *static_cast<std::string *>(user) += std::to_string(level) + " " + message + "\n";
      },
      &lines);
  openPlan(plan);
  cadenza_set_log(nullptr, nullptr);
  openPlan(plan);
  EXPECT_EQ(lines, "0 " + plan + ": opened on cpu\n");
}

// A NULL session is an error of every function that takes one, but for those that say that it is fine.
TEST(Library, NullSessions) {
  int32_t token = 0, *tokens = nullptr;
  size_t count = 0;
  char *text = nullptr;
  cadenza_tensors *outputs = nullptr;
  cadenza_sampling sampling = samplingOptions();
  const cadenza_status statuses[] = {
      cadenza_info(nullptr, &text),
      cadenza_tokenize(nullptr, "a", 1, 0, &tokens, &count),
      cadenza_detokenize(nullptr, &token, 1, &text, nullptr),
      cadenza_render_chat(nullptr, "[]", nullptr, &text, nullptr),
      cadenza_sampling_defaults(nullptr, &sampling),
      cadenza_generate(nullptr, &token, 1, nullptr, nullptr),
      cadenza_generate_text(nullptr, "a", 1, nullptr, nullptr),
      cadenza_chat(nullptr, "[]", nullptr, nullptr, nullptr),
      cadenza_save(nullptr, "f", nullptr),
      cadenza_load(nullptr, "f", nullptr),
      cadenza_step(nullptr, &token, 1, nullptr, nullptr),
      cadenza_sample(nullptr, nullptr, &token),
      cadenza_reset(nullptr),
      cadenza_logits(nullptr, &token, 1, nullptr, 0),
      cadenza_run_graph(nullptr, nullptr, nullptr, 0, &outputs),
  };
  for (const cadenza_status status : statuses)
    EXPECT_EQ(status, CADENZA_INVALID_ARGUMENT);
  EXPECT_STREQ(cadenza_last_error(), "session is NULL");
  EXPECT_EQ(cadenza_close(nullptr), CADENZA_OK);
  cadenza_cancel(nullptr);
  cadenza_free(nullptr);
  cadenza_generation_free(nullptr);
  cadenza_tensors_free(nullptr);
  EXPECT_STREQ(cadenza_generation_text(nullptr, &count), "");
  EXPECT_EQ(cadenza_generation_tokens(nullptr, &count), nullptr);
  EXPECT_EQ(cadenza_tensors_count(nullptr), 0u);
}

TEST_F(LibraryTest, NullArguments) {
  const OwnedSession owned = openPlan(plan);
  cadenza_session *session = owned.get();
  int32_t token = 1, *tokens = nullptr;
  size_t count = 0;
  char *text = nullptr;
  const auto refuses = [](cadenza_status status, const std::string &name) {
    expectError(status, CADENZA_INVALID_ARGUMENT, name + " is NULL");
  };
  refuses(cadenza_info(session, nullptr), "json");
  refuses(cadenza_tokenize(session, nullptr, 1, 0, &tokens, &count), "text");
  refuses(cadenza_tokenize(session, "a", 1, 0, nullptr, &count), "tokens");
  refuses(cadenza_tokenize(session, "a", 1, 0, &tokens, nullptr), "count");
  refuses(cadenza_detokenize(session, nullptr, 1, &text, nullptr), "tokens");
  refuses(cadenza_detokenize(session, &token, 1, nullptr, nullptr), "text");
  refuses(cadenza_render_chat(session, nullptr, nullptr, &text, nullptr), "talk");
  refuses(cadenza_render_chat(session, "[]", nullptr, nullptr, nullptr), "text");
  refuses(cadenza_sampling_defaults(session, nullptr), "sampling");
  refuses(cadenza_generate(session, nullptr, 1, nullptr, nullptr), "prompt");
  refuses(cadenza_generate_text(session, nullptr, 1, nullptr, nullptr), "prompt");
  refuses(cadenza_chat(session, nullptr, nullptr, nullptr, nullptr), "talk");
  refuses(cadenza_save(session, nullptr, nullptr), "path");
  refuses(cadenza_load(session, nullptr, nullptr), "path");
  refuses(cadenza_step(session, nullptr, 1, nullptr, nullptr), "tokens");
  refuses(cadenza_sample(session, nullptr, nullptr), "token");
  refuses(cadenza_logits(session, nullptr, 1, nullptr, 0), "tokens");
  refuses(cadenza_logits(session, &token, 1, nullptr, 67), "logits");
  refuses(cadenza_run_graph(session, nullptr, nullptr, 1, nullptr), "inputs");
  refuses(cadenza_run_graph(session, nullptr, nullptr, 0, nullptr), "outputs");
  cadenza_generate_options options = generateOptions();
  options.stop_token_count = 1;
  refuses(cadenza_generate(session, &token, 1, &options, nullptr), "options.stop_tokens");
  const char *stops[] = {"a", nullptr};
  options.stop_token_count = 0;
  options.stop_texts = stops;
  options.stop_text_count = 2;
  refuses(cadenza_generate(session, &token, 1, &options, nullptr), "options.stop_texts[1]");
  cadenza_sampling biased = samplingOptions();
  biased.logit_bias_count = 1;
  options = generateOptions();
  options.sampling = &biased;
  refuses(cadenza_generate(session, &token, 1, &options, nullptr), "sampling.logit_biases");
}

} // namespace
} // namespace cadenza::test

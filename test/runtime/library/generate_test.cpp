// Generating: what the C++ API gives, callbacks, ends, sampling, talks, constraints, and a session that is busy.
#include "test/runtime/library/library_test.h"

#include "runtime/cadenza.h"

#include <cmath>
#include <limits>
#include <thread>

namespace cadenza::test {
namespace {

class LibraryGenerateTest : public LibraryTest {
protected:
  /// The same with the C++ API.
  Generation reference(const GenerateOptions &options, const Tokens &tokens) {
    auto made = Session::open(plan, {.device = "cpu", .logits = true, .threads = 1});
    EXPECT_TRUE(made.isOk()) << made.status().message();
    auto result = made->generate(tokens, options);
    EXPECT_TRUE(result.isOk()) << result.status().message();
    return *result;
  }
};

cadenza_finish_reason reasonOf(const OwnedGeneration &generation) {
  return cadenza_generation_finish_reason(generation.get());
}
nlohmann::json jsonOf(const OwnedGeneration &generation) {
  return nlohmann::json::parse(cadenza_generation_json(generation.get()));
}

TEST_F(LibraryGenerateTest, GivesWhatTheCppApiGives) {
  const OwnedSession session = openPlan(plan);
  struct Seen {
    std::string text;
    Tokens tokens;
  } seen;
  cadenza_generate_options options = generateOptions();
  options.user = &seen;
  options.on_text = [](void *user, const char *text, size_t bytes) {
    static_cast<Seen *>(user)->text.append(text, bytes);
    return 0;
  };
  options.on_token = [](void *user, int32_t token) {
    static_cast<Seen *>(user)->tokens.push_back(token);
    return 0;
  };
  const OwnedGeneration result = generate(session, prompt, options);
  const Generation expected = reference({.maxTokens = 12}, prompt);
  EXPECT_EQ(tokensOf(result), expected.tokens);
  EXPECT_EQ(textOf(result), expected.text);
  EXPECT_EQ(seen.tokens, expected.tokens);
  EXPECT_EQ(seen.text, expected.text);
  EXPECT_EQ(reasonOf(result), CADENZA_FINISH_LENGTH);
  EXPECT_EQ(cadenza_generation_seed(result.get(), nullptr), 0);
  EXPECT_EQ(jsonOf(result)["prompt_tokens"], 4);
  EXPECT_EQ(jsonOf(result)["finish_reason"], "length");
  cadenza_generation *ofText = nullptr;
  ASSERT_EQ(cadenza_generate_text(session.get(), "hi O", 4, &options, &ofText), CADENZA_OK);
  EXPECT_EQ(tokensOf(OwnedGeneration(ofText)), expected.tokens);
  EXPECT_EQ(cadenza_generate(session.get(), prompt.data(), prompt.size(), nullptr, nullptr), CADENZA_OK);
}

TEST_F(LibraryGenerateTest, EndsWhereAskedTo) {
  const OwnedSession session = openPlan(plan);
  cadenza_generate_options options = generateOptions();
  const Tokens all = tokensOf(generate(session, prompt, options));
  const std::string text = textOf(generate(session, prompt, options));
  options.stop_tokens = &all[3];
  options.stop_token_count = 1;
  EXPECT_EQ(reasonOf(generate(session, prompt, options)), CADENZA_FINISH_STOP_TOKEN);
  options.stop_token_count = 0;
  const std::string stop = text.substr(3, 2);
  const char *stops[] = {"not there", stop.c_str()};
  options.stop_texts = stops;
  options.stop_text_count = 2;
  const OwnedGeneration stopped = generate(session, prompt, options);
  EXPECT_EQ(reasonOf(stopped), CADENZA_FINISH_STOP_TEXT);
  EXPECT_EQ(textOf(stopped), text.substr(0, text.find(stop)));
  options.stop_text_count = 0;
  options.max_tokens = 1000;
  const OwnedGeneration full = generate(session, prompt, options);
  EXPECT_EQ(reasonOf(full), CADENZA_FINISH_CONTEXT_FULL);
  EXPECT_FALSE(jsonOf(full)["advice"].get<std::string>().empty());
  options.max_tokens = 0;
  EXPECT_TRUE(tokensOf(generate(session, prompt, options)).empty());
}

TEST_F(LibraryGenerateTest, CallbacksEndIt) {
  const OwnedSession session = openPlan(plan);
  cadenza_generate_options options = generateOptions();
  options.on_token = [](void *, int32_t) { return 1; };
  const OwnedGeneration byToken = generate(session, prompt, options);
  EXPECT_EQ(reasonOf(byToken), CADENZA_FINISH_CALLBACK);
  EXPECT_EQ(tokensOf(byToken).size(), 1u);
  options.on_token = nullptr;
  options.on_text = [](void *, const char *, size_t) { return 1; };
  const OwnedGeneration byText = generate(session, prompt, options);
  EXPECT_EQ(reasonOf(byText), CADENZA_FINISH_CALLBACK);
  EXPECT_EQ(tokensOf(byText).size(), 1u);
}

TEST_F(LibraryGenerateTest, CancelFromACallbackAndFromAnotherThread) {
  const OwnedSession session = openPlan(plan);
  cadenza_generate_options options = generateOptions();
  const Tokens all = tokensOf(generate(session, prompt, options));
  options.user = session.get();
  using OnToken = int (*)(void *, int32_t);
  const OnToken here = [](void *user, int32_t) {
    cadenza_cancel(static_cast<cadenza_session *>(user));
    return 0;
  };
  const OnToken elsewhere = [](void *user, int32_t) {
    std::thread([&] { cadenza_cancel(static_cast<cadenza_session *>(user)); }).join();
    return 0;
  };
  for (const OnToken cancel : {here, elsewhere}) {
    options.on_token = cancel;
    const OwnedGeneration cancelled = generate(session, prompt, options);
    EXPECT_EQ(reasonOf(cancelled), CADENZA_FINISH_CANCELLED);
    EXPECT_EQ(tokensOf(cancelled), Tokens(all.begin(), all.begin() + 1));
    options.on_token = nullptr;
    EXPECT_EQ(tokensOf(generate(session, prompt, options)), all);
  }
  cadenza_cancel(session.get()); // of a session that does nothing: the next call is none of its business
  EXPECT_EQ(tokensOf(generate(session, prompt, options)), all);
  options.on_token = here; // too late for this call, which has made its last token
  options.max_tokens = 1;
  EXPECT_EQ(reasonOf(generate(session, prompt, options)), CADENZA_FINISH_LENGTH);
  options.on_token = nullptr;
  options.max_tokens = 12;
  EXPECT_EQ(tokensOf(generate(session, prompt, options)), all);
}

TEST_F(LibraryGenerateTest, ASessionThatWorksIsBusy) {
  const OwnedSession session = openPlan(plan);
  cadenza_generate_options options = generateOptions();
  options.max_tokens = 2;
  options.user = session.get();
  options.on_token = [](void *user, int32_t token) {
    auto *busy = static_cast<cadenza_session *>(user);
    const auto use = [&] {
      expectError(cadenza_generate(busy, &token, 1, nullptr, nullptr), CADENZA_BUSY, "another call is using");
      expectError(cadenza_step(busy, &token, 1, nullptr, nullptr), CADENZA_BUSY, "another call is using");
      expectError(cadenza_close(busy), CADENZA_BUSY, "stays open");
      char *text = nullptr; // any thread, at any time
      EXPECT_EQ(cadenza_detokenize(busy, &token, 1, &text, nullptr), CADENZA_OK);
      cadenza_free(text);
    };
    use();
    std::thread(use).join();
    return 0;
  };
  EXPECT_EQ(tokensOf(generate(session, prompt, options)).size(), 2u);
}

TEST_F(LibraryGenerateTest, DrawsWhatTheCppApiDraws) {
  const OwnedSession session = openPlan(plan);
  cadenza_sampling sampling = samplingOptions();
  sampling.temperature = 1.5;
  sampling.top_k = 20;
  sampling.top_p = 0.9;
  sampling.min_p = 0.01;
  sampling.repetition_penalty = 1.2;
  sampling.presence_penalty = 0.1;
  sampling.frequency_penalty = 0.2;
  const cadenza_logit_bias biases[] = {{5, 2.0}, {6, -std::numeric_limits<double>::infinity()}};
  sampling.logit_biases = biases;
  sampling.logit_bias_count = 2;
  sampling.seed = std::numeric_limits<uint64_t>::max();
  sampling.has_seed = 1;
  cadenza_generate_options options = generateOptions();
  options.sampling = &sampling;
  const OwnedGeneration drawn = generate(session, prompt, options);
  const SamplingOptions same{.temperature = 1.5,
                             .topK = 20,
                             .topP = 0.9,
                             .minP = 0.01,
                             .repetitionPenalty = 1.2,
                             .presencePenalty = 0.1,
                             .frequencyPenalty = 0.2,
                             .logitBias = {{5, 2.0}, {6, -std::numeric_limits<double>::infinity()}},
                             .seed = std::numeric_limits<uint64_t>::max()};
  EXPECT_EQ(tokensOf(drawn), reference({.maxTokens = 12, .sampling = same}, prompt).tokens);
  uint64_t seed = 0;
  EXPECT_EQ(cadenza_generation_seed(drawn.get(), &seed), 1);
  EXPECT_EQ(seed, sampling.seed);
  EXPECT_EQ(jsonOf(drawn)["seed"], sampling.seed);

  sampling.has_seed = 0; // a random one, which is said and gives the same again
  const OwnedGeneration random = generate(session, prompt, options);
  ASSERT_EQ(cadenza_generation_seed(random.get(), &sampling.seed), 1);
  sampling.has_seed = 1;
  EXPECT_EQ(tokensOf(generate(session, prompt, options)), tokensOf(random));
  sampling.temperature = std::nan("");
  expectError(cadenza_generate(session.get(), prompt.data(), 4, &options, nullptr), CADENZA_INVALID_ARGUMENT,
              "temperature");
  sampling.temperature = 1;
  sampling.top_p = 0;
  expectError(cadenza_generate(session.get(), prompt.data(), 4, &options, nullptr), CADENZA_INVALID_ARGUMENT, "top");
}

TEST_F(LibraryGenerateTest, DefaultsOfTheModel) {
  const OwnedSession session = openPlan(plan);
  cadenza_sampling sampling = samplingOptions();
  ASSERT_EQ(cadenza_sampling_defaults(session.get(), &sampling), CADENZA_OK);
  EXPECT_EQ(sampling.temperature, 0.7);
  EXPECT_EQ(sampling.top_k, 5);
  EXPECT_EQ(sampling.top_p, 1);
  EXPECT_EQ(sampling.repetition_penalty, 1.1);
}

TEST_F(LibraryGenerateTest, LogProbabilities) {
  const OwnedSession session = openPlan(plan);
  cadenza_generate_options options = generateOptions();
  options.max_tokens = 3;
  options.logprobs = 2;
  const nlohmann::json logprobs = jsonOf(generate(session, prompt, options))["logprobs"];
  const Generation expected = reference({.maxTokens = 3, .logprobs = 2}, prompt);
  ASSERT_EQ(logprobs.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(logprobs[i]["token"], expected.logprobs[i].chosen.token);
    EXPECT_EQ(logprobs[i]["logprob"], expected.logprobs[i].chosen.logprob);
    EXPECT_EQ(logprobs[i]["top"][1]["token"], expected.logprobs[i].top[1].token);
  }
  cadenza_open_options without = openOptions();
  without.logits = 0;
  expectError(cadenza_generate(openPlan(plan, without).get(), prompt.data(), 4, &options, nullptr),
              CADENZA_INVALID_ARGUMENT, "cadenza_open_options.logits");
}

TEST_F(LibraryGenerateTest, Constraints) {
  const OwnedSession session = openPlan(plan);
  cadenza_generate_options options = generateOptions();
  options.regex = "[0-9]{3} (yes|no)";
  for (int again = 0; again < 2; ++again) {
    const OwnedGeneration result = generate(session, prompt, options);
    const std::string text = textOf(result);
    EXPECT_EQ(reasonOf(result), CADENZA_FINISH_COMPLETE);
    EXPECT_EQ(text.find_first_not_of("0123456789"), 3u);
    EXPECT_TRUE(text.ends_with(" yes") || text.ends_with(" no")) << text;
  }
  options.json_schema = "true";
  expectError(cadenza_generate(session.get(), prompt.data(), 4, &options, nullptr), CADENZA_INVALID_ARGUMENT,
              "exclude");
  options.json_schema = nullptr;
  options.regex = "(";
  expectError(cadenza_generate(session.get(), prompt.data(), 4, &options, nullptr), CADENZA_INVALID_INPUT, "regex: ");
  options.regex = nullptr;
  options.json_schema = R"({"type": "integer", "minimum": 10, "maximum": 99})";
  const OwnedGeneration number = generate(session, prompt, options);
  EXPECT_EQ(reasonOf(number), CADENZA_FINISH_COMPLETE);
  EXPECT_EQ(textOf(number).size(), 2u);
  options.json_schema = R"({"type": 5})";
  expectError(cadenza_generate(session.get(), prompt.data(), 4, &options, nullptr), CADENZA_INVALID_INPUT,
              "json_schema: ");
}

TEST_F(LibraryGenerateTest, BadRequests) {
  const OwnedSession session = openPlan(plan);
  const auto refuses = [&](const Tokens &tokens, cadenza_generate_options options, cadenza_status code,
                           const std::string &part) {
    cadenza_generation *generation = nullptr;
    expectError(cadenza_generate(session.get(), tokens.data(), tokens.size(), &options, &generation), code, part);
    EXPECT_EQ(generation, nullptr);
  };
  cadenza_generate_options options = generateOptions();
  refuses({}, options, CADENZA_INVALID_ARGUMENT, "empty");
  refuses({1, 67}, options, CADENZA_INVALID_ARGUMENT, "67");
  refuses(Tokens(65, 1), options, CADENZA_CACHE_FULL, "65");
  options.max_tokens = -2;
  refuses(prompt, options, CADENZA_INVALID_ARGUMENT, "max_tokens -2");
  options = generateOptions();
  options.reuse = 7;
  refuses(prompt, options, CADENZA_INVALID_ARGUMENT, "reuse 7");
  options = generateOptions();
  options.logprobs = 68;
  refuses(prompt, options, CADENZA_INVALID_ARGUMENT, "68");
}

TEST_F(LibraryGenerateTest, TalksAreAnsweredAsTheModelSays) {
  const OwnedSession session = openPlan(plan);
  const char *talk = R"([{"role": "user", "content": "hi O"}])";
  char *text = nullptr;
  size_t bytes = 0;
  ASSERT_EQ(cadenza_render_chat(session.get(), talk, nullptr, &text, &bytes), CADENZA_OK) << cadenza_last_error();
  EXPECT_EQ(bytes, 5u);
  EXPECT_EQ(taken(text), "hi O!");
  cadenza_chat_options chat;
  ASSERT_EQ(cadenza_chat_options_init(&chat, sizeof(chat)), CADENZA_OK);
  chat.variables = R"({"polite": true})";
  ASSERT_EQ(cadenza_render_chat(session.get(), talk, &chat, &text, nullptr), CADENZA_OK);
  EXPECT_EQ(taken(text), "hi O please!");
  chat.chat_template = "{{ messages[0].role }}";
  ASSERT_EQ(cadenza_render_chat(session.get(), talk, &chat, &text, nullptr), CADENZA_OK);
  EXPECT_EQ(taken(text), "user");

  cadenza_generate_options options = generateOptions();
  cadenza_sampling sampling = samplingOptions();
  cadenza_sampling_defaults(session.get(), &sampling);
  cadenza_generation *made = nullptr;
  ASSERT_EQ(cadenza_chat(session.get(), talk, nullptr, &options, &made), CADENZA_OK) << cadenza_last_error();
  const OwnedGeneration drawn(made);
  ASSERT_EQ(cadenza_generation_seed(drawn.get(), &sampling.seed), 1); // the model's defaults draw
  sampling.has_seed = 1;
  options.sampling = &sampling;
  ASSERT_EQ(cadenza_chat(session.get(), talk, nullptr, &options, &made), CADENZA_OK);
  const OwnedGeneration again(made);
  EXPECT_EQ(tokensOf(again), tokensOf(drawn));
  EXPECT_EQ(jsonOf(again)["kept_tokens"], 4); // what a turn keeps of the one before

  expectError(cadenza_chat(session.get(), "[", nullptr, nullptr, nullptr), CADENZA_INVALID_INPUT, "");
  expectError(cadenza_chat(session.get(), R"([{"content": "x"}])", nullptr, nullptr, nullptr), CADENZA_INVALID_INPUT,
              "role");
  chat.variables = "[]";
  expectError(cadenza_render_chat(session.get(), talk, &chat, &text, nullptr), CADENZA_INVALID_INPUT, "variables");
  chat.variables = nullptr;
  chat.chat_template = "{{ raise_exception('roles must alternate') }}";
  expectError(cadenza_render_chat(session.get(), talk, &chat, &text, nullptr), CADENZA_INVALID_ARGUMENT, "alternate");
}

TEST_F(LibraryGenerateTest, TextAndTokens) {
  const OwnedSession session = openPlan(plan);
  int32_t *tokens = nullptr;
  size_t count = 0, bytes = 0;
  ASSERT_EQ(cadenza_tokenize(session.get(), "hi O", 4, 1, &tokens, &count), CADENZA_OK);
  EXPECT_EQ(Tokens(tokens, tokens + count), prompt);
  char *text = nullptr;
  ASSERT_EQ(cadenza_detokenize(session.get(), tokens, count, &text, &bytes), CADENZA_OK);
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(taken(text), "hi O");
  cadenza_free(tokens);
  ASSERT_EQ(cadenza_tokenize(session.get(), nullptr, 0, 1, &tokens, &count), CADENZA_OK);
  EXPECT_EQ(count, 0u);
  cadenza_free(tokens);

  writeTestPlan(plan, model.test); // no tokenizer, no template
  const OwnedSession mute = openPlan(plan);
  expectError(cadenza_tokenize(mute.get(), "a", 1, 1, &tokens, &count), CADENZA_UNSUPPORTED, "no tokenizer");
  expectError(cadenza_render_chat(mute.get(), R"([{"role": "user", "content": "a"}])", nullptr, &text, nullptr),
              CADENZA_INVALID_ARGUMENT, "chat_template");
  EXPECT_EQ(textOf(generate(mute, prompt, generateOptions())), "");
}

TEST_F(LibraryGenerateTest, SavedStatesGoOn) {
  const std::string file = folder.path("talk.state");
  const OwnedSession session = openPlan(plan);
  expectError(cadenza_save(session.get(), file.c_str(), nullptr), CADENZA_INVALID_ARGUMENT, "nothing to save");
  cadenza_generate_options options = generateOptions();
  const Tokens first = tokensOf(generate(session, prompt, options));
  ASSERT_EQ(cadenza_save(session.get(), file.c_str(), "[1]"), CADENZA_OK) << cadenza_last_error();

  Tokens longer = prompt;
  longer.insert(longer.end(), first.begin(), first.end());
  const OwnedSession other = openPlan(plan);
  char *note = nullptr;
  ASSERT_EQ(cadenza_load(other.get(), file.c_str(), &note), CADENZA_OK) << cadenza_last_error();
  EXPECT_EQ(taken(note), "[1]");
  options.reuse = CADENZA_REUSE_ON;
  const OwnedGeneration continued = generate(other, longer, options);
  EXPECT_EQ(jsonOf(continued)["kept_tokens"], 15);
  EXPECT_EQ(tokensOf(continued), reference({.maxTokens = 12}, longer).tokens);

  TinyModel another(/*fused=*/false);
  const std::string anotherPlan = folder.path("other.plan");
  writeTestPlan(anotherPlan, another.test);
  expectError(cadenza_load(openPlan(anotherPlan).get(), file.c_str(), nullptr), CADENZA_INCOMPATIBLE_PLAN, "plan");
  expectError(cadenza_load(other.get(), plan.c_str(), nullptr), CADENZA_INVALID_INPUT, "not a saved state");
  expectError(cadenza_load(other.get(), folder.path("none").c_str(), nullptr), CADENZA_IO, "none");
}

} // namespace
} // namespace cadenza::test

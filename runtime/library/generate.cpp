// Generating: cadenza_generate and its kin, and what they made.
#include "runtime/grammar/json_schema.h"
#include "runtime/library/options.h"
#include "runtime/library/sampling.h"
#include "runtime/library/session.h"

#include <nlohmann/json.hpp>

#include <limits>

struct cadenza_generation {
  cadenza::Generation result;
  std::string json;
};

namespace cadenza::library {
namespace {

using nlohmann::ordered_json;

ordered_json logprobsJson(const std::vector<TokenLogprobs> &tokens) {
  const auto one = [](const TokenLogprob &token) {
    return ordered_json{{"token", token.token}, {"logprob", token.logprob}};
  };
  ordered_json list = ordered_json::array();
  for (const TokenLogprobs &token : tokens) {
    list.push_back(one(token.chosen));
    list.back()["top"] = ordered_json::array();
    for (const TokenLogprob &other : token.top)
      list.back()["top"].push_back(one(other));
  }
  return list;
}

std::string jsonOf(const Generation &result, bool withLogprobs) {
  const Timing &timing = result.timing;
  ordered_json json = {{"finish_reason", finishReasonName(result.reason)},
                       {"seed", result.seed ? ordered_json(*result.seed) : ordered_json()},
                       {"prompt_tokens", timing.promptTokens},
                       {"kept_tokens", timing.keptTokens},
                       {"prompt_tiles", timing.promptTiles},
                       {"prompt_seconds", timing.promptSeconds},
                       {"decode_tokens", timing.decodeTokens},
                       {"decode_seconds", timing.decodeSeconds},
                       {"advice", result.reason == FinishReason::ContextFull ? result.advice : ""}};
  if (withLogprobs)
    json["logprobs"] = logprobsJson(result.logprobs);
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

/// What the kind of call takes for what is not asked for.
struct Defaults {
  int64_t maxTokens = GenerateOptions().maxTokens;
  PrefixReuse reuse = PrefixReuse::Off;
  SamplingOptions sampling = {};
};

StatusOr<PrefixReuse> reuseOf(int32_t asked, PrefixReuse missing) {
  switch (asked) {
  case -1:
    return missing;
  case CADENZA_REUSE_OFF:
    return PrefixReuse::Off;
  case CADENZA_REUSE_EXACT:
    return PrefixReuse::Exact;
  case CADENZA_REUSE_ON:
    return PrefixReuse::On;
  default:
    return Status(StatusCode::InvalidArgument,
                  "cadenza_generate_options.reuse " + std::to_string(asked) + " is no cadenza_reuse");
  }
}

Status takeStops(const cadenza_generate_options &options, GenerateOptions &taken) {
  CADENZA_REQUIRE_IF(options.stop_token_count > 0, options.stop_tokens);
  CADENZA_REQUIRE_IF(options.stop_text_count > 0, options.stop_texts);
  if (options.stop_token_count > 0)
    taken.stopTokens.assign(options.stop_tokens, options.stop_tokens + options.stop_token_count);
  for (size_t i = 0; i < options.stop_text_count; ++i) {
    if (!options.stop_texts[i])
      return isNull("options.stop_texts[" + std::to_string(i) + "]");
    taken.stopTexts.emplace_back(options.stop_texts[i]);
  }
  return Status::ok();
}

/// What restricts the text; null: nothing does. The last one is kept, since it keeps what it has computed.
StatusOr<std::shared_ptr<TokenConstraint>> constraintOf(const cadenza_generate_options &asked,
                                                        cadenza_session &session) {
  if (!asked.json_schema && !asked.regex)
    return std::shared_ptr<TokenConstraint>();
  if (asked.json_schema && asked.regex)
    return Status(StatusCode::InvalidArgument, "cadenza_generate_options: json_schema and regex exclude each other");
  const std::string grammar =
      asked.json_schema ? std::string("schema ") + asked.json_schema : std::string("regex ") + asked.regex;
  if (session.constraint && session.grammar == grammar)
    return session.constraint;
  auto parsed = asked.json_schema ? grammar::parseJsonSchema(asked.json_schema) : grammar::regexGrammar(asked.regex);
  if (!parsed.isOk())
    return parsed.status().withPrefix(asked.json_schema ? "json_schema" : "regex");
  CADENZA_ASSIGN_OR_RETURN(session.constraint, session.decoder->constrain(*parsed));
  session.grammar = grammar;
  return session.constraint;
}

/// `ends` becomes true when a callback asks for the end; it outlives the options.
void takeCallbacks(const cadenza_generate_options &asked, bool &ends, GenerateOptions &options) {
  void *user = asked.user;
  if (asked.on_text)
    options.onText = [&ends, user, call = asked.on_text](std::string_view text) {
      ends |= call(user, text.data(), text.size()) != 0;
    };
  options.onToken = [&ends, user, call = asked.on_token](int32_t token) {
    if (call)
      ends |= call(user, token) != 0;
    return !ends;
  };
  if (asked.on_prompt)
    options.onPrompt = [user, call = asked.on_prompt](int64_t tokens) { call(user, tokens); };
}

Status generate(cadenza_session &session, std::span<const int32_t> prompt, const cadenza_generate_options *given,
                const Defaults &defaults, std::vector<int32_t> stopTokens, cadenza_generation **generation) {
  CADENZA_ASSIGN_OR_RETURN(Session *const decoder, decoderOf(session));
  CADENZA_ASSIGN_OR_RETURN(const cadenza_generate_options asked,
                           read(given, generateDefaults, "cadenza_generate_options"));
  GenerateOptions options{.maxTokens = asked.max_tokens == -1 ? defaults.maxTokens : asked.max_tokens,
                          .ignoreEos = asked.ignore_eos != 0,
                          .sampling = defaults.sampling};
  if (options.maxTokens < 0)
    return {StatusCode::InvalidArgument,
            "cadenza_generate_options.max_tokens " + std::to_string(options.maxTokens) + " is negative"};
  CADENZA_ASSIGN_OR_RETURN(options.reuse, reuseOf(asked.reuse, defaults.reuse));
  CADENZA_RETURN_IF_ERROR(takeStops(asked, options));
  if (!options.ignoreEos)
    options.stopTokens.insert(options.stopTokens.end(), stopTokens.begin(), stopTokens.end());
  if (asked.sampling) {
    CADENZA_ASSIGN_OR_RETURN(options.sampling, samplingOf(asked.sampling));
  }
  if (asked.logprobs != -1) {
    options.logprobs = asked.logprobs;
    if (!session.stepper)
      return {StatusCode::InvalidArgument, "log-probabilities need cadenza_open_options.logits"};
  }
  CADENZA_ASSIGN_OR_RETURN(options.constraint, constraintOf(asked, session));
  bool ends = false;
  takeCallbacks(asked, ends, options);
  CADENZA_ASSIGN_OR_RETURN(Generation result, decoder->generate(prompt, options));
  if (!generation)
    return Status::ok();
  auto made = std::make_unique<cadenza_generation>();
  made->json = jsonOf(result, options.logprobs.has_value());
  made->result = std::move(result);
  *generation = made.release();
  return Status::ok();
}

} // namespace
} // namespace cadenza::library

using namespace cadenza;
using namespace cadenza::library;

cadenza_status cadenza_generate(cadenza_session *session, const int32_t *prompt, size_t count,
                                const cadenza_generate_options *options, cadenza_generation **generation) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE_IF(count > 0, prompt);
    return library::generate(*session, std::span(prompt, count), options, {}, {}, generation);
  });
}

cadenza_status cadenza_generate_text(cadenza_session *session, const char *prompt, size_t bytes,
                                     const cadenza_generate_options *options, cadenza_generation **generation) {
  return exclusively(session, [&]() -> Status {
    CADENZA_REQUIRE_IF(bytes > 0, prompt);
    CADENZA_ASSIGN_OR_RETURN(const Session *decoder, decoderOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, decoder->tokenize(std::string_view(prompt, bytes)));
    return library::generate(*session, tokens, options, {}, {}, generation);
  });
}

cadenza_status cadenza_chat(cadenza_session *session, const char *talk, const cadenza_chat_options *chat,
                            const cadenza_generate_options *options, cadenza_generation **generation) {
  return exclusively(session, [&]() -> Status {
    CADENZA_ASSIGN_OR_RETURN(const Session *decoder, decoderOf(*session));
    CADENZA_ASSIGN_OR_RETURN(const std::string prompt, renderTalk(*session, talk, chat));
    CADENZA_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, decoder->tokenize(prompt, /*addSpecialTokens=*/false));
    Defaults defaults{.maxTokens = std::numeric_limits<int64_t>::max(), .reuse = PrefixReuse::On};
    CADENZA_ASSIGN_OR_RETURN(defaults.sampling, decoder->samplingDefaults());
    // Some configurations name only the token that ends a text, not the one that ends a turn.
    std::vector<int32_t> stopTokens;
    if (const auto end = decoder->specialToken(session->templates->specialToken("eos_token")))
      stopTokens.push_back(*end);
    return library::generate(*session, tokens, options, defaults, std::move(stopTokens), generation);
  });
}

const char *cadenza_generation_text(const cadenza_generation *generation, size_t *bytes) {
  if (bytes)
    *bytes = generation ? generation->result.text.size() : 0;
  return generation ? generation->result.text.c_str() : "";
}

const int32_t *cadenza_generation_tokens(const cadenza_generation *generation, size_t *count) {
  if (count)
    *count = generation ? generation->result.tokens.size() : 0;
  return generation ? generation->result.tokens.data() : nullptr;
}

cadenza_finish_reason cadenza_generation_finish_reason(const cadenza_generation *generation) {
  static_assert(CADENZA_FINISH_COMPLETE == static_cast<int>(FinishReason::Complete));
  static_assert(CADENZA_FINISH_CALLBACK == static_cast<int>(FinishReason::Callback));
  static_assert(CADENZA_FINISH_CANCELLED == static_cast<int>(FinishReason::Cancelled));
  static_assert(CADENZA_FINISH_CONTEXT_FULL == static_cast<int>(FinishReason::ContextFull));
  static_assert(CADENZA_FINISH_STOP_TEXT == static_cast<int>(FinishReason::StopText));
  static_assert(CADENZA_FINISH_STOP_TOKEN == static_cast<int>(FinishReason::StopToken));
  return generation ? static_cast<cadenza_finish_reason>(generation->result.reason) : CADENZA_FINISH_LENGTH;
}

int32_t cadenza_generation_seed(const cadenza_generation *generation, uint64_t *seed) {
  if (!generation || !generation->result.seed)
    return 0;
  if (seed)
    *seed = *generation->result.seed;
  return 1;
}

const char *cadenza_generation_json(const cadenza_generation *generation) {
  return generation ? generation->json.c_str() : "{}";
}

void cadenza_generation_free(cadenza_generation *generation) { delete generation; }

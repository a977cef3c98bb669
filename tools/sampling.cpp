#include "tools/sampling.h"

#include "runtime/decode/sequence_sampling.h"
#include "runtime/support/printable.h"
#include "tools/tool.h"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace cadenza {
namespace {

using nlohmann::ordered_json;

constexpr int largestTopK = 1 << 30;

/// CLI11 by itself takes the largest number for one that is larger.
std::string checkSeed(const std::string &text) {
  uint64_t seed = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seed);
  return problem == std::errc() && end == text.data() + text.size()
             ? ""
             : "'" + text + "' is not a whole number from 0 to 18446744073709551615";
}

/// "1234=-2.5"
StatusOr<std::pair<int32_t, double>> parseBias(const std::string &text) {
  const size_t equals = text.find('=');
  const std::string_view id = std::string_view(text).substr(0, equals);
  const std::string_view number =
      equals == std::string::npos ? std::string_view() : std::string_view(text).substr(equals + 1);
  int32_t token = 0;
  double bias = 0;
  const auto idEnd = std::from_chars(id.data(), id.data() + id.size(), token);
  const auto biasEnd = std::from_chars(number.data(), number.data() + number.size(), bias);
  if (idEnd.ec != std::errc() || idEnd.ptr != id.data() + id.size() || biasEnd.ec != std::errc() ||
      biasEnd.ptr != number.data() + number.size())
    return Status(StatusCode::InvalidArgument,
                  "--logit-bias: '" + text + "' is not ID=BIAS, such as 1234=-2.5, or 1234=-inf for never");
  return std::pair(token, bias);
}

std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

/// What a token adds to a text, as JSON shows it.
std::string quotedToken(const Session &session, int32_t token) {
  const std::string text = session.tokenText(token);
  return text.empty() ? std::to_string(token)
                      : printable(ordered_json(text).dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

ordered_json describe(const Session &session, const TokenLogprob &entry) {
  ordered_json json = {{"token", entry.token}};
  if (session.hasTokenizer())
    json["text"] = session.tokenText(entry.token);
  // JSON has no infinity: a token that cannot come has no logarithm.
  json["logprob"] = std::isfinite(entry.logprob) ? ordered_json(entry.logprob) : ordered_json();
  return json;
}

} // namespace

std::vector<std::string> declareSampling(CLI::App &app, SamplingArguments &arguments) {
  std::vector<std::string> names;
  const auto inGroup = [&](CLI::Option *option) {
    names.push_back(option->get_name());
    return option->group("Sampling (docs/sampling.md)");
  };
  CLI::Option *greedy = inGroup(app.add_flag("--greedy", arguments.greedy,
                                             "always the most likely token, which is the default of --prompt; of a "
                                             "talk: instead of what the model's generation_config.json says"));
  inGroup(app.add_option("--temperature,--temp", arguments.temperature,
                         "draw tokens: 1 from the model's own distribution, less: more from its likely ones; 0: "
                         "always the most likely one"))
      ->excludes(greedy);
  inGroup(app.add_option("--top-k", arguments.topK, "draw from the K most likely tokens; 0: from all"))
      ->check(CLI::Range(0, largestTopK))
      ->excludes(greedy);
  inGroup(app.add_option("--top-p", arguments.topP,
                         "draw from the fewest most likely tokens that have this probability; 1: from all"))
      ->excludes(greedy);
  inGroup(app.add_option("--min-p", arguments.minP,
                         "draw from tokens that are at least this times as likely as the most likely one; 0: from all"))
      ->excludes(greedy);
  inGroup(app.add_option("--repetition-penalty", arguments.repetitionPenalty,
                         "above 1: less of the tokens of prompt and answer, as in transformers; 1: none"));
  inGroup(app.add_option("--presence-penalty", arguments.presencePenalty,
                         "subtracted from the logits of generated tokens"));
  inGroup(app.add_option("--frequency-penalty", arguments.frequencyPenalty, "the same, for each time that they came"));
  inGroup(addRepeatable(app, "--logit-bias", arguments.logitBias,
                        "ID=BIAS: added to the logit of a token (-inf: never); a list, or repeated"))
      ->delimiter(',');
  inGroup(app.add_option("-s,--seed", arguments.seed, "of what is drawn; default: a random one, which is printed"))
      ->check(checkSeed, "")
      ->excludes(greedy);
  return names;
}

StatusOr<SamplingOptions> samplingOptions(const SamplingArguments &arguments, const SamplingOptions &defaults) {
  SamplingOptions options = arguments.greedy ? SamplingOptions() : defaults;
  const bool asksForDraws = arguments.topK || arguments.topP || arguments.minP || arguments.seed;
  if (arguments.temperature)
    options.temperature = *arguments.temperature;
  else if (asksForDraws && !options.draws())
    options.temperature = 1;
  options.topK = arguments.topK.value_or(options.topK);
  options.topP = arguments.topP.value_or(options.topP);
  options.minP = arguments.minP.value_or(options.minP);
  options.repetitionPenalty = arguments.repetitionPenalty.value_or(options.repetitionPenalty);
  options.presencePenalty = arguments.presencePenalty.value_or(options.presencePenalty);
  options.frequencyPenalty = arguments.frequencyPenalty.value_or(options.frequencyPenalty);
  for (const std::string &text : arguments.logitBias) {
    CADENZA_ASSIGN_OR_RETURN(const auto bias, parseBias(text));
    if (!options.logitBias.insert(bias).second)
      return Status(StatusCode::InvalidArgument,
                    "--logit-bias: token " + std::to_string(bias.first) + " is given twice");
  }
  if (options.draws())
    options.seed = arguments.seed.value_or(randomSeed());
  return options;
}

std::string describeSampling(const SamplingOptions &options) {
  std::string text;
  const auto add = [&](bool isSaid, const char *name, const std::string &value) {
    if (isSaid)
      text += (text.empty() ? "" : ", ") + std::string(name) + " " + value;
  };
  const bool draws = options.draws();
  add(draws, "temperature", numberText(options.temperature));
  add(draws && options.topK > 0, "top-k", std::to_string(options.topK));
  add(draws && options.topP < 1, "top-p", numberText(options.topP));
  add(draws && options.minP > 0, "min-p", numberText(options.minP));
  add(options.repetitionPenalty != 1, "repetition penalty", numberText(options.repetitionPenalty));
  add(options.presencePenalty != 0, "presence penalty", numberText(options.presencePenalty));
  add(options.frequencyPenalty != 0, "frequency penalty", numberText(options.frequencyPenalty));
  add(!options.logitBias.empty(), "biases", std::to_string(options.logitBias.size()));
  add(draws && options.seed, "seed", std::to_string(options.seed.value_or(0)));
  return text;
}

ordered_json samplingJson(const SamplingOptions &options) {
  ordered_json json = {{"temperature", options.draws() ? options.temperature : 0.0}};
  if (options.draws())
    json.update({{"top_k", options.topK}, {"top_p", options.topP}, {"min_p", options.minP}});
  json.update({{"repetition_penalty", options.repetitionPenalty},
               {"presence_penalty", options.presencePenalty},
               {"frequency_penalty", options.frequencyPenalty}});
  ordered_json biases = ordered_json::object();
  for (const auto &[token, bias] : options.logitBias)
    biases[std::to_string(token)] = std::isfinite(bias) ? ordered_json(bias) : ordered_json("-inf");
  json["logit_bias"] = std::move(biases);
  json["seed"] = options.draws() && options.seed ? ordered_json(*options.seed) : ordered_json();
  return json;
}

void printSampling(const SamplingOptions &options) {
  if (const std::string text = describeSampling(options); !text.empty())
    std::fprintf(stderr, "cadenza-run: %s: %s\n", options.draws() ? "drawn tokens" : "most likely tokens",
                 text.c_str());
}

void printLogprobs(const Session &session, const Generation &generation) {
  for (const TokenLogprobs &token : generation.logprobs) {
    std::fprintf(stderr, "%9.4f  %s", token.chosen.logprob, quotedToken(session, token.chosen.token).c_str());
    for (const TokenLogprob &other : token.top)
      std::fprintf(stderr, "%s%s %.4f", &other == token.top.data() ? "  of  " : ", ",
                   quotedToken(session, other.token).c_str(), other.logprob);
    std::fputs("\n", stderr);
  }
}

ordered_json logprobsJson(const Session &session, const Generation &generation) {
  ordered_json list = ordered_json::array();
  for (const TokenLogprobs &token : generation.logprobs) {
    ordered_json entry = describe(session, token.chosen), top = ordered_json::array();
    for (const TokenLogprob &other : token.top)
      top.push_back(describe(session, other));
    entry["top"] = std::move(top);
    list.push_back(std::move(entry));
  }
  return list;
}

} // namespace cadenza

// The options of cadenza-run that say how tokens are chosen.
#pragma once

#include "runtime/cadenza.h"

#include <CLI/CLI.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace cadenza {

struct SamplingArguments {
  bool greedy = false;
  std::optional<double> temperature, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty;
  std::optional<int64_t> topK;
  std::optional<uint64_t> seed;
  std::vector<std::string> logitBias; // ID=BIAS
};

/// Declares them; the options' names, for what excludes them.
std::vector<std::string> declareSampling(CLI::App &app, SamplingArguments &arguments);

/// `defaults` with what was asked for in their place. Whoever asks for top-k, top-p, min-p or a seed alone has tokens
/// drawn, at temperature 1 unless the defaults have one. A seed that is missing is a random one. InvalidArgument for a
/// bias that is none.
StatusOr<SamplingOptions> samplingOptions(const SamplingArguments &arguments, const SamplingOptions &defaults);

/// "temperature 0.6, top-k 20, top-p 0.95, seed 7"; empty for what is greedy without penalties.
std::string describeSampling(const SamplingOptions &options);
nlohmann::ordered_json samplingJson(const SamplingOptions &options);

/// Says on standard error how tokens are chosen, unless greedily.
void printSampling(const SamplingOptions &options);

/// Log-probabilities of a generation, a line a token, on standard error; and as JSON.
void printLogprobs(const Session &session, const Generation &generation);
nlohmann::ordered_json logprobsJson(const Session &session, const Generation &generation);

} // namespace cadenza

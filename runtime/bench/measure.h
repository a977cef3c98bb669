// What cadenza-bench measures: decoding at a context, where the time of a step goes, and how long prompts take.
#pragma once

#include "runtime/bench/memory_floor.h"
#include "runtime/bench/statistics.h"
#include "runtime/bench/trace.h"
#include "runtime/executor.h"
#include "runtime/sampling_options.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cadenza::bench {

struct BenchOptions {
  std::vector<int64_t> contexts = {128}; // of decoding; may be empty if there are prompts
  std::vector<int64_t> prompts;          // numbers of tokens, which go through the plan's prefill entries
  int tokens = 256;                      // timed, a repeat
  int repeats = 5;
  int warmup = 32; // tokens before the first repeat of a context
  bool phases = false;
  bool trace = false;             // of a few tokens at the last context; the plan's kernel has to be traced
  std::string schedule, division; // as SessionOptions
  GraphOptions graph;
  uint64_t seed = 1;                      // of the cache's values
  SamplingOptions sampling = {.seed = 1}; // of tokens that are decoded
};

/// The time between the events around a phase's launches, in all launches of a step or of a prompt.
struct PhaseTime {
  std::string name; // "layer.qkv"
  std::string kind; // "project"
  int64_t launches = 0;
  double microseconds = 0;
  double operations = 0; // of a prompt: step_bytes.h
  double teraflops() const { return microseconds > 0 ? operations / microseconds / 1e6 : 0; }
};

struct ContextResult {
  int64_t context = 0;           // positions filled before the first timed token
  Spread tokensPerSecond;        // over the repeats
  double bytesPerToken = 0;      // weights once, KV of the mean position
  std::vector<PhaseTime> phases; // if asked for: in the order of the program; empty on a CPU
  uint32_t slowDraws = 0;        // of the last repeat: tokens that the slow path drew; 0 on a CPU
  double millisecondsPerToken() const { return 1e3 / tokensPerSecond.median; }
  double gbPerSecond() const { return bytesPerToken * tokensPerSecond.median / 1e9; }
};

struct PromptResult {
  int64_t tokens = 0;
  int64_t tiles = 0;             // that they go through
  Spread seconds;                // until the token after the prompt has arrived, over the repeats
  double operations = 0;         // of products and attention
  std::vector<PhaseTime> phases; // if asked for; empty on a CPU
  double tokensPerSecond(double of) const { return static_cast<double>(tokens) / of; }
  double teraflops() const { return operations / seconds.median / 1e12; }
};

struct BenchResult {
  std::string model, family, dtype, headDtype, weights, schedule, device, driver, commit, sourceSha256, date;
  nlohmann::json passes;
  bool emulated = false;
  bool traced = false; // the kernel is instrumented
  int tokens = 0, repeats = 0;
  SamplingOptions sampling;
  uint64_t launchesPerToken = 0; // kernels a step with head, 1 if one runs many steps; 0: none (CPU)
  double hostLaunchesPerToken = 0;
  MemoryUse memory;
  int64_t allocatedContext = 0;
  std::optional<MemoryFloor> floor;
  std::string noFloor; // why there is none
  std::vector<ContextResult> contexts;
  std::vector<PromptResult> prompts;
  std::vector<TraceSpan> trace;
  int traceRanks = 1; // blocks of a group

  /// What share of the floor the rate is; 0 without a floor.
  double floorShare(const ContextResult &result) const { return floor ? result.gbPerSecond() / floor->gbPerSecond : 0; }
  bool randomWeights() const { return weights.starts_with("random"); }
};

/// Tokens of a trace, in one launch.
constexpr int traceTokens = 3;

/// Decodes `tokens` tokens after `context` seeded positions, with one step queued ahead as a program that streams text
/// does; tokens a second.
StatusOr<double> timeDecode(Executor &executor, int64_t context, int tokens, uint64_t seed,
                            const SamplingOptions &sampling = {});

/// A prompt of so many tokens, the same for a seed.
std::vector<int32_t> seededPrompt(const Program &program, int64_t tokens, uint64_t seed);

/// Processes a prompt of as many seeded tokens, all of its tiles queued at once: the seconds from the first launch
/// until the token after it has arrived.
StatusOr<double> timePrompt(Executor &executor, int64_t tokens, uint64_t seed);

/// Runs the plan on `device` (runtime/api/device_choice.h). `progress` gets a line before each slow part.
StatusOr<BenchResult> measure(const Plan &plan, const std::string &device, const BenchOptions &options,
                              const std::function<void(const std::string &)> &progress);

} // namespace cadenza::bench

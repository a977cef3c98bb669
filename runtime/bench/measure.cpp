#include "runtime/bench/measure.h"

#include "runtime/api/device_choice.h"
#include "runtime/bench/origin.h"
#include "runtime/bench/phase_times.h"
#include "runtime/bench/step_bytes.h"
#include "runtime/decode/sequence.h"
#include "runtime/decode/sequence_sampling.h"
#include "runtime/support/profile_range.h"

#include <algorithm>
#include <chrono>
#include <random>

namespace cadenza::bench {
namespace {

constexpr int phaseRepeats = 9;
constexpr int phasePositions = 2 * phaseRepeats; // CudaExecutor::timeStep takes two

BenchResult describe(const Plan &plan, const ChosenDevice &target) {
  const ModelInfo &model = plan.program().model;
  const Decoder &decoder = *plan.program().decoder;
  BenchResult result;
  result.model = model.name;
  result.family = decoder.family;
  StoredTypes types = storedTypes(plan.program());
  result.dtype = std::move(types.layers);
  result.headDtype = std::move(types.head);
  result.weights = model.weights;
  result.schedule = target.gpu ? scheduleName(target.gpu->schedule()) : scheduleName(Schedule::Launch);
  if (plan.program().divisions.size() > 1)
    result.schedule += " " + target.executor->divisionName();
  result.device = target.executor->deviceName();
  Origin origin = originOf(plan);
  result.commit = std::move(origin.commit);
  result.sourceSha256 = std::move(origin.sourceSha256);
  result.passes = std::move(origin.passes);
  result.date = std::move(origin.date);
  result.memory = target.executor->memory();
  result.allocatedContext = target.executor->context();
  if (target.gpu) {
    const cuda::DeviceProperties &device = target.gpu->device().properties();
    result.device = device.name;
    result.driver = driverText(device.driverVersion);
    result.emulated = device.emulated;
    result.traced = target.gpu->isTraced();
    result.launchesPerToken = target.gpu->kernelsPerToken();
    result.hostLaunchesPerToken = target.gpu->hostLaunchesPerToken();
  }
  return result;
}

Status beginDecoding(Executor &executor, int64_t context, uint64_t seed, const SamplingOptions &sampling) {
  CADENZA_RETURN_IF_ERROR(executor.fillCache(context, seed));
  if (!sampling.draws() && !sampling.adjusts())
    return Status::ok();
  CADENZA_ASSIGN_OR_RETURN(const SequenceSampling numbers,
                           setUpSampling(sampling, executor.program().decoder->vocabulary, {}, 0));
  return executor.sample(numbers);
}

StatusOr<ContextResult> measureContext(const Program &program, ChosenDevice &target, int64_t context,
                                       const BenchOptions &options) {
  ContextResult result;
  result.context = context;
  result.bytesPerToken =
      static_cast<double>(weightBytesPerStep(program)) + meanCacheBytes(program, context, options.tokens);
  if (options.warmup > 0) {
    auto ignored = timeDecode(*target.executor, context, options.warmup, options.seed, options.sampling);
    CADENZA_RETURN_IF_ERROR(ignored.status());
  }
  std::vector<double> rates;
  for (int repeat = 0; repeat < options.repeats; ++repeat) {
    CADENZA_ASSIGN_OR_RETURN(double rate,
                             timeDecode(*target.executor, context, options.tokens, options.seed, options.sampling));
    rates.push_back(rate);
  }
  if (target.gpu) {
    CADENZA_ASSIGN_OR_RETURN(result.slowDraws, target.gpu->slowDraws());
  }
  result.tokensPerSecond = summarize(rates);
  if (options.phases && target.gpu) {
    CADENZA_RETURN_IF_ERROR(beginDecoding(*target.executor, context, options.seed, options.sampling));
    CADENZA_ASSIGN_OR_RETURN(result.phases, timePhases(*target.gpu, phaseRepeats));
  }
  return result;
}

/// One that does not count goes first.
StatusOr<PromptResult> measurePrompt(ChosenDevice &target, int64_t tokens, const BenchOptions &options) {
  Executor &executor = *target.executor;
  PromptResult result;
  result.tokens = tokens;
  result.operations = promptOperations(executor.program(), tokens);
  for (int64_t left = tokens; left > 0; left -= chooseTile(executor.tileSizes(), left))
    ++result.tiles;
  std::vector<double> times;
  for (int repeat = 0; repeat <= options.repeats; ++repeat) {
    CADENZA_ASSIGN_OR_RETURN(const double seconds, timePrompt(executor, tokens, options.seed));
    if (repeat > 0)
      times.push_back(seconds);
  }
  result.seconds = summarize(times);
  if (options.phases && target.gpu) {
    CADENZA_ASSIGN_OR_RETURN(result.phases, timePromptPhases(*target.gpu, tokens, phaseRepeats, options.seed));
  }
  return result;
}

Status checkPrompts(const Plan &plan, const std::vector<int64_t> &prompts) {
  const int64_t maxContext = plan.program().decoder->maxContext;
  for (int64_t tokens : prompts)
    if (tokens < 1 || tokens > maxContext)
      return {StatusCode::InvalidArgument, "a prompt of " + std::to_string(tokens) +
                                               " tokens: " + plan.program().model.name + " has positions for 1 to " +
                                               std::to_string(maxContext)};
  if (!prompts.empty() && prefillEntries(plan.program()).empty())
    return {StatusCode::InvalidArgument,
            "--prompt: " + plan.path() +
                ": has no prefill entries, so a prompt takes as long as decoding; compile it without --prefill=off"};
  return Status::ok();
}

/// The schedule that is asked for. One kernel for whole steps has no phases to time, so with --phases the fastest is
/// one of a kernel a phase.
StatusOr<Schedule> chosenSchedule(const BenchOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(const Schedule schedule, parseSchedule(options.schedule));
  if (!options.phases || (schedule != Schedule::Auto && schedule != Schedule::Persistent))
    return schedule;
  if (options.trace)
    return Status(StatusCode::InvalidArgument, "--phases times kernels and --trace looks into one; run them in turn");
  if (schedule == Schedule::Persistent)
    return Status(
        StatusCode::InvalidArgument,
        "--phases: the persistent schedule has one kernel, no phases to time; use --schedule=graph, or --trace");
  return Schedule::Graph;
}

} // namespace

StatusOr<double> timeDecode(Executor &executor, int64_t context, int tokens, uint64_t seed,
                            const SamplingOptions &sampling) {
  CADENZA_RETURN_IF_ERROR(beginDecoding(executor, context, seed, sampling));
  CADENZA_RETURN_IF_ERROR(executor.synchronize());
  const ProfileRange range("decode from", context);
  auto start = std::chrono::steady_clock::now();
  const int64_t ahead = std::max<int64_t>(executor.stepsAhead(), 1);
  int64_t queued = 0;
  for (int64_t i = 1; i <= tokens; ++i) {
    for (; queued < std::min<int64_t>(i + ahead, tokens); ++queued)
      CADENZA_RETURN_IF_ERROR(executor.enqueueStep(true));
    CADENZA_RETURN_IF_ERROR(executor.awaitToken(context + i).status());
  }
  std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return tokens / seconds.count();
}

std::vector<int32_t> seededPrompt(const Program &program, int64_t tokens, uint64_t seed) {
  std::vector<int32_t> prompt;
  prompt.reserve(static_cast<size_t>(tokens));
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < tokens; ++i)
    prompt.push_back(static_cast<int32_t>(random() % static_cast<uint64_t>(program.decoder->vocabulary)));
  return prompt;
}

StatusOr<double> timePrompt(Executor &executor, int64_t tokens, uint64_t seed) {
  CADENZA_RETURN_IF_ERROR(executor.begin(seededPrompt(executor.program(), tokens, seed), {}));
  CADENZA_RETURN_IF_ERROR(executor.synchronize());
  const ProfileRange range("prompt of", tokens);
  const auto start = std::chrono::steady_clock::now();
  for (int64_t left = tokens; left > 0;) {
    const int64_t size = chooseTile(executor.tileSizes(), left);
    CADENZA_RETURN_IF_ERROR(executor.enqueueTile(size, /*withHead=*/size >= left));
    left -= std::min(size, left);
  }
  CADENZA_RETURN_IF_ERROR(executor.awaitToken(tokens).status());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return seconds.count();
}

StatusOr<BenchResult> measure(const Plan &plan, const std::string &device, const BenchOptions &options,
                              const std::function<void(const std::string &)> &progress) {
  CADENZA_RETURN_IF_ERROR(requireDecoder(plan));
  const int64_t maxContext = plan.program().decoder->maxContext;
  if ((options.contexts.empty() && options.prompts.empty()) || options.tokens < 1 || options.repeats < 1 ||
      options.warmup < 0)
    return Status(StatusCode::InvalidArgument, "at least one context, token and repeat are needed");
  CADENZA_RETURN_IF_ERROR(checkPrompts(plan, options.prompts));
  if (options.contexts.empty() && options.trace)
    return Status(StatusCode::InvalidArgument, "--trace looks into decoding: give a --context, too");
  int64_t longest = 0;
  for (int64_t context : options.contexts) {
    if (context < 0 || context > maxContext)
      return Status(StatusCode::InvalidArgument, "context " + std::to_string(context) + ": " +
                                                     plan.program().model.name + " has " + std::to_string(maxContext) +
                                                     " positions");
    longest = std::max(longest, context);
  }
  int64_t behind = options.contexts.empty()
                       ? 0
                       : std::max<int64_t>({options.tokens, options.warmup, options.phases ? phasePositions : 0,
                                            options.trace ? traceTokens : 0});
  if (longest + behind > maxContext)
    return Status(StatusCode::InvalidArgument, "context " + std::to_string(longest) + " and " + std::to_string(behind) +
                                                   " tokens after it are more than the model's " +
                                                   std::to_string(maxContext) +
                                                   " positions; use a smaller --context or --tokens");

  const std::vector<Division> &divisions = plan.program().divisions;
  if (options.trace && std::none_of(divisions.begin(), divisions.end(), [](const Division &d) { return d.traced; }))
    return Status(StatusCode::InvalidArgument,
                  "--trace: " + plan.path() + " records nothing; compile it with --schedule=persistent --traced");
  CADENZA_ASSIGN_OR_RETURN(const Schedule schedule, chosenSchedule(options));
  const int64_t longestPrompt =
      options.prompts.empty() ? 0 : *std::max_element(options.prompts.begin(), options.prompts.end());
  progress("loading");
  CADENZA_ASSIGN_OR_RETURN(ChosenDevice target, chooseDevice(device, plan,
                                                             {.context = std::max(longest + behind, longestPrompt),
                                                              .division = options.division,
                                                              .prefill = !options.prompts.empty(),
                                                              .schedule = schedule,
                                                              .graph = options.graph}));
  if (!target.notice.empty())
    progress(target.notice);
  if (options.trace && !(target.gpu && target.gpu->isTraced()))
    return Status(StatusCode::InvalidArgument,
                  "--trace: only the persistent schedule records what it does, and only on a GPU");
  BenchResult result = describe(plan, target);
  result.sampling = options.sampling;
  result.tokens = options.tokens;
  result.repeats = options.repeats;

  progress("measuring the memory floor"); // first: it also wakes up the clocks
  auto floor = target.gpu ? measureGpuFloor(*target.gpu) : measureHostFloor();
  if (floor.isOk())
    result.floor = *floor;
  else if (floor.status().code() == StatusCode::DeviceLost)
    return floor.status();
  else
    result.noFloor = floor.status().message();

  for (int64_t context : options.contexts) {
    progress("context " + std::to_string(context));
    CADENZA_ASSIGN_OR_RETURN(ContextResult measured, measureContext(plan.program(), target, context, options));
    result.contexts.push_back(std::move(measured));
  }
  for (int64_t tokens : options.prompts) {
    progress("prompt of " + std::to_string(tokens) + " tokens");
    CADENZA_ASSIGN_OR_RETURN(PromptResult measured, measurePrompt(target, tokens, options));
    result.prompts.push_back(std::move(measured));
  }
  if (options.trace) {
    progress("tracing " + std::to_string(traceTokens) + " tokens");
    CADENZA_RETURN_IF_ERROR(
        timeDecode(*target.executor, options.contexts.back(), traceTokens, options.seed, options.sampling).status());
    CADENZA_ASSIGN_OR_RETURN(const std::vector<TraceRecord> records, target.gpu->trace());
    if (traceIsCut(records))
      progress("the trace is cut: a block has more than " + std::to_string(trace_capacity - 1) + " records");
    const int blocks = static_cast<int>(records.size() / (trace_rows * trace_capacity));
    CADENZA_ASSIGN_OR_RETURN(result.trace, traceSpans(records, blocks));
    result.traceRanks = static_cast<int>(target.gpu->division()->ranks);
  }
  return result;
}

} // namespace cadenza::bench

#include "runtime/bench/report.h"

#include "runtime/bench/phase_times.h"

#include <algorithm>
#include <cmath>

namespace cadenza::bench {
namespace {

using Row = std::vector<std::string>;

std::string mebibytes(uint64_t bytes) { return fixed(static_cast<double>(bytes) / (1 << 20), 1) + " MiB"; }

/// "142", "0.0625".
std::string launches(double perToken) { return fixed(perToken, perToken < 1 ? 4 : 0); }

std::string decodeTable(const BenchResult &result, ReportStyle style) {
  std::vector<Row> rows = {{"context", "tok/s", "min", "max", "ms/token", "MB/token", "GB/s", "floor ms", "floor share",
                            "kernels/token", "launches/token"}};
  for (const ContextResult &c : result.contexts) {
    bool known = result.floor.has_value();
    rows.push_back({std::to_string(c.context), fixed(c.tokensPerSecond.median, 1), fixed(c.tokensPerSecond.minimum, 1),
                    fixed(c.tokensPerSecond.maximum, 1), fixed(c.millisecondsPerToken(), 3),
                    fixed(c.bytesPerToken / 1e6, 1), fixed(c.gbPerSecond(), 1),
                    known ? fixed(c.bytesPerToken / result.floor->gbPerSecond / 1e6, 3) : "-",
                    known ? fixed(100 * result.floorShare(c), 1) + " %" : "-",
                    result.launchesPerToken ? std::to_string(result.launchesPerToken) : "-",
                    result.launchesPerToken ? launches(result.hostLaunchesPerToken) : "-"});
  }
  return formatTable(rows, style);
}

std::string promptTable(const BenchResult &result, ReportStyle style) {
  std::vector<Row> rows = {{"prompt", "tiles", "ms", "min", "max", "tok/s", "TFLOP/s"}};
  for (const PromptResult &p : result.prompts)
    rows.push_back({std::to_string(p.tokens), std::to_string(p.tiles), fixed(p.seconds.median * 1e3, 3),
                    fixed(p.seconds.minimum * 1e3, 3), fixed(p.seconds.maximum * 1e3, 3),
                    fixed(p.tokensPerSecond(p.seconds.median), 1), fixed(p.teraflops(), 2)});
  return formatTable(rows, style);
}

/// `of`: what the time is of, "token" or "prompt"; of a prompt with its rate of operations.
std::string phaseTable(const std::vector<PhaseTime> &phases, const char *title, const std::string &of,
                       ReportStyle style) {
  double total = 0;
  for (const PhaseTime &phase : phases)
    total += phase.microseconds;
  const bool rates = std::any_of(phases.begin(), phases.end(), [](const PhaseTime &p) { return p.operations > 0; });
  std::vector<Row> rows = {{title, "kernels", "us/" + of, "us/kernel", "share"}};
  if (rates)
    rows[0].push_back("TFLOP/s");
  for (const PhaseTime &p : phases) {
    rows.push_back({p.name, std::to_string(p.launches), fixed(p.microseconds, 1),
                    fixed(p.microseconds / static_cast<double>(p.launches), 2),
                    fixed(total > 0 ? 100 * p.microseconds / total : 0, 1) + " %"});
    if (rates)
      rows.back().push_back(p.operations > 0 ? fixed(p.teraflops(), 2) : "-");
  }
  return formatTable(rows, style);
}

std::string phaseTables(const std::vector<PhaseTime> &phases, const std::string &of, ReportStyle style) {
  return phaseTable(sumByKind(phases), "kind", of, style) + "\n" + phaseTable(phases, "phase", of, style);
}

/// Rounded to what a measurement can mean, so that records stay readable.
double rounded(double value, int digits) {
  double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

nlohmann::ordered_json phasesToJson(const std::vector<PhaseTime> &phases) {
  auto array = nlohmann::ordered_json::array();
  for (const PhaseTime &phase : phases) {
    array.push_back({{"name", phase.name},
                     {"kind", phase.kind},
                     {"launches", phase.launches},
                     {"microseconds", rounded(phase.microseconds, 3)}});
    if (phase.operations > 0)
      array.back()["operations"] = phase.operations;
  }
  return array;
}

} // namespace

std::string formatReport(const BenchResult &result, ReportStyle style) {
  bool markdown = style == ReportStyle::Markdown;
  std::string separator = markdown ? "\n" : "";
  std::string text = (markdown ? "### " : "") + result.model + " " + result.dtype +
                     (result.headDtype == result.dtype ? "" : " (head " + result.headDtype + ")") + ", schedule " +
                     result.schedule + ", " + result.device +
                     (result.driver.empty() ? "" : ", driver " + result.driver) + "\n" + separator;
  auto note = [&](const std::string &line) { text += line + "\n" + separator; };
  if (result.emulated)
    note("EMULATED DEVICE: the times below are meaningless.");
  if (result.randomWeights())
    note("Random weights (" + result.weights + "): speed only, the tokens mean nothing.");
  if (result.traced)
    note("INSTRUMENTED KERNEL: slower than that of the plan without --traced.");
  if (result.floor)
    note("Memory floor: " + fixed(result.floor->gbPerSecond, 0) + " GB/s (" + result.floor->method + ").");
  else
    note("No memory floor: " + result.noFloor + ".");
  note("Memory: weights " + mebibytes(result.memory.weights) + ", KV cache " + mebibytes(result.memory.cache) + " (" +
       std::to_string(result.allocatedContext) + " positions), activations and tables " +
       mebibytes(result.memory.activations) + ".");
  const std::string gap = markdown ? "" : "\n", median = "Median of " + std::to_string(result.repeats) + " repeats of ";
  if (!result.contexts.empty()) {
    note(median + std::to_string(result.tokens) + " tokens; the cache holds seeded values up to the context.");
    text += gap + decodeTable(result, style) + (result.prompts.empty() ? "" : "\n");
  }
  if (!result.prompts.empty()) {
    note(median + "a whole prompt, until the token after it is there.");
    text += gap + promptTable(result, style);
  }
  for (const ContextResult &context : result.contexts) {
    if (context.phases.empty())
      continue;
    text += "\nTime between events around each kernel, context " + std::to_string(context.context) +
            " (the events themselves slow the step down):\n\n";
    text += phaseTables(context.phases, "token", style);
  }
  for (const PromptResult &prompt : result.prompts)
    if (!prompt.phases.empty())
      text += "\nTime between events around each kernel, prompt of " + std::to_string(prompt.tokens) +
              " tokens (the events themselves slow it down):\n\n" + phaseTables(prompt.phases, "prompt", style);
  return text;
}

nlohmann::ordered_json toRecords(const BenchResult &result) {
  auto records = nlohmann::ordered_json::array();
  // Of what was measured, which `record` says, and where.
  const auto add = [&](nlohmann::ordered_json record) {
    record.update({{"repeats", result.repeats},
                   {"device", result.device},
                   {"driver", result.driver.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(result.driver)},
                   {"commit", result.commit},
                   {"source_sha256", result.sourceSha256},
                   {"weights", result.weights},
                   {"passes", result.passes},
                   {"date", result.date}});
    records.push_back(std::move(record));
  };
  for (const ContextResult &c : result.contexts) {
    nlohmann::ordered_json record = {{"model", result.model},
                                     {"dtype", result.dtype},
                                     {"head_dtype", result.headDtype},
                                     {"schedule", result.schedule},
                                     {"context", c.context},
                                     {"tokens_per_second", rounded(c.tokensPerSecond.median, 2)},
                                     {"tokens_per_second_min", rounded(c.tokensPerSecond.minimum, 2)},
                                     {"tokens_per_second_max", rounded(c.tokensPerSecond.maximum, 2)},
                                     {"ms_per_token", rounded(c.millisecondsPerToken(), 4)},
                                     {"bytes_per_token", std::llround(c.bytesPerToken)},
                                     {"gb_per_second", rounded(c.gbPerSecond(), 2)},
                                     {"floor_gb_per_second", nullptr},
                                     {"floor_share", nullptr},
                                     {"launches_per_token", nullptr},
                                     {"host_launches_per_token", nullptr},
                                     {"tokens", result.tokens}};
    if (result.floor) {
      record["floor_gb_per_second"] = rounded(result.floor->gbPerSecond, 1);
      record["floor_share"] = rounded(result.floorShare(c), 4);
    }
    if (result.launchesPerToken) {
      record["launches_per_token"] = result.launchesPerToken;
      record["host_launches_per_token"] = rounded(result.hostLaunchesPerToken, 4);
    }
    add(std::move(record));
  }
  for (const PromptResult &p : result.prompts)
    add({{"model", result.model},
         {"dtype", result.dtype},
         {"head_dtype", result.headDtype},
         {"schedule", "prefill"},
         {"prompt_tokens", p.tokens},
         {"prompt_tiles", p.tiles},
         {"prompt_ms", rounded(p.seconds.median * 1e3, 4)},
         {"teraflops", rounded(p.teraflops(), 2)},
         {"tokens_per_second", rounded(p.tokensPerSecond(p.seconds.median), 2)},
         {"tokens_per_second_min", rounded(p.tokensPerSecond(p.seconds.maximum), 2)},
         {"tokens_per_second_max", rounded(p.tokensPerSecond(p.seconds.minimum), 2)}});
  return records;
}

nlohmann::ordered_json toJson(const BenchResult &result) {
  nlohmann::ordered_json json;
  json["emulated"] = result.emulated;
  if (result.floor)
    json["floor"] = {{"gb_per_second", rounded(result.floor->gbPerSecond, 1)}, {"method", result.floor->method}};
  else
    json["floor"] = nullptr;
  json["memory"] = {{"weights", result.memory.weights},
                    {"cache", result.memory.cache},
                    {"activations", result.memory.activations},
                    {"context", result.allocatedContext}};
  if (const SamplingOptions &sampling = result.sampling; sampling.draws()) {
    json["sampling"] = {{"temperature", sampling.temperature},
                        {"top_k", sampling.topK},
                        {"top_p", sampling.topP},
                        {"min_p", sampling.minP},
                        {"seed", sampling.seed.value_or(0)}};
    for (const ContextResult &context : result.contexts)
      json["sampling"]["slow_draws"].push_back(context.slowDraws);
  }
  json["results"] = toRecords(result);
  const auto addPhases = [&](size_t record, const std::vector<PhaseTime> &phases) {
    if (phases.empty())
      return;
    json["results"][record]["phase_kinds"] = phasesToJson(sumByKind(phases));
    json["results"][record]["phases"] = phasesToJson(phases);
  };
  for (size_t i = 0; i < result.contexts.size(); ++i)
    addPhases(i, result.contexts[i].phases);
  for (size_t i = 0; i < result.prompts.size(); ++i)
    addPhases(result.contexts.size() + i, result.prompts[i].phases);
  return json;
}

} // namespace cadenza::bench

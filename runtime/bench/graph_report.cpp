#include "runtime/bench/graph.h"

#include <cmath>

namespace cadenza::bench {
namespace {

std::string mebibytes(uint64_t bytes) { return fixed(static_cast<double>(bytes) / (1 << 20), 1) + " MiB"; }

/// Tenths of a microsecond.
nlohmann::ordered_json rounded(double milliseconds) { return std::round(milliseconds * 1e4) / 1e4; }

nlohmann::ordered_json orNull(const std::string &text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}

} // namespace

std::string formatReport(const GraphBenchResult &result, ReportStyle style) {
  const bool markdown = style == ReportStyle::Markdown;
  const std::string separator = markdown ? "\n" : "";
  std::string text = (markdown ? "### " : "") + result.model + ", entry " + result.entry +
                     (result.schedule.empty() ? "" : ", schedule " + result.schedule) + ", " + result.device +
                     (result.driver.empty() ? "" : ", driver " + result.driver) + "\n" + separator;
  const auto note = [&](const std::string &line) { text += line + "\n" + separator; };
  if (result.emulated)
    note("EMULATED DEVICE: the times below are meaningless.");
  if (result.randomWeights())
    note("Random weights (" + result.weights + "): speed only, the values mean nothing.");
  note("Memory: weights " + mebibytes(result.memory.weights) + ", activations " + mebibytes(result.memory.activations) +
       ".");
  note(std::to_string(result.runs) + " runs after " + std::to_string(result.warmup) +
       " untimed ones, each from tensors in host memory to results in host memory.");
  std::vector<std::vector<std::string>> inputs = {{"input", "type", "values"}};
  for (const GraphBenchResult::Input &input : result.inputs)
    inputs.push_back({input.name, input.type, input.values});
  text += (markdown ? "" : "\n") + formatTable(inputs, style, /*leftColumns=*/3) + "\n";
  if (result.onDevice)
    text += "On the device: " + std::to_string(result.deviceRepeats) + " times " + std::to_string(result.deviceRuns) +
            " runs, queued one after the other, with inputs that are there" +
            (result.copiedAgain == 0 ? std::string()
                                     : "; " + std::to_string(result.copiedAgain) +
                                           " of them a run overwrites, and they are copied again before each") +
            ".\n\n";
  const auto row = [](const char *name, const GraphBenchResult::Times &times) {
    return std::vector<std::string>{name, fixed(times.median, 4), fixed(times.p10, 4), fixed(times.p90, 4)};
  };
  std::vector<std::vector<std::string>> rows = {{"a run", "ms median", "p10", "p90"},
                                                row("host to host", result.times)};
  if (result.onDevice)
    rows.push_back(row("on the device", *result.onDevice));
  return text + formatTable(rows, style);
}

nlohmann::ordered_json toRecords(const GraphBenchResult &result) {
  const auto &onDevice = result.onDevice;
  const nlohmann::ordered_json none;
  auto inputs = nlohmann::ordered_json::array();
  for (const GraphBenchResult::Input &input : result.inputs)
    inputs.push_back({{"name", input.name}, {"type", input.type}, {"values", input.values}});
  return nlohmann::ordered_json::array({{{"model", result.model},
                                         {"entry", result.entry},
                                         {"schedule", orNull(result.schedule)},
                                         {"ms_median", rounded(result.times.median)},
                                         {"ms_p10", rounded(result.times.p10)},
                                         {"ms_p90", rounded(result.times.p90)},
                                         {"device_ms_median", onDevice ? rounded(onDevice->median) : none},
                                         {"device_ms_p10", onDevice ? rounded(onDevice->p10) : none},
                                         {"device_ms_p90", onDevice ? rounded(onDevice->p90) : none},
                                         {"inputs_copied_again", result.copiedAgain},
                                         {"runs", result.runs},
                                         {"warmup", result.warmup},
                                         {"inputs", std::move(inputs)},
                                         {"device", result.device},
                                         {"driver", orNull(result.driver)},
                                         {"commit", result.origin.commit},
                                         {"source_sha256", result.origin.sourceSha256},
                                         {"weights", result.weights},
                                         {"passes", result.origin.passes},
                                         {"date", result.origin.date}}});
}

nlohmann::ordered_json toJson(const GraphBenchResult &result) {
  return {{"emulated", result.emulated},
          {"memory", {{"weights", result.memory.weights}, {"activations", result.memory.activations}}},
          {"results", toRecords(result)}};
}

} // namespace cadenza::bench

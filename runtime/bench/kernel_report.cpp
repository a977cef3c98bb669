#include "runtime/bench/kernel_bench.h"

#include <cmath>

namespace cadenza::bench {
namespace {

using Row = std::vector<std::string>;

double rounded(double value, int digits) {
  const double scale = std::pow(10.0, digits);
  return std::round(value * scale) / scale;
}

/// The time of the first kernel with the same shape: what an encoding is compared with.
double microsecondsOfFirst(const KernelBenchResult &result, const KernelResult &kernel) {
  for (const KernelResult &other : result.kernels)
    if (other.kernel.shape == kernel.kernel.shape)
      return other.microseconds.median;
  return kernel.microseconds.median;
}

std::string nameOf(const KernelCase &kernel) {
  return std::string(kernelKindName(kernel.kind)) + (kernel.causal ? ", causal" : "");
}
std::string storedAs(const KernelCase &kernel) {
  return std::string(dtypeName(kernel.dtype)) + (kernel.kind == KernelKind::Attention ? "" : ", " + kernel.encoding);
}

std::vector<Row> tableOf(const KernelBenchResult &result) {
  std::vector<Row> rows = {
      {"kernel", "shape", "type", "us", "min", "max", "MB", "GB/s", "TFLOP/s", "speed-up", "error"}};
  for (const KernelResult &k : result.kernels)
    rows.push_back({nameOf(k.kernel), k.kernel.shapeText(), storedAs(k.kernel), fixed(k.microseconds.median, 2),
                    fixed(k.microseconds.minimum, 2), fixed(k.microseconds.maximum, 2),
                    fixed(static_cast<double>(k.bytes) / 1e6, 2), fixed(k.gbPerSecond(), 1), fixed(k.teraflops(), 2),
                    fixed(microsecondsOfFirst(result, k) / k.microseconds.median, 2), fixed(k.error, 5)});
  return rows;
}

} // namespace

std::string formatReport(const KernelBenchResult &result, ReportStyle style) {
  const bool markdown = style == ReportStyle::Markdown;
  const std::string separator = markdown ? "\n" : "";
  std::string text = (markdown ? "### " : "") + ("kernels, schedule " + result.schedule) + ", " + result.device +
                     ", driver " + result.driver + "\n" + separator;
  if (result.emulated)
    text += "EMULATED DEVICE: the times below are meaningless.\n" + separator;
  text += "Median of " + std::to_string(result.repeats) +
          " repeats. Launches take sets of operands in turn, which together are at least 4 times the L2 cache (" +
          fixed(static_cast<double>(result.l2Bytes) / 1e6, 1) + " MB):\n" + separator;
  for (const KernelResult &k : result.kernels)
    text += (markdown ? "- " : "  ") + k.name + " (" + nameOf(k.kernel) + " " + k.kernel.shapeText() + ", " +
            storedAs(k.kernel) + "): " + std::to_string(k.sets) + " sets, " +
            fixed(static_cast<double>(k.rotated()) / 1e6, 0) + " MB" +
            (k.rotated() < 4 * result.l2Bytes ? ", less than that: not cold" : "") + "\n";
  return text + "\n" + formatTable(tableOf(result), style, /*leftColumns=*/3);
}

std::string formatCsv(const KernelBenchResult &result) {
  std::string text = "kernel,causal,shape,dtype,encoding,microseconds,microseconds_min,microseconds_max,bytes,"
                     "gb_per_second,teraflops,sets,error,device\n";
  for (const KernelResult &k : result.kernels)
    text += std::string(kernelKindName(k.kernel.kind)) + "," + (k.kernel.causal ? "1" : "0") + "," +
            k.kernel.shapeText() + "," + std::string(dtypeName(k.kernel.dtype)) + "," +
            (k.kernel.kind == KernelKind::Attention ? "" : k.kernel.encoding) + "," + fixed(k.microseconds.median, 3) +
            "," + fixed(k.microseconds.minimum, 3) + "," + fixed(k.microseconds.maximum, 3) + "," +
            std::to_string(k.bytes) + "," + fixed(k.gbPerSecond(), 1) + "," + fixed(k.teraflops(), 3) + "," +
            std::to_string(k.sets) + "," + fixed(k.error, 6) + ",\"" + result.device + "\"\n";
  return text;
}

nlohmann::ordered_json toRecords(const KernelBenchResult &result) {
  auto records = nlohmann::ordered_json::array();
  for (const KernelResult &k : result.kernels) {
    const bool attends = k.kernel.kind == KernelKind::Attention;
    records.push_back({{"kernel", kernelKindName(k.kernel.kind)},
                       {"shape", k.kernel.shape},
                       {"causal", attends ? nlohmann::ordered_json(k.kernel.causal) : nlohmann::ordered_json()},
                       {"dtype", dtypeName(k.kernel.dtype)},
                       {"encoding", attends ? nlohmann::ordered_json() : nlohmann::ordered_json(k.kernel.encoding)},
                       {"code", k.name},
                       {"schedule", result.schedule},
                       {"microseconds", rounded(k.microseconds.median, 3)},
                       {"microseconds_min", rounded(k.microseconds.minimum, 3)},
                       {"microseconds_max", rounded(k.microseconds.maximum, 3)},
                       {"bytes", k.bytes},
                       {"gb_per_second", rounded(k.gbPerSecond(), 1)},
                       {"teraflops", rounded(k.teraflops(), 3)},
                       {"error", rounded(k.error, 6)},
                       {"sets", k.sets},
                       {"repeats", result.repeats},
                       {"device", result.device},
                       {"driver", result.driver},
                       {"commit", k.origin.commit},
                       {"source_sha256", k.origin.sourceSha256},
                       {"date", k.origin.date}});
  }
  return records;
}

nlohmann::ordered_json toJson(const KernelBenchResult &result) {
  return {{"emulated", result.emulated}, {"l2_bytes", result.l2Bytes}, {"results", toRecords(result)}};
}

} // namespace cadenza::bench

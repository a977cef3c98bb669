// cadenza-bench --kernel: compiles one kernel for each shape, checks its results, and times it alone on a GPU.
#pragma once

#include "runtime/bench/kernel_case.h"
#include "runtime/bench/origin.h"
#include "runtime/bench/statistics.h"
#include "runtime/bench/table.h"
#include "runtime/tensor.h"

#include <functional>

namespace cadenza::bench {

struct KernelBenchOptions {
  KernelOptions kernels;
  int repeats = 5;
  std::string schedule = {}; // "graph" (default): kernels are queued as a CUDA graph; "launch": one by one
};

struct KernelResult {
  KernelCase kernel;
  std::string name = {};    // of the kernel in the generated source, as profilers show it
  Spread microseconds = {}; // a launch, over the repeats
  uint64_t bytes = 0;       // that a launch must move: the matrix as it is stored, and activations
  int64_t sets = 0;         // of operands, which launches take in turn
  double error = 0;         // root mean square of the difference from the reference, in units of that of the reference
  Origin origin = {};

  double gbPerSecond() const { return static_cast<double>(bytes) / microseconds.median / 1e3; }
  double teraflops() const { return kernel.operations() / microseconds.median / 1e6; }
  /// Bytes until a launch has the first set again.
  uint64_t rotated() const {
    return (bytes - kernel.sharedBytes()) * static_cast<uint64_t>(sets) + kernel.sharedBytes();
  }
};

struct KernelBenchResult {
  std::string device, driver, schedule = {};
  bool emulated = false;
  uint64_t l2Bytes = 0;
  int repeats = 0;
  std::vector<KernelResult> kernels = {};
};

/// Sets of operands of so many bytes, of which all together are at least 4 times the L2 cache: what a launch reads has
/// then left it. No more than 256.
int64_t rotatingSets(uint64_t bytes, uint64_t l2Bytes);

/// How far `result` is from `reference`, in units of the reference's root mean square. NumericMismatch if that is more
/// than rounding to 16 bits makes it, if an element is far off, or if one is not finite.
StatusOr<double> compareToReference(const Tensor &result, const Tensor &reference);

StatusOr<KernelBenchResult> measureKernels(const std::string &device, const KernelBenchOptions &options,
                                           const std::function<void(const std::string &)> &progress);

std::string formatReport(const KernelBenchResult &result, ReportStyle style);
std::string formatCsv(const KernelBenchResult &result);
/// An object a kernel, as docs/benchmarks/README.md describes it.
nlohmann::ordered_json toRecords(const KernelBenchResult &result);
nlohmann::ordered_json toJson(const KernelBenchResult &result);

} // namespace cadenza::bench

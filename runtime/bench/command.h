// cadenza-bench after its arguments were read.
#pragma once

#include "runtime/bench/graph.h"
#include "runtime/bench/kernel_bench.h"
#include "runtime/bench/measure.h"

#include <ostream>
#include <string>

namespace cadenza::bench {

struct BenchCommand {
  std::string plan;
  std::string device = "cuda";
  BenchOptions options;    // of a decoder
  GraphBenchOptions graph; // of an entry of named tensors: of a plan that is no decoder, or the one that is named
  KernelOptions kernels;   // of --kernel, in place of a plan
  bool markdown = false, csv = false;
  std::string jsonPath;   // "-": standard output, instead of the table
  std::string recordPath; // docs/benchmarks/h100.json
  std::string tracePath;  // for Chrome or Perfetto
  bool quiet = false;     // no progress lines
};

/// Measures and reports: the table or JSON on `out`, progress on `progress`.
Status runBench(const BenchCommand &command, std::ostream &out, std::ostream &progress);

} // namespace cadenza::bench

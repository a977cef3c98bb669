// What is said of a quantised checkpoint: how many matrices of which types it has, and how the plan holds them.
#pragma once

#include "runtime/shared/dtype.h"

#include <cstdint>
#include <map>
#include <string>

namespace cadenza {

struct QuantizedCount {
  std::string format = {};                     // "AWQ"
  std::map<std::string, size_t> matrices = {}; // by type: "int4 in groups of 128"
  DType type = DType::bf16;                    // in which the plan holds them
  bool isExact = true;                         // and no value is rounded for that
  bool storesCodes = false;                    // the plan stores matrices in codes instead, if it can
  uint64_t bytesInFile = 0, bytesInPlan = 0;
};

/// "model: 14 matrices of int4 in groups of 128 (AWQ) are stored as f16, dequantised and rounded to f16: ...". If the
/// plan stores codes, only what the checkpoint has: "... (AWQ) take 1.2 MB in the checkpoint".
std::string quantizedNotice(const QuantizedCount &count);

} // namespace cadenza

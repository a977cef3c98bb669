#include "compiler/import/hf/quantized/quantized_notice.h"
#include "runtime/plan/describe.h"

namespace cadenza {

std::string quantizedNotice(const QuantizedCount &count) {
  std::string what;
  size_t left = count.matrices.size(), all = 0;
  for (const auto &[type, matrices] : count.matrices) {
    const std::string noun = !what.empty() ? "" : matrices == 1 ? " matrix" : " matrices";
    what += std::to_string(matrices) + noun + " of " + type + (--left > 1 ? ", " : left == 1 ? " and " : "");
    all += matrices;
  }
  const std::string name(dtypeName(count.type));
  return "model: " + what + " (" + count.format + ") " + (all == 1 ? "is" : "are") + " stored as " + name +
         ", dequantised" + (count.isExact ? "" : " and rounded to " + name) + ": " + formatBytes(count.bytesInPlan) +
         " instead of " + formatBytes(count.bytesInFile);
}

} // namespace cadenza

#include "compiler/import/hf/quantized/quantized_notice.h"
#include "runtime/plan/describe.h"

namespace cadenza {

std::string quantizedNotice(const QuantizedCount &count) {
  std::string what;
  size_t left = count.matrices.size(), all = 0;
  for (const auto &[type, matrices] : count.matrices) {
    what += std::to_string(matrices);
    if (all == 0) // which is said once
      what += matrices == 1 ? " matrix" : " matrices";
    what += " of " + type;
    if (--left > 0)
      what += left > 1 ? ", " : " and ";
    all += matrices;
  }
  what = "model: " + what + " (" + count.format + ") ";
  if (count.storesCodes)
    return what + (all == 1 ? "takes " : "take ") + formatBytes(count.bytesInFile) + " in the checkpoint";
  const std::string name(dtypeName(count.type));
  return what + (all == 1 ? "is" : "are") + " stored as " + name + ", dequantised" +
         (count.isExact ? "" : " and rounded to " + name) + ": " + formatBytes(count.bytesInPlan) + " instead of " +
         formatBytes(count.bytesInFile);
}

} // namespace cadenza

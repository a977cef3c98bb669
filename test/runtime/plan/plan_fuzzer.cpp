// A libFuzzer entry point (clang++ -fsanitize=fuzzer,address with the sources of runtime/plan and runtime/support):
// opens the input as a plan, once as it is and once with repaired checksums. fuzz_test.cpp replays it over mutations of
// a plan.
#include "runtime/plan/plan.h"
#include "test/runtime/plan/mutate.h"

#include <cstdlib>
#include <string_view>
#include <vector>

namespace {

void open(std::span<const std::byte> bytes) {
  const auto plan = cadenza::Plan::fromBytes(bytes, "fuzz.plan");
  cadenza::Status status = plan.status();
  if (plan.isOk())
    status = (*plan)->verifyWeights(1);
  const bool typed =
      status.code() == cadenza::StatusCode::InvalidPlan || status.code() == cadenza::StatusCode::IncompatiblePlan;
  if (!status.isOk() && (!typed || !status.message().starts_with("fuzz.plan: ")))
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  open(input);
  std::vector<std::byte> repaired(input.begin(), input.end());
  cadenza::testing::repairChecksums(repaired);
  open(repaired);
  return 0;
}

// Generates the same text time after time in one process, and compares tokens and logits bit by bit; says how long each
// generation took, and what the process has allocated after it:
//   gpu_repeat PLAN TIMES TOKENS [DEVICE [SCHEDULE]]
#include "runtime/cadenza.h"

#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace cadenza;

namespace {

struct Text {
  std::vector<int32_t> tokens;
  std::vector<float> logits; // [tokens][vocabulary]
  double seconds = 0;        // of generating
};

StatusOr<Text> generate(Session &session, int64_t count) {
  const std::vector<int32_t> prompt = {5, 6, 7};
  CADENZA_ASSIGN_OR_RETURN(Generation made, session.generate(prompt, {.maxTokens = count, .ignoreEos = true}));
  CADENZA_RETURN_IF_ERROR(made.status());
  Text text{prompt, {}, made.timing.promptSeconds + made.timing.decodeSeconds};
  text.tokens.insert(text.tokens.end(), made.tokens.begin(), made.tokens.end());
  CADENZA_RETURN_IF_ERROR(session.forEachLogits(text.tokens, [&](int64_t, std::span<const float> row) {
    text.logits.insert(text.logits.end(), row.begin(), row.end());
    return Status::ok();
  }));
  return text;
}

/// Bytes that the process, the driver's libraries among it, has from malloc.
size_t allocated() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

/// Generates the text again, and returns the seconds that it took.
StatusOr<double> repeat(Session &session, const Text &first, long tokens) {
  CADENZA_ASSIGN_OR_RETURN(const Text again, generate(session, tokens));
  const size_t bytes = first.logits.size() * sizeof(float);
  if (again.tokens != first.tokens || again.logits.size() != first.logits.size() ||
      std::memcmp(again.logits.data(), first.logits.data(), bytes) != 0)
    return Status(StatusCode::NumericMismatch, "differs from the first one");
  return again.seconds;
}

Status run(const char *plan, long times, long tokens, const char *device, const char *schedule) {
  CADENZA_ASSIGN_OR_RETURN(
      Session session,
      Session::open(plan, {.device = device, .context = tokens + 4, .logits = true, .schedule = schedule}));
  CADENZA_ASSIGN_OR_RETURN(const Text first, generate(session, tokens));
  for (long i = 1; i < times; ++i) {
    const StatusOr<double> seconds = repeat(session, first, tokens);
    if (!seconds.isOk())
      return seconds.status().withPrefix("repeat " + std::to_string(i) + ": ");
    std::printf("%.6f s %zu bytes\n", *seconds, allocated());
    std::fflush(stdout);
  }
  std::printf("%ld times %ld tokens on %s: the same tokens, bit-equal logits\n", times, tokens,
              session.deviceName().c_str());
  return Status::ok();
}

} // namespace

int main(int argc, char **argv) {
  if (argc < 4 || argc > 6) {
    std::fputs("usage: gpu_repeat PLAN TIMES TOKENS [DEVICE [SCHEDULE]]\n", stderr);
    return static_cast<int>(StatusCode::InvalidArgument);
  }
  const Status status =
      run(argv[1], std::atol(argv[2]), std::atol(argv[3]), argc > 4 ? argv[4] : "cuda:0", argc > 5 ? argv[5] : "auto");
  if (!status.isOk())
    std::fprintf(stderr, "gpu_repeat: %s\n", status.message().c_str());
  return static_cast<int>(status.code());
}

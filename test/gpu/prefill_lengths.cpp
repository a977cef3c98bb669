// Prompts of every length. The logits after a prompt of N tokens, which goes through tiles chosen for its length, are
// bit by bit those of its last token in a prompt of all tokens, and close to those of decoding token by token:
//   prefill_lengths PLAN LENGTHS [DEVICE [SCHEDULE]]
#include "runtime/api/device_choice.h"
#include "runtime/decode/sequence.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace cadenza;

namespace {

using Rows = std::vector<std::vector<float>>; // logits, one a token

// The root mean square of the differences over that of the logits, each around the mean of its row. Two orders of sums
// of 16-bit models differ by less than a hundredth; a wrong row by about the root of two.
constexpr double tolerance = 0.05;

double relativeDifference(const std::vector<float> &ours, const std::vector<float> &theirs) {
  double mean = 0, difference = 0, spread = 0;
  for (float value : theirs)
    mean += value / static_cast<double>(theirs.size());
  for (size_t i = 0; i < theirs.size(); ++i) {
    difference += std::pow(static_cast<double>(ours[i]) - theirs[i], 2);
    spread += std::pow(theirs[i] - mean, 2);
  }
  return std::sqrt(difference / spread);
}

Status addRow(Executor &executor, Rows &rows) {
  CADENZA_ASSIGN_OR_RETURN(const std::span<const float> logits, executor.logits());
  rows.emplace_back(logits.begin(), logits.end());
  return Status::ok();
}

StatusOr<Rows> decodeAll(Executor &executor, std::span<const int32_t> tokens) {
  Rows rows;
  CADENZA_RETURN_IF_ERROR(executor.begin(tokens, {}));
  for (size_t i = 0; i < tokens.size(); ++i) {
    CADENZA_RETURN_IF_ERROR(executor.enqueueStep(/*withHead=*/true));
    CADENZA_RETURN_IF_ERROR(addRow(executor, rows));
  }
  return rows;
}

/// Calls run(size, left) for each tile of a prompt.
template <typename Run> Status forEachTile(Executor &executor, std::span<const int32_t> tokens, Run run) {
  CADENZA_RETURN_IF_ERROR(executor.begin(tokens, {}));
  for (auto left = static_cast<int64_t>(tokens.size()); left > 0;) {
    const int64_t size = chooseTile(executor.tileSizes(), left);
    CADENZA_RETURN_IF_ERROR(run(size, left));
    left -= std::min(size, left);
  }
  return Status::ok();
}

/// One prompt of all tokens, and the head for each of them.
StatusOr<Rows> prefillAll(Executor &executor, std::span<const int32_t> tokens) {
  Rows rows;
  CADENZA_RETURN_IF_ERROR(forEachTile(executor, tokens, [&](int64_t size, int64_t) {
    return executor.runTileWithLogits(size, [&](int64_t, std::span<const float> logits) {
      rows.emplace_back(logits.begin(), logits.end());
      return Status::ok();
    });
  }));
  return rows;
}

/// A prompt for each length.
StatusOr<Rows> prefillEach(Executor &executor, std::span<const int32_t> tokens) {
  Rows rows;
  for (size_t length = 1; length <= tokens.size(); ++length) {
    CADENZA_RETURN_IF_ERROR(forEachTile(executor, tokens.first(length), [&](int64_t size, int64_t left) {
      return executor.enqueueTile(size, /*withHead=*/size >= left);
    }));
    CADENZA_RETURN_IF_ERROR(addRow(executor, rows));
  }
  return rows;
}

Status run(const char *path, int64_t lengths, const char *device, const char *scheduleName) {
  CADENZA_ASSIGN_OR_RETURN(const std::shared_ptr<const Plan> plan, Plan::open(path));
  CADENZA_ASSIGN_OR_RETURN(const Schedule schedule, parseSchedule(scheduleName));
  CADENZA_ASSIGN_OR_RETURN(const ChosenDevice target,
                           chooseDevice(device, *plan, {.context = lengths, .logits = true, .schedule = schedule}));
  Executor &executor = *target.executor;
  if (executor.tileSizes().empty())
    return {StatusCode::InvalidArgument, std::string(path) + ": has no tiles"};
  std::mt19937 random(1);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < lengths; ++i)
    tokens.push_back(static_cast<int32_t>(random() % static_cast<uint32_t>(plan->program().decoder->vocabulary)));

  CADENZA_ASSIGN_OR_RETURN(const Rows decoded, decodeAll(executor, tokens));
  CADENZA_ASSIGN_OR_RETURN(const Rows together, prefillAll(executor, tokens));
  CADENZA_ASSIGN_OR_RETURN(const Rows alone, prefillEach(executor, tokens));
  double largest = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string length = "a prompt of " + std::to_string(i + 1) + " tokens";
    if (std::memcmp(alone[i].data(), together[i].data(), alone[i].size() * sizeof(float)) != 0)
      return {StatusCode::NumericMismatch, length + ": other bits than those of the token in a longer prompt"};
    const double difference = relativeDifference(alone[i], decoded[i]);
    if (!(difference <= tolerance)) // NaN, too
      return {StatusCode::NumericMismatch, length + ": differs from decoding by " + std::to_string(difference)};
    largest = std::max(largest, difference);
  }
  std::printf("prompts of 1 to %lld tokens on %s: equal bits in every tile, within %.4f of decoding\n",
              static_cast<long long>(lengths), executor.deviceName().c_str(), largest);
  return Status::ok();
}

} // namespace

int main(int argc, char **argv) {
  const long lengths = argc > 2 ? std::atol(argv[2]) : 0;
  if (argc < 3 || argc > 5 || lengths < 1) {
    std::fputs("usage: prefill_lengths PLAN LENGTHS [DEVICE [SCHEDULE]]\n", stderr);
    return static_cast<int>(StatusCode::InvalidArgument);
  }
  const Status status = run(argv[1], lengths, argc > 3 ? argv[3] : "cuda:0", argc > 4 ? argv[4] : "auto");
  if (!status.isOk())
    std::fprintf(stderr, "prefill_lengths: %s\n", status.message().c_str());
  return static_cast<int>(status.code());
}

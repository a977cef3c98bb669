#include "compiler/quantize/allocate_bits.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace cadenza {
namespace {

constexpr uint64_t steps = 4096; // of the budget
constexpr double impossible = std::numeric_limits<double>::infinity();
constexpr uint16_t none = std::numeric_limits<uint16_t>::max();

/// Bits that a matrix takes at least.
uint64_t leastBits(const std::vector<StorageChoice> &choices) {
  return std::ranges::min_element(choices, {}, &StorageChoice::bits)->bits;
}

/// The steps that bits beyond the smallest choices take, rounded up, of `slack` such bits; more than `steps` if they do
/// not fit.
uint64_t stepsOf(uint64_t bits, uint64_t slack) {
  return bits == 0 ? 0 : bits > slack ? steps + 1 : (bits * steps + slack - 1) / slack;
}

/// The least error of the matrices so far by the steps that they take, and what the last of them is stored as.
struct Stage {
  std::vector<double> error;
  std::vector<uint16_t> choice;
};

Stage addMatrix(const Stage &before, const std::vector<StorageChoice> &choices, uint64_t slack) {
  Stage after{std::vector<double>(steps + 1, impossible), std::vector<uint16_t>(steps + 1, none)};
  const uint64_t least = leastBits(choices);
  for (size_t i = 0; i < choices.size(); ++i) {
    const uint64_t taken = stepsOf(choices[i].bits - least, slack);
    for (uint64_t at = taken; at <= steps; ++at)
      if (const double error = before.error[at - taken] + choices[i].error; error < after.error[at]) {
        after.error[at] = error;
        after.choice[at] = static_cast<uint16_t>(i);
      }
  }
  return after;
}

} // namespace

StatusOr<std::vector<size_t>> allocateBits(const std::vector<std::vector<StorageChoice>> &matrices, uint64_t budget) {
  uint64_t least = 0, ofBest = 0;
  std::vector<size_t> chosen; // the best of each
  for (const std::vector<StorageChoice> &choices : matrices) {
    least += leastBits(choices);
    const auto best = std::ranges::min_element(
        choices, {}, [](const StorageChoice &choice) { return std::pair(choice.error, choice.bits); });
    chosen.push_back(best - choices.begin());
    ofBest += best->bits;
  }
  if (ofBest <= budget) // which rounding sizes up could miss
    return chosen;
  if (least > budget)
    return Status(StatusCode::InvalidArgument,
                  "the smallest choices take " + std::to_string(least) + " bits of " + std::to_string(budget));
  const uint64_t slack = budget - least;
  std::vector<Stage> stages{{std::vector<double>(steps + 1, 0), {}}};
  for (const std::vector<StorageChoice> &choices : matrices)
    stages.push_back(addMatrix(stages.back(), choices, slack));

  const std::vector<double> &all = stages.back().error;
  auto at = static_cast<uint64_t>(std::ranges::min_element(all) - all.begin()); // the first: the fewest bits
  for (size_t i = matrices.size(); i-- > 0;) {
    chosen[i] = stages[i + 1].choice[at];
    at -= stepsOf(matrices[i][chosen[i]].bits - leastBits(matrices[i]), slack);
  }
  return chosen;
}

} // namespace cadenza

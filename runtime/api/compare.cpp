#include "runtime/api/inspect.h"

#include <algorithm>
#include <cmath>

namespace cadenza {
namespace {

double relativeL2(std::span<const float> values, std::span<const float> reference) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    double delta = static_cast<double>(values[i]) - reference[i];
    difference += delta * delta;
    norm += static_cast<double>(reference[i]) * reference[i];
  }
  if (difference == 0)
    return 0;
  return norm > 0 ? std::sqrt(difference / norm) : INFINITY;
}

} // namespace

PhaseDifference differenceOf(const Program &program, const PhaseOutput &where, size_t output, int64_t position,
                             std::span<const float> values, std::span<const float> reference) {
  const Phase &phase = decodeEntry(program).blocks[where.block].phases[where.phase];
  PhaseDifference difference;
  difference.phase = phase.name;
  difference.iteration = where.iteration;
  difference.position = position;
  difference.relativeL2 = relativeL2(values, reference);
  if (output < phase.outputs.size()) {
    const Edge &edge = program.edges[phase.outputs[output]];
    difference.output = edge.name;
    difference.tolerance = edge.dtype == DType::f32 ? tolerance32 : tolerance16;
  } else {
    difference.output = "logits";
    difference.tolerance = tolerance32;
  }
  return difference;
}

void Comparison::add(const PhaseDifference &difference) {
  if (!firstMismatch && !difference.within())
    firstMismatch = difference;
  auto found = std::find_if(largest.begin(), largest.end(), [&](const PhaseDifference &other) {
    return other.phase == difference.phase && other.output == difference.output;
  });
  if (found == largest.end())
    largest.push_back(difference);
  else if (!(difference.relativeL2 <= found->relativeL2))
    *found = difference;
}

StatusOr<Comparison> compareExecutors(Executor &executor, CpuExecutor &reference, std::span<const int32_t> tokens) {
  CADENZA_RETURN_IF_ERROR(executor.begin(tokens, {}));
  CADENZA_RETURN_IF_ERROR(reference.begin(tokens, {}));
  Comparison comparison;
  for (size_t position = 0; position < tokens.size(); ++position) {
    std::vector<std::vector<float>> recorded; // all outputs of the step, in order
    std::vector<size_t> outputCounts;         // one a phase
    CADENZA_RETURN_IF_ERROR(executor.stepWithVisitor([&](const PhaseOutput &shown) {
      outputCounts.push_back(shown.outputs.size());
      for (std::span<const float> output : shown.outputs)
        recorded.emplace_back(output.begin(), output.end());
      return Status::ok();
    }));

    size_t phaseIndex = 0, next = 0;
    Status status = reference.stepWithEditor([&](const PhaseOutput &shown, auto values) -> Status {
      if (phaseIndex == outputCounts.size())
        return {StatusCode::Internal, "the executors do not run the same program"};
      size_t count = outputCounts[phaseIndex++];
      size_t first = next;
      next += count;
      for (size_t i = 0; i < std::min(count, shown.outputs.size()); ++i) { // one may show logits, the other not
        const std::vector<float> &theirs = recorded[first + i];
        if (theirs.size() != values[i].size())
          return {StatusCode::Internal, "the executors do not run the same program"};
        comparison.add(
            differenceOf(reference.program(), shown, i, static_cast<int64_t>(position), theirs, shown.outputs[i]));
        if (comparison.firstMismatch)
          return {StatusCode::NumericMismatch, "mismatch"}; // ends the reference's step early
        std::copy(theirs.begin(), theirs.end(), values[i].begin());
      }
      return Status::ok();
    });
    if (comparison.firstMismatch)
      return comparison;
    CADENZA_RETURN_IF_ERROR(status);
  }
  return comparison;
}

} // namespace cadenza

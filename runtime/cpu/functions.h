// Prologue and epilogue functions (runtime/plan/program.h lists them). A function is bound once, when an executor is
// made: parameters read; what is left is called for every token, by several threads at once. To add one, write its bind
// function and enter it in the table of functions.cpp (and in that of runtime/plan/functions.cpp, which validates).
#pragma once

#include "runtime/cpu/machine.h"

#include <functional>
#include <span>

namespace cadenza::cpu {

using Segment = std::span<float>;

/// Transforms the segments of a phase for a token, given by slot.
using Epilogue = std::function<void(const Token &, std::span<const Segment>)>;

/// Transforms the input of a phase and returns the factor that is due on every segment after the products (1 if none).
using Prologue = std::function<float(const Machine &, Segment)>;

/// What a function is bound to. The program was validated: parameters, references and shapes are as functions.h of the
/// plan says.
struct Binding {
  const Machine &machine;
  const Function &function;
  const std::vector<int64_t> &segmentSizes; // by slot

  size_t slot(const char *key) const { return function.parameters.at(key).get<size_t>(); }
  int64_t integer(const char *key) const { return function.parameters.at(key).get<int64_t>(); }
  float number(const char *key) const { return function.parameters.at(key).get<float>(); }
  bool flag(const char *key) const { return function.parameters.at(key).get<bool>(); }
};

StatusOr<Epilogue> bindEpilogue(const Binding &binding);
StatusOr<Prologue> bindPrologue(const Binding &binding);

/// y = x * gamma / sqrt(mean(x^2) + eps), over each `groupSize` elements.
void rmsNorm(Segment x, const float *gamma, float eps, int64_t groupSize);

/// y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * gamma + beta, over each `groupSize` elements; `beta` null:
/// 0. Sums in the order of the device (codegen/kernels/norm.cuh).
void layerNorm(Segment x, const float *gamma, const float *beta, float eps, int64_t groupSize);

/// The index of the largest element, the lowest among equals. NaN is below everything: it is chosen only where there is
/// nothing else (codegen/kernels/argmax.cuh has the same order).
int32_t argmax(std::span<const float> x);

} // namespace cadenza::cpu

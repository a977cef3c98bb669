// Products of tensors of floats for fusions: what reference::matmul says, with sums in fp32, on all cores.
#pragma once

#include "runtime/cpu/thread_pool.h"
#include "runtime/reference/tensor_value.h"

namespace cadenza::cpu {

/// Whether multiply() computes with that type; the reference does with all others.
constexpr bool multiplies(ElementType type) { return isFloat(type) && type != ElementType::f64; }

/// The product, of type `spec` (as the plan's check inferred it). Each sum in the order of k, so that it does not
/// depend on the number of threads.
nn::TensorValue multiply(const nn::TensorView &a, const nn::TensorView &b, const nn::TensorSpec &spec,
                         ThreadPool &pool);

} // namespace cadenza::cpu

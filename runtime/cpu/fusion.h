// A fusion: the ops of its body one after the other, by their references but for products (matmul.h). Weights,
// constants and inputs are read where they lie; other values live until nobody reads them any more.
#pragma once

#include "runtime/cpu/machine.h"
#include "runtime/reference/bound_op.h"

#include <optional>
#include <vector>

namespace cadenza::cpu {

class BoundFusion {
public:
  /// `phase` is one of the program of the machine that runs it: it is referred to.
  static StatusOr<BoundFusion> bind(const Phase &phase);

  /// InvalidInput for values that an op is not defined for (an index outside of a tensor, an integer divided by 0), and
  /// for a result of another shape than the plan says; it names the phase and the op.
  Status run(Machine &machine);

private:
  struct Step {
    const TensorOp *op;
    nn::reference::BoundOp call;      // empty: a weight or a constant
    uint32_t first;                   // number of its first result
    std::vector<uint32_t> lastReadBy; // values that no later op reads
  };

  Status runStep(const Step &step, Machine &machine, std::vector<std::optional<nn::TensorView>> &views,
                 std::vector<nn::TensorValue> &values) const;
  /// By its reference or, where that is slow, by what gives the same.
  StatusOr<std::vector<nn::TensorValue>> compute(const Step &step, std::span<const nn::TensorView> operands,
                                                 ThreadPool &pool) const;
  Status failed(const TensorOp &op, const std::string &what) const;

  const Phase *phase_ = nullptr;
  std::vector<Step> steps_;
  size_t values_ = 0; // of the body
};

} // namespace cadenza::cpu

// An emitter that computes: every op at once, with its reference.
#pragma once

#include "compiler/import/onnx/lower/emitter.h"

#include <memory>
#include <optional>
#include <vector>

namespace cadenza::onnx {

nn::TensorValue valueOf(const Tensor &tensor);
Tensor tensorOf(nn::TensorValue value);

class Evaluator final : public Emitter {
public:
  /// A value from outside.
  Operand add(nn::TensorValue value);
  const nn::TensorValue &value(Operand operand) const { return *values[operand.index]; }
  /// Moves a value out.
  nn::TensorValue take(Operand operand) { return std::move(*values[operand.index]); }

  Operand constant(nn::TensorValue value) override { return add(std::move(value)); }
  Operand tensor(const std::string &name, std::shared_ptr<const Tensor> tensor) override;
  Operand elements(ElementType type, const Shape &shape, const Elements &elements) override;
  Operand unary(nn::UnaryFunction function, Operand x) override;
  Operand binary(nn::BinaryFunction function, Operand a, Operand b) override;
  Operand where(Operand condition, Operand a, Operand b) override;
  Operand cast(Operand x, ElementType type) override;
  Operand reshape(Operand x, const Shape &shape) override;
  Operand transpose(Operand x, Integers permutation) override;
  Operand slice(Operand x, const std::vector<Polynomial> &starts, const Shape &sizes, Integers steps) override;
  Operand concat(std::span<const Operand> parts, int64_t axis) override;
  Operand expand(Operand x, const Shape &shape) override;
  Operand pad(Operand x, Integers begins, Integers ends, nn::PadMode mode, Operand value) override;
  Operand trilu(Operand x, bool upper, Operand k) override;
  Operand range(Operand start, Operand limit, Operand delta) override;
  Operand gather(Operand x, Operand indices, int64_t axis) override;
  Operand gatherElements(Operand x, Operand indices, int64_t axis) override;
  Operand gatherND(Operand x, Operand indices, int64_t batchDims) override;
  Operand scatterElements(Operand x, Operand indices, Operand updates, int64_t axis,
                          nn::ScatterFunction function) override;
  Operand scatterND(Operand x, Operand indices, Operand updates, nn::ScatterFunction function) override;
  Operand tensorScatter(Operand cache, Operand update, Operand writeIndices, int64_t axis, bool circular) override;
  Operand reduce(nn::ReduceFunction function, Operand x, Integers axes, bool keepDims) override;
  Operand argReduce(nn::ArgFunction function, Operand x, int64_t axis, bool keepDims, bool last) override;
  Operand softmax(Operand x, int64_t axis) override;
  Operand logSoftmax(Operand x, int64_t axis) override;
  Operand cumsum(Operand x, int64_t axis, bool exclusive, bool reverse) override;
  std::pair<Operand, Operand> topk(Operand x, int64_t k, int64_t axis, bool largest) override;
  Operand dequantize(Operand packed, Operand scales, Operand zeros, int64_t bits, int64_t columns) override;
  Operand matmul(Operand a, Operand b) override;
  Operand layerNormalization(Operand x, Operand scale, Operand bias, int64_t axis, double epsilon) override;
  Operand rmsNormalization(Operand x, Operand scale, int64_t axis, double epsilon) override;

private:
  /// The result of a reference; after an error a scalar that means nothing.
  Operand put(StatusOr<nn::TensorValue> result);
  /// Of an operand that may be left out: a pointer to its value, for the duration of a call, or null.
  class OrNull {
  public:
    explicit OrNull(const nn::TensorValue *value)
        : view(value ? std::optional<nn::TensorView>(*value) : std::nullopt) {}
    operator const nn::TensorView *() const { return view ? &*view : nullptr; } // NOLINT(google-explicit-constructor)

  private:
    std::optional<nn::TensorView> view;
  };
  OrNull orNull(Operand operand) const { return OrNull(operand.isThere() ? &value(operand) : nullptr); }

  std::vector<std::unique_ptr<nn::TensorValue>> values; // on the heap: references stay while the list grows
};

} // namespace cadenza::onnx

#include "compiler/import/onnx/ir/onnx_weights.h"
#include "compiler/import/convert.h"
#include "compiler/import/text.h"

namespace cadenza::onnx {
namespace {

std::vector<int64_t> withoutOnes(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

class OnnxWeights : public WeightSource {
public:
  explicit OnnxWeights(std::map<std::string, std::shared_ptr<const Tensor>> tensors) : tensors_(std::move(tensors)) {}
  std::string describe() const override { return "checkpoint"; }

protected:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    const auto found = tensors_.find(spec.tensor);
    if (found == tensors_.end())
      return {StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is not in the model"};
    const Tensor &tensor = *found->second;
    const auto stored = weightDType(tensor.type);
    if (!stored)
      return {StatusCode::Unsupported,
              "tensor " + quotedName(spec.tensor) + ": type " + std::string(elementTypeName(tensor.type))};
    if (withoutOnes(tensor.shape) != withoutOnes(spec.tensorShape()))
      return {StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is " + shapeText(tensor.shape) +
                                            ", expected " + shapeText(spec.tensorShape())};
    copyRows(spec, tensor.bytes.data(), *stored, firstRow, rows, dtype, out.data());
    return Status::ok();
  }

  uint64_t storedNonFinite(const WeightSpec &spec, int64_t firstRow, int64_t rows) const override {
    const Tensor &tensor = *tensors_.at(spec.tensor); // readRows has looked at it
    WeightSpec unrounded = spec;
    unrounded.dtype = weightDType(tensor.type).value();
    std::vector<std::byte> values(static_cast<size_t>(rows * spec.columns()) * dtypeSize(unrounded.dtype));
    copyRows(unrounded, tensor.bytes.data(), unrounded.dtype, firstRow, rows, unrounded.dtype, values.data());
    return countNonFinite(unrounded.dtype, values);
  }

private:
  std::map<std::string, std::shared_ptr<const Tensor>> tensors_;
};

} // namespace

std::optional<DType> weightDType(ElementType type) {
  switch (type) {
  case ElementType::f32:
    return DType::f32;
  case ElementType::bf16:
    return DType::bf16;
  case ElementType::f16:
    return DType::f16;
  default:
    return std::nullopt;
  }
}

std::unique_ptr<WeightSource> makeOnnxWeights(std::map<std::string, std::shared_ptr<const Tensor>> tensors) {
  return std::make_unique<OnnxWeights>(std::move(tensors));
}

} // namespace cadenza::onnx

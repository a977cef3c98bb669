#include "compiler/import/onnx/ir/onnx_weights.h"
#include "compiler/import/convert.h"
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/text.h"
#include "compiler/support/block_quantization.h"
#include "runtime/plan/program.h"

#include <algorithm>

namespace cadenza::onnx {
namespace {

std::vector<int64_t> withoutOnes(std::vector<int64_t> shape) {
  std::erase(shape, 1);
  return shape;
}

/// A matrix of a few bits, as its tensors hold it.
struct Quantised {
  BlockLayout layout;
  BlockBytes bytes;
};

StatusOr<Quantised> quantisedOf(const WeightSpec &spec, const OnnxTensors &tensors) {
  const auto find = [&](const std::string &name) -> const Tensor * {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : found->second.get();
  };
  const std::vector<int64_t> shape = spec.tensorShape();
  const bool hasZeros = !spec.blocks->zeros.empty();
  const Tensor *packed = find(spec.tensor), *scales = find(spec.blocks->scales), *zeros = find(spec.blocks->zeros);
  if (!packed || !scales || (hasZeros && !zeros) || packed->type != ElementType::u8 || shape.size() != 2 ||
      (spec.view && spec.view->transposed))
    return Status(StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " holds no matrix with scales " +
                                                quotedName(spec.blocks->scales));
  Quantised matrix{{.rows = shape[0],
                    .columns = shape[1],
                    .bits = spec.blocks->bits,
                    .size = spec.blocks->size,
                    .type = scales->type},
                   {packed->bytes, scales->bytes, {}}};
  if (hasZeros) {
    matrix.layout.zeros = zeros->type;
    matrix.bytes.zeros = zeros->bytes;
  }
  CADENZA_RETURN_IF_ERROR(check(matrix.layout, matrix.bytes).withPrefix("tensor " + quotedName(spec.tensor)));
  return matrix;
}

class OnnxWeights : public WeightSource {
public:
  explicit OnnxWeights(OnnxTensors tensors) : tensors_(std::move(tensors)) {}
  std::string describe() const override { return "checkpoint"; }

protected:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    const auto found = tensors_.find(spec.tensor);
    if (found == tensors_.end())
      return {StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is not in the model"};
    if (spec.blocks)
      return readBlocks(spec, firstRow, rows, spec.dtype, dtype, out.data());
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

  Status readElements(const WeightSpec &spec, std::span<std::byte> out) const override {
    const auto found = tensors_.find(spec.tensor);
    if (found == tensors_.end())
      return {StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is not in the model"};
    if (spec.blocks)
      return readBlocks(spec, 0, spec.rows(), spec.dtype, spec.dtype, out.data());
    const Tensor &tensor = *found->second;
    if (tensor.shape != spec.shape)
      return {StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is " + shapeText(tensor.shape) +
                                            ", expected " + shapeText(spec.shape)};
    const auto stored = weightDType(tensor.type);
    if (tensor.type == spec.dtype)
      std::ranges::copy(tensor.bytes, out.begin());
    else if (stored && isActivation(spec.dtype))
      convert(tensor.bytes.data(), *stored, spec.dtype, spec.dtype, out.data(), out.size() / dtypeSize(spec.dtype));
    else
      return {StatusCode::Unsupported, "tensor " + quotedName(spec.tensor) + " of " +
                                           std::string(elementTypeName(tensor.type)) + " as " +
                                           std::string(dtypeName(spec.dtype))};
    return Status::ok();
  }

  uint64_t storedNonFinite(const WeightSpec &spec, int64_t firstRow, int64_t rows) const override {
    if (spec.blocks) {
      std::vector<std::byte> values(static_cast<size_t>(rows * spec.columns()) * sizeof(float));
      const Status status = readBlocks(spec, firstRow, rows, DType::f32, DType::f32, values.data());
      return status.isOk() ? countNonFinite(DType::f32, values) : 0;
    }
    const Tensor &tensor = *tensors_.at(spec.tensor); // readRows has looked at it
    WeightSpec unrounded = spec;
    unrounded.dtype = weightDType(tensor.type).value();
    std::vector<std::byte> values(static_cast<size_t>(rows * spec.columns()) * dtypeSize(unrounded.dtype));
    copyRows(unrounded, tensor.bytes.data(), unrounded.dtype, firstRow, rows, unrounded.dtype, values.data());
    return countNonFinite(unrounded.dtype, values);
  }

private:
  /// Rows of a quantised matrix, rounded to `via` and then to `dtype`.
  Status readBlocks(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType via, DType dtype,
                    std::byte *out) const {
    CADENZA_ASSIGN_OR_RETURN(const Quantised matrix, quantisedOf(spec, tensors_));
    const auto columns = static_cast<size_t>(matrix.layout.columns);
    std::vector<float> row(columns);
    spec.forEachRun(firstRow, rows, [&](int64_t first, int64_t count, int64_t done) {
      for (int64_t r = 0; r < count; ++r) {
        dequantizeRows(matrix.layout, matrix.bytes, first + r, 1, row.data());
        std::byte *to = out + static_cast<size_t>(done + r) * columns * dtypeSize(dtype);
        convert(reinterpret_cast<const std::byte *>(row.data()), DType::f32, via, dtype, to, columns);
      }
    });
    return Status::ok();
  }

  OnnxTensors tensors_;
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

StatusOr<nn::TensorValue> storedValue(const WeightSpec &spec, const OnnxTensors &tensors) {
  const auto found = tensors.find(spec.tensor);
  if (found == tensors.end() || spec.view || (!spec.blocks && !isComputable(found->second->type)))
    return Status(StatusCode::InvalidInput, "is read as a value, and is no tensor of the model");
  if (!spec.blocks)
    return valueOf(*found->second);
  CADENZA_ASSIGN_OR_RETURN(const Quantised matrix, quantisedOf(spec, tensors));
  nn::TensorValue value{{matrix.layout.type, spec.shape}, {}};
  CADENZA_ASSIGN_OR_RETURN(value.bytes, dequantized(matrix.layout, matrix.bytes));
  return value;
}

std::unique_ptr<WeightSource> makeOnnxWeights(OnnxTensors tensors) {
  return std::make_unique<OnnxWeights>(std::move(tensors));
}

} // namespace cadenza::onnx

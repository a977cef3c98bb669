#include "compiler/import/hf/checkpoint_weights.h"
#include "compiler/import/convert.h"
#include "compiler/import/text.h"

namespace cadenza {
namespace {

class CheckpointWeights : public WeightSource {
public:
  explicit CheckpointWeights(std::shared_ptr<const Checkpoint> checkpoint) : checkpoint_(std::move(checkpoint)) {}
  std::string describe() const override { return "checkpoint"; }

protected:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    const CheckpointTensor *tensor = checkpoint_->find(spec.tensor);
    if (!tensor)
      return {StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is not in the checkpoint"};
    auto stored = weightDType(tensor->dtype);
    if (!stored)
      return {StatusCode::Unsupported, "tensor " + quotedName(spec.tensor) + ": dtype " + tensor->dtype};
    if (tensor->shape != spec.shape)
      return {StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is " + shapeText(tensor->shape) +
                                            ", expected " + shapeText(spec.shape)};
    convert(rowsOf(spec, *tensor, *stored, firstRow, rows).data(), *stored, spec.dtype, dtype, out.data(),
            static_cast<size_t>(rows * spec.columns()));
    return Status::ok();
  }

  uint64_t storedNonFinite(const WeightSpec &spec, int64_t firstRow, int64_t rows) const override {
    const CheckpointTensor *tensor = checkpoint_->find(spec.tensor); // readRows has looked at both
    const DType stored = weightDType(tensor->dtype).value();
    return countNonFinite(stored, rowsOf(spec, *tensor, stored, firstRow, rows));
  }

private:
  /// The header check has established that the tensor's bytes are shape x dtype, and the caller that the rows are
  /// inside.
  static std::span<const std::byte> rowsOf(const WeightSpec &spec, const CheckpointTensor &tensor, DType stored,
                                           int64_t firstRow, int64_t rows) {
    const size_t rowBytes = static_cast<size_t>(spec.columns()) * dtypeSize(stored);
    return tensor.data.subspan(static_cast<size_t>(firstRow) * rowBytes, static_cast<size_t>(rows) * rowBytes);
  }

  std::shared_ptr<const Checkpoint> checkpoint_;
};

} // namespace

std::optional<DType> weightDType(std::string_view safetensorsDType) {
  if (safetensorsDType == "BF16")
    return DType::bf16;
  if (safetensorsDType == "F16")
    return DType::f16;
  if (safetensorsDType == "F32")
    return DType::f32;
  return std::nullopt;
}

std::unique_ptr<WeightSource> makeCheckpointWeights(std::shared_ptr<const Checkpoint> checkpoint) {
  return std::make_unique<CheckpointWeights>(std::move(checkpoint));
}

} // namespace cadenza

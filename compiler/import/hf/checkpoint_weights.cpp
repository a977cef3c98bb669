#include "compiler/import/hf/checkpoint_weights.h"
#include "compiler/import/convert.h"
#include "compiler/import/hf/quantized/read_stored.h"
#include "compiler/import/text.h"
#include "runtime/plan/program.h"

namespace cadenza {
namespace {

class CheckpointWeights : public WeightSource {
public:
  CheckpointWeights(std::shared_ptr<const Checkpoint> checkpoint, StoredMatrices matrices)
      : checkpoint_(std::move(checkpoint)), matrices_(std::move(matrices)) {}
  std::string describe() const override { return "checkpoint"; }
  const StoredMatrix *stored(const WeightSpec &spec) const override {
    // Whoever repacks a matrix takes a group to be neighbouring columns.
    const StoredMatrix *matrix = matrixOf(spec);
    return matrix && !matrix->format().permuted ? matrix : nullptr;
  }

protected:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    if (const StoredMatrix *matrix = matrixOf(spec))
      return readStored(spec, *matrix, firstRow, rows, dtype, out.data()).status();
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *tensor, find(spec));
    // The header check has established that the tensor's bytes are shape x dtype, the IR that a view is inside, and the
    // caller that the rows are.
    copyRows(spec, tensor->data.data(), *weightDType(tensor->dtype), firstRow, rows, dtype, out.data());
    return Status::ok();
  }

  Status readElements(const WeightSpec &spec, std::span<std::byte> out) const override {
    if (matrixOf(spec))
      return WeightSource::readElements(spec, out);
    CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *tensor, find(spec));
    if (!isActivation(spec.dtype))
      return {StatusCode::Unsupported, "tensor " + quotedName(spec.tensor) + ": dtype " + tensor->dtype + " as " +
                                           std::string(dtypeName(spec.dtype))};
    convert(tensor->data.data(), *weightDType(tensor->dtype), spec.dtype, spec.dtype, out.data(),
            out.size() / dtypeSize(spec.dtype));
    return Status::ok();
  }

  uint64_t storedNonFinite(const WeightSpec &spec, int64_t firstRow, int64_t rows) const override {
    if (const StoredMatrix *matrix = matrixOf(spec)) {
      const StatusOr<uint64_t> found = readStored(spec, *matrix, firstRow, rows, spec.dtype, nullptr);
      return found.isOk() ? *found : 0;
    }
    const CheckpointTensor *tensor = checkpoint_->find(spec.tensor); // readRows has looked at both
    const DType stored = weightDType(tensor->dtype).value();
    WeightSpec unrounded = spec;
    unrounded.dtype = stored;
    std::vector<std::byte> values(static_cast<size_t>(rows * spec.columns()) * dtypeSize(stored));
    copyRows(unrounded, tensor->data.data(), stored, firstRow, rows, stored, values.data());
    return countNonFinite(stored, values);
  }

private:
  /// The quantised matrix that the weight is of, which has been checked against its shape; or null.
  const StoredMatrix *matrixOf(const WeightSpec &spec) const {
    const auto found = matrices_.find(spec.tensor);
    return found == matrices_.end() ? nullptr : found->second.get();
  }

  /// The tensor of a weight, which is of that shape and of floats.
  StatusOr<const CheckpointTensor *> find(const WeightSpec &spec) const {
    const CheckpointTensor *tensor = checkpoint_->find(spec.tensor);
    if (!tensor)
      return Status(StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is not in the checkpoint");
    if (!weightDType(tensor->dtype))
      return Status(StatusCode::Unsupported, "tensor " + quotedName(spec.tensor) + ": dtype " + tensor->dtype);
    if (tensor->shape != spec.tensorShape())
      return Status(StatusCode::InvalidInput, "tensor " + quotedName(spec.tensor) + " is " + shapeText(tensor->shape) +
                                                  ", expected " + shapeText(spec.tensorShape()));
    return tensor;
  }

  std::shared_ptr<const Checkpoint> checkpoint_;
  StoredMatrices matrices_; // which read from the checkpoint
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

std::unique_ptr<WeightSource> makeCheckpointWeights(std::shared_ptr<const Checkpoint> checkpoint,
                                                    StoredMatrices matrices) {
  return std::make_unique<CheckpointWeights>(std::move(checkpoint), std::move(matrices));
}

} // namespace cadenza

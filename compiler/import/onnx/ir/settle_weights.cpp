#include "compiler/import/onnx/ir/settle_weights.h"
#include "compiler/import/convert.h"
#include "compiler/import/onnx/ir/onnx_weights.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cstring>

using namespace mlir;

namespace cadenza::onnx {
namespace {

/// Whether all values of a tensor of f32 are ones of `dtype`.
bool holds(DType dtype, const Tensor &tensor) {
  constexpr size_t block = 4096;
  std::byte rounded[block * sizeof(float)];
  for (size_t done = 0; done < tensor.bytes.size(); done += sizeof(rounded)) {
    const std::span<const std::byte> part =
        tensor.bytes.subspan(done, std::min(sizeof(rounded), tensor.bytes.size() - done));
    convert(part.data(), DType::f32, dtype, DType::f32, rounded, part.size() / sizeof(float));
    if (std::memcmp(part.data(), rounded, part.size()) != 0)
      return false;
  }
  return true;
}

struct Stored {
  nn::WeightOp op;
  const Tensor *tensor;
  bool isMatrix() const { return cast<ShapedType>(op.getType()).getRank() == 2; }
  bool isF32() const { return tensor->type == ElementType::f32; }
};

void setType(nn::WeightOp weight, DType dtype) {
  MLIRContext *context = weight.getContext();
  const Type element = dtype == DType::f16 ? Type(Float16Type::get(context)) : BFloat16Type::get(context);
  weight.setTypeAttr(TypeAttr::get(RankedTensorType::get(cast<ShapedType>(weight.getType()).getShape(), element)));
}

} // namespace

void settleWeights(ModuleOp module, const IrEmitter::Weights &tensors, Decoder &decoder, Findings &findings) {
  std::vector<Stored> weights;
  for (auto op : module.getOps<nn::WeightOp>())
    if (op.getSource())
      if (const auto tensor = tensors.find(op.getSource()->str()); tensor != tensors.end())
        weights.push_back({op, tensor->second.get()});
  uint64_t half = 0, brain = 0; // bytes of matrices
  std::vector<const Stored *> wide;
  for (const Stored &weight : weights) {
    if (weight.isMatrix() && weight.isF32())
      wide.push_back(&weight);
    else if (weight.isMatrix())
      (weight.tensor->type == ElementType::f16 ? half : brain) += weight.tensor->bytes.size();
  }
  DType dtype = half > brain ? DType::f16 : DType::bf16;
  const auto holdsAll = [&](DType type) {
    return std::ranges::all_of(wide, [&](const Stored *weight) { return holds(type, *weight->tensor); });
  };
  if (!wide.empty() && !holdsAll(dtype)) {
    const DType other = dtype == DType::f16 ? DType::bf16 : DType::f16;
    if (half == brain && holdsAll(other))
      dtype = other;
    else
      findings.notice("model: " + std::to_string(wide.size()) + " tensors are rounded to " +
                      std::string(dtypeName(dtype)) + ", " + quotedName(wide.front()->op.getSource()->str()) +
                      " among them");
  }
  for (const Stored &weight : weights)
    if (weight.isF32() && (weight.isMatrix() || holds(dtype, *weight.tensor)))
      setType(weight.op, dtype);
  for (auto cache : module.getOps<nn::CacheOp>())
    cache.setTypeAttr(TypeAttr::get(dtype == DType::f16 ? Type(Float16Type::get(module.getContext()))
                                                        : BFloat16Type::get(module.getContext())));
  decoder.weightDtype = dtype;
}

} // namespace cadenza::onnx

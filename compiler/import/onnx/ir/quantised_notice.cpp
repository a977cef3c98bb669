#include "compiler/import/onnx/ir/quantised_notice.h"
#include "runtime/plan/describe.h"

#include <algorithm>

namespace cadenza::onnx {
namespace {

/// Whether the first values are the same in the type that the weight is stored in.
bool beginsExactly(const WeightSpec &spec, const WeightSource &source) {
  constexpr int64_t sampled = 4096;
  const int64_t rows = std::clamp<int64_t>(sampled / spec.columns(), 1, spec.rows());
  std::vector<float> values(static_cast<size_t>(rows * spec.columns())), stored(values.size());
  WeightSpec exact = spec;
  exact.dtype = DType::f32;
  const auto read = [&](const WeightSpec &as, std::vector<float> &to) {
    return source.read(as, 0, rows, DType::f32, std::as_writable_bytes(std::span(to))).isOk();
  };
  return read(exact, values) && read(spec, stored) && values == stored;
}

/// "int4 and int8".
std::string joined(const std::set<int64_t> &numbers, const std::string &prefix) {
  std::string text;
  size_t left = numbers.size();
  for (int64_t number : numbers)
    text += prefix + std::to_string(number) + (--left > 1 ? ", " : left == 1 ? " and " : "");
  return text;
}

} // namespace

void noteQuantised(const std::vector<WeightSpec> &weights, const WeightSource &source,
                   const IrEmitter::Weights &tensors, Findings &findings) {
  std::set<int64_t> bits, sizes;
  std::set<std::string> matrices, held;
  uint64_t bytesHeld = 0, bytesStored = 0;
  DType type = DType::bf16;
  bool isExact = true;
  for (const WeightSpec &spec : weights) {
    if (!spec.blocks)
      continue;
    bits.insert(spec.blocks->bits);
    sizes.insert(spec.blocks->size);
    matrices.insert(spec.tensor);
    for (const std::string &name : {spec.tensor, spec.blocks->scales, spec.blocks->zeros})
      if (const auto tensor = tensors.find(name); tensor != tensors.end() && held.insert(name).second)
        bytesHeld += tensor->second->bytes.size();
    type = spec.dtype;
    bytesStored += static_cast<uint64_t>(spec.rows() * spec.columns()) * dtypeSize(type);
    isExact = isExact && beginsExactly(spec, source);
  }
  if (matrices.empty())
    return;
  const std::string name(dtypeName(type)), s = matrices.size() == 1 ? " matrix" : " matrices";
  findings.notice("model: " + std::to_string(matrices.size()) + s + " of " + joined(bits, "int") +
                  " (MatMulNBits, block " + joined(sizes, "") + ") " + (matrices.size() == 1 ? "is" : "are") +
                  " stored as " + name + ", dequantised" + (isExact ? "" : " and rounded to " + name) + ": " +
                  formatBytes(bytesStored) + " instead of " + formatBytes(bytesHeld));
}

} // namespace cadenza::onnx

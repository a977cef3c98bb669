#include "compiler/import/gguf/tensor_check.h"
#include "compiler/import/problem.h"
#include "compiler/import/text.h"
#include "runtime/plan/describe.h"

#include <algorithm>
#include <map>
#include <set>

namespace cadenza::gguf {
namespace {

/// A shape without extents of 1 before a vector's or a matrix's own.
std::vector<int64_t> trimmed(std::vector<int64_t> shape, size_t rank) {
  while (shape.size() > rank && shape.front() == 1)
    shape.erase(shape.begin());
  return shape;
}

/// The shape that the file's tensor has for a weight. Where Hugging Face's is transposed, the file's is not.
std::vector<int64_t> expectedShape(const WeightSpec &spec) {
  std::vector<int64_t> shape = spec.tensorShape();
  if (spec.view && spec.view->transposed)
    std::reverse(shape.begin(), shape.end());
  return shape;
}

/// What is said of tensors once, however many they are.
class TensorCheck {
public:
  TensorCheck(const Model &model, Findings &findings) : model_(model), file_(*model.file), findings_(findings) {}

  void check(const WeightSpec &spec) {
    if (!seen_.insert(spec.tensor).second) // a tensor may hold several weights
      return;
    ++tensors_;
    const Model::Found found = model_.find(spec.tensor);
    const Tensor *tensor = found.tensor;
    if (!tensor)
      return missing_.add(quotedName(found.place.name.empty() ? spec.tensor : found.place.name));
    const bool isFirst = used_.insert(tensor->name).second;
    const std::string where = file_.name() + ": tensor " + quotedName(tensor->name);
    std::vector<int64_t> expected = expectedShape(spec);
    if (found.isPart)
      expected.front() = (model_.heads.heads + 2 * model_.heads.kvHeads) * model_.heads.headDim;
    const std::vector<int64_t> shape = trimmed(tensor->shape, expected.size());
    if (shape != expected)
      shapes_[shapeText(shape) + ", but the keys of " + std::string(model_.architecture->name) + " ask for " +
              shapeText(expected)]
          .add(where);
    if (!isFirst)
      return;
    if (!tensor->type->isSupported() || (expected.size() == 1 && !tensor->type->dtype()))
      types_[std::string(tensor->type->name) + (expected.size() == 1 ? " (of a vector)" : "")].add(where);
    else if (tensor->type->isQuantized())
      addQuantized(*tensor, spec);
    else if (*tensor->type->dtype() != spec.dtype)
      rounded_.add(std::string(dtypeName(spec.dtype)));
  }

  void report(bool storesCodes) {
    if (missing_.count != 0)
      findings_.invalid(file_.name() + ": tensor " + missing_.first + " is missing" + missing_.others() + " of " +
                        std::to_string(tensors_));
    for (const auto &[type, problem] : types_)
      findings_.unsupported(problem.first + " is of type " + type + ", which is not supported (" +
                            supportedTensorTypes() + " are)" + problem.others());
    for (const auto &[shapes, problem] : shapes_)
      findings_.invalid(problem.first + " is " + shapes + problem.others());
    if (rounded_.count != 0)
      findings_.notice(file_.name() + ": " + std::to_string(rounded_.count) + " of " + std::to_string(tensors_) +
                       " tensors are rounded to " + rounded_.first);
    if (!storesCodes)
      reportQuantized();
    reportUnused();
  }

private:
  void addQuantized(const Tensor &tensor, const WeightSpec &spec) {
    ++quantized_[tensor.type->name];
    bytesHeld_ += tensor.data.size();
    bytesStored_ += tensor.data.size() / tensor.type->blockBytes * tensor.type->blockElements * dtypeSize(spec.dtype);
    quantizedAs_ = spec.dtype;
  }

  void reportQuantized() {
    std::string counts;
    size_t all = 0;
    for (const auto &[type, count] : quantized_) {
      counts += (counts.empty() ? "" : ", ") + std::to_string(count) + " " + std::string(type);
      all += count;
    }
    if (all != 0)
      findings_.notice(file_.name() + ": " + std::to_string(all) + " of " + std::to_string(tensors_) + " tensors (" +
                       counts + ") are stored as " + std::string(dtypeName(quantizedAs_)) +
                       ", dequantised and rounded: " + formatBytes(bytesStored_) + " instead of " +
                       formatBytes(bytesHeld_));
  }

  void reportUnused() {
    Problem unused;
    for (const auto &[name, tensor] : file_.tensors()) {
      const bool isConfig = name == "rope_freqs.weight" || name.starts_with("rope_factors_"); // config.h
      if (!isConfig && !used_.contains(name))
        unused.add(quotedName(name));
    }
    if (unused.count != 0)
      findings_.noticeOrError(
          file_.name() + ": " + std::to_string(unused.count) + (unused.count == 1 ? " tensor is" : " tensors are") +
          " no part of this architecture as it is built here and left out; the first is " + unused.first);
  }

  const Model &model_;
  const File &file_;
  Findings &findings_;
  size_t tensors_ = 0;
  std::set<std::string, std::less<>> seen_, used_;
  Problem missing_, rounded_;
  std::map<std::string, Problem> types_, shapes_; // by what is wrong
  std::map<std::string_view, size_t> quantized_;  // by type
  uint64_t bytesHeld_ = 0, bytesStored_ = 0;
  DType quantizedAs_ = DType::bf16;
};

} // namespace

void checkTensors(const Model &model, const std::vector<WeightSpec> &weights, bool storesCodes, Findings &findings) {
  TensorCheck check(model, findings);
  for (const WeightSpec &spec : weights)
    check.check(spec);
  check.report(storesCodes);
}

} // namespace cadenza::gguf

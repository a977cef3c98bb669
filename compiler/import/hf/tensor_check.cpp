#include "compiler/import/hf/tensor_check.h"
#include "compiler/import/hf/checkpoint_weights.h"
#include "compiler/import/problem.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <set>

namespace cadenza {
namespace {

/// "'model.layers.3.mlp.up_proj.weight'" to "model.layers.*.mlp.up_proj.weight": the same in every layer.
std::string inEveryLayer(std::string_view name) {
  std::string pattern;
  for (size_t i = 0; i < name.size();) {
    const size_t end = std::min(name.find('.', i), name.size());
    const std::string_view part = name.substr(i, end - i);
    const bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    pattern += (i == 0 ? "" : ".") + (number ? "*" : std::string(part));
    i = end + 1;
  }
  return pattern;
}

/// Whether a text decoder has no use for the tensor, whatever the model: it is a part of what reads images, or a buffer
/// that is recomputed from config.json.
bool isNoText(std::string_view name) {
  constexpr std::string_view base = "model.";
  if (name.ends_with(".rotary_emb.inv_freq"))
    return true;
  if (name.starts_with(base))
    name.remove_prefix(base.size());
  for (std::string_view part : {"vision_tower.", "multi_modal_projector."})
    if (name.starts_with(part))
      return true;
  return false;
}

/// What is wrong with the tensors, by kind.
struct Problems {
  Problem missing, rounded, passedOver, unused;
  /// By dtype; by module and shapes. In the order in which they were found.
  std::vector<std::pair<std::string, Problem>> dtypes, shapes;
};

Problem &problemOf(std::vector<std::pair<std::string, Problem>> &problems, const std::string &kind) {
  for (auto &[known, problem] : problems)
    if (known == kind)
      return problem;
  return problems.emplace_back(kind, Problem{}).second;
}

void checkWeight(const Checkpoint &checkpoint, const WeightSpec &weight, Problems &problems) {
  const CheckpointTensor *tensor = checkpoint.find(weight.tensor);
  if (!tensor) {
    problems.missing.add(quotedName(weight.tensor));
    return;
  }
  const std::string name = checkpoint.files()[tensor->file].name + ": tensor " + quotedName(weight.tensor);
  auto stored = weightDType(tensor->dtype);
  if (!stored)
    problemOf(problems.dtypes, tensor->dtype).add(name);
  else if (*stored != weight.dtype)
    problems.rounded.add(std::string(dtypeName(weight.dtype)));
  if (tensor->shape != weight.tensorShape()) {
    const std::vector<int64_t> shape = weight.tensorShape();
    const bool transposed = tensor->shape == std::vector<int64_t>(shape.rbegin(), shape.rend());
    const std::string shapes = shapeText(tensor->shape) + ", but config.json asks for " + shapeText(shape) +
                               (transposed ? ", its transpose" : "");
    problemOf(problems.shapes, inEveryLayer(weight.tensor) + shapes)
        .add(name + " is " + shapes + (weight.role == "embedding.weight" ? " (vocab_size, hidden_size)" : ""));
  }
}

} // namespace

void checkTensors(const Checkpoint &checkpoint, const std::vector<WeightSpec> &weights,
                  const QuantizedTensors &quantized, const KnownTensors &known, Findings &findings) {
  Problems problems;
  std::set<std::string_view> used;
  for (const WeightSpec &weight : weights) {
    if (used.insert(weight.tensor).second && !quantized.matrices.contains(weight.tensor) &&
        !quantized.broken.contains(weight.tensor)) // a tensor may hold several weights
      checkWeight(checkpoint, weight, problems);
  }
  const auto isBuffer = [&](std::string_view name) {
    return std::any_of(known.buffers.begin(), known.buffers.end(),
                       [&](std::string_view end) { return name.ends_with(end); });
  };
  for (const auto &[name, tensor] : checkpoint.tensors()) {
    if (used.contains(name) || quantized.used.contains(name))
      continue;
    if (isNoText(name) || isBuffer(name)) {
      problems.passedOver.add(quotedName(name));
      continue;
    }
    const std::string where = checkpoint.files()[tensor.file].name + ": tensor " + quotedName(name);
    if (name == known.tiedHead)
      findings.notice(where + " is not used: config.json ties the head to the embedding");
    else
      problems.unused.add(quotedName(name) + " in " + checkpoint.files()[tensor.file].name);
  }

  // Of a checkpoint that could not be read as a whole, that a tensor is missing says nothing.
  if (problems.missing.count != 0 && checkpoint.complete()) {
    const std::string file = checkpoint.files().size() == 1 ? checkpoint.files().front().name : "checkpoint";
    findings.invalid(file + ": tensor " + problems.missing.first + " is missing" + problems.missing.others() + " of " +
                     std::to_string(used.size()));
  }
  for (const auto &[dtype, problem] : problems.dtypes)
    findings.unsupported(problem.first + " has dtype " + dtype + ", which is not supported (BF16, F16 and F32 are)" +
                         problem.others());
  for (const auto &[module, problem] : problems.shapes)
    findings.invalid(problem.first + problem.others());
  if (problems.rounded.count != 0)
    findings.notice("checkpoint: " + std::to_string(problems.rounded.count) + " of " + std::to_string(used.size()) +
                    " tensors are rounded to " + problems.rounded.first);
  if (problems.passedOver.count != 0)
    findings.notice("checkpoint: " + std::to_string(problems.passedOver.count) +
                    (problems.passedOver.count == 1 ? " tensor is" : " tensors are") +
                    " not used by a text decoder (vision tower, rotary buffers, masks) and passed over; the first is " +
                    problems.passedOver.first);
  if (problems.unused.count != 0)
    findings.noticeOrError("checkpoint: " + std::to_string(problems.unused.count) +
                           (problems.unused.count == 1 ? " tensor is" : " tensors are") +
                           " no part of this architecture as transformers builds it and left out; the first is " +
                           problems.unused.first);
}

DType modelDType(const Checkpoint &checkpoint, bool isQuantized) {
  uint64_t half = 0, other = 0; // bytes
  for (const auto &[name, tensor] : checkpoint.tensors()) {
    if (isQuantized && !name.ends_with(".weight") && !name.ends_with(".bias"))
      continue;
    if (const auto dtype = weightDType(tensor.dtype))
      (dtype == DType::f16 ? half : other) += tensor.data.size();
  }
  return half > other ? DType::f16 : DType::bf16;
}

} // namespace cadenza

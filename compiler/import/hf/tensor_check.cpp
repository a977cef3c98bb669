#include "compiler/import/hf/tensor_check.h"
#include "compiler/import/hf/checkpoint_weights.h"
#include "compiler/import/text.h"

#include <set>

namespace cadenza {
namespace {

constexpr std::string_view embeddingTensor = "model.embed_tokens.weight";

/// Files what is wrong with the tensor of one weight; whether its values will be rounded.
bool checkWeight(const Checkpoint &checkpoint, const WeightSpec &weight, Findings &findings) {
  const CheckpointTensor *tensor = checkpoint.find(weight.tensor);
  if (!tensor && !checkpoint.complete())
    return false;
  if (!tensor) {
    std::string file = checkpoint.files().size() == 1 ? checkpoint.files().front().name + ": " : "checkpoint: ";
    findings.invalid(file + "tensor " + quotedName(weight.tensor) + " is missing");
    return false;
  }
  std::string where = checkpoint.files()[tensor->file].name + ": tensor " + quotedName(weight.tensor) + " ";
  auto stored = weightDType(tensor->dtype);
  if (!stored)
    findings.unsupported(where + "has dtype " + tensor->dtype + ", which is not supported (BF16, F16 and F32 are)");
  if (tensor->shape != weight.tensorShape())
    findings.invalid(where + "is " + shapeText(tensor->shape) + ", but config.json asks for " +
                     shapeText(weight.tensorShape()) +
                     (weight.tensor == embeddingTensor ? " (vocab_size, hidden_size)" : ""));
  return stored && *stored != weight.dtype;
}

} // namespace

void checkTensors(const Checkpoint &checkpoint, const std::vector<WeightSpec> &weights, bool tied, Findings &findings) {
  std::set<std::string_view> used;
  size_t rounded = 0;
  for (const WeightSpec &weight : weights) {
    used.insert(weight.tensor);
    rounded += checkWeight(checkpoint, weight, findings);
  }
  if (rounded != 0)
    findings.notice("checkpoint: " + std::to_string(rounded) + " of " + std::to_string(weights.size()) +
                    " tensors are rounded to " + std::string(dtypeName(weights.front().dtype)));
  for (const auto &[name, tensor] : checkpoint.tensors()) {
    if (used.contains(name) || name.ends_with(".rotary_emb.inv_freq")) // recomputed from config.json
      continue;
    std::string where = checkpoint.files()[tensor.file].name + ": tensor " + quotedName(name) + " ";
    if (tied && name == "lm_head.weight")
      findings.notice(where + "is not used: config.json ties the head to the embedding");
    else
      findings.unsupported(where +
                           "is not part of this architecture as it is supported; leaving it out would change the "
                           "model");
  }
}

std::optional<DType> matrixDType(const Checkpoint &checkpoint) {
  const CheckpointTensor *embedding = checkpoint.find(embeddingTensor);
  auto dtype = embedding ? weightDType(embedding->dtype) : std::nullopt;
  return dtype == DType::f32 ? DType::bf16 : dtype;
}

} // namespace cadenza

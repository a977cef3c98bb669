// Whether a checkpoint holds what the model needs, and what in it is left out.
#pragma once

#include "compiler/import/hf/checkpoint.h"
#include "compiler/import/hf/quantized/quantized_tensors.h"
#include "compiler/import/weight_source.h"

namespace cadenza {

/// Tensors that no weight uses, and what is known of them.
struct KnownTensors {
  std::string tiedHead; // the head's, where the embedding takes its place; or nothing
  /// How tensors end that the model makes itself (Family::buffers).
  std::span<const std::string_view> buffers;
};

/// Files what is wrong with the tensors of weights: those that are missing, have another shape, or a dtype that is no
/// weight; and notices that count tensors that no weight uses (errors with --strict: a bias that the family does not
/// know would change the result) and those that are rounded. One finding a kind of problem, with a count and the first
/// name; of shapes, one for each module of a layer. Weights that `quantized` holds have been checked.
void checkTensors(const Checkpoint &checkpoint, const std::vector<WeightSpec> &weights,
                  const QuantizedTensors &quantized, const KnownTensors &known, Findings &findings);

/// The type of a model: what most bytes of its checkpoint are, of bf16 and f16; f32 is rounded to bf16. What has either
/// type keeps it. Of a quantised one, weights and biases that are not count, and no scales.
DType modelDType(const Checkpoint &checkpoint, bool isQuantized);

} // namespace cadenza

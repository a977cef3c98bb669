// Weights without a checkpoint, so that any published shape can be compiled and measured without a download. Element i
// of a weight is a pure function of (seed, canonical role, i): the same for every importer, thread count and order of
// reading.
#pragma once

#include "compiler/import/weight_source.h"

#include <memory>

namespace cadenza {

/// Approximately normal values (the sum of four 16-bit uniforms), scaled so that activations stay near 1 through the
/// layers and logits spread over several nats:
///   projections                N(0, 1 / columns)
///   embedding.weight, head.weight  N(0, 9 / columns): a normalised vector gives logits of standard deviation 3, tied
///   or not norm weights               1 + N(0, 0.01) biases                     N(0, 0.01)
std::unique_ptr<WeightSource> makeRandomWeights(uint64_t seed);

} // namespace cadenza

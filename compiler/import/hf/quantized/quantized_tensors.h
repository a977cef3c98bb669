// The matrices that a checkpoint holds quantised.
#pragma once

#include "compiler/import/findings.h"
#include "compiler/import/hf/quantized/quantized_format.h"
#include "compiler/import/stored_matrix.h"
#include "compiler/import/weight_source.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace cadenza {

struct QuantizedTensors {
  /// By the name that the tensor of floats would have: WeightSpec::tensor. Rows are outputs, also where a view is
  /// transposed: that turns the tensor of floats, and a quantised matrix never lies that way.
  std::map<std::string, std::shared_ptr<const StoredMatrix>, std::less<>> matrices = {};
  std::set<std::string, std::less<>> used = {}; // tensors that are a part of a matrix, or of no account
  std::set<std::string, std::less<>> broken =
      {};                  // tensors of floats whose matrix could not be opened; there is a finding
  std::string format = {}; // "AWQ"
  uint64_t bytes = 0;      // of the tensors of all matrices
};

/// Opens the matrices of all weights that are quantised. Files what is wrong with them, one finding a kind of problem;
/// reads scales, zero points and maps, and no codes.
QuantizedTensors openQuantized(const Checkpoint &checkpoint, const QuantizedFormat &format,
                               const std::vector<WeightSpec> &weights, Findings &findings);

/// One notice that counts the quantised matrices, by type: how they are stored in the plan, and in how many bytes.
/// `storesCodes`: the plan stores matrices in codes, and what becomes of those of the checkpoint shows when it is
/// packed.
void noteQuantized(const QuantizedTensors &quantized, const std::vector<WeightSpec> &weights, bool storesCodes,
                   Findings &findings);

} // namespace cadenza

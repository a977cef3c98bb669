// From step IR to the program that a plan carries and executors walk.
#pragma once

#include "compiler/import/weight_source.h"
#include "compiler/ir/step/Step.h"
#include "compiler/plan/generate_code.h"
#include "runtime/plan/program.h"

#include <optional>
#include <vector>

namespace cadenza {

/// How the bytes of Program::weights[i] are made.
struct PackRecipe {
  std::vector<WeightSpec> parts; // tensors or constants, in the order of the rows
  bool interleaved = false;      // stripes of 8 rows of each part in turn
};

struct BuiltProgram {
  Program program;
  std::vector<PackRecipe> recipes; // one a weight
};

/// Builds the program of `module` (after assign-buffers and name-phases): of its entries. `decoder` is what the model
/// says of the one that decodes, if one does. `code` is what codegen made of the module, or null for a program that
/// only the CPU executor runs.
mlir::FailureOr<BuiltProgram> buildProgram(mlir::ModuleOp module, const ModelInfo &model,
                                           const std::optional<Decoder> &decoder, const GeneratedCode *code);

} // namespace cadenza

// The body of a fusion, as a plan has it.
#pragma once

#include "compiler/plan/program_symbols.h"

namespace cadenza {

/// The elements and extents of a value of a graph.
nn::TensorSpec tensorSpecOf(mlir::Value value);

/// Fills `phase.body` and `phase.results`; weights of the body are added to the program.
void addBody(step::FusionOp fusion, ProgramSymbols &symbols, Phase &phase);

} // namespace cadenza

// The `sched` dialect (SchedDialect.td, SchedOps.td): schedules of a step program.
#pragma once

#include "compiler/ir/step/Step.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace cadenza::sched {

/// The attribute of a phase op that names the phase; name-phases sets it.
inline constexpr llvm::StringLiteral phaseAttribute = "phase";
/// The name of a phase op, "" if it has none.
llvm::StringRef phaseName(mlir::Operation *phase);

class ComputeOp;
class EmbedOp;
class LayersOp;
class StreamOp;

} // namespace cadenza::sched

#include "compiler/ir/sched/SchedDialect.h.inc"
#include "compiler/ir/sched/SchedEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/ir/sched/SchedTypes.h.inc"
#define GET_OP_CLASSES
#include "compiler/ir/sched/SchedOps.h.inc"

namespace cadenza::sched {

/// The sequence of `function` with the order of sums that its phases carry, or with that of `grid`, if that has one of
/// its own; null if there is none.
SequenceOp sequenceOf(mlir::func::FuncOp function, GridOp grid = nullptr);
/// The grids of `function` that are divisions of their own, in the order of the module.
llvm::SmallVector<GridOp> gridsOf(mlir::func::FuncOp function);
/// The grid that continues `grid`: the second kernel of its division, for long contexts. Null if there is none.
GridOp continuationOf(GridOp grid);

} // namespace cadenza::sched

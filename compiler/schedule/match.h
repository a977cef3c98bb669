// Finds the phases of the persistent schedule in step IR, and keeps the schedule as an attribute of the function.
#pragma once

#include "compiler/ir/step/Step.h"
#include "compiler/schedule/persistent.h"

namespace cadenza {

/// The phases of a step in their roles. A layer is exactly five phases: what the fusion passes make of a decoder layer.
struct PersistentPhases {
  step::EmbedOp embed;
  step::LayersOp layers;
  step::ProjectOp queryKeyValue;
  step::AttendOp attend;
  step::ProjectOp output, gateUp, down, head;

  /// The project in the role of `product`.
  step::ProjectOp project(Product product) const;
};

/// Emits an error at the first op that does not fit, which says what would be needed.
mlir::FailureOr<PersistentPhases> matchPersistent(mlir::func::FuncOp function);

/// The functions of a project that its kernel keeps: all but the KV append, the residual addition and the selection,
/// which are the persistent kernel's own.
llvm::SmallVector<step::FunctionAttrInterface> keptFunctions(step::ProjectOp project);

PersistentModel modelOf(PersistentPhases phases);

/// The attribute `persistent` of the function: what planPersistent was given.
void setPersistentDevice(mlir::func::FuncOp function, const PersistentDevice &device);
/// None: the function has the `launch` schedule only.
std::optional<PersistentDevice> persistentDeviceOf(mlir::func::FuncOp function);

} // namespace cadenza

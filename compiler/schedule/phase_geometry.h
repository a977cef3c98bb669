// How a phase of the step program becomes a grid: launch_geometry.h, for ops.
#pragma once

#include "compiler/schedule/launch_geometry.h"
#include "compiler/schedule/order.h"

namespace cadenza {

/// Of a phase that sums in the given order. An error at the phase if kernels cannot do that.
llvm::FailureOr<ProjectGeometry> geometryOf(step::ProjectOp phase, const SumOrder &order);
llvm::FailureOr<AttendGeometry> geometryOf(step::AttendOp phase, const SumOrder &order);
llvm::FailureOr<MapGeometry> geometryOf(step::MapOp phase);
llvm::FailureOr<MapGeometry> geometryOf(step::SelectOp phase);
llvm::FailureOr<LaunchGeometry> geometryOf(step::EmbedOp phase);

} // namespace cadenza

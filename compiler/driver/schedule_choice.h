// Which schedules a plan has: what is asked for and what the targets have, and, after the passes, what came of it.
#pragma once

#include "compiler/driver/compile.h"
#include "compiler/support/device_table.h"
#include "passes/Passes.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace cadenza {

/// A division of the persistent schedule that was not made, as the pass says it.
struct DivisionLeftOut {
  std::string reason, target, name; // the last two: "" if for any
};

/// Errors (InvalidArgument): options of the persistent schedule without that schedule.
Status checkScheduleOptions(const CompileOptions &options);

/// The divisions to make: those of each target, or the one of --sms.
StatusOr<std::vector<PersistentDevice>> chooseDivisions(const CompileOptions &options,
                                                        const std::vector<const DeviceTarget *> &targets);

/// "schedules: launch, graph, persistent (15x8, 13x8, 8x8)", and lines that say why not others; of a module
/// without a decode entry "schedules: launch".
std::vector<std::string> scheduleNotes(mlir::ModuleOp module, const CompileOptions &options,
                                       const std::vector<const DeviceTarget *> &targets,
                                       const std::vector<DivisionLeftOut> &leftOut);

} // namespace cadenza

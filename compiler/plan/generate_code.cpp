#include "compiler/plan/generate_code.h"

#include "compiler/ir/sched/Sched.h"

using namespace mlir;
using namespace cadenza;

FailureOr<GeneratedCode> cadenza::generateCode(ModuleOp module) {
  GeneratedCode code;
  Emitter emitter;
  bool allEmitted = true;
  for (func::FuncOp function : nn::entriesOf(module)) {
    SmallVector<sched::LaunchOp> launches;
    sched::sequenceOf(function).walk([&](sched::LaunchOp launch) { launches.push_back(launch); });
    auto next = launches.begin(); // the sequence's verifier has seen that they are the phases in their order
    function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
      FailureOr<PhaseLaunch> launch = emitter.add(phase, *next++);
      if (failed(launch))
        allEmitted = false;
      else
        code.launches[phase] = std::move(*launch);
    });
  }
  if (!allEmitted)
    return failure();
  const auto kernelOf = [&](Operation *phase) -> StringRef { return code.launches.find(phase)->second.kernel; };
  if (func::FuncOp decode = nn::decodeEntryOf(module))
    for (sched::GridOp grid : sched::gridsOf(decode))
      code.persistent = emitter.addPersistent(grid, decode, kernelOf);
  code.source = emitter.source();
  return code;
}

#include "compiler/plan/generate_code.h"


using namespace mlir;
using namespace cadenza;

FailureOr<GeneratedCode> cadenza::generateCode(func::FuncOp function) {
  GeneratedCode code;
  Emitter emitter;
  SmallVector<sched::LaunchOp> launches;
  sched::sequenceOf(function).walk([&](sched::LaunchOp launch) { launches.push_back(launch); });
  auto next = launches.begin(); // the sequence's verifier has seen that they are the phases in their order
  bool allEmitted = true;
  function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    FailureOr<PhaseLaunch> launch = emitter.add(phase, *next++);
    if (failed(launch))
      allEmitted = false;
    else
      code.launches[phase] = std::move(*launch);
  });
  if (!allEmitted)
    return failure();
  const auto kernelOf = [&](Operation *phase) -> StringRef { return code.launches.find(phase)->second.kernel; };
  for (sched::GridOp grid : sched::gridsOf(function))
    code.persistent = emitter.addPersistent(grid, function, kernelOf);
  code.source = emitter.source();
  return code;
}

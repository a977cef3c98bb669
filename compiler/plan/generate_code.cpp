#include "compiler/plan/generate_code.h"

#include "compiler/plan/phase_names.h"
#include "compiler/schedule/match.h"

using namespace mlir;
using namespace cadenza;

FailureOr<GeneratedCode> cadenza::generateCode(func::FuncOp function) {
  GeneratedCode code;
  Emitter emitter;
  llvm::DenseMap<Operation *, std::string> names = namePhases(function);
  bool allEmitted = true;
  function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    FailureOr<PhaseLaunch> launch = emitter.add(phase, names.lookup(phase));
    if (failed(launch))
      allEmitted = false;
    else
      code.launches[phase] = std::move(*launch);
  });
  if (!allEmitted)
    return failure();
  if (persistentDeviceOf(function)) {
    const auto kernelOf = [&](Operation *phase) -> StringRef { return code.launches.find(phase)->second.kernel; };
    FailureOr<PersistentLaunch> launch = emitter.addPersistent(function, kernelOf);
    if (failed(launch))
      return failure();
    code.persistent = std::move(*launch);
  }
  code.source = emitter.source();
  return code;
}

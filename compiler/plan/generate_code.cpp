#include "compiler/plan/generate_code.h"

#include "compiler/plan/phase_names.h"
#include "compiler/schedule/match.h"

using namespace mlir;
using namespace cadenza;

FailureOr<GeneratedCode> cadenza::generateCode(ModuleOp module) {
  GeneratedCode code;
  Emitter emitter;
  bool allEmitted = true;
  for (func::FuncOp function : nn::entriesOf(module)) {
    llvm::DenseMap<Operation *, std::string> names = namePhases(function);
    function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
      FailureOr<PhaseLaunch> launch = emitter.add(phase, names.lookup(phase));
      if (failed(launch))
        allEmitted = false;
      else
        code.launches[phase] = std::move(*launch);
    });
  }
  if (!allEmitted)
    return failure();
  if (func::FuncOp decode = nn::decodeEntryOf(module); decode && persistentDeviceOf(decode)) {
    const auto kernelOf = [&](Operation *phase) -> StringRef { return code.launches.find(phase)->second.kernel; };
    FailureOr<PersistentLaunch> launch = emitter.addPersistent(decode, kernelOf);
    if (failed(launch))
      return failure();
    code.persistent = std::move(*launch);
  }
  code.source = emitter.source();
  return code;
}

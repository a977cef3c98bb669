#include "compiler/plan/generate_code.h"

#include "compiler/plan/phase_names.h"

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
  code.source = emitter.source();
  return code;
}

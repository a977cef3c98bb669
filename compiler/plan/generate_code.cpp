#include "compiler/plan/generate_code.h"

#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/order.h"

using namespace mlir;
using namespace cadenza;

namespace {

/// Adds the kernel of each phase of `function` that `wanted`, as `sequence` launches it. False after an error.
bool addPhases(Emitter &emitter, func::FuncOp function, sched::SequenceOp sequence, sched::GridOp grid,
               llvm::function_ref<bool(Operation *)> wanted, llvm::DenseMap<Operation *, PhaseLaunch> &launches) {
  SmallVector<sched::LaunchOp> ops;
  sequence.walk([&](sched::LaunchOp launch) { ops.push_back(launch); });
  auto next = ops.begin(); // the sequence's verifier has seen that they are the phases in their order
  bool allEmitted = true;
  function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    sched::LaunchOp op = *next++;
    if (!wanted(phase))
      return;
    FailureOr<PhaseLaunch> launch = emitter.add(phase, op, grid);
    if (failed(launch))
      allEmitted = false;
    else
      launches[phase] = std::move(*launch);
  });
  return allEmitted;
}

} // namespace

FailureOr<GeneratedCode> cadenza::generateCode(ModuleOp module) {
  GeneratedCode code;
  Emitter emitter;
  bool allEmitted = true;
  const auto all = [](Operation *) { return true; };
  for (func::FuncOp function : nn::entriesOf(module))
    allEmitted &= addPhases(emitter, function, sched::sequenceOf(function), nullptr, all, code.launches);
  if (!allEmitted)
    return failure();
  func::FuncOp decode = nn::decodeEntryOf(module);
  for (sched::GridOp grid : decode ? sched::gridsOf(decode) : SmallVector<sched::GridOp>()) {
    GeneratedCode::Divided divided;
    divided.grid = grid;
    const auto differs = [&](Operation *phase) { return !(orderOf(phase) == orderOf(phase, grid)); };
    if (!addPhases(emitter, decode, sched::sequenceOf(decode, grid), grid, differs, divided.launches))
      return failure();
    const auto kernelOf = [&](Operation *phase) -> StringRef {
      const auto own = divided.launches.find(phase);
      return own != divided.launches.end() ? own->second.kernel : code.launches.find(phase)->second.kernel;
    };
    divided.division = emitter.addPersistent(grid, decode, kernelOf);
    code.divisions.push_back(std::move(divided));
  }
  code.source = emitter.source();
  return code;
}

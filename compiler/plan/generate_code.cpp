#include "compiler/plan/generate_code.h"

#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/order.h"

using namespace mlir;
using namespace cadenza;

namespace {

using Launches = llvm::DenseMap<Operation *, PhaseLaunch>;

/// Adds the kernel of each phase of `function` that `wanted`, as `sequence` launches it. False after an error.
bool addPhases(Emitter &emitter, func::FuncOp function, sched::SequenceOp sequence, sched::GridOp grid,
               llvm::function_ref<bool(Operation *)> wanted, Launches &launches, Launches &prepares,
               Launches &variants) {
  SmallVector<sched::LaunchOp> ops;
  sequence.walk([&](sched::LaunchOp launch) { ops.push_back(launch); });
  auto next = ops.begin(); // the sequence's verifier has seen that they are the phases in their order
  bool allEmitted = true;
  function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    sched::LaunchOp op = *next++;
    if (!wanted(phase))
      return;
    if (op.getPrepare()) {
      FailureOr<PhaseLaunch> prepare = emitter.addPrepare(cast<step::ProjectOp>(phase.getOperation()), op);
      allEmitted &= succeeded(prepare);
      if (succeeded(prepare))
        prepares[phase] = std::move(*prepare);
    }
    if (op.getWgmma()) {
      FailureOr<PhaseLaunch> variant = emitter.addWgmma(phase, op);
      allEmitted &= succeeded(variant);
      if (succeeded(variant))
        variants[phase] = std::move(*variant);
    }
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
  const auto addEntry = [&](func::FuncOp function) {
    return addPhases(emitter, function, sched::sequenceOf(function), nullptr, all, code.launches, code.prepares,
                     code.variants);
  };
  for (func::FuncOp function : nn::entriesOf(module))
    if (!nn::isPrefillEntry(function))
      allEmitted &= addEntry(function);
  if (!allEmitted)
    return failure();
  func::FuncOp decode = nn::decodeEntryOf(module);
  for (sched::GridOp grid : decode ? sched::gridsOf(decode) : SmallVector<sched::GridOp>()) {
    GeneratedCode::Divided divided;
    divided.grid = grid;
    const auto differs = [&](Operation *phase) { return !(orderOf(phase) == orderOf(phase, grid)); };
    if (!addPhases(emitter, decode, sched::sequenceOf(decode, grid), grid, differs, divided.launches, code.prepares,
                   code.variants))
      return failure();
    const auto kernelOf = [&](Operation *phase) -> StringRef {
      const auto own = divided.launches.find(phase);
      return own != divided.launches.end() ? own->second.kernel : code.launches.find(phase)->second.kernel;
    };
    divided.division = emitter.addPersistent(grid, decode, kernelOf);
    code.divisions.push_back(std::move(divided));
  }
  // Last: the names of the decoder's kernels do not depend on whether there is a prefill.
  for (func::FuncOp function : nn::entriesOf(module))
    if (nn::isPrefillEntry(function))
      allEmitted &= addEntry(function);
  if (!allEmitted)
    return failure();
  code.source = emitter.source();
  return code;
}

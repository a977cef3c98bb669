#include "compiler/verify/reference_comparison.h"

#include "compiler/import/convert.h"
#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/ir/nn/Evaluate.h"
#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/phase_names.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace mlir;
using namespace cadenza;

namespace {

/// An output of a phase in one step.
struct Recorded {
  PhaseOutput where; // without the outputs
  size_t output = 0;
  std::vector<float> values;
};

DType dtypeOf(Type element) { return element.isBF16() ? DType::bf16 : element.isF16() ? DType::f16 : DType::f32; }

/// "model.layers.*.mlp" in each of `count` iterations.
std::vector<std::string> inEachIteration(StringRef name, int64_t count) {
  std::vector<std::string> names;
  const auto [before, after] = name.split('*');
  for (int64_t i = 0; i < (name.contains('*') ? count : 1); ++i)
    names.push_back(name.contains('*') ? (before + Twine(i) + after).str() : name.str());
  return names;
}

/// The reference of one function, with the roundings of a step program.
class RoundedReference {
public:
  RoundedReference(func::FuncOp nn, const WeightSource &weights, func::FuncOp step)
      : function(nn), state(nn->getParentOfType<ModuleOp>(), [this, &weights](Operation *op) {
          StatusOr<std::vector<float>> values = weights.readFloats(weightSpec(cast<nn::WeightOp>(op)));
          if (!values.isOk())
            unreadable = values.status();
          return values.isOk() ? *values
                               : nn::Vector(cast<ShapedType>(cast<nn::WeightOp>(op).getType()).getNumElements());
        }) {
    step.walk([&](step::ProjectOp project) {
      step::FunctionAttrInterface prologue = project.getPrologueAttr();
      if (!prologue || !prologue.defersScale())
        return;
      auto layers = project->getParentOfType<step::LayersOp>();
      for (const std::string &name : fusedNames(project.getLoc()))
        for (const std::string &each : inEachIteration(name, layers ? layers.getCount() : 1))
          inDeferringPhase.insert(each);
    });
  }

  /// How many tokens there will be.
  void setLength(size_t tokens) { state.length = static_cast<int64_t>(tokens); }

  /// One token. onResult may replace the result of an op.
  Status step(int64_t token, int64_t position, llvm::function_ref<void(Operation *, nn::Vector &)> onResult) {
    const auto onOperands = [&](Operation *op, MutableArrayRef<nn::Vector> operands) {
      if (auto linear = dyn_cast<nn::LinearOp>(op); linear && !isDeferred(linear.getInput().getDefiningOp()))
        roundTo(dtypeOf(elementType(linear.getWeightAttr())), operands[0]);
      if (auto append = dyn_cast<nn::KVAppendOp>(op))
        for (nn::Vector &values : operands.take_front(2))
          roundTo(dtypeOf(cast<nn::CacheOp>(state.lookup(append.getCacheAttr())).getType()), values);
      if (isDeferred(op))
        input = operands[0];
    };
    const auto onResults = [&](Operation *op, MutableArrayRef<nn::Vector> results) {
      if (isDeferred(op))
        deferScale(cast<nn::RMSNormOp>(op), results[0]);
      if (results.size() == 1)
        onResult(op, results[0]);
    };
    if (failed(nn::evaluateAndEdit(function, state, nn::decodeArguments(function, token, position), onOperands,
                                   onResults)))
      return {StatusCode::Internal, "the reference of nn failed"};
    return unreadable;
  }

private:
  /// Whether `op` is a norm whose factor the program applies after the products. (A norm of the one key head is over a
  /// whole vector, too, and in the same phase.)
  bool isDeferred(Operation *op) const {
    auto norm = dyn_cast_if_present<nn::RMSNormOp>(op);
    if (!norm || norm.getGroup() != nn::rowElements(norm.getInput()) ||
        !llvm::all_of(norm->getUsers(), llvm::IsaPred<nn::LinearOp>))
      return false;
    auto name = dyn_cast<NameLoc>(op->getLoc());
    return name && inDeferringPhase.contains(name.getName());
  }

  Type elementType(FlatSymbolRefAttr weight) {
    return cast<ShapedType>(cast<nn::WeightOp>(state.lookup(weight)).getType()).getElementType();
  }

  /// What the products of a deferred norm amount to: their input is x * gamma, rounded; their results are scaled.
  void deferScale(nn::RMSNormOp norm, nn::Vector &result) {
    double squares = 0;
    for (float x : input)
      squares += static_cast<double>(x) * x;
    const double factor = 1 / std::sqrt(squares / static_cast<double>(input.size()) + norm.getEps().convertToDouble());
    const nn::Vector &gamma = state.weight(norm.getWeightAttr());
    for (size_t i = 0; i < input.size(); ++i)
      result[i] = input[i] * gamma[i];
    for (Operation *user : norm->getUsers())
      roundTo(dtypeOf(elementType(cast<nn::LinearOp>(user).getWeightAttr())), result);
    for (float &x : result)
      x = static_cast<float>(x * factor);
  }

  func::FuncOp function;
  nn::EvaluationState state;
  Status unreadable;
  llvm::StringSet<> inDeferringPhase; // modules
  nn::Vector input;                   // of the deferred norm at work
};

/// Which results of `nn` ops the outputs of phases are. A phase knows the modules of the ops that it computes (its
/// location); what leaves it is what others use.
class OutputsOfPhases {
public:
  OutputsOfPhases(func::FuncOp nn, func::FuncOp step) {
    llvm::StringMap<Operation *> byName;
    nn.walk([&](Operation *op) {
      order[op] = order.size();
      if (auto name = dyn_cast<NameLoc>(op->getLoc()))
        byName[name.getName()] = op;
      if (auto argmax = dyn_cast<nn::ArgmaxOp>(op))
        logits = argmax.getInput().getDefiningOp();
    });
    step.walk([&](step::PhaseOpInterface op) {
      const StringRef phase = sched::phaseName(op);
      auto layers = op->getParentOfType<step::LayersOp>();
      const int64_t count = layers ? layers.getCount() : 1;
      std::vector<Ops> &iterations = computed.try_emplace(phase, count).first->second;
      for (const std::string &module : fusedNames(op->getLoc())) {
        const std::vector<std::string> names = inEachIteration(module, count);
        for (int64_t i = 0; i < count; ++i)
          if (Operation *found = byName.lookup(names[i % names.size()]))
            iterations[i].insert(found);
      }
    });
    for (const auto &phase : computed)
      for (const Ops &ops : phase.second)
        for (Operation *op : ops)
          computedBy[op].push_back(&ops);
    for (const auto &phase : computed)
      for (const Ops &ops : phase.second)
        outputs[phase.first()].push_back(leaving(ops));
  }

  /// Those of a phase in an iteration, in the order of its outputs.
  ArrayRef<Operation *> of(StringRef phase, int64_t iteration) const {
    auto found = outputs.find(phase);
    return found == outputs.end() ? ArrayRef<Operation *>() : ArrayRef(found->second[iteration]);
  }

  Operation *logits = nullptr;

private:
  using Ops = llvm::DenseSet<Operation *>;

  /// Whether a phase uses the result of `op` that does not compute it itself (as several may compute one norm).
  bool leaves(Operation *op) const {
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      auto phases = computedBy.find(user);
      return phases != computedBy.end() &&
             llvm::any_of(phases->second, [&](const Ops *ops) { return !ops->contains(op); });
    });
  }

  /// The vectors among the results of `ops` that leave them, in the order of the segments that they come from.
  std::vector<Operation *> leaving(const Ops &ops) const {
    std::vector<Operation *> found;
    for (Operation *op : ops)
      if (op->getNumResults() == 1 && cast<ShapedType>(op->getResult(0).getType()).getElementType().isF32() &&
          leaves(op))
        found.push_back(op);
    const auto segment = [&](Operation *op) {
      while (!isa<nn::LinearOp>(op)) {
        auto operand =
            llvm::find_if(op->getOperands(), [&](Value value) { return ops.contains(value.getDefiningOp()); });
        if (operand == op->getOperands().end())
          break;
        op = (*operand).getDefiningOp();
      }
      return order.lookup(op);
    };
    llvm::sort(found, [&](Operation *a, Operation *b) { return segment(a) < segment(b); });
    return found;
  }

  llvm::DenseMap<Operation *, size_t> order;  // of nn ops
  llvm::StringMap<std::vector<Ops>> computed; // by name of the phase, by iteration
  llvm::DenseMap<Operation *, std::vector<const Ops *>> computedBy;
  llvm::StringMap<std::vector<std::vector<Operation *>>> outputs; // likewise
};

using Outputs = llvm::DenseMap<Operation *, Recorded>; // by the nn op whose result it is

/// One step of `executor`.
Status record(CpuExecutor &executor, const OutputsOfPhases &phases, Outputs &outputs) {
  const Program &program = executor.program();
  return executor.stepWithVisitor([&](const PhaseOutput &shown) -> Status {
    const Phase &phase = decodeEntry(program).blocks[shown.block].phases[shown.phase];
    const ArrayRef<Operation *> ops = phases.of(phase.name, shown.iteration);
    if (ops.size() != phase.outputs.size())
      return {StatusCode::Internal, "phase '" + phase.name + "' has " + std::to_string(phase.outputs.size()) +
                                        " outputs, which are the results of " + std::to_string(ops.size()) + " ops"};
    for (size_t i = 0; i < shown.outputs.size(); ++i) {
      const std::span<const float> values = shown.outputs[i];
      outputs.try_emplace(i < ops.size() ? ops[i] : phases.logits,
                          Recorded{{shown.block, shown.phase, shown.iteration, {}}, i, {values.begin(), values.end()}});
    }
    return Status::ok();
  });
}

} // namespace

StatusOr<Comparison> cadenza::compareWithReference(func::FuncOp nn, const WeightSource &weights, func::FuncOp step,
                                                   CpuExecutor &executor, std::span<const int32_t> tokens) {
  const Program &program = executor.program();
  const OutputsOfPhases phases(nn, step);
  RoundedReference reference(nn, weights, step);
  Comparison comparison;
  reference.setLength(tokens.size());
  CADENZA_RETURN_IF_ERROR(executor.begin(tokens, {}));
  for (size_t at = 0; at < tokens.size(); ++at) {
    const auto position = static_cast<int64_t>(at);
    Outputs outputs;
    CADENZA_RETURN_IF_ERROR(record(executor, phases, outputs));
    const auto onResult = [&](Operation *op, nn::Vector &values) {
      auto found = outputs.find(op);
      if (found == outputs.end())
        return;
      const auto &[where, output, theirs] = found->second;
      const Phase &phase = decodeEntry(program).blocks[where.block].phases[where.phase];
      if (output < phase.outputs.size())
        roundTo(program.edges[phase.outputs[output]].dtype, values);
      comparison.add(differenceOf(program, where, output, position, theirs, values));
      values = theirs;
    };
    CADENZA_RETURN_IF_ERROR(reference.step(tokens[at], position, onResult));
    if (comparison.firstMismatch)
      return comparison;
  }
  return comparison;
}

#include "compiler/verify/verify_numerics.h"

#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/import/random_weights.h"
#include "compiler/plan/weight_packer.h"
#include "passes/Passes.h"
#include "runtime/cpu/cpu_executor.h"

#include "mlir/Pass/PassManager.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace cadenza;

namespace {

constexpr uint64_t weightSeed = 1;
constexpr int64_t steps = 4; // enough for attention to have something to weigh
// `nn` is exact, `step` rounds activations to 16 bits at every product and in the cache: about 2^-9 each time.
constexpr double loweringTolerance = 1.0 / 32;
// Between step programs only the place of a rounding may move (defer-norm-scale).
constexpr double fusionTolerance = 1.0 / 64;

int64_t tokenAt(int64_t step, int64_t vocabulary) { return (7 + 31 * step) % vocabulary; }

func::FuncOp decodeOf(ModuleOp module) {
  auto function = module.lookupSymbol<func::FuncOp>("decode");
  return function && function.getNumArguments() == 2 && !function.getBody().empty() ? function : func::FuncOp();
}

bool isStep(ModuleOp module) {
  return !module.getBody()->getOps<step::TableOp>().empty() ||
         module.walk([](step::PhaseOpInterface) { return WalkResult::interrupt(); }).wasInterrupted();
}

int64_t vocabularyOf(func::FuncOp function) {
  int64_t rows = 0;
  function.walk([&](Operation *op) {
    FlatSymbolRefAttr matrix;
    if (auto embedding = dyn_cast<nn::EmbeddingOp>(op))
      matrix = embedding.getWeightAttr();
    else if (auto embed = dyn_cast<step::EmbedOp>(op))
      matrix = embed.getMatrixAttr();
    if (matrix)
      rows = cast<ShapedType>(SymbolTable::lookupNearestSymbolFrom<nn::WeightOp>(op, matrix).getType()).getDimSize(0);
  });
  return rows;
}

FailureOr<LogitSteps> runNN(func::FuncOp function, int64_t vocabulary) {
  std::unique_ptr<WeightSource> weights = makeRandomWeights(weightSeed);
  Status status;
  nn::EvaluationState state(function->getParentOfType<ModuleOp>(), [&](Operation *weight) {
    StatusOr<std::vector<float>> values = weights->readFloats(weightSpec(cast<nn::WeightOp>(weight)));
    if (!values.isOk())
      status = values.status();
    return values.isOk() ? *values
                         : nn::Vector(cast<ShapedType>(cast<nn::WeightOp>(weight).getType()).getNumElements());
  });
  LogitSteps logits;
  for (int64_t step = 0; step < steps; ++step) {
    llvm::DenseMap<Operation *, nn::Vector> results;
    nn::ArgmaxOp argmax;
    auto onValue = [&](Operation *op, ArrayRef<nn::Vector> values) {
      if (!values.empty())
        results[op] = values[0];
      if (auto found = dyn_cast<nn::ArgmaxOp>(op))
        argmax = found;
    };
    if (failed(nn::evaluateFunction(function, state, tokenAt(step, vocabulary), step, onValue)))
      return failure();
    if (!status.isOk())
      return function.emitError() << status.message();
    if (!argmax || !argmax.getInput().getDefiningOp())
      return function.emitError() << "selects no token, so there are no logits to compare";
    logits.push_back(results.lookup(argmax.getInput().getDefiningOp()));
  }
  return logits;
}

FailureOr<LogitSteps> runStep(ModuleOp module, int64_t vocabulary) {
  // The IR between passes has no offsets yet: a copy gets them.
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager manager(module.getContext());
  manager.addPass(createAssignBuffers());
  manager.addPass(createNamePhases());
  if (failed(manager.run(*copy)))
    return failure();
  func::FuncOp function = decodeOf(*copy);
  ModelInfo info;
  info.name = "verify-numerics";
  info.vocabulary = vocabulary;
  info.layers = 1;
  info.maxContext = 64;
  function.walk([&](step::EmbedOp embed) { info.hiddenSize = nn::rowElements(embed.getType()); });
  FailureOr<BuiltProgram> built = buildProgram(function, info, nullptr);
  if (failed(built))
    return failure();
  auto run = [&]() -> StatusOr<LogitSteps> {
    CADENZA_ASSIGN_OR_RETURN(std::vector<std::byte> weights, packAll(*built, *makeRandomWeights(weightSeed)));
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<CpuExecutor> executor,
                             makeCpuExecutor(built->program, weights, {.context = 16, .logits = true}));
    std::vector<int32_t> tokens;
    tokens.reserve(steps);
    for (int64_t step = 0; step < steps; ++step)
      tokens.push_back(static_cast<int32_t>(tokenAt(step, vocabulary)));
    CADENZA_RETURN_IF_ERROR(executor->begin(tokens, {}));
    LogitSteps logits;
    for (int64_t step = 0; step < steps; ++step) {
      CADENZA_RETURN_IF_ERROR(executor->enqueueStep(/*withHead=*/true));
      CADENZA_ASSIGN_OR_RETURN(std::span<const float> values, executor->logits());
      logits.emplace_back(values.begin(), values.end());
    }
    return logits;
  };
  StatusOr<LogitSteps> logits = run();
  if (!logits.isOk())
    return module.emitError() << "cannot be run: " << logits.status().message();
  return std::move(*logits);
}

} // namespace

FailureOr<LogitSteps> cadenza::runModule(ModuleOp module) {
  func::FuncOp function = decodeOf(module);
  int64_t vocabulary = function ? vocabularyOf(function) : 0;
  if (vocabulary == 0)
    return module.emitError() << "--verify-numerics needs a function @decode(token, position) with an embedding";
  return isStep(module) ? runStep(module, vocabulary) : runNN(function, vocabulary);
}

double cadenza::relativeError(const LogitSteps &reference, const LogitSteps &values) {
  if (reference.size() != values.size())
    return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (auto [a, b] : llvm::zip_equal(reference, values)) {
    if (a.size() != b.size())
      return std::numeric_limits<double>::infinity();
    double difference = 0, norm = 0;
    for (auto [x, y] : llvm::zip_equal(a, b)) {
      difference += (static_cast<double>(x) - y) * (static_cast<double>(x) - y);
      norm += static_cast<double>(x) * x;
    }
    double error = std::sqrt(difference / norm);
    worst = std::isfinite(error) ? std::max(worst, error) : std::numeric_limits<double>::infinity();
  }
  return worst;
}

void NumericsVerifier::runBeforePass(Pass *, Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module || verdict.failed() || !before.empty())
    return;
  FailureOr<LogitSteps> logits = runModule(module);
  verdict.broken = failed(logits);
  if (verdict.broken)
    return;
  before = std::move(*logits);
  wasStep = isStep(module);
}

void NumericsVerifier::runAfterPass(Pass *pass, Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module || verdict.failed())
    return;
  FailureOr<LogitSteps> after = runModule(module);
  verdict.broken = failed(after);
  if (verdict.broken)
    return;
  double tolerance = wasStep == isStep(module) ? fusionTolerance : loweringTolerance;
  double error = relativeError(before, *after);
  ++verdict.verified;
  if (error > tolerance) {
    verdict.culprit = pass->getArgument().str();
    module.emitError() << "pass '" << verdict.culprit << "' changes values: relative L2 error " << error
                       << " of the logits, " << tolerance << " is allowed";
    return;
  }
  before = std::move(*after);
  wasStep = isStep(module);
}

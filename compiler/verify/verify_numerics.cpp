#include "compiler/verify/verify_numerics.h"

#include "compiler/import/convert.h"
#include "compiler/import/hf/import_hugging_face.h"
#include "compiler/import/random_weights.h"
#include "compiler/ir/nn/Evaluate.h"
#include "compiler/plan/weight_packer.h"
#include "passes/Passes.h"
#include "runtime/cpu/cpu_executor.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Pass/PassManager.h"

#include "llvm/Support/xxhash.h"

#include <cmath>
#include <limits>
#include <random>

using namespace mlir;
using namespace cadenza;

namespace {

constexpr uint64_t weightSeed = 1;
constexpr int64_t steps = 4; // enough for attention to have something to weigh
// `nn` is exact, `step` rounds activations to 16 bits at every product and in the cache: about 2^-9 each time.
constexpr double loweringTolerance = 1.0 / 32;
// Between step programs only the place of a rounding may move (defer-norm-scale).
constexpr double fusionTolerance = 1.0 / 64;
// Between ops on tensors and ops of a decoder only roundings to fp32 move, unless those to 16 bits go.
constexpr double raisingTolerance = 1e-5;

int64_t tokenAt(int64_t step, int64_t vocabulary) { return (7 + 31 * step) % vocabulary; }

/// Made-up values of a named tensor, the same for every form of the module. Those of integers and booleans are 0 or 1:
/// each is an index of nearly everything, and a mask of such numbers leaves something.
std::vector<float> valuesFor(StringRef name, bool isFloat, int64_t elements) {
  std::mt19937 random(static_cast<unsigned>(llvm::xxh3_64bits(name)));
  std::vector<float> values(static_cast<size_t>(elements));
  for (float &value : values) { // the same on every machine, as no distribution of the standard library is
    const auto number = random();
    value = isFloat ? static_cast<float>(number % 65536) / 32768.0f - 1.0f : static_cast<float>(number >> 16 & 1);
  }
  return values;
}
std::vector<float> valuesFor(StringRef name, Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return valuesFor(name, isa<FloatType>(tensor.getElementType()), tensor.getNumElements());
}

bool isStep(ModuleOp module) {
  return !module.getBody()->getOps<step::TableOp>().empty() ||
         module.walk([](step::PhaseOpInterface) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// Whether `module` has ops on tensors, which passes raise.
bool isGraph(ModuleOp module) {
  return module.walk([](nn::EvaluateTensorsOpInterface) { return WalkResult::interrupt(); }).wasInterrupted();
}

/// Whether something but weights is rounded to 16 bits.
bool roundsActivations(ModuleOp module) {
  const auto isNarrow = [](Type type) {
    const Type element = cast<RankedTensorType>(type).getElementType();
    return element.isF16() || element.isBF16();
  };
  const auto visit = [&](nn::EvaluateTensorsOpInterface op) {
    const bool rounds = !isa<nn::GetWeightOp>(op) && llvm::any_of(op->getResultTypes(), isNarrow);
    return rounds ? WalkResult::interrupt() : WalkResult::advance();
  };
  return module.walk(visit).wasInterrupted();
}

/// Made-up weights that go by the tensor that a weight is bound to: passes that raise a graph give weights other
/// symbols and make views of them, under which they keep their values.
class TensorWeights : public WeightSource {
public:
  std::string describe() const override { return "made up by tensor"; }

protected:
  Status readRows(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                  std::span<std::byte> out) const override {
    const WeightSpec whole{spec.tensor, spec.tensor, spec.tensorShape(), DType::f32};
    CADENZA_ASSIGN_OR_RETURN(const std::vector<float> tensor, random->readFloats(whole));
    copyRows(spec, reinterpret_cast<const std::byte *>(tensor.data()), DType::f32, firstRow, rows, dtype, out.data());
    return Status::ok();
  }

private:
  std::unique_ptr<WeightSource> random = makeRandomWeights(weightSeed);
};

/// Rows of the matrix that the token chooses one of; 0 if there is none.
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
  if (rows != 0)
    return rows;
  // In a graph as it was imported.
  ForwardSliceOptions options;
  options.filter = [](Operation *op) { return isa<nn::ReshapeOp, nn::CastOp, nn::GatherOp>(op); };
  SetVector<Operation *> ofToken;
  if (Value token = nn::argumentAt(function, PortKind::Token))
    getForwardSlice(token, &ofToken, options);
  for (Operation *op : ofToken)
    if (auto gather = dyn_cast<nn::GatherOp>(op); gather && rows == 0)
      rows = gather.getInput().getType().getDimSize(0);
  return rows;
}

/// Makes `function`, of a copy, return what it appends to caches that it reads, beside what it returns.
SmallVector<nn::Appended> returnAppended(func::FuncOp function) {
  SmallVector<nn::Appended> all;
  Operation *terminator = function.getBody().front().getTerminator();
  for (Operation &op : function.getBody().front())
    if (std::optional<nn::Appended> appended = nn::appendedBy(&op))
      all.push_back(*appended);
  for (const nn::Appended &appended : all)
    terminator->insertOperands(terminator->getNumOperands(), appended.added);
  return all;
}

/// A few steps of a function that takes a position: the logits of each step if it selects a token, else its results.
FailureOr<EntryValues> runSteps(func::FuncOp function, nn::EvaluationState &state) {
  const int64_t vocabulary = vocabularyOf(function);
  Value next = nn::resultAt(function, PortKind::Next);
  auto argmax = next ? next.getDefiningOp<nn::ArgmaxOp>() : nn::ArgmaxOp();
  Operation *scores = argmax ? argmax.getInput().getDefiningOp() : nullptr;
  if (next && !scores)
    return function.emitError() << "selects no token, so there are no logits to compare";
  SmallVector<nn::Appended> appended = returnAppended(function);
  EntryValues values;
  state.length = steps;
  for (int64_t step = 0; step < steps; ++step) {
    SmallVector<nn::Vector> arguments =
        nn::decodeArguments(function, vocabulary == 0 ? 0 : tokenAt(step, vocabulary), step);
    for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
      if (nn::PortAttr port = nn::argumentPort(function, index); port.getKind() == PortKind::Tensor)
        arguments[index] = valuesFor((port.getName() + Twine(step)).str(), type);
    const auto onValue = [&](Operation *op, ArrayRef<nn::Vector> results) {
      if (op == scores)
        values.push_back(results[0]);
    };
    FailureOr<SmallVector<nn::Vector>> results = nn::evaluateFunction(function, state, arguments, onValue);
    if (failed(results))
      return failure();
    for (nn::Appended &each : llvm::reverse(appended)) {
      nn::EvaluationState::Cache &cache = state.cache(each.past.getCacheAttr());
      (each.past.getOfValues() ? cache.values : cache.keys).push_back(results->pop_back_val());
    }
    if (!scores)
      llvm::append_range(values, *results);
  }
  return values;
}

FailureOr<EntryValues> runNN(func::FuncOp function, nn::EvaluationState &state) {
  SmallVector<nn::Vector> arguments;
  for (auto [index, type] : llvm::enumerate(function.getArgumentTypes()))
    arguments.push_back(valuesFor(nn::argumentPort(function, index).getName(), type));
  FailureOr<SmallVector<nn::Vector>> results = nn::evaluateFunction(function, state, arguments);
  if (failed(results))
    return failure();
  return EntryValues(results->begin(), results->end());
}

/// The logits of a few steps of the decoder.
StatusOr<EntryValues> decode(const BuiltProgram &built, std::span<const std::byte> weights) {
  CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<CpuExecutor> executor,
                           makeCpuExecutor(built.program, weights, {.context = 16, .logits = true}));
  std::vector<int32_t> tokens;
  tokens.reserve(steps);
  for (int64_t step = 0; step < steps; ++step)
    tokens.push_back(static_cast<int32_t>(tokenAt(step, built.program.decoder->vocabulary)));
  CADENZA_RETURN_IF_ERROR(executor->begin(tokens, {}));
  EntryValues logits;
  for (int64_t step = 0; step < steps; ++step) {
    CADENZA_RETURN_IF_ERROR(executor->enqueueStep(/*withHead=*/true));
    CADENZA_ASSIGN_OR_RETURN(std::span<const float> values, executor->logits());
    logits.emplace_back(values.begin(), values.end());
  }
  return logits;
}

/// What the entry gives for made-up tensors.
StatusOr<EntryValues> runTensors(const BuiltProgram &built, const Entry &entry, std::span<const std::byte> weights) {
  CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<TensorExecutor> executor, makeCpuTensorExecutor(built.program, weights));
  Tensors inputs;
  for (const Port &port : entry.inputs) {
    const Edge &edge = built.program.edges[*port.edge];
    const std::vector<float> values = valuesFor(port.name, isFloat(edge.dtype), edge.tokens * edge.elements);
    const std::vector<double> wide(values.begin(), values.end());
    inputs[port.name] = nn::tensorOf(isFloat(edge.dtype) ? ElementType::f32 : edge.dtype, port.shape, std::span(wide));
  }
  CADENZA_ASSIGN_OR_RETURN(Tensors outputs, executor->run(entry.name, inputs));
  EntryValues values;
  for (const Port &port : entry.outputs)
    values.push_back(floatsOf(outputs.find(port.name)->second));
  return values;
}

StatusOr<EntryValues> execute(const BuiltProgram &built) {
  const Program &program = built.program;
  CADENZA_ASSIGN_OR_RETURN(std::vector<std::byte> weights, packAll(built, TensorWeights()));
  EntryValues all;
  for (size_t i = 0; i < program.entries.size(); ++i) {
    if (tileOf(program.entries[i]) > 1)
      continue; // the step on tiles, which the passes before did not have
    const bool decodes = program.decoder && program.decoder->entry == i;
    if (!decodes && tileOf(program.entries[i]) > 0)
      continue; // sums in an order of its own; what its tokens give, decoding shows
    CADENZA_ASSIGN_OR_RETURN(EntryValues values,
                             decodes ? decode(built, weights) : runTensors(built, program.entries[i], weights));
    llvm::append_range(all, values);
  }
  return all;
}

/// Runs the entries of a module in `nn` ops on their executable references.
FailureOr<EntryValues> runNN(ModuleOp original) {
  OwningOpRef<ModuleOp> copy = original.clone(); // runSteps changes it
  ModuleOp module = *copy;
  const auto weights = std::make_unique<TensorWeights>();
  Status status;
  EntryValues all;
  for (func::FuncOp function : nn::entriesOf(module)) {
    nn::EvaluationState state(module, [&](Operation *weight) {
      StatusOr<std::vector<float>> values = weights->readFloats(weightSpec(cast<nn::WeightOp>(weight)));
      if (!values.isOk())
        status = values.status();
      return values.isOk() ? *values
                           : nn::Vector(cast<ShapedType>(cast<nn::WeightOp>(weight).getType()).getNumElements());
    });
    FailureOr<EntryValues> values = nn::isDecodeEntry(function) || nn::argumentAt(function, PortKind::Position)
                                        ? runSteps(function, state)
                                        : runNN(function, state);
    if (failed(values))
      return failure();
    if (!status.isOk())
      return function.emitError() << status.message();
    llvm::append_range(all, *values);
  }
  return all;
}

/// Runs a module in `step` ops on the CPU executor.
FailureOr<EntryValues> runStep(ModuleOp module) {
  // The IR between passes has no offsets yet: a copy gets them.
  OwningOpRef<ModuleOp> copy = module.clone();
  PassManager manager(module.getContext());
  manager.addPass(createAssignBuffers());
  manager.addPass(createNamePhases());
  if (failed(manager.run(*copy)))
    return failure();
  std::optional<Decoder> decoder;
  if (func::FuncOp decode = nn::decodeEntryOf(*copy)) {
    decoder.emplace();
    decoder->vocabulary = vocabularyOf(decode);
    decoder->layers = 1;
    decoder->maxContext = 64;
    decode.walk([&](step::EmbedOp embed) { decoder->hiddenSize = nn::rowElements(embed.getType()); });
  }
  FailureOr<BuiltProgram> built = buildProgram(*copy, {"verify-numerics", ""}, decoder, nullptr);
  if (failed(built))
    return failure();
  StatusOr<EntryValues> values = execute(*built);
  if (!values.isOk())
    return module.emitError() << "cannot be run: " << values.status().message();
  return std::move(*values);
}

} // namespace

FailureOr<EntryValues> cadenza::runModule(ModuleOp module) {
  if (nn::entriesOf(module).empty())
    return module.emitError() << "--verify-numerics needs an entry: a function whose arguments and results carry ports "
                                 "(nn.port)";
  if (func::FuncOp decode = nn::decodeEntryOf(module); decode && vocabularyOf(decode) == 0)
    return decode.emitError() << "--verify-numerics needs an embedding in a decode entry";
  return isStep(module) ? runStep(module) : runNN(module);
}

double cadenza::relativeError(const EntryValues &reference, const EntryValues &values) {
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
  FailureOr<EntryValues> values = runModule(module);
  verdict.broken = failed(values);
  if (verdict.broken)
    return;
  before = std::move(*values);
  wasStep = isStep(module);
  wasGraph = isGraph(module);
  rounded = roundsActivations(module);
}

void NumericsVerifier::runAfterPass(Pass *pass, Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module || verdict.failed())
    return;
  FailureOr<EntryValues> after = runModule(module);
  verdict.broken = failed(after);
  if (verdict.broken)
    return;
  double tolerance = wasStep == isStep(module) ? fusionTolerance : loweringTolerance;
  if (wasGraph && rounded == roundsActivations(module))
    tolerance = raisingTolerance;
  double error = relativeError(before, *after);
  ++verdict.verified;
  if (error > tolerance) {
    verdict.culprit = pass->getArgument().str();
    module.emitError() << "pass '" << verdict.culprit << "' changes values: relative L2 error " << error
                       << " of an entry's results, " << tolerance << " is allowed";
    return;
  }
  before = std::move(*after);
  wasStep = isStep(module);
  wasGraph = isGraph(module);
  rounded = roundsActivations(module);
}

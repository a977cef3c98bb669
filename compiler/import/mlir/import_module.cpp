#include "compiler/import/mlir/import_module.h"

#include "compiler/import/hf/checkpoint_weights.h"
#include "compiler/import/hf/source_hash.h"
#include "compiler/import/random_weights.h"
#include "compiler/import/text.h"
#include "runtime/support/mapped_file.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"

#include <filesystem>

namespace cadenza {
namespace {

constexpr std::string_view ending = ".mlir";

/// "graph.mlir:3:5: ...": errors of parser and verifiers with their place.
std::string describe(mlir::Diagnostic &diagnostic) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto place = llvm::dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation()))
    stream << place.getFilename().getValue() << ":" << place.getLine() << ":" << place.getColumn() << ": ";
  stream << diagnostic;
  return text;
}

/// Files what a graph cannot have: other ops, other control flow, functions that nobody can run.
void checkOps(mlir::ModuleOp module, const std::string &path, Findings &findings) {
  for (mlir::Operation &op : *module.getBody()) {
    if (!llvm::isa<nn::WeightOp, mlir::func::FuncOp>(op))
      findings.unsupported(path + ": op '" + op.getName().getStringRef().str() +
                           "'; a graph has nn.weight and func.func");
  }
  for (auto function : module.getOps<mlir::func::FuncOp>()) {
    const std::string where = path + ": function @" + function.getSymName().str() + " ";
    if (!nn::isEntry(function)) {
      findings.invalid(where +
                       "is no entry: its arguments and results need ports, such as {nn.port = #nn.port<\"x\">}");
      continue;
    }
    if (nn::isDecodeEntry(function))
      findings.unsupported(where + "takes a token; a decoder comes from a model directory, which says what its "
                                   "context, its stop tokens and its tokenizer are");
    if (function.getNumResults() == 0)
      findings.invalid(where + "returns nothing");
    if (!llvm::hasSingleElement(function.getBody()))
      findings.unsupported(where + "has branches");
    function.walk([&](mlir::Operation *op) {
      if (!llvm::isa<nn::NNDialect>(op->getDialect()) && !llvm::isa<mlir::func::FuncOp, mlir::func::ReturnOp>(op))
        findings.unsupported(where + "holds op '" + op->getName().getStringRef().str() + "'; a graph has nn ops");
    });
  }
  if (module.getOps<mlir::func::FuncOp>().empty())
    findings.invalid(path + ": there is no function");
}

void checkWeight(const Checkpoint &checkpoint, const std::string &file, const WeightSpec &weight, Findings &findings) {
  const CheckpointTensor *tensor = checkpoint.find(weight.tensor);
  if (!tensor)
    return findings.invalid(file + ": tensor " + quotedName(weight.tensor) + " is missing");
  const std::string where = file + ": tensor " + quotedName(weight.tensor) + " ";
  if (!weightDType(tensor->dtype))
    findings.unsupported(where + "has dtype " + tensor->dtype + ", which is not supported (BF16, F16 and F32 are)");
  if (tensor->shape != weight.tensorShape())
    findings.invalid(where + "is " + shapeText(tensor->shape) + ", but @" + weight.role +
                     (weight.view ? " is a view of " : " is ") + shapeText(weight.tensorShape()));
}

/// The weights' source; null if there are findings, or if no weight has one.
std::shared_ptr<const Checkpoint> openWeights(const ImportOptions &options, const std::vector<WeightSpec> &weights,
                                              Findings &findings) {
  if (options.weightsFile.empty()) {
    if (!options.randomSeed && !weights.empty())
      findings.invalid("weight @" + weights[0].role + " comes from tensor " + quotedName(weights[0].tensor) +
                       ": say where that is, --weights=FILE.safetensors, or --weights=random:SEED");
    return nullptr;
  }
  StatusOr<Checkpoint> checkpoint = Checkpoint::openFile(options.weightsFile);
  if (!checkpoint.isOk()) {
    findings.add(checkpoint.status());
    return nullptr;
  }
  for (const WeightSpec &weight : weights)
    checkWeight(*checkpoint, options.weightsFile, weight, findings);
  return std::make_shared<const Checkpoint>(std::move(*checkpoint));
}

} // namespace

bool isModuleFile(const std::string &path) { return path.ends_with(ending); }

StatusOr<ImportedModel> importModule(mlir::MLIRContext &context, const ImportOptions &options, Findings &findings) {
  if (options.strict)
    findings.beStrict();
  const std::string &path = options.directory;
  StatusOr<MappedFile> file = MappedFile::open(path);
  if (!file.isOk()) {
    findings.add(file.status());
    return findings.toStatus();
  }
  const std::string text(textOf(*file));
  ImportedModel model;
  {
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
        findings.invalid(describe(diagnostic));
      return mlir::success();
    });
    model.module = mlir::parseSourceString<mlir::ModuleOp>(text, mlir::ParserConfig(&context), path); // verifies
  }
  if (!model.module && !findings.hasErrors())
    findings.invalid(path + ": is no module of IR");
  std::shared_ptr<const Checkpoint> checkpoint;
  if (model.module) {
    checkOps(*model.module, path, findings);
    for (auto weight : model.module->getOps<nn::WeightOp>())
      if (weight.getSource())
        model.weightSpecs.push_back(weightSpec(weight));
    checkpoint = openWeights(options, model.weightSpecs, findings);
  }
  CADENZA_RETURN_IF_ERROR(findings.toStatus());
  model.weights = checkpoint ? makeCheckpointWeights(checkpoint) : makeRandomWeights(options.randomSeed.value_or(0));
  const bool constant = model.weightSpecs.empty(); // nothing is asked of the source
  model.info = {std::filesystem::path(path).stem().string(), constant ? "constants" : model.weights->describe()};
  model.sourceHash = sourceHash({text, model.info.weights}, checkpoint.get());
  return model;
}

} // namespace cadenza

// cadenza-opt: runs passes on IR, one at a time, for lit tests and for looking. mlir-opt's options apply.
#include "compiler/ir/sched/Sched.h"
#include "compiler/verify/verify_numerics.h"
#include "passes/Passes.h"
#include "runtime/support/interrupt.h"
#include "runtime/support/status.h"
#include "runtime/support/version.h"

#include "mlir/IR/Dialect.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

int main(int argc, char **argv) {
  cadenza::endOnSignals("cadenza-opt");
  DialectRegistry registry;
  registry
      .insert<func::FuncDialect, cadenza::nn::NNDialect, cadenza::step::StepDialect, cadenza::sched::SchedDialect>();
  cadenza::registerCadenzaPasses();
  registerCanonicalizerPass();
  registerCSEPass();
  PassPipelineRegistration<> pipeline(
      "cadenza-pipeline", "all passes from nn to a step program, in order",
      [](OpPassManager &manager) { llvm::cantFail(cadenza::buildPipeline(manager, {})); });
  PassPipelineRegistration<> raising("cadenza-raise", "all passes from ops on tensors to those of a decoder, in order",
                                     [](OpPassManager &manager) { cadenza::buildRaising(manager); });

  static llvm::cl::opt<bool> verifyNumerics(
      "verify-numerics",
      llvm::cl::desc("run the IR after every pass on made-up weights and tokens; the first pass that "
                     "changes values is an error"));
  llvm::cl::SetVersionPrinter([](llvm::raw_ostream &out) { out << cadenza::versionText() << "\n"; });
  auto [inputName, outputName] = registerAndParseCLIOptions(argc, argv, "Cadenza pass driver\n", registry);
  if (!verifyNumerics)
    return asMainReturnCode(MlirOptMain(argc, argv, inputName, outputName, registry));

  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> input = openInputFile(inputName, &message);
  std::unique_ptr<llvm::ToolOutputFile> output = openOutputFile(outputName, &message);
  if (!input || !output) {
    llvm::errs() << message << "\n";
    return static_cast<int>(cadenza::StatusCode::Io);
  }
  MlirOptMainConfig commandLine = MlirOptMainConfig::createFromCLOptions();
  MlirOptMainConfig config = commandLine;
  cadenza::NumericsVerdict verdict;
  config.setPassPipelineSetupFn([&](PassManager &manager) {
    manager.addInstrumentation(std::make_unique<cadenza::NumericsVerifier>(verdict));
    return commandLine.setupPassPipeline(manager);
  });
  LogicalResult result = MlirOptMain(output->os(), std::move(input), registry, config);
  if (verdict.failed())
    return static_cast<int>(cadenza::StatusCode::NumericMismatch);
  if (failed(result))
    return 1;
  llvm::errs() << "verified " << verdict.verified << " passes\n";
  output->keep();
  return 0;
}

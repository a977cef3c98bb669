// cadenza-opt: runs passes on IR, one at a time, for lit tests and for looking. mlir-opt's options apply.
#include "passes/Passes.h"

#include "mlir/IR/Dialect.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<mlir::func::FuncDialect, cadenza::nn::NNDialect, cadenza::step::StepDialect>();
  cadenza::registerCadenzaPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Cadenza pass driver\n", registry));
}

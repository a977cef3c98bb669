// From a step program to CUDA source: one kernel a phase, each a few config structs and one instantiation of the device
// code in codegen/kernels. Phases of one structure (28 unrolled layers, say) share one kernel.
#pragma once

#include "compiler/ir/step/Step.h"
#include "runtime/plan/plan.h"

#include <string>
#include <vector>

namespace cadenza {

/// One 8-byte word of a kernel's parameter, before symbols and values have numbers.
struct KernelArgument {
  ArgumentKind kind = ArgumentKind::Edge;
  mlir::Value edge;               // Edge
  mlir::FlatSymbolRefAttr symbol; // Weight (a vector or rope table), CacheKey, CacheValue
  bool matrix = false;            // Weight: the phase's packed matrix instead of `symbol`
  uint32_t scratch = 0;           // Scratch: index into GeneratedCode::scratch
};

/// How a phase is launched.
struct PhaseLaunch {
  std::string kernel;
  std::vector<KernelArgument> arguments;
};

struct GeneratedCode {
  std::vector<Kernel> kernels;
  std::vector<Scratch> scratch;
  llvm::DenseMap<mlir::Operation *, PhaseLaunch> launches; // by phase op
  std::string source;                                      // model.cu; includes "project.cuh" and so on
};

/// Emits `function` (after assign-buffers). `phaseNames` gives each phase op its name of [a-z0-9_] (phase_names.h): model
/// and tensor names never reach the source.
mlir::FailureOr<GeneratedCode> generateCode(mlir::func::FuncOp function,
                                            const llvm::DenseMap<mlir::Operation *, std::string> &phaseNames);

/// The device code that the generated source includes (codegen/kernels/*.cuh), embedded at build time.
const std::vector<SourceFile> &embeddedKernels();

} // namespace cadenza

// From phases of `step` IR to CUDA source: a configuration struct and one instantiation a kernel. Device code is not
// written here; it lives in codegen/kernels.
#pragma once

#include "codegen/source.h"
#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/order.h"

#include "llvm/ADT/StringMap.h"

namespace cadenza {

/// One 8-byte word of a kernel's arguments, in terms of the IR. The plan's Argument is made from it.
struct PhaseArgument {
  ArgumentKind kind = ArgumentKind::Edge;
  mlir::Value edge = {};               // Edge: an operand or a result of the phase
  mlir::FlatSymbolRefAttr symbol = {}; // Weight, caches, Scalar: as the phase names it, perhaps a table
  bool matrix = false;                 // Weight: the phase's matrices, packed into one; `symbol` is null
  bool positions = false;              // Weight: the matrix of learned positions; `symbol` is null
  uint64_t scratchBytes = 0;           // Scratch: what the kernel needs; launches of one kernel may share it
  std::optional<TensorMap> map = {};   // Edge, Scratch, Weight: the word is the address of such a map of it
  uint32_t number = 0;                 // Number
  llvm::StringRef scratch = {};        // Scratch: a name, if kernels share it: one launch writes it, the next one reads
};

struct KernelDraft;

/// The targets that a division is for.
std::vector<std::string> targetsOf(sched::GridOp grid);

/// How a phase is launched.
struct PhaseLaunch {
  std::string kernel;
  std::vector<PhaseArgument> arguments;
  uint32_t blocks = 0; // of a tile of tokens; otherwise 0: the kernel's
};

/// The order of arguments:
///   project  input, matrix, the prologue's, each epilogue's in order, outputs in slot order
///   map      inputs, each epilogue's in order, outputs in slot order
///   attend   query, output, cache key, cache value, state, the cache's positions, its window if it has one, and
///            scratch if it has more than one split
///   embed    matrix, output, state, tokens, the matrix of learned positions if there is one
///   select   logits edge, argmax's
///   fusion   inputs and weights in the order in which its code reads them first, outputs
///   last     input, output, state
/// and in a prefill, of a tile of tokens,
///   project  the operand of its products (scratch, if something prepares it, else the input), the factors of a norm
///   that
///            is deferred (scratch), matrix, state, each epilogue's in order, outputs in slot order
///            by wgmma: map of the operand, the factors, map of the matrix, state, the tokens, each epilogue's, outputs
///   prepare  input, the operand, the factors, state, the prologue's
///   map      inputs, state, each epilogue's in order, outputs in slot order
///   attend   query, output, cache key, cache value, state, the cache's positions, its window if it has one
///   a function   its operands, its weights, its caches (key, value), state if it uses the position, the positions of
///                its cache if it has one, and tokens, logits, scratch if it selects the token
class Emitter {
public:
  /// Generates the kernel of `phase`, launched as `launch` says, or finds that an earlier phase has the same one. The
  /// phase's name is for people and becomes part of the kernel's name if it is new. Emits an error at `phase` if it
  /// cannot be generated. It sums in the order that the phase carries, or in that of `grid`, for whose targets it then
  /// is.
  llvm::FailureOr<PhaseLaunch> add(step::PhaseOpInterface phase, sched::LaunchOp launch, sched::GridOp grid = nullptr);

  /// The same of the kernel that prepares the input of a product of a tile of tokens, which its launch says it needs.
  llvm::FailureOr<PhaseLaunch> addPrepare(step::ProjectOp phase, sched::LaunchOp launch);

  /// And of the kernel that is launched in place of it on targets with the tensor unit of sm_90, as its launch says.
  llvm::FailureOr<PhaseLaunch> addWgmma(step::PhaseOpInterface phase, sched::LaunchOp launch);

  /// Generates the persistent kernel of a schedule of `function`, whose phases have all been added in its order: the
  /// same configurations, put together as its ops say; and that of the schedule that continues it, if there is one.
  /// `kernelOf` gives the kernel of a phase. Returns all of the division but its orders.
  Division addPersistent(sched::GridOp grid, mlir::func::FuncOp function,
                         llvm::function_ref<llvm::StringRef(mlir::Operation *)> kernelOf);

  /// The source of all kernels so far. Names of models and tensors do not occur in it.
  GeneratedSource source() const;

private:
  struct Emitted {
    Kernel record;
    std::string text; // heading, configuration, instantiation
  };
  std::vector<Emitted> kernels_;
  llvm::StringMap<size_t> byStructure_; // configuration and instantiation without the name -> kernel
  llvm::StringMap<size_t> byName_;
  std::string newName(llvm::StringRef wanted, llvm::StringRef config);
  /// Adds the kernel of a grid and returns its name.
  std::string addGrid(sched::GridOp grid, mlir::func::FuncOp function, llvm::StringRef wanted,
                      llvm::function_ref<llvm::StringRef(mlir::Operation *)> kernelOf);
  /// The kernel of a draft: a new one, called `name` if nothing else is, or an earlier one.
  PhaseLaunch place(KernelDraft draft, const std::string &name, step::PhaseOpInterface phase, sched::GridOp grid);
  mlir::SymbolTableCollection symbols_;
  bool persistent_ = false;
  bool wgmma_ = false;   // whether there are kernels for the tensor unit of sm_90
  bool tokens_ = false;  // whether there are kernels of tiles of tokens
  bool fusions_ = false; // whether there are any
};

} // namespace cadenza

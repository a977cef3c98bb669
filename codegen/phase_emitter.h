// One emitter a step op: what the Emitter puts together to a source file.
#pragma once

#include "codegen/config_writer.h"
#include "codegen/emitter.h"
#include "compiler/ir/sched/Sched.h"

namespace cadenza {

/// A kernel before it has a name. Where the name belongs, `config` and `instance` have kernelName.
struct KernelDraft {
  std::string config;   // struct <name> { ... };
  std::string instance; // Project<phase::<name>>
  std::vector<PhaseArgument> arguments;
  Kernel record; // all but the name
  uint64_t minBlocks = 1;
  std::string blocks = "blocks"; // the member of the instance that says the grid; of a tile, for its tokens
  int64_t tokens = 1;            // of a tile
  // For the heading:
  std::string shapes;                   // "1024 -> 2048 f32"
  uint64_t cacheBytesWritten = 0;       // a launch
  uint64_t cacheBytesReadAPosition = 0; // of the positions so far
};

/// Stands for the kernel's name in a draft; no C++ token.
inline constexpr llvm::StringLiteral kernelName = "@";

/// `launch` is how the phase becomes a grid, `order` that of its sums.
/// `wgmma`: the launch's other kernel, of a tile.
llvm::FailureOr<KernelDraft> emitProject(step::ProjectOp op, sched::LaunchOp launch, const SumOrder &order,
                                         mlir::SymbolTableCollection &symbols, bool wgmma = false);
llvm::FailureOr<KernelDraft> emitMap(step::MapOp op, sched::LaunchOp launch, const SumOrder &order,
                                     mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitSelect(step::SelectOp op, sched::LaunchOp launch,
                                        mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitAttend(step::AttendOp op, sched::LaunchOp launch, const SumOrder &order,
                                        mlir::SymbolTableCollection &symbols, bool wgmma = false);
llvm::FailureOr<KernelDraft> emitEmbed(step::EmbedOp op, sched::LaunchOp launch, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitFusion(step::FusionOp op, sched::LaunchOp launch);

/// The end of a tile of tokens, and what prepares the input of a product of one.
llvm::FailureOr<KernelDraft> emitLast(step::LastOp op, sched::LaunchOp launch);
llvm::FailureOr<KernelDraft> emitPrepare(step::ProjectOp op, sched::LaunchOp launch,
                                         mlir::SymbolTableCollection &symbols);

/// What the draft's record says of a launch.
void setLaunch(KernelDraft &draft, sched::LaunchOp launch, PhaseKind kind);

} // namespace cadenza

// One emitter a step op: what the Emitter puts together to a source file.
#pragma once

#include "codegen/config_writer.h"
#include "codegen/emitter.h"
#include "codegen/launch_geometry.h"

namespace cadenza {

/// A kernel before it has a name. Where the name belongs, `config` and `instance` have kernelName.
struct KernelDraft {
  std::string config;   // struct <name> { ... };
  std::string instance; // Project<phase::<name>>
  std::vector<PhaseArgument> arguments;
  Kernel record; // all but the name
  int minBlocks = 1;
  // For the heading:
  std::string shapes;                   // "1024 -> 2048 f32"
  uint64_t cacheBytesWritten = 0;       // a launch
  uint64_t cacheBytesReadAPosition = 0; // of the positions so far
};

/// Stands for the kernel's name in a draft; no C++ token.
inline constexpr llvm::StringLiteral kernelName = "@";

llvm::FailureOr<KernelDraft> emitProject(step::ProjectOp op, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitMap(step::MapOp op, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitSelect(step::SelectOp op, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitAttend(step::AttendOp op, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitEmbed(step::EmbedOp op, mlir::SymbolTableCollection &symbols);

} // namespace cadenza

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
  std::string shapes; // for the heading: "1024 -> 2048 f32"
};

/// Stands for the kernel's name in a draft; no C++ token.
inline constexpr llvm::StringLiteral kernelName = "@";

llvm::FailureOr<KernelDraft> emitProject(step::ProjectOp op, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitMap(step::MapOp op, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitSelect(step::SelectOp op);
llvm::FailureOr<KernelDraft> emitAttend(step::AttendOp op, mlir::SymbolTableCollection &symbols);
llvm::FailureOr<KernelDraft> emitEmbed(step::EmbedOp op, mlir::SymbolTableCollection &symbols);

} // namespace cadenza

// cadenza-compile, as a program: benchmarks of kernels have it make their plans, and are not linked with the compiler.
#pragma once

#include "runtime/support/child_process.h"

namespace cadenza::bench {

/// Compiles `graph`, the text of an .mlir file, with weights that are made up, to a plan in `folder`, whose path it
/// returns. The compiler is $CADENZA_COMPILE, or lies beside this program, or in PATH. Errors: the compiler's;
/// NoCompiler if there is none.
StatusOr<std::string> compileGraph(const std::string &graph, const std::vector<std::string> &options,
                                   const TemporaryFolder &folder, DeferSignals &signals);

} // namespace cadenza::bench

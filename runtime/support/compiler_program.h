// cadenza-compile, for programs that have it make a plan and are not linked with the compiler.
#pragma once

#include "runtime/support/status.h"

#include <filesystem>

namespace cadenza {

/// $CADENZA_COMPILE, else what lies beside this program, else what is in PATH. Error: NoCompiler.
StatusOr<std::filesystem::path> findCompiler();

/// The kind of error that its exit code, not 0, stands for; Internal, if it is none of ours.
StatusCode compilerError(int exitCode);

} // namespace cadenza

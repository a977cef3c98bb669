// The `host` target: the same generated source, compiled by g++ into a shared object for the emulation.
#pragma once

#include "codegen/source.h"

namespace cadenza {

/// Compiles `source` with $CXX, or g++, in a temporary folder that is removed again. Errors: NoCompiler, with the
/// kernel and the compiler's messages.
StatusOr<CompiledCode> compileForHost(const GeneratedSource &source);

} // namespace cadenza

// --override-source: recompiles kernels that a person edited.
#pragma once

#include "codegen/source.h"
#include "runtime/support/status.h"

namespace cadenza {

/// Replaces each file of `source` that exists in `folder` (as `cadenza-inspect --extract` wrote it) by the one there;
/// returns how many differed. Errors: InvalidArgument if there is none, Io if one cannot be read.
StatusOr<size_t> overrideSource(const std::string &folder, GeneratedSource &source);

} // namespace cadenza

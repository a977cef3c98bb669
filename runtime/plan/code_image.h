// Checks of embedded code before a driver or the dynamic linker sees it: cuModuleLoadData takes no length, so a
// truncated image would be read past its end. This makes loading safe against damage, not against a hostile author:
// executing a plan is running its author's code.
#pragma once

#include "runtime/plan/plan.h"

namespace cadenza {

/// cubin, host: a 64-bit little-endian ELF for that machine, all of whose tables, sections and segments lie inside the
/// image. ptx: text with one NUL, at its end, and a .version directive. The error has no code of its own (InvalidPlan).
Status checkCodeImage(ImageKind kind, std::span<const std::byte> image);

} // namespace cadenza

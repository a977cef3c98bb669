// cuModuleLoadData and dlopen take a pointer and no length: whatever an ELF header in a plan claims, they follow. So
// the claims are checked first.
#pragma once

#include "runtime/support/status.h"

#include <cstddef>
#include <span>

namespace cadenza::cuda {

/// Whether `image` is a little-endian 64-bit ELF file all of whose headers, segments and sections lie inside it. The
/// error (InvalidPlan) names the field and its offset in the image.
Status checkElfExtents(std::span<const std::byte> image);

} // namespace cadenza::cuda

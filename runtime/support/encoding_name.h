// How encodings of weights (runtime/shared/encoding.h) are spelled in plans and on command lines: the kind, then what
// is not usual of it, after colons: "tiles16", "int8", "int8:g32", "int4" (of groups of 128), "int4:g32:zeros:bf16",
// "fp8:g128".
#pragma once

#include "runtime/shared/encoding.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

std::string encodingName(const Encoding &encoding);
/// The encoding that is spelled so, exactly.
std::optional<Encoding> encodingNamed(std::string_view name);

/// All encodings that a matrix can have, each once.
std::vector<Encoding> matrixEncodings();
/// What names of encodings of matrices look like, for messages.
std::string_view matrixEncodingSyntax();

} // namespace cadenza

// Contents of the sections that are neither plain JSON, plain text nor weights: encoding for the writer, checked
// decoding for the reader. Errors are InvalidPlan and name the field inside the section.
#pragma once

#include "runtime/plan/plan.h"

#include <span>
#include <string>
#include <vector>

namespace cadenza {

/// Length of a JSON header (u64), the JSON (target, kind, resources), zeros up to a multiple of 64, the image.
std::string encodeCode(const CodeSection &code);
StatusOr<CodeSection> decodeCode(std::span<const std::byte> bytes, const Program &program);

/// Number of files (u32), and for each: length of path and of text (u32 each), path, text.
StatusOr<std::string> encodeSources(const std::vector<SourceFile> &sources);
StatusOr<std::vector<SourceFile>> decodeSources(std::span<const std::byte> bytes);

inline std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

} // namespace cadenza

// The safetensors format (https://github.com/huggingface/safetensors, "Format"): a u64 little-endian header length, a
// JSON header, then one buffer that the tensors cover without hole or overlap. Everything is checked before anything is
// used, so the offsets of a parsed header can be followed without another look.
#pragma once

#include "runtime/support/status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// One entry of the header.
struct SafetensorsEntry {
  std::string name;
  std::string dtype; // as the format spells it: "BF16", "F32", "I64", "F8_E4M3", ...
  std::vector<int64_t> shape;
  uint64_t offset = 0; // of the first byte, from the start of the file
  uint64_t bytes = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries; // in the order of their offsets
  uint64_t headerBytes = 0;              // the length prefix and the JSON text: what lies before the buffer
};

/// Reads and validates the header of a whole file. Needs memory in proportion to the number of tensors, not to the
/// header's length. Errors are InvalidInput (Unsupported for an unknown dtype) and name the tensor, field and offset,
/// not the file.
StatusOr<SafetensorsHeader> parseSafetensorsHeader(std::string_view file);

} // namespace cadenza

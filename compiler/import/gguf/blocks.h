// Blocks of codes: where the bits of each type lie (ggml-common.h, block_*; gguf-py, quants.py). What they mean is the
// one formula of StoredFormat, to the bit what gguf-py's dequantisers compute.
#pragma once

#include "compiler/import/gguf/types.h"
#include "compiler/import/stored_matrix.h"

#include <cstddef>
#include <optional>
#include <span>

namespace cadenza::gguf {

/// How rows of the type are stored; nothing if it is not one of blocks of codes, or not supported.
std::optional<StoredFormat> blockFormat(const TensorType &type);

/// Reads `blocks`, whole blocks of the type, to `rows`: codes, scales and minima of these blocks, one after the other.
/// False if a scale or a minimum is not finite; `rows` is complete all the same.
bool readBlocks(const TensorType &type, std::span<const std::byte> blocks, StoredRows &rows);

} // namespace cadenza::gguf

// A matrix of codes, scales and zero points that lie in tensors of their own: what all formats have in common that do
// not compress their scales.
#pragma once

#include "compiler/import/hf/quantized/bit_grid.h"
#include "compiler/import/stored_matrix.h"

#include <memory>
#include <optional>
#include <vector>

namespace cadenza {

/// code = codes(row, column) - codeOffset, zero = zeros(row, group) + zeroPlus. All of a format's rules have been
/// checked by whoever fills it in.
struct GridParts {
  StoredFormat format = {};
  int64_t rows = 0, columns = 0;
  BitGrid codes = {};
  int codeOffset = 0;
  bool twosComplement = false; // codes and zero points are of 8 bits and signed already
  ScaleGrid scales = {};
  std::optional<BitGrid> zeros = {}; // rows and groups
  int zeroPlus = 0;
  std::vector<int32_t> groupOfColumn = {}; // or nothing
};

/// Reads from the tensors that `parts` points into, which outlive it.
std::unique_ptr<StoredMatrix> makeGridMatrix(GridParts parts);

} // namespace cadenza

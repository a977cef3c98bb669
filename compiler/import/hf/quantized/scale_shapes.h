// Matrices of one byte a code, and the shapes that their scales come in.
#pragma once

#include "compiler/import/hf/quantized/grid_matrix.h"
#include "compiler/import/hf/quantized/module_tensors.h"

namespace cadenza {

/// Rows and columns that share a scale.
struct Block {
  int64_t rows = 128, columns = 128;
};

/// A tensor [rows, columns] of bytes.
GridParts bytesOf(const CheckpointTensor &codes, const StoredFormat &format, int64_t rows, int64_t columns);

/// A scale for each block, [ceil(rows / block), ceil(columns / block)].
Status readBlockScales(ModuleTensors &module, std::string_view suffix, const Block &block, GridParts &parts);
/// A scale for the tensor ([], [1] or [1, 1]), or for each row ([rows] or [rows, 1]).
Status readRowScales(ModuleTensors &module, std::string_view suffix, GridParts &parts);
/// A scale for each row and group of columns, [rows, groups]: parts.format has the group.
Status readGroupScales(ModuleTensors &module, std::string_view suffix, GridParts &parts);
/// A matrix of MXFP4: bytes of two e2m1 codes, the first one in the low bits, in a tensor U8 of the shape `codes`; and
/// a power of two (E8M0) for each row and 32 columns, in a tensor U8 [rows, columns / 32].
StatusOr<GridParts> readMxfp4Parts(ModuleTensors &module, std::string_view codeSuffix, std::string_view scaleSuffix,
                                   const std::vector<int64_t> &codes);

} // namespace cadenza

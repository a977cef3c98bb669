// Weights that the checkpoint holds in integers of a few bits: the attribute nn.blocks of an nn.weight.
//
//   nn.weight @up : tensor<3072x1024xf32> from "up.weight_Q4" {nn.blocks = {bits = 4, scales = "up.scales", size = 32}}
//
// The tensor that the weight is bound to holds integers of `bits` bits (2, 4 or 8), without a sign, packed from the low
// bits on; every row is blocks of `size` of them, the last of which may have integers beyond the row's end. An element
// is (integer - zero) * scale: `scales` and `zeros` name the tensors that hold one of each a block. Zeros are floats of
// the scales' type, or integers as the elements are, packed by row; without them zero is 2^(bits - 1). The weight is
// the matrix, whatever holds it: its type has rows x columns, a view is one of those rows, and who reads it reads it
// dequantised. The integers stay where they are, for an encoding that multiplies by them as they are.
#pragma once

#include "compiler/ir/nn/NN.h"

namespace cadenza::nn {

inline constexpr llvm::StringLiteral blocksAttribute = "nn.blocks";

struct Blocks {
  int64_t bits = 4, size = 32;
  std::string scales, zeros; // names of tensors; without zeros: empty
};

/// Nothing if the weight is held as it is. The weight has been verified.
std::optional<Blocks> blocksOf(WeightOp weight);
void setBlocks(WeightOp weight, const Blocks &blocks);
/// Checks the attribute of a weight that has it.
llvm::LogicalResult verifyBlocks(WeightOp weight);

} // namespace cadenza::nn

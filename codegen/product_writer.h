// The configurations of products on tensor cores: kernels/matmul.cuh, whose epilogue is the ops after a matmul, and
// kernels/attend_sequence.cuh, whose function of a score is the ops before the softmax.
#pragma once

#include "codegen/element_writer.h"
#include "compiler/schedule/attention_geometry.h"
#include "compiler/schedule/product_geometry.h"

namespace cadenza {

/// A configuration: the members of its struct, and the kernel's arguments.
struct ProductConfig {
  std::string members;
  std::vector<PhaseArgument> arguments;
};

llvm::FailureOr<ProductConfig> productConfig(step::FusionOp fusion, const ProductPlan &plan);
llvm::FailureOr<ProductConfig> attentionConfig(step::FusionOp fusion, const AttentionPlan &plan);

} // namespace cadenza

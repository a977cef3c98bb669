// What the persistent kernel has no code for is an error, not a wrong number.
// DEFINE: %{passes} = --convert-nn-to-step --roll-layers --merge-projections --fuse-norm-project --defer-norm-scale \
// DEFINE:   --fuse-query-key-value --fuse-activation-mul --fuse-residual --fuse-head-select --fuse-maps --narrow-edges \
// DEFINE:   --order-sums --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4"
// RUN: sed 's/heads 20/heads 10/; s/head_dim 16/head_dim 32/; s/tensor<8xf32> = dense<.*> : tensor<8xf32>/tensor<16xf32> = dense<0.5> : tensor<16xf32>/; s/nn.rms_norm %%q/nn.layer_norm %%q/' %S/../Inputs/whole_norms.mlir > %t.whole.mlir
// RUN: not cadenza-opt %t.whole.mlir %{passes} 2>&1 | FileCheck %s --check-prefix=WHOLE
// RUN: not cadenza-opt %S/../Inputs/whole_norms.mlir %{passes} 2>&1 | FileCheck %s --check-prefix=NARROW
// RUN: not cadenza-opt %S/../Inputs/llama.mlir %{passes}" subgroups=3" 2>&1 | FileCheck %s --check-prefix=SUBGROUPS

// WHOLE: error: 'step.map' op does not fit the persistent schedule, which needs functions of heads of 32 elements here, or the RMS norm of all query heads or of all key heads together, but has layer_norm of 320 elements
// NARROW: error: the persistent schedule needs query heads of a KV head whose elements are together that is a multiple of 32, not 16
// SUBGROUPS: error: the persistent schedule divides the query heads of a KV head into equal subgroups, one a group of blocks at most: not 2 heads of 1 KV heads into 3

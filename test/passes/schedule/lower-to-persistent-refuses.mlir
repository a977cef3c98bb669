// What the persistent kernel has no code for is an error, not a wrong number.
// DEFINE: %{passes} = --convert-nn-to-step --roll-layers --merge-projections --fuse-norm-project --defer-norm-scale \
// DEFINE:   --fuse-query-key-value --fuse-activation-mul --fuse-residual --fuse-head-select --fuse-maps --narrow-edges \
// DEFINE:   --order-sums --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4"
// RUN: not cadenza-opt %S/../Inputs/post_norm.mlir %{passes} 2>&1 | FileCheck %s --check-prefix=WINDOW
// RUN: not cadenza-opt %S/../Inputs/layer_norm.mlir %{passes} 2>&1 | FileCheck %s --check-prefix=LAYER

// WINDOW: error: 'step.attend' op does not fit the persistent schedule, which needs attention to all positions, not to a window of them
// LAYER: error: 'step.project' op does not fit the persistent schedule, which needs a norm of one sum, which is what blocks exchange, but has layer_norm

// What the persistent kernel has no code for is an error, not a wrong number.
// DEFINE: %{passes} = --convert-nn-to-step --roll-layers --merge-projections --fuse-norm-project --defer-norm-scale \
// DEFINE:   --fuse-query-key-value --fuse-activation-mul --fuse-residual --fuse-head-select --fuse-maps --narrow-edges \
// DEFINE:   --order-sums --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4"
// RUN: not cadenza-opt %S/../Inputs/whole_norms.mlir %{passes} 2>&1 | FileCheck %s --check-prefix=WHOLE
// RUN: not cadenza-opt %S/../Inputs/parallel_branches.mlir %{passes} 2>&1 | FileCheck %s --check-prefix=POSITIONS
// RUN: not cadenza-opt %S/../Inputs/llama.mlir %{passes}" subgroups=3" 2>&1 | FileCheck %s --check-prefix=SUBGROUPS

// WHOLE: error: 'step.project' op does not fit the persistent schedule, which needs one matrix of the residual stream, or gate and up interleaved
// SUBGROUPS: error: the persistent schedule divides the query heads of a KV head into equal subgroups, one a group of blocks at most: not 2 heads of 1 KV heads into 3
// POSITIONS: error: 'step.embed' op does not fit the persistent schedule, which needs an embedding without learned positions

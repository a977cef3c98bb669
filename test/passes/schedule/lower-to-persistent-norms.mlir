// Norms of what is added to the residual stream and layer norms in the persistent schedule.
// DEFINE: %{passes} = --convert-nn-to-step --roll-layers --merge-projections --fuse-norm-project --defer-norm-scale \
// DEFINE:   --fuse-query-key-value --fuse-activation-mul --fuse-residual --fuse-head-select --fuse-maps --narrow-edges \
// DEFINE:   --order-sums --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4"
// RUN: cadenza-opt %S/../Inputs/post_norm.mlir %{passes} | FileCheck %s --check-prefix=POST
// RUN: cadenza-opt %S/../Inputs/layer_norm.mlir %{passes} | FileCheck %s --check-prefix=LAYER

// The order of the norm's sums is that of the ranks' rows; a window changes nothing in the schedule.
// POST:      step.map {{.*}} epilogues [#step.rms_norm<{{.*}}>, #step.add<segment = 0>] {norm_chunk = 32 : i64,
// POST:      sched.layers 4 {
// POST:        %[[A:.*]] = sched.part groups 2
// POST:          sched.publish
// POST-NEXT:   }
// POST-NEXT:   sched.collect %[[A]] norm "layer_rms_norm_add" chunk 32
// POST-NEXT:   %[[F:.*]] = sched.part groups 3
// POST:        sched.collect %[[F]] norm "layer_rms_norm_add_2" chunk 32
// POST-NEXT: }

// A norm that is not deferred needs its sums before the rows.
// LAYER:      %[[A:.*]] = sched.part groups 2
// LAYER-NEXT:   %[[S:.*]] = sched.hop squares {chunk = 32 : i64}
// LAYER-NEXT:   sched.hop residual(%[[S]]) {chunk = 32 : i64}
// LAYER:      sched.collect %[[A]]{{$}}

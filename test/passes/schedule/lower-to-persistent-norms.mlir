// Norms of what is added to the residual stream, layer norms, and norms of all heads together, in the persistent schedule.
// DEFINE: %{passes} = --convert-nn-to-step --roll-layers --merge-projections --fuse-norm-project --defer-norm-scale \
// DEFINE:   --fuse-query-key-value --fuse-activation-mul --fuse-residual --fuse-head-select --fuse-maps --narrow-edges \
// DEFINE:   --order-sums --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4"
// RUN: cadenza-opt %S/../Inputs/post_norm.mlir %{passes} | FileCheck %s --check-prefix=POST
// RUN: cadenza-opt %S/../Inputs/layer_norm.mlir %{passes} | FileCheck %s --check-prefix=LAYER
// RUN: sed 's/heads 20/heads 10/; s/head_dim 16/head_dim 32/; s/tensor<8xf32> = dense<.*> : tensor<8xf32>/tensor<16xf32> = dense<0.5> : tensor<16xf32>/' %S/../Inputs/whole_norms.mlir > %t.whole.mlir
// RUN: cadenza-opt %t.whole.mlir %{passes}" shared-bytes=232448" | cadenza-opt | FileCheck %s --check-prefix=WHOLE

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

// The norm of all query heads and that of all key heads take the sums of all groups, in chunks that lie in a head. What the
// product has not absorbed stays with its maps.
// WHOLE:      %[[P:.*]]:3 = step.project {{.*}} matrices [@layers.attention.query.weight, {{.*}} phase = "layer_query_key_value"}
// WHOLE-NEXT: step.map %[[P]]#0{{.*}}norm_chunk = 32
// WHOLE-NEXT: step.map %[[P]]#1, %[[P]]#2{{.*}}norm_chunk = 32
// WHOLE:      %[[R:.*]] = sched.hop rows(
// WHOLE-NEXT: %[[F:.*]] = sched.finish ["layer_rms_norm_rope", "layer_rms_norm_rope_kv_append"](%[[R]]) norms [0, 1] chunk 32
// WHOLE:      sched.compute "layer_attend"(%[[F]]) context

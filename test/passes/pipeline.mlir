// DEFINE: %{passes} = --convert-nn-to-step --roll-layers --merge-projections --fuse-norm-project \
// DEFINE:   --defer-norm-scale --fuse-query-key-value --fuse-activation-mul --fuse-residual --fuse-head-select \
// DEFINE:   --fuse-maps --narrow-edges --order-sums --assign-buffers
// RUN: cadenza-opt %S/Inputs/qwen3.mlir %{passes} | FileCheck %s --check-prefixes=CHECK,QWEN3
// RUN: cadenza-opt %S/Inputs/llama.mlir %{passes} | FileCheck %s --check-prefixes=CHECK,LLAMA
// RUN: cadenza-opt %S/Inputs/post_norm.mlir %{passes} | FileCheck %s --check-prefix=POST
// RUN: cadenza-opt %S/Inputs/layer_norm.mlir %{passes} | FileCheck %s --check-prefix=LAYER
// RUN: cadenza-opt %S/Inputs/parallel_branches.mlir %{passes} | FileCheck %s --check-prefix=PARALLEL
// RUN: cadenza-opt %S/Inputs/whole_norms.mlir %{passes} | FileCheck %s --check-prefix=WHOLE
// RUN: cadenza-opt %S/Inputs/qwen3.mlir %{passes} -o %t.once
// RUN: cadenza-opt %S/Inputs/qwen3.mlir %{passes} | diff - %t.once

// The embedding, five phases a layer, the head; no map and no copy is left. (That every set of passes computes the same
// is tested in pipeline_test.cpp.)
// CHECK-LABEL: @decode
// CHECK-NEXT: %[[X:.*]] = step.embed
// QWEN3-NEXT: %[[L:.*]] = step.layers count 3 (%[[H:.*]] = %[[X]])
// LLAMA-NEXT: %[[L:.*]] = step.layers count 2 (%[[H:.*]] = %[[X]])
// CHECK-NEXT: %[[Q:.*]] = step.project %[[H]] at
// CHECK-SAME: defer_scale = true
// QWEN3-SAME: epilogues [#step.rms_norm<segment = 0
// QWEN3-SAME: #step.rms_norm<segment = 1
// CHECK-SAME: #step.rope<segment = 0
// CHECK-SAME: #step.rope<segment = 1
// CHECK-SAME: #step.kv_append<key = 1, value = 2
// CHECK-SAME: passes = ["merge-projections", "fuse-norm-project", "defer-norm-scale", "fuse-query-key-value"]
// CHECK-NEXT: %[[A:.*]] = step.attend %[[Q]] {{.*}} -> tensor<1x32xbf16>
// CHECK-NEXT: %[[R:.*]] = step.project %[[A]] with(%[[H]]) {{.*}} epilogues [#step.add<segment = 0>]
// CHECK-NEXT: %[[M:.*]] = step.project %[[R]] {{.*}} epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved, {{.*}} -> tensor<1x64xbf16>
// CHECK-NEXT: %[[Y:.*]] = step.project %[[M]] with(%[[R]]) {{.*}} epilogues [#step.add<segment = 0>]
// CHECK-NEXT: step.yield %[[Y]]
// CHECK-NEXT: }
// QWEN3-NEXT: %[[T:.*]] = step.project %[[L]] matrices [@embedding.weight] {{.*}} epilogues [#step.argmax<segment = 0>]
// LLAMA-NEXT: %[[T:.*]] = step.project %[[L]] matrices [@head.weight] {{.*}} epilogues [#step.argmax<segment = 0>]
// CHECK-NEXT: return %[[T]]

// Norms of whole products stay maps, with the addition after them: seven phases, no copy. What differs between layers is
// in tables, so there is one body.
// POST: step.table @rope [@rope.local, @rope.global, @rope.local, @rope.global]
// POST: step.table @layers.attention.window [@layers.0.attention.window, @layers.1.attention.window, @layers.2.attention.window, @layers.3.attention.window]
// POST-LABEL: @decode
// POST-NEXT: %[[X:.*]] = step.embed
// POST-NEXT: step.layers count 4 (%[[H:.*]] = %[[X]])
// POST-NEXT: %[[Q:.*]] = step.project %[[H]] at {{.*}} prologue #step.rms_norm<{{.*}} epilogues [#step.rope<segment = 0, table = @rope,
// POST-SAME: #step.kv_append<key = 1, value = 2
// POST-NEXT: %[[A:.*]] = step.attend %[[Q]] {{.*}} window @layers.attention.window
// POST-NEXT: %[[O:.*]] = step.project %[[A]] matrices
// POST-NEXT: %[[R:.*]] = step.map %[[O]] with(%[[H]]) epilogues [#step.rms_norm<{{.*}}>, #step.add<segment = 0>]
// POST-NEXT: %[[M:.*]] = step.project %[[R]] {{.*}} prologue #step.rms_norm<{{.*}} epilogues [#step.gelu_tanh<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved
// POST-NEXT: %[[D:.*]] = step.project %[[M]] matrices
// POST-NEXT: %[[Y:.*]] = step.map %[[D]] with(%[[R]]) epilogues [#step.rms_norm<{{.*}}>, #step.add<segment = 0>]
// POST-NEXT: step.yield %[[Y]]
// POST-NEXT: }
// POST-NEXT: step.project
// POST-NEXT: return

// Biases come first, whatever a product absorbs: five phases.
// LAYER-LABEL: @decode
// LAYER-NEXT: %[[X:.*]] = step.embed
// LAYER-NEXT: step.layers count 3 (%[[H:.*]] = %[[X]])
// LAYER-NEXT: %[[Q:.*]] = step.project %[[H]] at {{.*}} prologue #step.layer_norm<segment = 0, weight = @layers.attention_norm.weight, bias = @layers.attention_norm.bias
// LAYER-SAME: epilogues [#step.bias<segment = 0, {{.*}}>, #step.bias<segment = 1, {{.*}}>, #step.bias<segment = 2, {{.*}}>, #step.layer_norm<segment = 0,
// LAYER-SAME: #step.kv_append<key = 1, value = 2
// LAYER-NEXT: %[[A:.*]] = step.attend %[[Q]]
// LAYER-NEXT: %[[R:.*]] = step.project %[[A]] with(%[[H]]) {{.*}} epilogues [#step.bias<segment = 0, {{.*}}>, #step.add<segment = 0>]
// LAYER-NEXT: %[[M:.*]] = step.project %[[R]] {{.*}} epilogues [#step.bias<segment = 0, {{.*}}>, #step.gelu_tanh<segment = 0>]
// LAYER-NEXT: %[[Y:.*]] = step.project %[[M]] with(%[[R]]) {{.*}} epilogues [#step.bias<segment = 0, {{.*}}>, #step.add<segment = 0>]
// LAYER-NEXT: step.yield %[[Y]]
// LAYER-NEXT: }
// LAYER-NEXT: step.project {{.*}} prologue #step.layer_norm<{{.*}} epilogues [#step.bias<segment = 0, weight = @head.bias>, #step.argmax<segment = 0>]

// Branches that read one vector are the same five phases: attention's product adds the vector, the MLP's adds that sum.
// PARALLEL-LABEL: @decode(
// PARALLEL-SAME: %[[TOKEN:.*]]: tensor<1xi32> {{{.*}}}, %[[P:.*]]: tensor<1xi32>
// PARALLEL-NEXT: %[[X:.*]] = step.embed %[[TOKEN]], @embedding.weight positions @positions.weight at %[[P]]
// PARALLEL-NEXT: step.layers count 2 (%[[H:.*]] = %[[X]])
// PARALLEL-NEXT: %[[Q:.*]] = step.project %[[H]] at {{.*}} prologue #step.layer_norm<segment = 0, weight = @layers.attention_norm.weight,
// PARALLEL-SAME: #step.rope<segment = 1, table = @rope.inverse_frequencies, head_dim = 16, rotary_dim = 8>
// PARALLEL-NEXT: %[[A:.*]] = step.attend %[[Q]]
// PARALLEL-NEXT: %[[R:.*]] = step.project %[[A]] with(%[[H]]) {{.*}} epilogues [#step.bias<segment = 0, {{.*}}>, #step.add<segment = 0>]
// PARALLEL-NEXT: %[[M:.*]] = step.project %[[H]] matrices {{.*}} prologue #step.layer_norm<segment = 0, weight = @layers.mlp_norm.weight,
// PARALLEL-SAME: epilogues [#step.bias<segment = 0, {{.*}}>, #step.gelu<segment = 0>]
// PARALLEL-NEXT: %[[Y:.*]] = step.project %[[M]] with(%[[R]]) {{.*}} epilogues [#step.bias<segment = 0, {{.*}}>, #step.add<segment = 0>]
// PARALLEL-NEXT: step.yield %[[Y]]

// Query and key are normalised as a whole, so they are rotated and stored by maps: nine phases.
// WHOLE-LABEL: @decode
// WHOLE: step.layers count 2 (%[[H:.*]] = %{{.*}})
// WHOLE-NEXT: %[[Q:.*]]:3 = step.project %[[H]] matrices [@layers.attention.query.weight, @layers.attention.key.weight, @layers.attention.value.weight]
// WHOLE-DAG: %[[R:.*]] = step.map %[[Q]]#0 at {{.*}} epilogues [#step.rms_norm<{{.*}}>, #step.rope<{{.*}}>]
// WHOLE-DAG: step.map %[[Q]]#1, %[[Q]]#2 at {{.*}} epilogues [#step.rms_norm<{{.*}}>, #step.rope<{{.*}}>, #step.kv_append<key = 0, value = 1
// WHOLE-NEXT: %[[A:.*]] = step.attend %[[R]]
// WHOLE-NEXT: step.project %[[A]]
// WHOLE-NEXT: step.map
// WHOLE-NEXT: step.project
// WHOLE-NEXT: step.project
// WHOLE-NEXT: step.map
// WHOLE-NEXT: step.yield

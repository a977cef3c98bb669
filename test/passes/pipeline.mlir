// DEFINE: %{passes} = --convert-nn-to-step --roll-layers --merge-projections --fuse-norm-project \
// DEFINE:   --defer-norm-scale --fuse-query-key-value --fuse-activation-mul --fuse-residual --fuse-head-select \
// DEFINE:   --narrow-edges --order-sums --assign-buffers
// RUN: cadenza-opt %S/Inputs/qwen3.mlir %{passes} | FileCheck %s --check-prefixes=CHECK,QWEN3
// RUN: cadenza-opt %S/Inputs/llama.mlir %{passes} | FileCheck %s --check-prefixes=CHECK,LLAMA
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

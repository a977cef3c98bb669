// RUN: cadenza-opt %s --roll-layers | FileCheck %s
// RUN: cadenza-opt %S/../Inputs/qwen3.mlir --convert-nn-to-step --roll-layers --mlir-print-debuginfo | FileCheck %s --check-prefix=MODEL
// RUN: cadenza-opt %S/../Inputs/one_layer.mlir --convert-nn-to-step --roll-layers | FileCheck %s --check-prefix=ONE

// The stretch begins with the layer although the final norm looks like another layer's first op.
// MODEL: step.table @layers.attention_norm.weight [@layers.0.attention_norm.weight, @layers.1.attention_norm.weight, @layers.2.attention_norm.weight]
// MODEL: step.table @layers.cache [@layers.0.cache, @layers.1.cache, @layers.2.cache]
// MODEL-LABEL: @decode
// MODEL: %[[X:.*]] = step.embed
// MODEL-NEXT: %[[L:.*]] = step.layers count 3 (%[[H:.*]] = %[[X]])
// MODEL-NEXT: step.map %[[H]] epilogues [#step.rms_norm<segment = 0, weight = @layers.attention_norm.weight
// MODEL-NEXT: step.project {{.*}} matrices [@layers.attention.query.weight]
// MODEL: step.attend {{.*}} @layers.cache
// MODEL: step.yield
// MODEL: step.map %[[L]] epilogues [#step.rms_norm<segment = 0, weight = @final_norm.weight
// MODEL: loc("model.layers.*.input_layernorm")

// ONE: func.func @decode
// ONE-NOT: step.layers
// ONE: return

nn.weight @e : tensor<32x32xbf16> from "e"
nn.weight @layers.0.w : tensor<32x32xbf16> from "w"
nn.weight @layers.1.w : tensor<32x32xbf16> from "w"
nn.weight @layers.2.w : tensor<32x32xbf16> from "w"
nn.weight @f16 : tensor<32x32xf16> from "f"
nn.weight @norm : tensor<32xbf16> from "n"
nn.weight @rope.local : tensor<8xf32> = dense<1.0> : tensor<8xf32>
nn.weight @rope.global : tensor<8xf32> = dense<0.5> : tensor<8xf32>
nn.scalar @layers.0.window = 512
nn.scalar @layers.1.window = 0
nn.scalar @layers.2.window = 512
nn.cache @wide heads 1 head_dim 32 : bf16
nn.cache @wide_too heads 1 head_dim 32 : bf16
nn.cache @half heads 1 head_dim 32 : f16
nn.weight @a : tensor<32x32xbf16> from "a"
nn.weight @b : tensor<32x32xbf16> from "b"

// One value is carried, another is the same for all.
// CHECK-LABEL: @carried
// CHECK: %[[L:.*]] = step.layers count 3 (%[[H:.*]] = %arg0)
// CHECK-NEXT: %[[Y:.*]] = step.project %[[H]] with(%arg1) matrices [@layers.w]
// CHECK-NEXT: step.yield %[[Y]]
// CHECK: return %[[L]]
func.func @carried(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x with (%z) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 with (%z) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %1 with (%z) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// The start value is carried on one way and stays itself on the other.
// CHECK-LABEL: @start_value_read_as_itself
// CHECK: step.layers count 3 (%[[H:.*]] = %arg0)
// CHECK-NEXT: step.project %[[H]] with(%arg0)
func.func @start_value_read_as_itself(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x with (%x) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 with (%x) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %1 with (%x) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @one_value_starts_two
// CHECK: %[[L:.*]]:2 = step.layers count 3 (%[[A:.*]] = %arg0, %[[B:.*]] = %arg0)
// CHECK-NEXT: %[[NA:.*]] = step.project %[[A]] with(%[[B]])
// CHECK-NEXT: %[[NB:.*]] = step.map %[[NA]]
// CHECK-NEXT: step.yield %[[NA]], %[[NB]]
// CHECK: return %[[L]]#0, %[[L]]#1
func.func @one_value_starts_two(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %a0 = step.project %x with (%x) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %b0 = step.map %a0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %a1 = step.project %a0 with (%b0) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %b1 = step.map %a1 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %a2 = step.project %a1 with (%b1) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %b2 = step.map %a2 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %a2, %b2 : tensor<1x32xf32>, tensor<1x32xf32>
}

// Seven ops of period two: three iterations, one op outside, before or after; one carried value either way, so before
// wins nothing and the first stretch is taken.
// CHECK-LABEL: @first_op
// CHECK: step.layers count 3
// CHECK-NEXT: step.map
// CHECK-NEXT: step.project {{.*}} matrices [@layers.w
func.func @first_op(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %s = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %p0 = step.project %s matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %s0 = step.map %p0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %p1 = step.project %s0 matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %s1 = step.map %p1 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %p2 = step.project %s1 matrices [@layers.2.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %p2 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// A projection with a residual before the layers looks like the end of one more layer. Beginning with it would carry two
// values; the layers as they are carry one.
// CHECK-LABEL: @fewest_carried
// CHECK: %[[X:.*]] = step.project %arg1 with(%arg0) matrices [@e]
// CHECK-NEXT: step.layers count 3 (%[[H:.*]] = %[[X]])
// CHECK-NEXT: %[[N:.*]] = step.map %[[H]]
// CHECK-NEXT: step.project %[[N]] with(%[[H]])
func.func @fewest_carried(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %pre = step.project %z with (%x) matrices [@e] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %n0 = step.map %pre epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y0 = step.project %n0 with (%pre) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %n1 = step.map %y0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y1 = step.project %n1 with (%y0) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %n2 = step.map %y1 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n2 with (%y1) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @names_without_parts
// CHECK: matrices [@a_0]
func.func @names_without_parts(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x matrices [@a] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %0 matrices [@b] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// An op may name a symbol twice, if it does in every layer.
// CHECK-LABEL: @one_symbol_twice
// CHECK: step.layers count 2
// CHECK-NEXT: matrices [@[[T:.*]], @[[T]]]
func.func @one_symbol_twice(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %a:2 = step.project %x matrices [@layers.0.w, @layers.0.w] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %b:2 = step.project %a#0 matrices [@layers.1.w, @layers.1.w] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  return %b#0 : tensor<1x32xf32>
}

// Two symbols in one layer are one symbol in the other: no table could hold that.
// CHECK-LABEL: @negative_one_symbol_then_two
// CHECK-NOT: step.layers
// CHECK: matrices [@layers.1.w, @layers.2.w]
func.func @negative_one_symbol_then_two(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %a:2 = step.project %x matrices [@layers.0.w, @layers.0.w] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %b:2 = step.project %a#0 matrices [@layers.1.w, @layers.2.w] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  return %b#0 : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_two_symbols_then_one
// CHECK-NOT: step.layers
// CHECK: matrices [@layers.2.w, @layers.2.w]
func.func @negative_two_symbols_then_one(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %a:2 = step.project %x matrices [@layers.0.w, @layers.1.w] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %b:2 = step.project %a#0 matrices [@layers.2.w, @layers.2.w] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  return %b#0 : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_one_layer
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_one_layer(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %y = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_shapes
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_shapes(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %0 matrices [@f16] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_other_op
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_other_op(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.map %0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = step.project %1 matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %2 epilogues [#step.gelu_tanh<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_caches_of_two_types
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_caches_of_two_types(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %0 = step.attend %x at %p, @wide heads 1 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  %1 = step.attend %0 at %p, @half heads 1 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  return %1 : tensor<1x32xf32>
}

// CHECK-LABEL: @caches_of_one_type
// CHECK: step.layers count 2
func.func @caches_of_one_type(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %0 = step.attend %x at %p, @wide heads 1 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  %1 = step.attend %0 at %p, @wide_too heads 1 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  return %1 : tensor<1x32xf32>
}

// One name in the first iteration would have to stand for two in the second.
// CHECK-LABEL: @negative_names_mixed_up
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_names_mixed_up(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 with (%z) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = step.project %1 matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %2 with (%z) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// The first iteration's value is returned.
// CHECK-LABEL: @negative_seen_outside
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_seen_outside(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %1 matrices [@layers.2.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %y : tensor<1x32xf32>, tensor<1x32xf32>
}

// The last iteration's value is returned, but nothing carries it.
// CHECK-LABEL: @negative_local_seen_outside
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_local_seen_outside(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %a0 = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y0 = step.project %a0 matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %a1 = step.map %y0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y1 = step.project %a1 matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %a1, %y1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// Each adds what was there two iterations before.
// CHECK-LABEL: @negative_skips_an_iteration
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_skips_an_iteration(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x with (%z) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 with (%x) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %1 with (%0) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// The second iteration adds the start value itself, the third what the second made.
// CHECK-LABEL: @negative_carried_then_not
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_carried_then_not(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x with (%x) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 with (%x) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %1 with (%1) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// The second iteration starts from one result of the one before, the third from another.
// CHECK-LABEL: @negative_not_one_value
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_not_one_value(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %s0 = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %a0 = step.project %s0 with (%x) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s1 = step.map %a0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %a1 = step.project %s1 with (%a0) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s2 = step.map %s1 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %s2 with (%a1) matrices [@layers.2.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// What is one value later starts as two.
// CHECK-LABEL: @negative_two_starts
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_two_starts(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>) {
  %0 = step.project %x with (%z) matrices [@layers.0.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %0 with (%0) matrices [@layers.1.w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// Nothing leads from one to the next.
// CHECK-LABEL: @negative_parallel
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_parallel(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %x matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %x matrices [@layers.2.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1, %y : tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>
}

// Tokens are not carried.
// CHECK-LABEL: @negative_token_loop
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_token_loop(%token: tensor<1xi32>) -> tensor<1xi32> {
  %0 = step.embed %token, @e : tensor<1x32xf32>
  %1 = step.select %0 : tensor<1x32xf32>
  %2 = step.embed %1, @e : tensor<1x32xf32>
  %3 = step.select %2 : tensor<1x32xf32>
  return %3 : tensor<1xi32>
}

// CHECK-LABEL: @negative_no_layers
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_no_layers(%token: tensor<1xi32>) -> tensor<1xi32> {
  %0 = step.embed %token, @e : tensor<1x32xf32>
  %1 = step.select %0 : tensor<1x32xf32>
  return %1 : tensor<1xi32>
}

// CHECK: func.func private @declaration
func.func private @declaration(tensor<1xi32>)

// Layers that alternate between two tables of frequencies, and between a window and none, are one body. (Tables stand
// before their function.)
// CHECK: step.table @rope [@rope.local, @rope.global, @rope.local]
// CHECK: step.table @layers.window [@layers.0.window, @layers.1.window, @layers.2.window]
// CHECK-LABEL: @alternating
// CHECK: step.layers count 3 (%[[H:.*]] = %arg0)
// CHECK-NEXT: %[[R:.*]] = step.map %[[H]] at %arg1 epilogues [#step.rope<segment = 0, table = @rope,
// CHECK-NEXT: step.attend %[[R]] at %arg1, @wide heads 1 scale 5.000000e-01 window @layers.window
func.func @alternating(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %r0 = step.map %x at %p epilogues [#step.rope<segment = 0, table = @rope.local, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  %a0 = step.attend %r0 at %p, @wide heads 1 scale 0.5 window @layers.0.window : tensor<1x32xf32> -> tensor<1x32xf32>
  %r1 = step.map %a0 at %p epilogues [#step.rope<segment = 0, table = @rope.global, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  %a1 = step.attend %r1 at %p, @wide heads 1 scale 0.5 window @layers.1.window : tensor<1x32xf32> -> tensor<1x32xf32>
  %r2 = step.map %a1 at %p epilogues [#step.rope<segment = 0, table = @rope.local, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  %a2 = step.attend %r2 at %p, @wide heads 1 scale 0.5 window @layers.2.window : tensor<1x32xf32> -> tensor<1x32xf32>
  return %a2 : tensor<1x32xf32>
}

// A window is no layer's that has none: an attention without is another op.
// CHECK-LABEL: @negative_some_have_a_window
// CHECK-NOT: step.layers
// CHECK: return
func.func @negative_some_have_a_window(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %a0 = step.attend %x at %p, @wide heads 1 scale 0.5 window @layers.0.window : tensor<1x32xf32> -> tensor<1x32xf32>
  %a1 = step.attend %a0 at %p, @wide heads 1 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  return %a1 : tensor<1x32xf32>
}

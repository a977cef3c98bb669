// RUN: cadenza-opt %s --convert-nn-to-step | FileCheck %s

nn.weight @embedding.weight : tensor<10x8xbf16> from "e"
nn.weight @positions.weight : tensor<6x8xbf16> from "p"
nn.weight @norm.weight : tensor<8xbf16> from "n"
nn.weight @head_norm.weight : tensor<4xbf16> from "h"
nn.weight @key.weight : tensor<4x8xbf16> from "k"
nn.weight @key.bias : tensor<4xbf16> from "b"
nn.scalar @window = 3
nn.weight @rope.inverse_frequencies : tensor<2xf32> = dense<1.0> : tensor<2xf32>
nn.cache @cache heads 1 head_dim 4 : bf16

// CHECK-LABEL: @decode(
// CHECK-SAME: %[[TOKEN:.*]]: tensor<1xi32>, %[[P:.*]]: tensor<1xi32>
func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  // CHECK-NEXT: %[[X:.*]] = step.embed %[[TOKEN]], @embedding.weight : tensor<1x8xf32>
  %x = nn.embedding %token, @embedding.weight : tensor<1x8xf32>
  // CHECK-NEXT: step.embed %[[TOKEN]], @embedding.weight positions @positions.weight at %[[P]] {scale = 2.000000e+00 : f64} : tensor<1x8xf32>
  %xp = nn.embedding %token, @embedding.weight positions @positions.weight at %position scale 2.0 : tensor<1x8xf32>
  // CHECK-NEXT: %[[N:.*]] = step.map %[[X]] epilogues [#step.rms_norm<segment = 0, weight = @norm.weight, eps = 5.000000e-01 : f64, group_size = 8>]
  %n = nn.rms_norm %x, @norm.weight eps 0.5 : tensor<1x8xf32>
  // CHECK-NEXT: %[[Q:.*]] = step.map %[[N]] epilogues [#step.rms_norm<segment = 0, weight = @head_norm.weight, eps = 5.000000e-01 : f64, group_size = 4>]
  %q = nn.rms_norm %n, @head_norm.weight eps 0.5 group_size 4 : tensor<1x8xf32>
  // CHECK-NEXT: %[[K:.*]] = step.project %[[N]] matrices [@key.weight] epilogues [#step.bias<segment = 0, weight = @key.bias>]
  %k = nn.linear %n, @key.weight bias @key.bias : (tensor<1x8xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: %[[V:.*]] = step.project %[[N]] matrices [@key.weight] :
  %v = nn.linear %n, @key.weight : (tensor<1x8xf32>) -> tensor<1x4xf32>
  // CHECK-NEXT: %[[R:.*]] = step.map %[[K]] at %[[P]] epilogues [#step.rope<segment = 0, table = @rope.inverse_frequencies, head_dim = 4, rotary_dim = 4>]
  %r = nn.rope %k, %position, @rope.inverse_frequencies head_dim 4 : tensor<1x4xf32>
  // CHECK-NEXT: step.map %[[R]], %[[V]] at %[[P]] epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 1, head_dim = 4>]
  nn.kv_append %r, %v, %position, @cache : tensor<1x4xf32>
  // CHECK-NEXT: %[[A:.*]] = step.attend %[[Q]] at %[[P]], @cache heads 2 scale 5.000000e-01 : tensor<1x8xf32> -> tensor<1x8xf32>
  %a = nn.attention %q, %position, @cache heads 2 scale 0.5 : tensor<1x8xf32>
  // CHECK-NEXT: %[[S:.*]] = step.map %[[A]] epilogues [#step.silu<segment = 0>]
  %s = nn.silu %a : tensor<1x8xf32>
  // CHECK-NEXT: %[[G:.*]] = step.map %[[S]] epilogues [#step.gelu_tanh<segment = 0>]
  %g = nn.gelu_tanh %s : tensor<1x8xf32>
  // CHECK-NEXT: %[[M:.*]] = step.map %[[G]], %[[A]] epilogues [#step.mul<lhs = 0, rhs = 1>]
  %m = nn.mul %g, %a : tensor<1x8xf32>
  // The residual stream, lhs, is the side input.
  // CHECK-NEXT: %[[Y:.*]] = step.map %[[M]] with(%[[X]]) epilogues [#step.add<segment = 0>]
  %y = nn.add %x, %m : tensor<1x8xf32>
  // CHECK-NEXT: %[[T:.*]] = step.select %[[Y]]
  %t = nn.argmax %y : tensor<1x8xf32>
  // CHECK-NEXT: return %[[T]]
  return %t : tensor<1xi32>
}

// CHECK-LABEL: @layer_norm_and_window
// CHECK-NEXT: %[[N:.*]] = step.map %{{.*}} epilogues [#step.layer_norm<segment = 0, weight = @norm.weight, bias = @norm.weight, eps = 5.000000e-01 : f64, group_size = 8>]
// CHECK-NEXT: %[[H:.*]] = step.map %[[N]] epilogues [#step.layer_norm<segment = 0, weight = @head_norm.weight, eps = 5.000000e-01 : f64, group_size = 4>]
// CHECK-NEXT: step.attend %[[H]] at %{{.*}}, @cache heads 2 scale 5.000000e-01 window @window : tensor<1x8xf32> -> tensor<1x8xf32>
func.func @layer_norm_and_window(%x: tensor<1x8xf32>, %position: tensor<1xi32>) -> tensor<1x8xf32> {
  %n = nn.layer_norm %x, @norm.weight bias @norm.weight eps 0.5 : tensor<1x8xf32>
  %h = nn.layer_norm %n, @head_norm.weight eps 0.5 group_size 4 : tensor<1x8xf32>
  %a = nn.attention %h, %position, @cache heads 2 scale 0.5 window @window : tensor<1x8xf32>
  return %a : tensor<1x8xf32>
}

nn.weight @rope.part : tensor<1xf32> = dense<[1.0]> : tensor<1xf32> factor 1.25
// CHECK-LABEL: @attributes
// CHECK-NEXT: %[[E:.*]] = step.embed %{{.*}}, @embedding.weight {scale = 3.200000e+01 : f64} : tensor<1x8xf32>
// CHECK-NEXT: %[[R:.*]] = step.map %[[E]] at %{{.*}} epilogues [#step.rope<segment = 0, table = @rope.part, head_dim = 4, rotary_dim = 2, interleaved = true>]
// CHECK-NEXT: %[[A:.*]] = step.attend %[[R]] at %{{.*}}, @cache heads 2 scale 5.000000e-01 cap 5.000000e+01 : tensor<1x8xf32> -> tensor<1x8xf32>
// CHECK-NEXT: %[[G:.*]] = step.map %[[A]] epilogues [#step.gelu<segment = 0>]
// CHECK-NEXT: %[[S:.*]] = step.map %[[G]] epilogues [#step.scale<segment = 0, factor = 2.200000e-01 : f64>]
// CHECK-NEXT: step.map %[[S]] epilogues [#step.softcap<segment = 0, cap = 3.000000e+01 : f64>]
func.func @attributes(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1x8xf32> {
  %x = nn.embedding %token, @embedding.weight scale 32.0 : tensor<1x8xf32>
  %r = nn.rope %x, %position, @rope.part head_dim 4 rotary_dim 2 interleaved : tensor<1x8xf32>
  %a = nn.attention %r, %position, @cache heads 2 scale 0.5 cap 50.0 : tensor<1x8xf32>
  %g = nn.gelu %a : tensor<1x8xf32>
  %s = nn.scale %g by 0.22 : tensor<1x8xf32>
  %y = nn.softcap %s cap 30.0 : tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// What is a phase already stays as it is.
// CHECK-LABEL: @negative_phases
// CHECK-NEXT: %[[X:.*]] = step.embed %{{.*}}, @embedding.weight : tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = step.map %[[X]] epilogues [#step.silu<segment = 0>] {passes = ["by-hand"]} : (tensor<1x8xf32>) -> tensor<1x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @negative_phases(%token: tensor<1xi32>) -> tensor<1x8xf32> {
  %x = step.embed %token, @embedding.weight : tensor<1x8xf32>
  %y = step.map %x epilogues [#step.silu<segment = 0>] {passes = ["by-hand"]} : (tensor<1x8xf32>) -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// Rows of any rank become tokens; a port keeps the shape that its users see. Functions are converted each on its own.
nn.weight @wide : tensor<16x8xbf16> from "wide"
// CHECK-LABEL: func.func @rows(
// CHECK-SAME: %[[X:.*]]: tensor<6x8xf32> {nn.port = #nn.port<"x" : [2, 3, 8]>}, %[[V:.*]]: tensor<1x8xf32> {nn.port = #nn.port<"v" : [8]>})
// CHECK-SAME: -> (tensor<6x16xf32> {nn.port = #nn.port<"y" : [2, 3, 16]>}, tensor<1x8xf32> {nn.port = #nn.port<"w" : [8]>})
func.func @rows(%x: tensor<2x3x8xf32> {nn.port = #nn.port<"x">}, %v: tensor<8xf32> {nn.port = #nn.port<"v">})
    -> (tensor<2x3x16xf32> {nn.port = #nn.port<"y">}, tensor<8xf32> {nn.port = #nn.port<"w">}) {
  // CHECK: step.project %[[X]] matrices [@wide] : (tensor<6x8xf32>) -> tensor<6x16xf32>
  %y = nn.linear %x, @wide : (tensor<2x3x8xf32>) -> tensor<2x3x16xf32>
  // CHECK: step.map %[[V]] epilogues [#step.silu<segment = 0>] : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %w = nn.silu %v : tensor<8xf32>
  return %y, %w : tensor<2x3x16xf32>, tensor<8xf32>
}

// Of a graph each op becomes a fusion: with the weights and constants that it reads, and of its results those that are used.
nn.weight @table : tensor<100x8xf16> from "table"

// CHECK-LABEL: func.func @graph(
// CHECK-SAME: %[[IDS:.*]]: tensor<1x4xi64> {nn.port = #nn.port<"ids">}) -> (tensor<1x4x8xf16> {nn.port = #nn.port<"y">}, tensor<1x4x2xi64> {nn.port = #nn.port<"i">})
func.func @graph(%ids: tensor<1x4xi64> {nn.port = #nn.port<"ids">})
    -> (tensor<1x4x8xf16> {nn.port = #nn.port<"y">}, tensor<1x4x2xi64> {nn.port = #nn.port<"i">}) {
  %w = nn.get_weight @table : tensor<100x8xf16>
  %c = nn.constant dense<2.0> : tensor<f16>
  // CHECK-NEXT: %[[ROWS:.*]] = step.fusion (%[[A:.*]] = %[[IDS]]) : (tensor<1x4xi64>) -> tensor<1x4x8xf16> {
  // CHECK-NEXT:   %[[W:.*]] = nn.get_weight @table
  // CHECK-NEXT:   %[[R:.*]] = nn.gather %[[W]], %[[A]] axis 0
  // CHECK-NEXT:   step.yield %[[R]]
  %r = nn.gather %w, %ids axis 0 : (tensor<100x8xf16>, tensor<1x4xi64>) -> tensor<1x4x8xf16>
  // CHECK: %[[Y:.*]] = step.fusion (%[[B:.*]] = %[[ROWS]]) : (tensor<1x4x8xf16>) -> tensor<1x4x8xf16> {
  // CHECK-NEXT:   %[[C:.*]] = nn.constant dense<2.000000e+00> : tensor<f16>
  // CHECK-NEXT:   nn.binary mul %[[B]], %[[C]]
  %y = nn.binary mul %r, %c : (tensor<1x4x8xf16>, tensor<f16>) -> tensor<1x4x8xf16>
  // CHECK: %[[S:.*]] = step.fusion (%[[D:.*]] = %[[Y]]) : (tensor<1x4x8xf16>) -> tensor<1x4x8xf16> {
  // CHECK-NEXT:   nn.binary add %[[D]], %[[D]]
  %s = nn.binary add %y, %y : (tensor<1x4x8xf16>, tensor<1x4x8xf16>) -> tensor<1x4x8xf16>
  // CHECK: %[[I:.*]] = step.fusion (%{{.*}} = %[[S]]) : (tensor<1x4x8xf16>) -> tensor<1x4x2xi64> {
  // CHECK-NEXT:   %{{.*}}, %[[INDICES:.*]] = nn.topk
  // CHECK-NEXT:   step.yield %[[INDICES]]
  %v, %i = nn.topk %s k 2 axis -1 : (tensor<1x4x8xf16>) -> (tensor<1x4x2xf16>, tensor<1x4x2xi64>)
  %dead = nn.unary abs %v : (tensor<1x4x2xf16>) -> tensor<1x4x2xf16>
  // CHECK-NOT: nn.unary
  // CHECK: return %[[Y]], %[[I]]
  return %y, %i : tensor<1x4x8xf16>, tensor<1x4x2xi64>
}

// What no op makes is copied, so that every result is one of a phase.
// CHECK-LABEL: func.func @copies(
// CHECK-SAME: %[[X:.*]]: tensor<3xi1> {nn.port = #nn.port<"x">})
func.func @copies(%x: tensor<3xi1> {nn.port = #nn.port<"x">})
    -> (tensor<3xi1> {nn.port = #nn.port<"y">}, tensor<f64> {nn.port = #nn.port<"z">}) {
  // CHECK: %[[Y:.*]] = step.fusion (%[[A:.*]] = %[[X]]) : (tensor<3xi1>) -> tensor<3xi1> {
  // CHECK-NEXT: step.yield %[[A]]
  // CHECK: %[[Z:.*]] = step.fusion () : () -> tensor<f64> {
  // CHECK-NEXT: nn.constant dense<1.500000e+00> : tensor<f64>
  %z = nn.constant dense<1.5> : tensor<f64>
  // CHECK: return %[[Y]], %[[Z]]
  return %x, %z : tensor<3xi1>, tensor<f64>
}

// RUN: cadenza-opt %s --fuse-maps | FileCheck %s

nn.weight @norm : tensor<32xbf16> from "n"
nn.weight @head_norm : tensor<16xbf16> from "h"
nn.weight @norm12 : tensor<12xbf16> from "n12"
nn.weight @large_norm : tensor<16384xbf16> from "large"
nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
nn.cache @cache heads 2 head_dim 16 : bf16

// CHECK-LABEL: @post_norm
// CHECK-NEXT: %[[Y:.*]] = step.map %arg0 with(%arg1) epilogues [#step.rms_norm<segment = 0, {{.*}}>, #step.add<segment = 0>] {passes = ["fuse-maps"]} : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
// CHECK-NEXT: return %[[Y]]
func.func @post_norm(%o: tensor<1x32xf32>, %x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %o epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %n with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @branch_is_side_input
// CHECK-NEXT: step.map %arg0 with(%arg1) epilogues [#step.rms_norm<segment = 0, {{.*}}>, #step.add<segment = 0>]
// CHECK-NEXT: return
func.func @branch_is_side_input(%o: tensor<1x32xf32>, %x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %o epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %x with (%n) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// Of two branches one moves in, the other stays the operand.
// CHECK-LABEL: @two_branches
// CHECK-NEXT: %[[B:.*]] = step.map %arg1 epilogues [#step.silu<segment = 0>]
// CHECK-NEXT: step.map %arg0 with(%[[B]]) epilogues [#step.gelu_tanh<segment = 0>, #step.add<segment = 0>]
// CHECK-NEXT: return
func.func @two_branches(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = step.map %x epilogues [#step.gelu_tanh<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = step.map %z epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %a with (%b) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// A chain of three; the key's slot is 0 because it was first to be computed, the value's 1.
// CHECK-LABEL: @chain
// CHECK-NEXT: step.map %arg0, %arg1 at %arg2 epilogues [#step.rms_norm<segment = 0, {{.*}}>, #step.rope<segment = 0, {{.*}}>, #step.kv_append<key = 0, value = 1, {{.*}}>] {passes = ["fuse-maps"]} : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
// CHECK-NEXT: return
func.func @chain(%k: tensor<1x32xf32>, %v: tensor<1x32xf32>, %p: tensor<1xi32>) {
  %n = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %r = step.map %n at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  step.map %r, %v at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return
}

// Slots and results that change places: what was computed first has the first slots.
// CHECK-LABEL: @results_change_places
// CHECK-NEXT: %[[R:.*]]:2 = step.map %arg1, %arg0 with(%arg2, %arg0) epilogues [#step.add<segment = 0>, #step.gelu_tanh<segment = 1>, #step.add<segment = 0>]
// CHECK-NEXT: return %[[R]]#1, %[[R]]#0
func.func @results_change_places(%x: tensor<1x32xf32>, %y: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %a = step.map %y with (%z) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %b:2 = step.map %x, %a with (%x) epilogues [#step.gelu_tanh<segment = 0>, #step.add<segment = 1>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  return %b#0, %b#1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// The producer has consumed a slot.
// CHECK-LABEL: @after_mul
// CHECK-NEXT: step.map %arg0, %arg1 epilogues [#step.silu<segment = 1>, #step.mul<lhs = 1, rhs = 0>, #step.gelu_tanh<segment = 1>]
// CHECK-NEXT: return
func.func @after_mul(%x: tensor<1x32xf32>, %y: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = step.map %x, %y epilogues [#step.silu<segment = 1>, #step.mul<lhs = 1, rhs = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = step.map %a epilogues [#step.gelu_tanh<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %b : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_other_reader
// CHECK-COUNT-2: step.map
func.func @negative_other_reader(%o: tensor<1x32xf32>, %x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %n = step.map %o epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %n with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %n : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_input_twice
// CHECK-COUNT-2: step.map
func.func @negative_input_twice(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %n, %n epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// Its functions would happen after the attention that reads what they wrote.
// CHECK-LABEL: @negative_writes_a_cache
// CHECK-COUNT-2: step.map
func.func @negative_writes_a_cache(%k: tensor<1x32xf32>, %v: tensor<1x32xf32>, %q: tensor<1x32xf32>, %p: tensor<1xi32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %r = step.map %k, %v, %q at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  %a = step.attend %q at %p, @cache heads 2 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  %y = step.map %r epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %a, %y : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_inside_the_layers
// CHECK: step.map
// CHECK: step.layers
// CHECK: step.map
func.func @negative_inside_the_layers(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %l = step.layers count 2 (%h = %x) : tensor<1x32xf32> {
    %y = step.map %n with (%h) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
    step.yield %y : tensor<1x32xf32>
  }
  return %l : tensor<1x32xf32>
}

// Groups of 12 and of 16 rows: a block would need 48 of both.
// CHECK-LABEL: @negative_groups
// CHECK-COUNT-2: step.map
func.func @negative_groups(%x: tensor<1x48xf32>) -> tensor<1x48xf32> {
  %n = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x48xf32>) -> tensor<1x48xf32>
  %y = step.map %n epilogues [#step.rms_norm<segment = 0, weight = @norm12, eps = 0.5, group_size = 12>] : (tensor<1x48xf32>) -> tensor<1x48xf32>
  return %y : tensor<1x48xf32>
}

// CHECK-LABEL: @negative_sizes
// CHECK-COUNT-2: step.map
func.func @negative_sizes(%x: tensor<1x32xf32>, %y: tensor<1x48xf32>) -> (tensor<1x32xf32>, tensor<1x48xf32>) {
  %a = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %b:2 = step.map %a, %y epilogues [#step.silu<segment = 1>] : (tensor<1x32xf32>, tensor<1x48xf32>) -> (tensor<1x32xf32>, tensor<1x48xf32>)
  return %b#0, %b#1 : tensor<1x32xf32>, tensor<1x48xf32>
}

// CHECK-LABEL: @negative_too_large_for_a_block
// CHECK-COUNT-2: step.map
func.func @negative_too_large_for_a_block(%x: tensor<1x16384xf32>, %y: tensor<1x16384xf32>) -> tensor<1x16384xf32> {
  %n = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @large_norm, eps = 0.5, group_size = 16384>] : (tensor<1x16384xf32>) -> tensor<1x16384xf32>
  %m = step.map %n, %y epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x16384xf32>, tensor<1x16384xf32>) -> tensor<1x16384xf32>
  return %m : tensor<1x16384xf32>
}

// RUN: cadenza-opt %s --fuse-activation-mul | FileCheck %s

nn.weight @gate : tensor<24x32xbf16> from "g"
nn.weight @up : tensor<24x32xbf16> from "u"
nn.weight @half : tensor<12x32xbf16> from "h"
nn.weight @norm : tensor<24xbf16> from "n"

// CHECK-LABEL: @silu
// CHECK-NOT: step.map
// CHECK: matrices [@gate, @up] epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved, passes = ["fuse-activation-mul"]} : (tensor<1x32xf32>) -> tensor<1x24xf32>
// CHECK-NOT: step.map
// CHECK: return
func.func @silu(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %g, %u = step.project %x matrices [@gate, @up] : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)
  %s = step.map %g epilogues [#step.silu<segment = 0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  %y = step.map %s, %u epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// CHECK-LABEL: @gelu_up_first
// CHECK-NOT: step.map
// CHECK: matrices [@up, @gate] epilogues [#step.gelu_tanh<segment = 1>, #step.mul<lhs = 0, rhs = 1>] {interleaved
// CHECK-NOT: step.map
// CHECK: return
func.func @gelu_up_first(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %u, %g = step.project %x matrices [@up, @gate] : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)
  %s = step.map %g epilogues [#step.gelu_tanh<segment = 0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  %y = step.map %u, %s epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// What is left is the second matrix's segment.
// CHECK-LABEL: @up_times_silu
// CHECK-NOT: step.map
// CHECK: matrices [@gate, @up] epilogues [#step.silu<segment = 0>, #step.mul<lhs = 1, rhs = 0>] {interleaved
// CHECK-NOT: step.map
// CHECK: return
func.func @up_times_silu(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %g, %u = step.project %x matrices [@gate, @up] : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)
  %s = step.map %g epilogues [#step.silu<segment = 0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  %y = step.map %u, %s epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// CHECK-LABEL: @both_in_one_map
// CHECK-NOT: step.map
// CHECK: epilogues [#step.bias<segment = 0, weight = @norm>, #step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved
func.func @both_in_one_map(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %g, %u = step.project %x matrices [@gate, @up] epilogues [#step.bias<segment = 0, weight = @norm>] : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)
  %y = step.map %g, %u epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// An activation needs no second factor, and no interleaving.
// CHECK-LABEL: @activation_only
// CHECK-NOT: step.map
// CHECK: epilogues [#step.silu<segment = 0>] {passes
func.func @activation_only(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %g = step.project %x matrices [@gate] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  %y = step.map %g epilogues [#step.silu<segment = 0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// CHECK-LABEL: @negative_unmerged
// CHECK: step.map {{.*}} epilogues [#step.mul
func.func @negative_unmerged(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %g = step.project %x matrices [@gate] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  %u = step.project %x matrices [@up] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  %y = step.map %g, %u epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// CHECK-LABEL: @negative_third_matrix
// CHECK-NOT: interleaved
// CHECK: step.map
func.func @negative_third_matrix(%x: tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>) {
  %g, %u, %z = step.project %x matrices [@gate, @up, @up] : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>, tensor<1x24xf32>)
  %y = step.map %g, %u epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y, %z : tensor<1x24xf32>, tensor<1x24xf32>
}

// CHECK-LABEL: @negative_half_stripes
// CHECK-NOT: interleaved
// CHECK: step.map
func.func @negative_half_stripes(%x: tensor<1x32xf32>) -> tensor<1x12xf32> {
  %g, %u = step.project %x matrices [@half, @half] : (tensor<1x32xf32>) -> (tensor<1x12xf32>, tensor<1x12xf32>)
  %y = step.map %g, %u epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x12xf32>, tensor<1x12xf32>) -> tensor<1x12xf32>
  return %y : tensor<1x12xf32>
}

// CHECK-LABEL: @negative_groups_of_rows
// CHECK-NOT: interleaved
// CHECK: step.map
func.func @negative_groups_of_rows(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %g, %u = step.project %x matrices [@gate, @up] epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 24>]
    : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)
  %y = step.map %g, %u epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// CHECK-LABEL: @negative_used_twice
// CHECK: step.map {{.*}} epilogues [#step.mul
func.func @negative_used_twice(%x: tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>) {
  %g, %u = step.project %x matrices [@gate, @up] : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)
  %y = step.map %g, %u epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y, %u : tensor<1x24xf32>, tensor<1x24xf32>
}

// CHECK-LABEL: @biases_first
// CHECK-NOT: step.map
// CHECK: epilogues [#step.bias<segment = 0, weight = @norm>, #step.bias<segment = 1, weight = @norm>, #step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved
// CHECK-NOT: step.map
// CHECK: return
func.func @biases_first(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %g, %u = step.project %x matrices [@gate, @up] epilogues [#step.bias<segment = 0, weight = @norm>, #step.bias<segment = 1, weight = @norm>]
    : (tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>)
  %s = step.map %g epilogues [#step.silu<segment = 0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  %y = step.map %s, %u epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x24xf32>, tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// An MLP without a gate.
// CHECK-LABEL: @ungated
// CHECK-NOT: step.map
// CHECK: matrices [@up] epilogues [#step.bias<segment = 0, weight = @norm>, #step.gelu_tanh<segment = 0>] {passes = ["fuse-activation-mul"]}
// CHECK-NOT: step.map
// CHECK: return
func.func @ungated(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %u = step.project %x matrices [@up] epilogues [#step.bias<segment = 0, weight = @norm>] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  %y = step.map %u epilogues [#step.gelu_tanh<segment = 0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// Scales and caps of a product's result.
// CHECK-LABEL: @scaled_and_capped
// CHECK-NOT: step.map
// CHECK: matrices [@up] epilogues [#step.bias<segment = 0, weight = @norm>, #step.scale<segment = 0, factor = 2.200000e-01 : f64>, #step.softcap<segment = 0, cap = 3.000000e+01 : f64>, #step.gelu<segment = 0>] {passes = ["fuse-activation-mul"]}
// CHECK-NOT: step.map
// CHECK: return
func.func @scaled_and_capped(%x: tensor<1x32xf32>) -> tensor<1x24xf32> {
  %u = step.project %x matrices [@up] epilogues [#step.bias<segment = 0, weight = @norm>] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  %s = step.map %u epilogues [#step.scale<segment = 0, factor = 0.22>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  %c = step.map %s epilogues [#step.softcap<segment = 0, cap = 30.0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  %y = step.map %c epilogues [#step.gelu<segment = 0>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  return %y : tensor<1x24xf32>
}

// CHECK-LABEL: @negative_unscaled_used
// CHECK: step.map
func.func @negative_unscaled_used(%x: tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>) {
  %u = step.project %x matrices [@up] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  %s = step.map %u epilogues [#step.scale<segment = 0, factor = 0.22>] : (tensor<1x24xf32>) -> tensor<1x24xf32>
  return %u, %s : tensor<1x24xf32>, tensor<1x24xf32>
}

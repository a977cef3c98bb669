// RUN: cadenza-opt %s --fuse-residual | FileCheck %s

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @bias : tensor<32xbf16> from "b"

// CHECK-LABEL: @branch_is_input
// CHECK-NOT: step.map
// CHECK: step.project %arg1 with(%arg0) matrices [@w] epilogues [#step.add<segment = 0>] {passes = ["fuse-residual"]}
func.func @branch_is_input(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %o with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @branch_is_side_input
// CHECK-NOT: step.map
// CHECK: step.project %arg1 with(%arg0) matrices [@w] epilogues [#step.add<segment = 0>]
func.func @branch_is_side_input(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %x with (%o) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// Of two branches, the later takes the sum.
// CHECK-LABEL: @two_branches
// CHECK: %[[A:.*]] = step.project %arg0 matrices [@w] :
// CHECK: step.project %arg1 with(%[[A]])
// CHECK-NOT: step.map
// CHECK: return
func.func @two_branches(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %a with (%o) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @two_sums
// CHECK: step.project %arg1 with(%arg0, %arg2) matrices [@w] epilogues [#step.add<segment = 0>, #step.add<segment = 0>]
func.func @two_sums(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %o with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %s = step.map %y with (%z) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %s : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_side_input_computed_after
// CHECK: step.map {{.*}}[#step.add
func.func @negative_side_input_computed_after(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %s = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %o with (%s) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_input_computed_after
// CHECK: step.map {{.*}}[#step.add
func.func @negative_input_computed_after(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %s = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %s with (%o) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_branch_used_twice
// CHECK: step.map
func.func @negative_branch_used_twice(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %o with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %o : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_branch_twice
// CHECK: step.map
func.func @negative_branch_twice(%b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %b matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %o with (%o) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_no_projection
// CHECK: step.map
func.func @negative_no_projection(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = step.map %b with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// Otherwise every iteration would not add, but only the first.
// CHECK-LABEL: @negative_projection_outside_layers
// CHECK: step.layers
// CHECK: step.map
func.func @negative_projection_outside_layers(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.layers count 2 (%h = %x) : tensor<1x32xf32> {
    %z = step.map %o with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
    step.yield %z : tensor<1x32xf32>
  }
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @bias_first
// CHECK-NOT: step.map
// CHECK: epilogues [#step.bias<segment = 0, weight = @bias>, #step.add<segment = 0>]
func.func @bias_first(%x: tensor<1x32xf32>, %b: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %o = step.project %b matrices [@w] epilogues [#step.bias<segment = 0, weight = @bias>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %o with (%x) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

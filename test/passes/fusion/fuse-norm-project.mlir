// RUN: cadenza-opt %s --fuse-norm-project | FileCheck %s

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @norm : tensor<32xbf16> from "n"
nn.weight @head_norm : tensor<16xbf16> from "h"

// CHECK-LABEL: @one
// CHECK-NOT: step.map
// CHECK: step.project %arg0 matrices [@w] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 5.000000e-01 : f64, group_size = 32> epilogues [] {passes = ["fuse-norm-project"]}
func.func @one(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @several_readers
// CHECK-NOT: step.map
// CHECK-COUNT-2: step.project %arg0 matrices [@w] prologue
func.func @several_readers(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %n = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %z = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_other_reader
// CHECK: step.map
// CHECK: step.project %{{.*}} matrices [@w] :
func.func @negative_other_reader(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %n = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %n : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_read_as_side_input
// CHECK: step.map
// CHECK: step.project %{{.*}} with(%{{.*}}) matrices [@w] epilogues
func.func @negative_read_as_side_input(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n with (%n) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_heads
// CHECK: step.map
func.func @negative_heads(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_two_norms
// CHECK: step.map
// CHECK: step.project %{{.*}} matrices [@w] prologue
func.func @negative_two_norms(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %m = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %n = step.map %m epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_other_function
// CHECK: step.map
func.func @negative_other_function(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_two_inputs
// CHECK: step.map
func.func @negative_two_inputs(%x: tensor<1x32xf32>, %z: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n:2 = step.map %z, %x epilogues [#step.rms_norm<segment = 1, weight = @norm, eps = 0.5, group_size = 32>]
    : (tensor<1x32xf32>, tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %y = step.project %n#1 matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// A layer norm is a prologue like any other norm.
// CHECK-LABEL: @layer_norm
// CHECK-NOT: step.map
// CHECK: step.project %arg0 matrices [@w] prologue #step.layer_norm<segment = 0, weight = @norm, bias = @norm, eps = 5.000000e-01 : f64, group_size = 32> epilogues [] {passes = ["fuse-norm-project"]}
func.func @layer_norm(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.layer_norm<segment = 0, weight = @norm, bias = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_layer_norm_of_heads
// CHECK: step.map
func.func @negative_layer_norm_of_heads(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %n = step.map %x epilogues [#step.layer_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %n matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// RUN: cadenza-opt %s --defer-norm-scale | FileCheck %s

nn.weight @bf16 : tensor<32x32xbf16> from "w"
nn.weight @f16 : tensor<32x32xf16> from "f"
nn.weight @norm : tensor<32xbf16> from "n"

// CHECK-LABEL: @deferred
// CHECK: defer_scale = true
// CHECK-SAME: passes = ["defer-norm-scale"]
func.func @deferred(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = step.project %x matrices [@bf16] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_f16
// CHECK-NOT: defer
// CHECK: return
func.func @negative_f16(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = step.project %x matrices [@f16] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_deferred_already
// CHECK-NOT: passes
// CHECK: return
func.func @negative_deferred_already(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = step.project %x matrices [@bf16]
    prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32, defer_scale = true> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// A norm behind the product is no factor of it.
// CHECK-LABEL: @negative_no_prologue
// CHECK-NOT: defer
// CHECK: return
func.func @negative_no_prologue(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = step.project %x matrices [@bf16] epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>]
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// Products would need the mean and the bias, too.
// CHECK-LABEL: @negative_layer_norm
// CHECK-NOT: defer
// CHECK: return
func.func @negative_layer_norm(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = step.project %x matrices [@bf16] prologue #step.layer_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// RUN: cadenza-opt %s --narrow-edges | FileCheck %s

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @f16 : tensor<32x32xf16> from "f"
nn.weight @f32 : tensor<32x32xf32> from "g"
nn.weight @norm : tensor<32xbf16> from "n"
nn.cache @cache heads 2 head_dim 16 : bf16

// CHECK-LABEL: @attention
// CHECK: step.attend {{.*}} {passes = ["narrow-edges"]} : tensor<1x32xf32> -> tensor<1x32xbf16>
// CHECK: (tensor<1x32xbf16>) -> tensor<1x32xf32>
func.func @attention(%q: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %a = step.attend %q at %p, @cache heads 2 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  %y = step.project %a matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @two_readers_f16
// CHECK: step.project %arg0 matrices [@w] {{.*}} -> tensor<1x32xf16>
func.func @two_readers_f16(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %a = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %a matrices [@f16] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %z = step.project %a matrices [@f16] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_readers_of_two_types
// CHECK-NOT: tensor<32x{{.*}}16>
// CHECK: return
func.func @negative_readers_of_two_types(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %a = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %a matrices [@f16] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %z = step.project %a matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_fp32_matrix
// CHECK-NOT: passes
// CHECK: return
func.func @negative_fp32_matrix(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %a matrices [@f32] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_norm_reads_it
// CHECK-NOT: tensor<1x32xbf16>
// CHECK: return
func.func @negative_norm_reads_it(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %a matrices [@w] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_residual
// CHECK-NOT: tensor<1x32xbf16>
// CHECK: return
func.func @negative_residual(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %a = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.project %a with (%a) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_carried
// CHECK-NOT: tensor<1x32xbf16>
// CHECK: return
func.func @negative_carried(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %s = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %l = step.layers count 2 (%h = %s) : tensor<1x32xf32> {
    %y = step.project %h matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
    step.yield %y : tensor<1x32xf32>
  }
  %z = step.project %l matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %z : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_embedding
// CHECK-NOT: tensor<1x32xbf16>
// CHECK: return
func.func @negative_embedding(%token: tensor<1xi32>) -> tensor<1x32xf32> {
  %x = step.embed %token, @w : tensor<1x32xf32>
  %z = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %z : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_unused
// CHECK-NOT: tensor<1x32xbf16>
// CHECK: return
func.func @negative_unused(%x: tensor<1x32xf32>) {
  %s = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

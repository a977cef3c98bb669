// RUN: cadenza-opt %s --order-sums | FileCheck %s

nn.weight @w1024 : tensor<128x1024xbf16> from "w"
nn.weight @w640 : tensor<128x640xbf16> from "w"
nn.weight @w96 : tensor<128x96xbf16> from "w"
nn.weight @w4096 : tensor<128x4096xbf16> from "w"
nn.weight @head_norm : tensor<128xbf16> from "n"
nn.cache @cache1 heads 1 head_dim 16 : bf16
nn.cache @cache8 heads 8 head_dim 16 : bf16
nn.cache @cache256 heads 256 head_dim 16 : bf16

// Steps of 32 columns: 32, 20 and 3; at least four a way, in powers of two.
// CHECK-LABEL: @columns
// CHECK: [@w1024] {k_ways = 8 : i64}
// CHECK: [@w640] {k_ways = 4 : i64}
// CHECK: [@w96] :
func.func @columns(%x: tensor<1x1024xf32>, %y: tensor<1x640xf32>, %z: tensor<1x96xf32>) {
  %0 = step.project %x matrices [@w1024] : (tensor<1x1024xf32>) -> tensor<1x128xf32>
  %1 = step.project %y matrices [@w640] : (tensor<1x640xf32>) -> tensor<1x128xf32>
  %2 = step.project %z matrices [@w96] : (tensor<1x96xf32>) -> tensor<1x128xf32>
  return
}

// 32 warps a block: with heads of 128 rows, 8 tiles and so at most 4 ways.
// CHECK-LABEL: @groups
// CHECK: [@w4096] {k_ways = 16 : i64}
// CHECK: k_ways = 4 : i64
func.func @groups(%x: tensor<1x4096xf32>) {
  %0 = step.project %x matrices [@w4096] : (tensor<1x4096xf32>) -> tensor<1x128xf32>
  %1 = step.project %x matrices [@w4096] epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 128>]
    : (tensor<1x4096xf32>) -> tensor<1x128xf32>
  return
}

// CHECK-LABEL: @splits
// CHECK: @cache1 {{.*}}splits = 32
// CHECK: @cache8 {{.*}}splits = 16
// CHECK: @cache256 heads 256 scale 5.000000e-01 :
func.func @splits(%q: tensor<1x16xf32>, %r: tensor<1x128xf32>, %s: tensor<1x4096xf32>, %p: tensor<1xi32>) {
  %0 = step.attend %q at %p, @cache1 heads 1 scale 0.5 : tensor<1x16xf32> -> tensor<1x16xf32>
  %1 = step.attend %r at %p, @cache8 heads 8 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xf32>
  %2 = step.attend %s at %p, @cache256 heads 256 scale 0.5 : tensor<1x4096xf32> -> tensor<1x4096xf32>
  return
}

// Only products and attention have sums whose order is to be fixed.
// CHECK-LABEL: @negative_no_sums
// CHECK-NOT: {{k_ways|k_groups|splits}}
// CHECK: return
func.func @negative_no_sums(%token: tensor<1xi32>) -> tensor<1xi32> {
  %0 = step.embed %token, @w96 : tensor<1x96xf32>
  %1 = step.map %0 epilogues [#step.silu<segment = 0>] : (tensor<1x96xf32>) -> tensor<1x96xf32>
  %2 = step.select %1 : tensor<1x96xf32>
  return %2 : tensor<1xi32>
}

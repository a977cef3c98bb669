// RUN: cadenza-opt %s --encode-weights=encoding=int8 | FileCheck %s
// RUN: cadenza-opt %s --encode-weights --roll-layers | FileCheck %s --check-prefix=ROLLED

// Weights that have an encoding keep it; a head that shares the embedding's matrix has a copy with it.
// CHECK: nn.weight @embedding.weight : tensor<48x32xbf16> from "e"{{$}}
// CHECK-NEXT: nn.weight @fp8.embedding.weight {{.*}} {step.copy_of = @embedding.weight, step.encoding = #step.fp8}
// CHECK-NEXT: nn.weight @a {{.*}} {step.encoding = #step.int4<group = 32>}
// CHECK-NEXT: nn.weight @b {{.*}} {step.encoding = #step.tiles16}
// CHECK-NEXT: nn.weight @c {{.*}} {step.encoding = #step.int8}
nn.weight @embedding.weight : tensor<48x32xbf16> from "e" {step.encoding = #step.fp8}
nn.weight @a : tensor<32x32xbf16> from "a" {step.encoding = #step.int4<group = 32>}
nn.weight @b : tensor<32x32xbf16> from "b" {step.encoding = #step.tiles16}
nn.weight @c : tensor<32x32xbf16> from "c"
nn.weight @layers.0.w : tensor<32x32xbf16> from "w0" {step.encoding = #step.int8}
nn.weight @layers.1.w : tensor<32x32xbf16> from "w1"
nn.weight @layers.2.w : tensor<32x32xbf16> from "w2"

// CHECK-LABEL: @single
// CHECK: matrices [@fp8.embedding.weight]
// CHECK: matrices [@fp8.embedding.weight]
func.func @single(%x: tensor<1x32xf32>) -> tensor<1x48xf32> {
  %y:3 = step.project %x matrices [@a, @b, @c] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>)
  %z = step.project %y#0 matrices [@embedding.weight] : (tensor<1x32xf32>) -> tensor<1x48xf32>
  %u = step.project %y#1 matrices [@embedding.weight] : (tensor<1x32xf32>) -> tensor<1x48xf32>
  return %z : tensor<1x48xf32>
}

// A layer whose weights are stored in another way is none of the loop.
// ROLLED: step.table @layers.w [@layers.1.w, @layers.2.w]
// ROLLED-LABEL: @layers
// ROLLED: step.project %arg0 matrices [@layers.0.w]
// ROLLED-NEXT: step.layers count 2
func.func @layers(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %0 = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = step.project %1 matrices [@layers.2.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %2 : tensor<1x32xf32>
}

// CHECK-LABEL: @embeds
// CHECK: step.embed %{{.*}}, @embedding.weight
func.func @embeds(%token: tensor<1xi32>) -> tensor<1x32xf32> {
  %x = step.embed %token, @embedding.weight : tensor<1x32xf32>
  return %x : tensor<1x32xf32>
}

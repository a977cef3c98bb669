// RUN: cadenza-opt %s --encode-weights=encoding=int8 | FileCheck %s
// RUN: cadenza-opt %s --encode-weights --roll-layers | FileCheck %s --check-prefix=ROLLED

// Weights that have an encoding keep it.
// CHECK: nn.weight @a {{.*}} {step.encoding = #step.int4<group = 32>}
// CHECK-NEXT: nn.weight @b {{.*}} {step.encoding = #step.tiles16}
// CHECK-NEXT: nn.weight @c {{.*}} {step.encoding = #step.int8}
// CHECK-NEXT: nn.weight @d {{.*}} {step.encoding = #step.q4_k}
// CHECK-NEXT: nn.weight @e {{.*}} {step.encoding = #step.q6_k<minima = true>}
nn.weight @a : tensor<32x32xbf16> from "a" {step.encoding = #step.int4<group = 32>}
nn.weight @b : tensor<32x32xbf16> from "b" {step.encoding = #step.tiles16}
nn.weight @c : tensor<32x32xbf16> from "c"
nn.weight @d : tensor<32x32xbf16> from "d" {step.encoding = #step.q4_k}
nn.weight @e : tensor<32x32xbf16> from "e" {step.encoding = #step.q6_k<minima = true>}
nn.weight @layers.0.w : tensor<32x32xbf16> from "w0" {step.encoding = #step.int8}
nn.weight @layers.1.w : tensor<32x32xbf16> from "w1"
nn.weight @layers.2.w : tensor<32x32xbf16> from "w2"

func.func @single(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %0 = step.project %x matrices [@a] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 matrices [@b] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = step.project %1 matrices [@c] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %2 : tensor<1x32xf32>
}

// A layer whose weights are stored in another way is none of the loop.
// ROLLED: step.table @layers.w [@layers.1.w, @layers.2.w]
// ROLLED-LABEL: func.func @layers(
// ROLLED: step.project %arg0 matrices [@layers.0.w]
// ROLLED-NEXT: step.layers count 2
func.func @layers(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %0 = step.project %x matrices [@layers.0.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %0 matrices [@layers.1.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = step.project %1 matrices [@layers.2.w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %2 : tensor<1x32xf32>
}

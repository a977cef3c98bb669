// RUN: cadenza-opt %s --encode-weights=encoding=int8 -split-input-file | FileCheck %s
// RUN: cadenza-opt %s --encode-weights=encoding=tiles16 -split-input-file | FileCheck %s --check-prefix=SAME
// RUN: not cadenza-opt %s --encode-weights=encoding=int5 -split-input-file 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not cadenza-opt %s --encode-weights=encoding=vector -split-input-file 2>&1 | FileCheck %s --check-prefix=VECTOR
// NAME: error: there is no encoding of matrices 'int5'
// VECTOR: error: there is no encoding of matrices 'vector'
// SAME-NOT: step.encoding
// RUN: cadenza-opt %s --encode-weights="encoding=int4:g32:zeros:bf16 head=int8:g32" -split-input-file | FileCheck %s --check-prefix=HEAD

// What products read; the embedding stays as it is, and the head that shares it gets a copy, of the same tensor.
// CHECK: nn.weight @embedding.weight : tensor<48x32xbf16> from "e"{{$}}
// CHECK-NEXT: nn.weight @int8.embedding.weight : tensor<48x32xbf16> from "e" {step.copy_of = @embedding.weight, step.encoding = #step.int8}
// CHECK: nn.weight @w : tensor<32x32xbf16> from "w" {step.encoding = #step.int8}
// CHECK: nn.weight @norm : tensor<32xbf16> from "n"{{$}}
nn.weight @embedding.weight : tensor<48x32xbf16> from "e"
nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @norm : tensor<32xbf16> from "n"

// CHECK-LABEL: @tied
// CHECK: step.embed %{{.*}}, @embedding.weight
// CHECK: step.project %{{.*}} matrices [@w]
// CHECK: step.project %{{.*}} matrices [@w, @w]
// CHECK: step.project %{{.*}} matrices [@int8.embedding.weight]
// CHECK: step.project %{{.*}} matrices [@int8.embedding.weight]
func.func @tied(%token: tensor<1xi32>) -> tensor<1xi32> {
  %x = step.embed %token, @embedding.weight : tensor<1x32xf32>
  %y = step.project %x matrices [@w] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %z:2 = step.project %y matrices [@w, @w] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %unused = step.project %z#0 matrices [@embedding.weight] : (tensor<1x32xf32>) -> tensor<1x48xf32>
  %t = step.project %z#1 matrices [@embedding.weight] epilogues [#step.argmax<segment = 0>] : (tensor<1x32xf32>) -> tensor<1xi32>
  return %t : tensor<1xi32>
}

// -----

// The head of a decoder may have an encoding of its own.
// HEAD-LABEL: // -----
// HEAD: nn.weight @e : tensor<48x32xbf16> from "e"{{$}}
// HEAD: nn.weight @"int8:g32.e" : tensor<48x32xbf16> from "e" {step.copy_of = @e, step.encoding = #step.int8<group = 32>}
// HEAD: nn.weight @w : tensor<32x32xbf16> from "w" {step.encoding = #step.int4<group = 32, zeros = true, scale = bf16>}
nn.weight @e : tensor<48x32xbf16> from "e"
nn.weight @w : tensor<32x32xbf16> from "w"
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x = step.embed %token, @e : tensor<1x32xf32>
  %y = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %t = step.project %y at %position matrices [@e] epilogues [#step.argmax<segment = 0>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1xi32>
  return %t : tensor<1xi32>
}

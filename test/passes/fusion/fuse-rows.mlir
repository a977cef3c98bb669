// RUN: cadenza-opt %s --convert-nn-to-step --fuse-rows --fuse-elementwise | FileCheck %s

nn.weight @table : tensor<100x32xf16> from "table"
nn.weight @g : tensor<32xf16> from "g"

// The embedding of an encoder: two rows of tables, their sum, and its normalisation.
// CHECK-LABEL: @embedding
// CHECK-NEXT: step.fusion (%{{.*}} = %arg1, %{{.*}} = %arg0)
// CHECK-COUNT-2: nn.gather
// CHECK: nn.binary {{ *}}add
// CHECK: nn.layer_normalization
// CHECK: } {passes = ["fuse-rows"]}
// CHECK-NEXT: return
func.func @embedding(%i: tensor<1x8xi64> {nn.port = #nn.port<"i">}, %j: tensor<1x8xi64> {nn.port = #nn.port<"j">})
    -> (tensor<1x8x32xf16> {nn.port = #nn.port<"y">}) {
  %t = nn.get_weight @table : tensor<100x32xf16>
  %g = nn.get_weight @g : tensor<32xf16>
  %a = nn.gather %t, %i axis 0 : (tensor<100x32xf16>, tensor<1x8xi64>) -> tensor<1x8x32xf16>
  %b = nn.gather %t, %j axis 0 : (tensor<100x32xf16>, tensor<1x8xi64>) -> tensor<1x8x32xf16>
  %s = nn.binary add %a, %b : (tensor<1x8x32xf16>, tensor<1x8x32xf16>) -> tensor<1x8x32xf16>
  %y = nn.layer_normalization %s, %g, %g axis -1 eps 1.0e-5 : (tensor<1x8x32xf16>, tensor<32xf16>, tensor<32xf16>) -> tensor<1x8x32xf16>
  return %y : tensor<1x8x32xf16>
}

// A sum that others need, too, is computed once.
// CHECK-LABEL: @shared
// CHECK-NEXT: %[[S:.*]] = step.fusion
// CHECK: nn.binary {{ *}}add
// CHECK: step.fusion (%{{.*}} = %[[S]])
// CHECK: nn.softmax
// CHECK: return %[[S]]
func.func @shared(%x: tensor<8x32xf32> {nn.port = #nn.port<"x">})
    -> (tensor<8x32xf32> {nn.port = #nn.port<"s">}, tensor<8x32xf32> {nn.port = #nn.port<"y">}) {
  %s = nn.binary add %x, %x : (tensor<8x32xf32>, tensor<8x32xf32>) -> tensor<8x32xf32>
  %y = nn.softmax %s axis -1 : (tensor<8x32xf32>) -> tensor<8x32xf32>
  return %s, %y : tensor<8x32xf32>, tensor<8x32xf32>
}

// Elementwise ops in a row, and what moves for each of two readers.
// CHECK-LABEL: @elementwise
// CHECK-NEXT: %[[A:.*]] = step.fusion (%{{.*}} = %arg0)
// CHECK-NEXT: nn.transpose
// CHECK-NEXT: nn.unary {{ *}}exp
// CHECK-NEXT: nn.unary {{ *}}neg
// CHECK: %[[B:.*]] = step.fusion (%{{.*}} = %arg0)
// CHECK-NEXT: nn.transpose
// CHECK-NEXT: nn.unary {{ *}}abs
// CHECK: return %[[A]], %[[B]]
func.func @elementwise(%x: tensor<8x4xf32> {nn.port = #nn.port<"x">})
    -> (tensor<4x8xf32> {nn.port = #nn.port<"y">}, tensor<4x8xf32> {nn.port = #nn.port<"z">}) {
  %t = nn.transpose %x [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %e = nn.unary exp %t : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = nn.unary neg %e : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %z = nn.unary abs %t : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

// What is read at two places is computed for each: a chain of such reads does not become one kernel.
// CHECK-LABEL: @doubling
// CHECK-COUNT-2: step.fusion
// CHECK: return
func.func @doubling(%x: tensor<6xf32> {nn.port = #nn.port<"x">}) -> (tensor<6xf32> {nn.port = #nn.port<"y">}) {
  %c0 = nn.concat %x, %x axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s0 = nn.slice %c0 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c1 = nn.concat %s0, %s0 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s1 = nn.slice %c1 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c2 = nn.concat %s1, %s1 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s2 = nn.slice %c2 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c3 = nn.concat %s2, %s2 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s3 = nn.slice %c3 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c4 = nn.concat %s3, %s3 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s4 = nn.slice %c4 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c5 = nn.concat %s4, %s4 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s5 = nn.slice %c5 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c6 = nn.concat %s5, %s5 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s6 = nn.slice %c6 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c7 = nn.concat %s6, %s6 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s7 = nn.slice %c7 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c8 = nn.concat %s7, %s7 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s8 = nn.slice %c8 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c9 = nn.concat %s8, %s8 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s9 = nn.slice %c9 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c10 = nn.concat %s9, %s9 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s10 = nn.slice %c10 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  %c11 = nn.concat %s10, %s10 axis 0 : (tensor<6xf32>, tensor<6xf32>) -> tensor<12xf32>
  %s11 = nn.slice %c11 starts [3] sizes [6] : (tensor<12xf32>) -> tensor<6xf32>
  return %s11 : tensor<6xf32>
}

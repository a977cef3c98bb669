// RUN: cadenza-opt %s --convert-nn-to-step --fuse-products | FileCheck %s
// RUN: cadenza-opt %s --convert-nn-to-step --fuse-products --merge-products | FileCheck %s --check-prefix=MERGED

nn.weight @a : tensor<32x16xf16> from "a"
nn.weight @b : tensor<16xf16> from "b"

// Bias, activation and residual sum; the operand is the transposed one where it lies.
// CHECK-LABEL: @epilogue
// CHECK-NEXT: %[[Y:.*]] = step.fusion (%[[X:.*]] = %arg0, %[[R:.*]] = %arg1)
// CHECK-NEXT: %[[T:.*]] = nn.transpose %[[X]] [1, 0]
// CHECK-NEXT: %[[W:.*]] = nn.get_weight @a
// CHECK-NEXT: nn.matmul %[[T]], %[[W]]
// CHECK: nn.binary {{ *}}add
// CHECK-NEXT: nn.unary {{ *}}gelu
// CHECK-NEXT: nn.binary {{ *}}add {{.*}}, %[[R]]
// CHECK-NEXT: step.yield
// CHECK-NEXT: } {passes = ["fuse-products"]}
// CHECK-NEXT: return %[[Y]]
func.func @epilogue(%x: tensor<32x8xf16> {nn.port = #nn.port<"x">}, %r: tensor<8x16xf16> {nn.port = #nn.port<"r">})
    -> (tensor<8x16xf16> {nn.port = #nn.port<"y">}) {
  %t = nn.transpose %x [1, 0] : (tensor<32x8xf16>) -> tensor<8x32xf16>
  %a = nn.get_weight @a : tensor<32x16xf16>
  %b = nn.get_weight @b : tensor<16xf16>
  %p = nn.matmul %t, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %s = nn.binary add %p, %b : (tensor<8x16xf16>, tensor<16xf16>) -> tensor<8x16xf16>
  %g = nn.unary gelu %s : (tensor<8x16xf16>) -> tensor<8x16xf16>
  %y = nn.binary add %g, %r : (tensor<8x16xf16>, tensor<8x16xf16>) -> tensor<8x16xf16>
  return %y : tensor<8x16xf16>
}

// GELU in pieces reads the sum twice.
// CHECK-LABEL: @in_pieces
// CHECK-COUNT-1: step.fusion
// CHECK: nn.matmul
// CHECK: nn.unary {{ *}}erf
// CHECK-NOT: step.fusion
// CHECK: return
func.func @in_pieces(%x: tensor<8x32xf16> {nn.port = #nn.port<"x">}) -> (tensor<8x16xf16> {nn.port = #nn.port<"y">}) {
  %a = nn.get_weight @a : tensor<32x16xf16>
  %b = nn.get_weight @b : tensor<16xf16>
  %root = nn.constant dense<1.414> : tensor<f16>
  %half = nn.constant dense<0.5> : tensor<f16>
  %one = nn.constant dense<1.0> : tensor<f16>
  %p = nn.matmul %x, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %s = nn.binary add %p, %b : (tensor<8x16xf16>, tensor<16xf16>) -> tensor<8x16xf16>
  %d = nn.binary div %s, %root : (tensor<8x16xf16>, tensor<f16>) -> tensor<8x16xf16>
  %e = nn.unary erf %d : (tensor<8x16xf16>) -> tensor<8x16xf16>
  %f = nn.binary add %e, %one : (tensor<8x16xf16>, tensor<f16>) -> tensor<8x16xf16>
  %g = nn.binary mul %half, %f : (tensor<f16>, tensor<8x16xf16>) -> tensor<8x16xf16>
  %y = nn.binary mul %s, %g : (tensor<8x16xf16>, tensor<8x16xf16>) -> tensor<8x16xf16>
  return %y : tensor<8x16xf16>
}

// What is moved at last says where elements are stored.
// CHECK-LABEL: @stored_turned
// CHECK-COUNT-1: step.fusion
// CHECK: nn.reshape
// CHECK-NEXT: nn.transpose
// CHECK-NOT: step.fusion
// CHECK: return
func.func @stored_turned(%x: tensor<8x32xf16> {nn.port = #nn.port<"x">}) -> (tensor<2x8x8xf16> {nn.port = #nn.port<"y">}) {
  %a = nn.get_weight @a : tensor<32x16xf16>
  %p = nn.matmul %x, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %h = nn.reshape %p : tensor<8x16xf16> -> tensor<8x2x8xf16>
  %y = nn.transpose %h [1, 0, 2] : (tensor<8x2x8xf16>) -> tensor<2x8x8xf16>
  return %y : tensor<2x8x8xf16>
}

// A slice leaves elements out; rows that repeat are not its own elements; a result that others need stays.
// CHECK-LABEL: @not_these
// CHECK-NOT: fuse-products
// CHECK: return
func.func @not_these(%x: tensor<8x32xf16> {nn.port = #nn.port<"x">})
    -> (tensor<8x8xf16> {nn.port = #nn.port<"y">}, tensor<4x8x16xf16> {nn.port = #nn.port<"z">}) {
  %a = nn.get_weight @a : tensor<32x16xf16>
  %p = nn.matmul %x, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %y = nn.slice %p starts [0, 0] sizes [8, 8] : (tensor<8x16xf16>) -> tensor<8x8xf16>
  %q = nn.matmul %x, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %z = nn.expand %q : (tensor<8x16xf16>) -> tensor<4x8x16xf16>
  return %y, %z : tensor<8x8xf16>, tensor<4x8x16xf16>
}

// An operand that is turned for two products is turned in both.
// CHECK-LABEL: @turned_for_two
// CHECK-COUNT-2: nn.transpose
// CHECK-NOT: nn.transpose
// MERGED-LABEL: @turned_for_two
// MERGED-NEXT: %[[Y:.*]]:2 = step.fusion
// MERGED-COUNT-2: nn.matmul
// MERGED: } {passes = ["fuse-products", "merge-products"]}
// MERGED-NEXT: return %[[Y]]#0, %[[Y]]#1
func.func @turned_for_two(%x: tensor<32x8xf16> {nn.port = #nn.port<"x">})
    -> (tensor<8x16xf16> {nn.port = #nn.port<"y">}, tensor<8x16xf16> {nn.port = #nn.port<"z">}) {
  %a = nn.get_weight @a : tensor<32x16xf16>
  %b = nn.get_weight @b : tensor<16xf16>
  %t = nn.transpose %x [1, 0] : (tensor<32x8xf16>) -> tensor<8x32xf16>
  %y = nn.matmul %t, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %q = nn.matmul %t, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %z = nn.binary add %q, %b : (tensor<8x16xf16>, tensor<16xf16>) -> tensor<8x16xf16>
  return %y, %z : tensor<8x16xf16>, tensor<8x16xf16>
}

// A product of a product is none beside it.
// MERGED-LABEL: @one_after_the_other
// MERGED-COUNT-2: step.fusion
func.func @one_after_the_other(%x: tensor<8x32xf16> {nn.port = #nn.port<"x">}, %w: tensor<16x32xf16> {nn.port = #nn.port<"w">})
    -> (tensor<8x32xf16> {nn.port = #nn.port<"y">}) {
  %a = nn.get_weight @a : tensor<32x16xf16>
  %p = nn.matmul %x, %a : (tensor<8x32xf16>, tensor<32x16xf16>) -> tensor<8x16xf16>
  %y = nn.matmul %p, %w : (tensor<8x16xf16>, tensor<16x32xf16>) -> tensor<8x32xf16>
  return %y : tensor<8x32xf16>
}

// RUN: cadenza-opt %s --flatten-rows | FileCheck %s
// RUN: cadenza-opt %s --flatten-rows --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified 1 passes

nn.weight @table : tensor<32x8xf32> from "table"
nn.weight @norm : tensor<8xf32> from "norm"
nn.weight @head_norm : tensor<4xf32> from "head_norm"
nn.weight @w : tensor<8x8xf32> from "w"

// CHECK-LABEL: func.func @decode
// CHECK-NEXT: %[[X:.*]] = nn.embedding
// CHECK-NEXT: %[[N:.*]] = nn.rms_norm %[[X]], @norm eps 1.000000e-05 : tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.linear %[[N]], @w : (tensor<1x8xf32>) -> tensor<1x8xf32>
// CHECK-NEXT: %[[H:.*]] = nn.rms_norm %[[Y]], @head_norm eps 1.000000e-05 group_size 4 : tensor<1x8xf32>
// CHECK-NEXT: %[[S:.*]] = nn.silu %[[H]] : tensor<1x8xf32>
// CHECK-NEXT: %[[A:.*]] = nn.add %[[X]], %[[S]] : tensor<1x8xf32>
// CHECK-NEXT: %[[R:.*]] = nn.reshape %[[A]] : tensor<1x8xf32> -> tensor<1x1x8xf32>
// CHECK-NEXT: return %[[R]]
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x1x8xf32> {nn.port = #nn.port<logits>}) {
  %row = nn.embedding %token, @table : tensor<1x8xf32>
  %x = nn.reshape %row : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %n = nn.rms_norm %x, @norm eps 1.0e-5 : tensor<1x1x8xf32>
  %y = nn.linear %n, @w : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %heads = nn.reshape %y : tensor<1x1x8xf32> -> tensor<1x2x1x4xf32>
  %h = nn.rms_norm %heads, @head_norm eps 1.0e-5 : tensor<1x2x1x4xf32>
  %s = nn.silu %h : tensor<1x2x1x4xf32>
  %b = nn.reshape %s : tensor<1x2x1x4xf32> -> tensor<1x1x8xf32>
  %a = nn.add %x, %b : tensor<1x1x8xf32>
  return %a : tensor<1x1x8xf32>
}

// The rows of a graph are rows.
// CHECK-LABEL: func.func @negative_graph
// CHECK-NEXT: nn.silu %arg0 : tensor<2x3x8xf32>
func.func @negative_graph(%x: tensor<2x3x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<2x3x8xf32> {nn.port = #nn.port<"y">}) {
  %y = nn.silu %x : tensor<2x3x8xf32>
  return %y : tensor<2x3x8xf32>
}

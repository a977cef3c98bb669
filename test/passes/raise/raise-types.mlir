// RUN: cadenza-opt %s --raise-types --split-input-file | FileCheck %s
// RUN: cadenza-opt %s --raise-types --split-input-file --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified 2 passes

nn.weight @embedding : tensor<32x8xbf16> from "embedding"
nn.weight @norm : tensor<8xbf16> from "norm"
nn.weight @head : tensor<8x32xbf16> from "head"

// A norm in bf16 as exporters write it: casts around what is computed in fp32.
// CHECK-LABEL: func.func @decode
// CHECK: %[[TABLE:.*]] = nn.get_weight @embedding : tensor<32x8xbf16>
// CHECK: %[[WIDE:.*]] = nn.cast %[[TABLE]] : tensor<32x8xbf16> -> tensor<32x8xf32>
// CHECK: %[[X:.*]] = nn.gather %[[WIDE]], %{{.*}} axis 0 : (tensor<32x8xf32>, tensor<1x1xi64>) -> tensor<1x1x8xf32>
// CHECK: nn.constant dense<5.000000e-01> : tensor<f32>
// CHECK-NOT: nn.cast {{.*}} -> tensor<1x1x8x
// CHECK: nn.binary mul %[[X]], %[[X]] : (tensor<1x1x8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
// CHECK: nn.binary mul %{{.*}}, %{{.*}} : (tensor<1x1x8xf32>, tensor<8xf32>) -> tensor<1x1x8xf32>
// CHECK: nn.matmul %{{.*}} : (tensor<1x1x8xf32>, tensor<8x32xf32>) -> tensor<1x1x32xf32>
// CHECK-NOT: bf16
// CHECK: nn.cast %{{.*}} : tensor<1x1x32xf32> -> tensor<1x1x32xf64>
// CHECK: %[[LOGITS:.*]] = nn.cast %{{.*}} : tensor<1x1x32xf64> -> tensor<1x1x32xf32>
// CHECK: return %[[LOGITS]] : tensor<1x1x32xf32>
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x1x32xf32> {nn.port = #nn.port<logits>}) {
  %table = nn.get_weight @embedding : tensor<32x8xbf16>
  %wide = nn.cast %token : tensor<1xi32> -> tensor<1xi64>
  %ids = nn.reshape %wide : tensor<1xi64> -> tensor<1x1xi64>
  %x = nn.gather %table, %ids axis 0 : (tensor<32x8xbf16>, tensor<1x1xi64>) -> tensor<1x1x8xbf16>
  %half = nn.constant dense<0.5> : tensor<bf16>
  %eps = nn.constant dense<1.0e-5> : tensor<f32>
  %a = nn.cast %x : tensor<1x1x8xbf16> -> tensor<1x1x8xf32>
  %square = nn.binary mul %a, %a : (tensor<1x1x8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %mean = nn.reduce mean %square axes [-1] keep_dims : (tensor<1x1x8xf32>) -> tensor<1x1x1xf32>
  %shifted = nn.binary add %mean, %eps : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
  %root = nn.unary sqrt %shifted : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %y = nn.binary div %a, %root : (tensor<1x1x8xf32>, tensor<1x1x1xf32>) -> tensor<1x1x8xf32>
  %b = nn.cast %y : tensor<1x1x8xf32> -> tensor<1x1x8xbf16>
  %weight = nn.get_weight @norm : tensor<8xbf16>
  %n = nn.binary mul %b, %weight : (tensor<1x1x8xbf16>, tensor<8xbf16>) -> tensor<1x1x8xbf16>
  %h = nn.binary mul %n, %half : (tensor<1x1x8xbf16>, tensor<bf16>) -> tensor<1x1x8xbf16>
  %head = nn.get_weight @head : tensor<8x32xbf16>
  %logits = nn.matmul %h, %head : (tensor<1x1x8xbf16>, tensor<8x32xbf16>) -> tensor<1x1x32xbf16>
  %double = nn.cast %logits : tensor<1x1x32xbf16> -> tensor<1x1x32xf64>
  %result = nn.cast %double : tensor<1x1x32xf64> -> tensor<1x1x32xf32>
  return %result : tensor<1x1x32xf32>
}

// -----

// A function that is no step of a decoder computes in its types.
// CHECK-LABEL: func.func @negative_graph
// CHECK: nn.binary add %{{.*}} : (tensor<2x8xf16>, tensor<2x8xf16>) -> tensor<2x8xf16>
func.func @negative_graph(%x: tensor<2x8xf16> {nn.port = #nn.port<"x">}) -> (tensor<2x8xf16> {nn.port = #nn.port<"y">}) {
  %y = nn.binary add %x, %x : (tensor<2x8xf16>, tensor<2x8xf16>) -> tensor<2x8xf16>
  return %y : tensor<2x8xf16>
}

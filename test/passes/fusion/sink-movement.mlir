// RUN: cadenza-opt %s --sink-movement --verify-numerics | FileCheck %s

// CHECK-LABEL: @numbers
// CHECK: %[[M:.*]] = nn.binary {{ *}}mul %arg0, %{{.*}} : (tensor<8x4xf32>, tensor<f32>) -> tensor<8x4xf32>
// CHECK-NEXT: %[[E:.*]] = nn.unary {{ *}}exp %[[M]]
// CHECK-NEXT: %[[T:.*]] = nn.transpose %[[E]] [1, 0]
// CHECK-NEXT: nn.reshape %[[T]]
func.func @numbers(%x: tensor<8x4xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x32xf32> {nn.port = #nn.port<"y">}) {
  %c = nn.constant dense<0.5> : tensor<1x1xf32>
  %t = nn.transpose %x [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %m = nn.binary mul %t, %c : (tensor<4x8xf32>, tensor<1x1xf32>) -> tensor<4x8xf32>
  %r = nn.reshape %m : tensor<4x8xf32> -> tensor<1x32xf32>
  %y = nn.unary exp %r : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// Two tensors that would have to move both; one that others read where it was moved to; a rank that a number makes.
// CHECK-LABEL: @stays
// CHECK: nn.transpose
// CHECK-NEXT: nn.binary
// CHECK-NEXT: nn.unary {{ *}}neg
// CHECK: nn.transpose
// CHECK-NEXT: nn.binary {{.*}} -> tensor<1x4x8xf32>
func.func @stays(%x: tensor<8x4xf32> {nn.port = #nn.port<"x">}, %z: tensor<4x8xf32> {nn.port = #nn.port<"z">})
    -> (tensor<4x8xf32> {nn.port = #nn.port<"y">}, tensor<4x8xf32> {nn.port = #nn.port<"u">},
        tensor<1x4x8xf32> {nn.port = #nn.port<"v">}) {
  %t = nn.transpose %x [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %y = nn.binary mul %t, %z : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  %u = nn.unary neg %t : (tensor<4x8xf32>) -> tensor<4x8xf32>
  %c = nn.constant dense<0.5> : tensor<1x1x1xf32>
  %w = nn.transpose %x [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %v = nn.binary mul %w, %c : (tensor<4x8xf32>, tensor<1x1x1xf32>) -> tensor<1x4x8xf32>
  return %y, %u, %v : tensor<4x8xf32>, tensor<4x8xf32>, tensor<1x4x8xf32>
}

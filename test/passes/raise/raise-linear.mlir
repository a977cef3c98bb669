// RUN: cadenza-opt %s --raise-linear | FileCheck %s
// RUN: cadenza-opt %s --raise-linear --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified 1 passes

nn.weight @val_109 : tensor<8x4xf32> from "val_109"
nn.weight @bias : tensor<4xf32> from "bias"
nn.weight @half : tensor<8x4xf16> from "half"
nn.weight @half_bias : tensor<4xf16> from "half_bias"
nn.weight @stored : tensor<4x8xf32> from "stored"
nn.weight @viewed : tensor<8x4xf32> from "viewed" view #nn.view<rows = 8, transposed = true>
nn.weight @part : tensor<8x4xf32> from "part" view #nn.view<rows = 12, first = 4>

// The tensor is [inputs][outputs]: a transposed view, one for both uses.
// CHECK: nn.weight @val_109.transposed : tensor<4x8xf32> from "val_109" view <rows = 4, transposed = true>
// CHECK: nn.weight @half.transposed : tensor<4x8xf16> from "half" view <rows = 4, transposed = true>
// CHECK: nn.weight @viewed.stored : tensor<4x8xf32> from "viewed"{{$}}

// CHECK-LABEL: func.func @inputs_outputs
// CHECK-NEXT: nn.linear %{{.*}}, @val_109.transposed : (tensor<1x1x8xf32>) -> tensor<1x1x4xf32>
// CHECK-NEXT: nn.linear %{{.*}}, @val_109.transposed : (tensor<3x8xf32>) -> tensor<3x4xf32>
// CHECK-NEXT: return
func.func @inputs_outputs(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}, %z: tensor<3x8xf32> {nn.port = #nn.port<"z">})
    -> (tensor<1x1x4xf32> {nn.port = #nn.port<"a">}, tensor<3x4xf32> {nn.port = #nn.port<"b">}) {
  %w = nn.get_weight @val_109 : tensor<8x4xf32>
  %a = nn.matmul %x, %w : (tensor<1x1x8xf32>, tensor<8x4xf32>) -> tensor<1x1x4xf32>
  %b = nn.matmul %z, %w : (tensor<3x8xf32>, tensor<8x4xf32>) -> tensor<3x4xf32>
  return %a, %b : tensor<1x1x4xf32>, tensor<3x4xf32>
}

// The tensor is [outputs][inputs], and the graph transposes it; or it is a transposed view, which is undone.
// CHECK-LABEL: func.func @outputs_inputs
// CHECK-NEXT: nn.linear %{{.*}}, @stored : (tensor<1x8xf32>) -> tensor<1x4xf32>
// CHECK-NEXT: nn.linear %{{.*}}, @viewed.stored : (tensor<1x8xf32>) -> tensor<1x4xf32>
func.func @outputs_inputs(%x: tensor<1x8xf32> {nn.port = #nn.port<"x">})
    -> (tensor<1x4xf32> {nn.port = #nn.port<"a">}, tensor<1x4xf32> {nn.port = #nn.port<"b">}) {
  %w = nn.get_weight @stored : tensor<4x8xf32>
  %t = nn.transpose %w [1, 0] : (tensor<4x8xf32>) -> tensor<8x4xf32>
  %a = nn.matmul %x, %t : (tensor<1x8xf32>, tensor<8x4xf32>) -> tensor<1x4xf32>
  %v = nn.get_weight @viewed : tensor<8x4xf32>
  %b = nn.matmul %x, %v : (tensor<1x8xf32>, tensor<8x4xf32>) -> tensor<1x4xf32>
  return %a, %b : tensor<1x4xf32>, tensor<1x4xf32>
}

// A bias on either side; stored in 16 bits, with extents spelled out.
// CHECK-LABEL: func.func @with_bias
// CHECK-NEXT: nn.linear %{{.*}}, @val_109.transposed bias @bias : (tensor<1x1x8xf32>) -> tensor<1x1x4xf32>
// CHECK-NEXT: nn.linear %{{.*}}, @half.transposed bias @half_bias : (tensor<1x1x8xf32>) -> tensor<1x1x4xf32>
// CHECK-NEXT: return
func.func @with_bias(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">})
    -> (tensor<1x1x4xf32> {nn.port = #nn.port<"a">}, tensor<1x1x4xf32> {nn.port = #nn.port<"b">}) {
  %w = nn.get_weight @val_109 : tensor<8x4xf32>
  %bias = nn.get_weight @bias : tensor<4xf32>
  %y = nn.matmul %x, %w : (tensor<1x1x8xf32>, tensor<8x4xf32>) -> tensor<1x1x4xf32>
  %a = nn.binary add %bias, %y : (tensor<4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %h = nn.get_weight @half : tensor<8x4xf16>
  %wide = nn.cast %h : tensor<8x4xf16> -> tensor<8x4xf32>
  %hb = nn.get_weight @half_bias : tensor<4xf16>
  %row = nn.reshape %hb : tensor<4xf16> -> tensor<1x1x4xf16>
  %wide_bias = nn.cast %row : tensor<1x1x4xf16> -> tensor<1x1x4xf32>
  %z = nn.matmul %x, %wide : (tensor<1x1x8xf32>, tensor<8x4xf32>) -> tensor<1x1x4xf32>
  %b = nn.binary add %z, %wide_bias : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  return %a, %b : tensor<1x1x4xf32>, tensor<1x1x4xf32>
}

// The product is needed without its bias, too.
// CHECK-LABEL: func.func @negative_shared
// CHECK: %[[Y:.*]] = nn.linear %{{.*}}, @val_109.transposed : (tensor<1x8xf32>) -> tensor<1x4xf32>
// CHECK: nn.binary add %[[Y]]
func.func @negative_shared(%x: tensor<1x8xf32> {nn.port = #nn.port<"x">})
    -> (tensor<1x4xf32> {nn.port = #nn.port<"a">}, tensor<1x4xf32> {nn.port = #nn.port<"b">}) {
  %w = nn.get_weight @val_109 : tensor<8x4xf32>
  %bias = nn.get_weight @bias : tensor<4xf32>
  %y = nn.matmul %x, %w : (tensor<1x8xf32>, tensor<8x4xf32>) -> tensor<1x4xf32>
  %a = nn.binary add %y, %bias : (tensor<1x4xf32>, tensor<4xf32>) -> tensor<1x4xf32>
  return %a, %y : tensor<1x4xf32>, tensor<1x4xf32>
}

// No weight; a batch of matrices; a weight on the left; rows of a tensor, which no view transposes.
// CHECK-LABEL: func.func @negative_products
// CHECK-NOT: nn.linear
// CHECK: return
func.func @negative_products(%x: tensor<4x8xf32> {nn.port = #nn.port<"x">}, %z: tensor<8x4xf32> {nn.port = #nn.port<"z">}, %q: tensor<2x4x8xf32> {nn.port = #nn.port<"q">}, %k: tensor<2x8x4xf32> {nn.port = #nn.port<"k">})
    -> (tensor<4x4xf32> {nn.port = #nn.port<"a">}, tensor<2x4x4xf32> {nn.port = #nn.port<"b">}, tensor<8x8xf32> {nn.port = #nn.port<"c">}, tensor<4x4xf32> {nn.port = #nn.port<"d">}) {
  %w = nn.get_weight @val_109 : tensor<8x4xf32>
  %part = nn.get_weight @part : tensor<8x4xf32>
  %a = nn.matmul %x, %z : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %b = nn.matmul %q, %k : (tensor<2x4x8xf32>, tensor<2x8x4xf32>) -> tensor<2x4x4xf32>
  %c = nn.matmul %w, %x : (tensor<8x4xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  %d = nn.matmul %x, %part : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  return %a, %b, %c, %d : tensor<4x4xf32>, tensor<2x4x4xf32>, tensor<8x8xf32>, tensor<4x4xf32>
}

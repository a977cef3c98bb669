// RUN: cadenza-opt %s --sink-movement --convert-nn-to-step --fuse-attention | FileCheck %s

nn.weight @wv : tensor<32x32xf16> from "wv"

// As torch.onnx exports it: queries and keys of [1, 8, 32] become 4 heads of 8, keys are turned in steps, a row that the
// mask hides whole is zero.
// CHECK-LABEL: @encoder
// CHECK: step.fusion
// CHECK-NOT: nn.softmax
// CHECK: %[[S:.*]] = step.fusion (%[[A0:.*]] = %{{.*}}, %[[A1:.*]] = %{{.*}}, %[[A2:.*]] = %{{.*}}, %[[M:.*]] = %arg3)
// CHECK: nn.matmul
// CHECK-NEXT: nn.binary {{ *}}add {{.*}}, %[[M]]
// CHECK-NEXT: nn.softmax
// CHECK-NEXT: nn.unary {{ *}}is_nan
// CHECK: nn.where
// CHECK-NEXT: nn.matmul
// CHECK-NEXT: %[[T:.*]] = nn.transpose {{.*}} [0, 2, 1, 3]
// CHECK: step.yield
// CHECK-NEXT: } {passes = ["fuse-attention"]}
// CHECK-NOT: step.fusion
// CHECK: return %[[S]]
func.func @encoder(%q: tensor<1x8x32xf16> {nn.port = #nn.port<"q">}, %k: tensor<1x8x32xf16> {nn.port = #nn.port<"k">},
    %v: tensor<1x8x32xf16> {nn.port = #nn.port<"v">}, %mask: tensor<1x1x8x8xf16> {nn.port = #nn.port<"mask">})
    -> (tensor<1x8x32xf16> {nn.port = #nn.port<"y">}) {
  %c = nn.constant dense<0.5> : tensor<f16>
  %zero = nn.constant dense<0.0> : tensor<f16>
  %q2 = nn.reshape %q : tensor<1x8x32xf16> -> tensor<1x8x4x8xf16>
  %q3 = nn.transpose %q2 [0, 2, 1, 3] : (tensor<1x8x4x8xf16>) -> tensor<1x4x8x8xf16>
  %qs = nn.binary mul %q3, %c : (tensor<1x4x8x8xf16>, tensor<f16>) -> tensor<1x4x8x8xf16>
  %k2 = nn.reshape %k : tensor<1x8x32xf16> -> tensor<1x8x4x8xf16>
  %k3 = nn.transpose %k2 [0, 2, 1, 3] : (tensor<1x8x4x8xf16>) -> tensor<1x4x8x8xf16>
  %k4 = nn.reshape %k3 : tensor<1x4x8x8xf16> -> tensor<4x8x8xf16>
  %k5 = nn.transpose %k4 [0, 2, 1] : (tensor<4x8x8xf16>) -> tensor<4x8x8xf16>
  %k6 = nn.reshape %k5 : tensor<4x8x8xf16> -> tensor<1x4x8x8xf16>
  %ks = nn.binary mul %k6, %c : (tensor<1x4x8x8xf16>, tensor<f16>) -> tensor<1x4x8x8xf16>
  %w = nn.get_weight @wv : tensor<32x32xf16>
  %v1 = nn.matmul %v, %w : (tensor<1x8x32xf16>, tensor<32x32xf16>) -> tensor<1x8x32xf16>
  %v2 = nn.reshape %v1 : tensor<1x8x32xf16> -> tensor<1x8x4x8xf16>
  %v3 = nn.transpose %v2 [0, 2, 1, 3] : (tensor<1x8x4x8xf16>) -> tensor<1x4x8x8xf16>
  %s0 = nn.matmul %qs, %ks : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %s1 = nn.binary add %s0, %mask : (tensor<1x4x8x8xf16>, tensor<1x1x8x8xf16>) -> tensor<1x4x8x8xf16>
  %p0 = nn.softmax %s1 axis -1 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %p1 = nn.unary is_nan %p0 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xi1>
  %p2 = nn.where %p1, %zero, %p0 : (tensor<1x4x8x8xi1>, tensor<f16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %o0 = nn.matmul %p2, %v3 : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %o1 = nn.transpose %o0 [0, 2, 1, 3] : (tensor<1x4x8x8xf16>) -> tensor<1x8x4x8xf16>
  %o2 = nn.reshape %o1 : tensor<1x8x4x8xf16> -> tensor<1x8x32xf16>
  return %o2 : tensor<1x8x32xf16>
}

// Weights that are a result, too, have to exist; so do those that are not summed by a product.
// CHECK-LABEL: @weights_are_a_result
// CHECK-NOT: fuse-attention
func.func @weights_are_a_result(%q: tensor<1x4x8x8xf16> {nn.port = #nn.port<"q">}, %v: tensor<1x4x8x8xf16> {nn.port = #nn.port<"v">})
    -> (tensor<1x4x8x8xf16> {nn.port = #nn.port<"y">}, tensor<1x4x8x8xf16> {nn.port = #nn.port<"p">}) {
  %s = nn.matmul %q, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %p = nn.softmax %s axis -1 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %y = nn.matmul %p, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  return %y, %p : tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>
}

// Softmax along queries is another thing.
// CHECK-LABEL: @along_queries
// CHECK-NOT: fuse-attention
func.func @along_queries(%q: tensor<1x4x8x8xf16> {nn.port = #nn.port<"q">}, %v: tensor<1x4x8x8xf16> {nn.port = #nn.port<"v">})
    -> (tensor<1x4x8x8xf16> {nn.port = #nn.port<"y">}) {
  %s = nn.matmul %q, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %p = nn.softmax %s axis 2 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %y = nn.matmul %p, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  return %y : tensor<1x4x8x8xf16>
}

// What is done with weights, but for a guard against NaN, is not done in an attention.
// CHECK-LABEL: @scaled_weights
// CHECK-NOT: fuse-attention
func.func @scaled_weights(%q: tensor<1x4x8x8xf16> {nn.port = #nn.port<"q">}, %v: tensor<1x4x8x8xf16> {nn.port = #nn.port<"v">})
    -> (tensor<1x4x8x8xf16> {nn.port = #nn.port<"y">}) {
  %c = nn.constant dense<0.5> : tensor<f16>
  %s = nn.matmul %q, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %p = nn.softmax %s axis -1 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %h = nn.binary mul %p, %c : (tensor<1x4x8x8xf16>, tensor<f16>) -> tensor<1x4x8x8xf16>
  %y = nn.matmul %h, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  return %y : tensor<1x4x8x8xf16>
}

// A mask that follows from indices alone is computed in each attention that has it, not read.
// CHECK-LABEL: @causal
// CHECK: %[[A:.*]] = step.fusion (%{{.*}} = %arg0, %{{.*}} = %arg1) :
// CHECK: nn.expand
// CHECK: nn.trilu {{ *}}upper
// CHECK: nn.softmax
// CHECK: } {passes = ["fuse-attention"]}
// CHECK-NEXT: %[[B:.*]] = step.fusion (%{{.*}} = %[[A]], %{{.*}} = %arg1) :
// CHECK: nn.trilu {{ *}}upper
// CHECK: } {passes = ["fuse-attention"]}
// CHECK-NEXT: return %[[B]]
func.func @causal(%q: tensor<1x4x8x8xf16> {nn.port = #nn.port<"q">}, %v: tensor<1x4x8x8xf16> {nn.port = #nn.port<"v">})
    -> (tensor<1x4x8x8xf16> {nn.port = #nn.port<"y">}) {
  %low = nn.constant dense<0xFC00> : tensor<f16>
  %one = nn.constant dense<1> : tensor<i64>
  %all = nn.expand %low : (tensor<f16>) -> tensor<8x8xf16>
  %mask = nn.trilu upper %all, %one : (tensor<8x8xf16>, tensor<i64>) -> tensor<8x8xf16>
  %s0 = nn.matmul %q, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %m0 = nn.binary add %s0, %mask : (tensor<1x4x8x8xf16>, tensor<8x8xf16>) -> tensor<1x4x8x8xf16>
  %p0 = nn.softmax %m0 axis -1 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %y0 = nn.matmul %p0, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %s1 = nn.matmul %y0, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %m1 = nn.binary add %s1, %mask : (tensor<1x4x8x8xf16>, tensor<8x8xf16>) -> tensor<1x4x8x8xf16>
  %p1 = nn.softmax %m1 axis -1 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %y1 = nn.matmul %p1, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  return %y1 : tensor<1x4x8x8xf16>
}

// One that takes longer to compute is read.
// CHECK-LABEL: @long_mask
// CHECK: %[[M:.*]] = step.fusion () :
// CHECK: step.fusion (%{{.*}} = %arg0, %{{.*}} = %arg1, %{{.*}} = %{{.*}}) :
// CHECK-NEXT: nn.matmul
// CHECK: } {passes = ["fuse-attention"]}
func.func @long_mask(%q: tensor<1x4x8x8xf16> {nn.port = #nn.port<"q">}, %v: tensor<1x4x8x8xf16> {nn.port = #nn.port<"v">})
    -> (tensor<1x4x8x8xf16> {nn.port = #nn.port<"y">}) {
  %c = nn.constant dense<1.0> : tensor<f16>
  %m0 = nn.expand %c : (tensor<f16>) -> tensor<8x8xf16>
  %m1 = nn.unary exp %m0 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %m2 = nn.unary sqrt %m1 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %m3 = nn.unary exp %m2 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %m4 = nn.unary sqrt %m3 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %m5 = nn.unary exp %m4 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %m6 = nn.unary sqrt %m5 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %m7 = nn.unary exp %m6 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %m8 = nn.unary sqrt %m7 : (tensor<8x8xf16>) -> tensor<8x8xf16>
  %s = nn.matmul %q, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %m = nn.binary add %s, %m8 : (tensor<1x4x8x8xf16>, tensor<8x8xf16>) -> tensor<1x4x8x8xf16>
  %p = nn.softmax %m axis -1 : (tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  %y = nn.matmul %p, %v : (tensor<1x4x8x8xf16>, tensor<1x4x8x8xf16>) -> tensor<1x4x8x8xf16>
  return %y : tensor<1x4x8x8xf16>
}

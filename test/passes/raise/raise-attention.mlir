// RUN: cadenza-opt %s --canonicalize --cse --raise-attention --canonicalize --verify-numerics | FileCheck %s
// Exports in 16 bits round the root of the scale (sqrt(1/2) here); the scale is meant.
// RUN: sed s/0.7071067690849304/0.70703125/ %s | cadenza-opt --canonicalize --cse --raise-attention --canonicalize | FileCheck %s

// Ways in which exporters write attention of 4 heads of 4 elements, of which 2 share a key.

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16

// torch.onnx, opset 18: each factor is scaled by the root, keys are transposed in steps, the lowest number masks.
// CHECK-LABEL: func.func @torch
// CHECK-NEXT: nn.kv_append %arg1, %arg2, %arg3, @layers.0.cache : tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.attention %arg0, %arg3, @layers.0.cache heads 4 scale 5.000000e-01 : tensor<1x16xf32>
// CHECK-NEXT: return %[[Y]]
func.func @torch(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %flat = nn.reshape %kr : tensor<1x4x?x4xf32> -> tensor<4x?x4xf32>
  %turned = nn.transpose %flat [0, 2, 1] : (tensor<4x?x4xf32>) -> tensor<4x4x?xf32>
  %kt = nn.reshape %turned : tensor<4x4x?xf32> -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %true = nn.constant dense<true> : tensor<i1>
  %ones = nn.expand %true extents %total : (tensor<i1>, tensor<i64>) -> tensor<1x1x1x?xi1>
  %mask = nn.binary and %causal, %ones : (tensor<1x1x1x?xi1>, tensor<1x1x1x?xi1>) -> tensor<1x1x1x?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-3.40282347E+38> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

nn.cache @layers.1.cache heads 2 head_dim 4 : bf16

// optimum: a window of 2, infinity masks; the scale is the square of a root that fp32 rounds.
// CHECK: nn.scalar @layers.1.attention.window = 2
// CHECK-LABEL: func.func @window
// CHECK-NEXT: nn.kv_append %arg1, %arg2, %arg3, @layers.1.cache : tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.attention %arg0, %arg3, @layers.1.cache heads 4 scale 0.57735026918962584 window @layers.1.attention.window : tensor<1x16xf32>
// CHECK-NEXT: return %[[Y]]
func.func @window(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.1.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.1.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7598356604576111> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %w = nn.constant dense<2> : tensor<i64>
  %oldest = nn.binary sub %qp, %w : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x1xi64>
  %near = nn.binary greater %kp, %oldest : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %mask = nn.binary and %near, %causal : (tensor<1x1x1x?xi1>, tensor<1x1x1x?xi1>) -> tensor<1x1x1x?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<0xFF800000> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

nn.cache @layers.2.cache heads 2 head_dim 4 : bf16

// A cap, the product scaled, scores replaced where they are masked, weights without a test for NaN.
// CHECK-LABEL: func.func @softcap
// CHECK-NEXT: nn.kv_append %arg1, %arg2, %arg3, @layers.2.cache : tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.attention %arg0, %arg3, @layers.2.cache heads 4 scale 3.000000e-01 cap 5.000000e+01 : tensor<1x16xf32>
// CHECK-NEXT: return %[[Y]]
func.func @softcap(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.2.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.2.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %scale = nn.constant dense<0.3> : tensor<f32>
  %cap = nn.constant dense<50.0> : tensor<f32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %q, %kt : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %scaled = nn.binary mul %products, %scale : (tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %over = nn.binary div %scaled, %cap : (tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %tanh = nn.unary tanh %over : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %capped = nn.binary mul %tanh, %cap : (tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %low = nn.constant dense<-1.0e4> : tensor<f32>
  %masked = nn.where %causal, %capped, %low : (tensor<1x1x1x?xi1>, tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %p, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

nn.cache @layers.3.cache heads 2 head_dim 4 : bf16

// Queries that share a key are rows of one product; no mask at all.
// CHECK-LABEL: func.func @grouped
// CHECK-NEXT: nn.kv_append %arg1, %arg2, %arg3, @layers.3.cache : tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.attention %arg0, %arg3, @layers.3.cache heads 4 scale 2.500000e-01 : tensor<1x16xf32>
// CHECK-NEXT: return %[[Y]]
func.func @grouped(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.3.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.3.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %groups = nn.reshape %q : tensor<1x4x1x4xf32> -> tensor<1x2x2x4xf32>
  %scale = nn.constant dense<4.0> : tensor<f32>
  %qs = nn.binary div %groups, %scale : (tensor<1x2x2x4xf32>, tensor<f32>) -> tensor<1x2x2x4xf32>
  %kt = nn.transpose %keys [0, 1, 3, 2] : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %products = nn.matmul %qs, %kt : (tensor<1x2x2x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x2x?xf32>
  %p = nn.softmax %products axis -1 : (tensor<1x2x2x?xf32>) -> tensor<1x2x2x?xf32>
  %sum = nn.matmul %p, %values : (tensor<1x2x2x?xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x2x4xf32>
  %y = nn.reshape %sum : tensor<1x2x2x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

nn.cache @layers.6.cache heads 2 head_dim 4 : bf16

// A cache that has room, into which the token is written where it stands; what is beyond it is masked.
// CHECK-LABEL: func.func @static
// CHECK-NEXT: nn.kv_append %arg1, %arg2, %arg3, @layers.6.cache : tensor<1x8xf32>
// CHECK-NEXT: %[[Y:.*]] = nn.attention %arg0, %arg3, @layers.6.cache heads 4 scale 5.000000e-01 : tensor<1x16xf32>
// CHECK-NEXT: return %[[Y]]
func.func @static(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %eight = nn.constant dense<8> : tensor<i64>
  %past = nn.past_length %position
  %index = nn.reshape %past : tensor<i64> -> tensor<1xi64>
  %length1 = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %length = nn.reshape %length1 : tensor<i64> -> tensor<1x1x1x1xi64>
  %slots = nn.range %zero, %eight, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<8xi64>
  %offset = nn.binary sub %length, %one : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %slots, %offset : (tensor<8xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x8xi1>
  %there = nn.binary less %slots, %length : (tensor<8xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x8xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<0xFF800000> : tensor<f32>
  %bias1 = nn.where %causal, %shown, %hidden : (tensor<1x1x1x8xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x8xf32>
  %bias2 = nn.where %there, %shown, %hidden : (tensor<1x1x1x8xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x8xf32>
  %bias = nn.binary add %bias1, %bias2 : (tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x1x8xf32>
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k0 = nn.read_cache @layers.6.cache key at %position : tensor<1x2x8x4xf32>
  %k1 = nn.transpose %k0 [0, 2, 1, 3] : (tensor<1x2x8x4xf32>) -> tensor<1x8x2x4xf32>
  %k2 = nn.reshape %k1 : tensor<1x8x2x4xf32> -> tensor<1x8x8xf32>
  %k3 = nn.reshape %key : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %k4 = nn.tensor_scatter %k2, %k3 at %index axis 1 : (tensor<1x8x8xf32>, tensor<1x1x8xf32>, tensor<1xi64>) -> tensor<1x8x8xf32>
  %k5 = nn.reshape %k4 : tensor<1x8x8xf32> -> tensor<1x8x2x4xf32>
  %k6 = nn.transpose %k5 [0, 2, 1, 3] : (tensor<1x8x2x4xf32>) -> tensor<1x2x8x4xf32>
  %k7 = nn.reshape %k6 : tensor<1x2x8x4xf32> -> tensor<1x2x1x8x4xf32>
  %k8 = nn.expand %k7 : (tensor<1x2x1x8x4xf32>) -> tensor<1x2x2x8x4xf32>
  %kr = nn.reshape %k8 : tensor<1x2x2x8x4xf32> -> tensor<1x4x8x4xf32>
  %v0 = nn.read_cache @layers.6.cache value at %position : tensor<1x2x8x4xf32>
  %v1 = nn.transpose %v0 [0, 2, 1, 3] : (tensor<1x2x8x4xf32>) -> tensor<1x8x2x4xf32>
  %v2 = nn.reshape %v1 : tensor<1x8x2x4xf32> -> tensor<1x8x8xf32>
  %v3 = nn.reshape %value : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %v4 = nn.tensor_scatter %v2, %v3 at %index axis 1 : (tensor<1x8x8xf32>, tensor<1x1x8xf32>, tensor<1xi64>) -> tensor<1x8x8xf32>
  %v5 = nn.reshape %v4 : tensor<1x8x8xf32> -> tensor<1x8x2x4xf32>
  %v6 = nn.transpose %v5 [0, 2, 1, 3] : (tensor<1x8x2x4xf32>) -> tensor<1x2x8x4xf32>
  %v7 = nn.reshape %v6 : tensor<1x2x8x4xf32> -> tensor<1x2x1x8x4xf32>
  %v8 = nn.expand %v7 : (tensor<1x2x1x8x4xf32>) -> tensor<1x2x2x8x4xf32>
  %vr = nn.reshape %v8 : tensor<1x2x2x8x4xf32> -> tensor<1x4x8x4xf32>
  %scale = nn.constant dense<0.5> : tensor<f32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x8x4xf32>) -> tensor<1x4x4x8xf32>
  %qs = nn.binary mul %q, %scale : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %products = nn.matmul %qs, %kt : (tensor<1x4x1x4xf32>, tensor<1x4x4x8xf32>) -> tensor<1x4x1x8xf32>
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x4x1x8xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x8xf32>) -> tensor<1x4x1x8xf32>
  %most = nn.reduce max %bias axes [-1] keep_dims : (tensor<1x1x1x8xf32>) -> tensor<1x1x1x1xf32>
  %none = nn.binary equal %most, %hidden : (tensor<1x1x1x1xf32>, tensor<f32>) -> tensor<1x1x1x1xi1>
  %weights = nn.where %none, %shown, %p : (tensor<1x1x1x1xi1>, tensor<f32>, tensor<1x4x1x8xf32>) -> tensor<1x4x1x8xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x8xf32>, tensor<1x4x8x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

nn.cache @layers.4.cache heads 2 head_dim 4 : bf16
nn.cache @layers.5.cache heads 2 head_dim 4 : bf16

// In a model with a window, a layer without one has one of 0.
// CHECK: nn.cache @layers.4.cache
// CHECK-NEXT: nn.scalar @layers.4.attention.window = 5
// CHECK-NEXT: nn.cache @layers.5.cache
// CHECK-NEXT: nn.scalar @layers.5.attention.window = 0
// CHECK-LABEL: func.func @layers
// CHECK: nn.attention {{.*}} @layers.4.cache heads 4 scale 5.000000e-01 window @layers.4.attention.window
// CHECK: nn.attention {{.*}} @layers.5.cache heads 4 scale 5.000000e-01 window @layers.5.attention.window
func.func @layers(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.4.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.4.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %w = nn.constant dense<5> : tensor<i64>
  %oldest = nn.binary sub %qp, %w : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x1xi64>
  %near = nn.binary greater %kp, %oldest : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %mask = nn.binary and %near, %causal : (tensor<1x1x1x?xi1>, tensor<1x1x1x?xi1>) -> tensor<1x1x1x?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<0xFF800000> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %p, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %pastk2 = nn.read_cache @layers.5.cache key at %position : tensor<1x2x?x4xf32>
  %pastv2 = nn.read_cache @layers.5.cache value at %position : tensor<1x2x?x4xf32>
  %keys2 = nn.concat %pastk2, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values2 = nn.concat %pastv2, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys25 = nn.reshape %keys2 : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys26 = nn.expand %keys25 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr2 = nn.reshape %keys26 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values25 = nn.reshape %values2 : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values26 = nn.expand %values25 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr2 = nn.reshape %values26 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %qs2 = nn.binary mul %sum, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt2 = nn.transpose %kr2 [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks2 = nn.binary mul %kt2, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products2 = nn.matmul %qs2, %ks2 : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %bias2 = nn.where %causal, %shown, %hidden : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
  %masked2 = nn.binary add %products2, %bias2 : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p2 = nn.softmax %masked2 axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum2 = nn.matmul %p2, %vr2 : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum2 : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// Nothing of a cache.
// CHECK-LABEL: func.func @negative_no_cache
// CHECK: nn.softmax
func.func @negative_no_cache(%x: tensor<1x4xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x4xf32> {nn.port = #nn.port<"y">}) {
  %column = nn.reshape %x : tensor<1x4xf32> -> tensor<4x1xf32>
  %products = nn.matmul %column, %x : (tensor<4x1xf32>, tensor<1x4xf32>) -> tensor<4x4xf32>
  %p = nn.softmax %products axis -1 : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %y = nn.matmul %x, %p : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

// A window that is longer than what is tried of a mask that names none.
// CHECK: nn.scalar @layers.9.attention.window = 300000
nn.cache @layers.9.cache heads 2 head_dim 4 : bf16
func.func @long_window(%query: tensor<1x8xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.9.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.9.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %kt = nn.transpose %keys [0, 1, 3, 2] : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %products = nn.matmul %q, %kt : (tensor<1x2x1x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %size = nn.constant dense<300000> : tensor<i64>
  %from = nn.binary sub %past, %size : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %mask = nn.binary greater %range, %from : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<?xi1>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  %masked = nn.binary add %products, %bias : (tensor<1x2x1x?xf32>, tensor<?xf32>) -> tensor<1x2x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %sum = nn.matmul %p, %values : (tensor<1x2x1x?xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x1x4xf32>
  %y = nn.reshape %sum : tensor<1x2x1x4xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

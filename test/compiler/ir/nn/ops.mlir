// RUN: cadenza-opt %s | cadenza-opt | FileCheck %s

// CHECK: nn.weight @embedding.weight : tensor<10x8xbf16> from "model.embed_tokens.weight"
nn.weight @embedding.weight : tensor<10x8xbf16> from "model.embed_tokens.weight"
nn.weight @positions.weight : tensor<6x8xf16> from "model.embed_positions.weight"
nn.weight @norm.weight : tensor<8xbf16> from "norm"
nn.weight @head_norm.weight : tensor<4xf32> from "head_norm"
nn.weight @key.bias : tensor<4xf16> from "k.bias"
nn.weight @key.weight : tensor<4x8xbf16> from "k.weight"
// CHECK: nn.weight @rope.inverse_frequencies : tensor<2xf32> = dense<[1.000000e+00, 5.000000e-01]> : tensor<2xf32>
nn.weight @rope.inverse_frequencies : tensor<2xf32> = dense<[1.0, 0.5]> : tensor<2xf32>
// CHECK: nn.weight @shifted : tensor<64xbf16> from "norm" plus 1.000000e+00
nn.weight @shifted : tensor<64xbf16> from "norm" plus 1.0
// CHECK: nn.weight @rope.part : tensor<1xf32> = dense<1.000000e+00> : tensor<1xf32> factor 1.250000e+00
nn.weight @rope.part : tensor<1xf32> = dense<[1.0]> : tensor<1xf32> factor 1.25
// CHECK: nn.weight @rope.two : tensor<2xf32> = dense<1.000000e+00> : tensor<2xf32> long <dense<5.000000e-01> : tensor<2xf32>, after = 16>
nn.weight @rope.two : tensor<2xf32> = dense<1.0> : tensor<2xf32> long #nn.long<dense<0.5> : tensor<2xf32>, after = 16>
// CHECK: nn.weight @rope.grown : tensor<2xf32> = dense<1.000000e+00> : tensor<2xf32> growth <rate = 1.000000e-01 : f64, every = 16>
nn.weight @rope.grown : tensor<2xf32> = dense<1.0> : tensor<2xf32> growth #nn.growth<rate = 0.1, every = 16>
// CHECK: nn.weight @rows : tensor<4x8xf16> from "fused" view <rows = 12, first = 4>
nn.weight @rows : tensor<4x8xf16> from "fused" view #nn.view<rows = 12, first = 4>
// CHECK: nn.weight @heads : tensor<4x8xf16> from "fused" view <rows = 12, transposed = true, first = 2, run = 2, stride = 6>
nn.weight @heads : tensor<4x8xf16> from "fused" view #nn.view<rows = 12, transposed = true, first = 2, run = 2, stride = 6>
// CHECK: nn.cache @cache heads 1 head_dim 4 : f16
nn.cache @cache heads 1 head_dim 4 : f16

// CHECK: nn.scalar @window = 512
nn.scalar @window = 512

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[TOKEN:.*]]: tensor<1xi32>, %[[POSITION:.*]]: tensor<1xi32>
func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  // CHECK: %[[X:.*]] = nn.embedding %[[TOKEN]], @embedding.weight : tensor<1x8xf32>
  %x = nn.embedding %token, @embedding.weight : tensor<1x8xf32>
  // CHECK: nn.embedding %[[TOKEN]], @embedding.weight scale 3.200000e+01 : tensor<1x8xf32>
  %xs = nn.embedding %token, @embedding.weight scale 32.0 : tensor<1x8xf32>
  // CHECK: nn.embedding %[[TOKEN]], @embedding.weight positions @positions.weight at %[[POSITION]] scale 3.200000e+01 : tensor<1x8xf32>
  %xp = nn.embedding %token, @embedding.weight positions @positions.weight at %position scale 32.0 : tensor<1x8xf32>
  // CHECK: nn.rms_norm %[[X]], @norm.weight eps 5.000000e-01 : tensor<1x8xf32>
  %n = nn.rms_norm %x, @norm.weight eps 0.5 : tensor<1x8xf32>
  // CHECK: %[[Q:.*]] = nn.rms_norm %{{.*}}, @head_norm.weight eps 5.000000e-01 group_size 4 : tensor<1x8xf32>
  %q = nn.rms_norm %n, @head_norm.weight eps 0.5 group_size 4 : tensor<1x8xf32>
  // CHECK: nn.layer_norm %[[X]], @norm.weight bias @norm.weight eps 5.000000e-01 : tensor<1x8xf32>
  %ln = nn.layer_norm %x, @norm.weight bias @norm.weight eps 0.5 : tensor<1x8xf32>
  // CHECK: nn.layer_norm %[[X]], @head_norm.weight eps 5.000000e-01 group_size 4 : tensor<1x8xf32>
  %lh = nn.layer_norm %x, @head_norm.weight eps 0.5 group_size 4 : tensor<1x8xf32>
  // CHECK: %[[K:.*]] = nn.linear %{{.*}}, @key.weight bias @key.bias : (tensor<1x8xf32>) -> tensor<1x4xf32>
  %k = nn.linear %n, @key.weight bias @key.bias : (tensor<1x8xf32>) -> tensor<1x4xf32>
  // CHECK: %[[V:.*]] = nn.linear %{{.*}}, @key.weight : (tensor<1x8xf32>) -> tensor<1x4xf32>
  %v = nn.linear %n, @key.weight : (tensor<1x8xf32>) -> tensor<1x4xf32>
  // CHECK: nn.rope %[[K]], %[[POSITION]], @rope.inverse_frequencies head_dim 4 : tensor<1x4xf32>
  %r = nn.rope %k, %position, @rope.inverse_frequencies head_dim 4 : tensor<1x4xf32>
  // CHECK: nn.rope %[[K]], %[[POSITION]], @rope.part head_dim 4 rotary_dim 2 interleaved : tensor<1x4xf32>
  %ri = nn.rope %k, %position, @rope.part head_dim 4 rotary_dim 2 interleaved : tensor<1x4xf32>
  // CHECK: nn.kv_append %{{.*}}, %[[V]], %[[POSITION]], @cache : tensor<1x4xf32>
  nn.kv_append %r, %v, %position, @cache : tensor<1x4xf32>
  // CHECK: %[[A:.*]] = nn.attention %[[Q]], %[[POSITION]], @cache heads 2 scale 5.000000e-01 : tensor<1x8xf32>
  %a = nn.attention %q, %position, @cache heads 2 scale 0.5 : tensor<1x8xf32>
  // CHECK: nn.attention %[[Q]], %[[POSITION]], @cache heads 2 scale 5.000000e-01 window @window : tensor<1x8xf32>
  %w = nn.attention %q, %position, @cache heads 2 scale 0.5 window @window : tensor<1x8xf32>
  // CHECK: nn.attention %[[Q]], %[[POSITION]], @cache heads 2 scale 5.000000e-01 window @window cap 5.000000e+01 : tensor<1x8xf32>
  %wc = nn.attention %q, %position, @cache heads 2 scale 0.5 window @window cap 50.0 : tensor<1x8xf32>
  // CHECK: nn.scale %{{.*}} by 2.200000e-01 : tensor<1x8xf32>
  %sc = nn.scale %wc by 0.22 : tensor<1x8xf32>
  // CHECK: nn.softcap %{{.*}} cap 3.000000e+01 : tensor<1x8xf32>
  %cp = nn.softcap %sc cap 30.0 : tensor<1x8xf32>
  // CHECK: nn.silu %[[A]] : tensor<1x8xf32>
  %s = nn.silu %a : tensor<1x8xf32>
  // CHECK: nn.gelu %{{.*}} : tensor<1x8xf32>
  %ge = nn.gelu %s : tensor<1x8xf32>
  // CHECK: nn.gelu_tanh %{{.*}} : tensor<1x8xf32>
  %g = nn.gelu_tanh %s : tensor<1x8xf32>
  // CHECK: nn.mul %{{.*}}, %[[A]] : tensor<1x8xf32>
  %m = nn.mul %g, %a : tensor<1x8xf32>
  // CHECK: nn.add %[[X]], %{{.*}} : tensor<1x8xf32>
  %y = nn.add %x, %m : tensor<1x8xf32>
  // CHECK: nn.argmax %{{.*}} : tensor<1x8xf32>
  %t = nn.argmax %y : tensor<1x8xf32>
  return %t : tensor<1xi32>
}

// A module holds several functions; those with ports are entries. Ops on rows take any static rank.
// CHECK-LABEL: func.func @entry(
// CHECK-SAME: %{{.*}}: tensor<1xi32> {nn.port = #nn.port<token>}, %{{.*}}: tensor<1xi32> {nn.port = #nn.port<position>})
// CHECK-SAME: -> (tensor<1xi32> {nn.port = #nn.port<next>}, tensor<1x8xf32> {nn.port = #nn.port<logits>})
func.func @entry(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}, tensor<1x8xf32> {nn.port = #nn.port<logits>}) {
  %x = nn.embedding %token, @embedding.weight : tensor<1x8xf32>
  %t = nn.argmax %x : tensor<1x8xf32>
  return %t, %x : tensor<1xi32>, tensor<1x8xf32>
}

// CHECK-LABEL: func.func @run(
// CHECK-SAME: %{{.*}}: tensor<2x3x8xf32> {nn.port = #nn.port<"x/0">}, %{{.*}}: tensor<8xf32> {nn.port = #nn.port<"v">}, %{{.*}}: tensor<6x8xf32> {nn.port = #nn.port<"z" : [3, 2, 8]>})
// CHECK-SAME: -> (tensor<2x3x4xf32> {nn.port = #nn.port<"y">}, tensor<4xf32> {nn.port = #nn.port<"w">})
func.func @run(%x: tensor<2x3x8xf32> {nn.port = #nn.port<"x/0">}, %v: tensor<8xf32> {nn.port = #nn.port<"v">},
               %z: tensor<6x8xf32> {nn.port = #nn.port<"z" : [3, 2, 8]>})
    -> (tensor<2x3x4xf32> {nn.port = #nn.port<"y">}, tensor<4xf32> {nn.port = #nn.port<"w">}) {
  %n = nn.rms_norm %x, @norm.weight eps 0.5 : tensor<2x3x8xf32>
  %y = nn.linear %n, @key.weight bias @key.bias : (tensor<2x3x8xf32>) -> tensor<2x3x4xf32>
  %w = nn.linear %v, @key.weight : (tensor<8xf32>) -> tensor<4xf32>
  return %y, %w : tensor<2x3x4xf32>, tensor<4xf32>
}

// RUN: cadenza-opt %s | cadenza-opt | FileCheck %s

nn.weight @embedding : tensor<64x32xbf16> from "e"
nn.weight @positions : tensor<48x32xf16> from "p"
nn.weight @norm : tensor<32xbf16> from "n"
nn.weight @bias : tensor<32xbf16> from "b"
nn.weight @w.0 : tensor<32x32xbf16> from "w0"
nn.weight @w.1 : tensor<32x32xbf16> from "w1"
nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
nn.cache @cache.0 heads 2 head_dim 16 : bf16
nn.cache @cache.1 heads 2 head_dim 16 : bf16
nn.scalar @window.0 = 512
nn.scalar @window.1 = 0
// CHECK: step.table @window [@window.0, @window.1]
step.table @window [@window.0, @window.1]
// CHECK: step.table @w [@w.0, @w.1]
step.table @w [@w.0, @w.1]
step.table @cache [@cache.0, @cache.1]

// CHECK-LABEL: func.func @decode(
// CHECK-SAME: %[[TOKEN:.*]]: tensor<1xi32>, %[[POSITION:.*]]: tensor<1xi32>
func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  // CHECK: %[[X:.*]] = step.embed %[[TOKEN]], @embedding : tensor<1x32xf32>
  %x = step.embed %token, @embedding : tensor<1x32xf32>
  // CHECK: step.embed %[[TOKEN]], @embedding {scale = 2.000000e+00 : f64} : tensor<1x32xf32>
  %scaled = step.embed %token, @embedding {scale = 2.0} : tensor<1x32xf32>
  // CHECK: step.embed %[[TOKEN]], @embedding positions @positions at %[[POSITION]] : tensor<1x32xf32>
  %positioned = step.embed %token, @embedding positions @positions at %position : tensor<1x32xf32>
  // CHECK: %[[L:.*]]:2 = step.layers count 2 (%[[H:.*]] = %[[X]], %[[G:.*]] = %{{.*}}) : tensor<1x32xf32>, tensor<1x32xf32> {
  %l:2 = step.layers count 2 (%h = %x, %g = %scaled) : tensor<1x32xf32>, tensor<1x32xf32> {
    // CHECK: %[[Q:.*]] = step.project %[[H]] at %[[POSITION]] matrices [@w, @w, @w]
    // CHECK-SAME: prologue #step.rms_norm<segment = 0, weight = @norm, eps = 5.000000e-01 : f64, group_size = 32, defer_scale = true>
    // CHECK-SAME: epilogues [#step.bias<segment = 1, weight = @bias>, #step.rope<segment = 1, table = @frequencies, head_dim = 16, rotary_dim = 16>, #step.kv_append<key = 1, value = 2, cache = @cache, kv_heads = 2, head_dim = 16>]
    // CHECK-SAME: {k_ways = 2 : i64} : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
    %q = step.project %h at %position matrices [@w, @w, @w]
      prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32, defer_scale = true>
      epilogues [#step.bias<segment = 1, weight = @bias>,
                 #step.rope<segment = 1, table = @frequencies, head_dim = 16, rotary_dim = 16>,
                 #step.kv_append<key = 1, value = 2, cache = @cache, kv_heads = 2, head_dim = 16>]
      {k_ways = 2 : i64} : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
    // CHECK: %[[A:.*]] = step.attend %[[Q]] at %[[POSITION]], @cache heads 2 scale 5.000000e-01 {splits = 4 : i64, warps = 16 : i64} : tensor<1x32xf32> -> tensor<1x32xbf16>
    %a = step.attend %q at %position, @cache heads 2 scale 0.5 {splits = 4 : i64, warps = 16 : i64} : tensor<1x32xf32> -> tensor<1x32xbf16>
    // CHECK: step.attend %[[Q]] at %[[POSITION]], @cache heads 2 scale 5.000000e-01 window @window : tensor<1x32xf32> -> tensor<1x32xbf16>
    %b = step.attend %q at %position, @cache heads 2 scale 0.5 window @window : tensor<1x32xf32> -> tensor<1x32xbf16>
    // CHECK: step.map %{{.*}} epilogues [#step.layer_norm<segment = 0, weight = @norm, bias = @bias, eps = 5.000000e-01 : f64, group_size = 32>, #step.layer_norm<segment = 0, weight = @norm, eps = 5.000000e-01 : f64, group_size = 32>]
    %ln = step.map %h epilogues [#step.layer_norm<segment = 0, weight = @norm, bias = @bias, eps = 0.5, group_size = 32>,
                                 #step.layer_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
    // CHECK: %[[Y:.*]] = step.project %[[A]] with(%[[G]]) matrices [@w, @w]
    // CHECK-SAME: epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>, #step.add<segment = 0>] {interleaved}
    %y = step.project %a with (%g) matrices [@w, @w]
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>, #step.add<segment = 0>] {interleaved}
      : (tensor<1x32xbf16>, tensor<1x32xf32>) -> tensor<1x32xf32>
    // CHECK: step.yield %[[Y]], %[[H]] : tensor<1x32xf32>, tensor<1x32xf32>
    step.yield %y, %h : tensor<1x32xf32>, tensor<1x32xf32>
  }
  // CHECK: step.map %[[L]]#0, %[[L]]#1 with(%[[X]]) at %[[POSITION]] epilogues [#step.gelu_tanh<segment = 1>,
  // CHECK-SAME: (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %m:2 = step.map %l#0, %l#1 with (%x) at %position
    epilogues [#step.gelu_tanh<segment = 1>, #step.add<segment = 0>,
               #step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>]
    : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  // CHECK: step.map %{{.*}} at %[[POSITION]] epilogues [#step.gelu<segment = 0>, #step.scale<segment = 0, factor = 2.200000e-01 : f64>, #step.softcap<segment = 0, cap = 3.000000e+01 : f64>, #step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16, interleaved = true>]
  %mf = step.map %m#0 at %position
    epilogues [#step.gelu<segment = 0>, #step.scale<segment = 0, factor = 0.22>, #step.softcap<segment = 0, cap = 30.0>,
               #step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16, interleaved = true>]
    : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  // CHECK: step.project %{{.*}}#1 matrices [@embedding] : (tensor<1x32xf32>) -> tensor<1x64xf32>
  %logits = step.project %m#1 matrices [@embedding] : (tensor<1x32xf32>) -> tensor<1x64xf32>
  // The types must not be taken for the prologue's:
  // CHECK: step.project %{{.*}}#1 matrices [@embedding] prologue #step.rms_norm<{{.*}}> epilogues [] : (
  %normed = step.project %m#1 matrices [@embedding]
    prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x64xf32>
  // CHECK: step.select %{{.*}} : tensor<1x64xf32>
  %unfused = step.select %logits : tensor<1x64xf32>
  // CHECK: step.project %{{.*}} matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x32xf32>) -> tensor<1xi32>
  %t = step.project %m#0 matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x32xf32>) -> tensor<1xi32>
  return %t : tensor<1xi32>
}

// CHECK-LABEL: func.func @nothing_carried
func.func @nothing_carried() {
  // CHECK: step.layers count 3 () {
  step.layers count 3 () {
  }
  return
}

nn.weight @table : tensor<100x8xf16> from "table"

// CHECK-LABEL: func.func @graph(
// CHECK-SAME: %[[X:.*]]: tensor<1x4xi64>, %[[H:.*]]: tensor<1x4x8xf16>)
func.func @graph(%x: tensor<1x4xi64>, %h: tensor<1x4x8xf16>) -> (tensor<1x4x8xf16>, tensor<1x4x8xf16>, tensor<i1>) {
  // CHECK: %[[F:.*]]:2 = step.fusion (%[[A:.*]] = %[[X]], %[[B:.*]] = %[[H]]) : (tensor<1x4xi64>, tensor<1x4x8xf16>) -> (tensor<1x4x8xf16>, tensor<1x4x8xf16>) {
  // CHECK-NEXT: %[[W:.*]] = nn.get_weight @table : tensor<100x8xf16>
  // CHECK-NEXT: %[[R:.*]] = nn.gather %[[W]], %[[A]] axis 0
  // CHECK-NEXT: %[[S:.*]] = nn.binary add %[[R]], %[[B]]
  // CHECK-NEXT: step.yield %[[S]], %[[R]] : tensor<1x4x8xf16>, tensor<1x4x8xf16>
  // CHECK-NEXT: } {passes = ["fuse-tensors"]}
  %f:2 = step.fusion (%a = %x, %b = %h) : (tensor<1x4xi64>, tensor<1x4x8xf16>) -> (tensor<1x4x8xf16>, tensor<1x4x8xf16>) {
    %w = nn.get_weight @table : tensor<100x8xf16>
    %r = nn.gather %w, %a axis 0 : (tensor<100x8xf16>, tensor<1x4xi64>) -> tensor<1x4x8xf16>
    %s = nn.binary add %r, %b : (tensor<1x4x8xf16>, tensor<1x4x8xf16>) -> tensor<1x4x8xf16>
    step.yield %s, %r : tensor<1x4x8xf16>, tensor<1x4x8xf16>
  } {passes = ["fuse-tensors"]}
  // CHECK: step.fusion () : () -> tensor<i1> {
  %c = step.fusion () : () -> tensor<i1> {
    %t = nn.constant dense<true> : tensor<i1>
    step.yield %t : tensor<i1>
  }
  return %f#0, %f#1, %c : tensor<1x4x8xf16>, tensor<1x4x8xf16>, tensor<i1>
}

// A tile of tokens: each is at the position of the first one and its place in the tile.
// CHECK-LABEL: @tile
func.func @tile(%tokens: tensor<16xi32>, %position: tensor<1xi32>) -> tensor<1x32xf32> {
  // CHECK: %[[X:.*]] = step.embed %{{.*}}, @embedding : tensor<16x32xf32>
  %x = step.embed %tokens, @embedding : tensor<16x32xf32>
  // CHECK: %[[Y:.*]] = step.map %[[X]] at %[[POSITION:.*]] epilogues [#step.rope<{{.*}}>] : (tensor<16x32xf32>, tensor<1xi32>) -> tensor<16x32xf32>
  %y = step.map %x at %position epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>]
    : (tensor<16x32xf32>, tensor<1xi32>) -> tensor<16x32xf32>
  // CHECK: step.last %[[Y]] at %[[POSITION]] : tensor<16x32xf32> -> tensor<1x32xf32>
  %z = step.last %y at %position : tensor<16x32xf32> -> tensor<1x32xf32>
  return %z : tensor<1x32xf32>
}

// RUN: cadenza-opt %s --name-weights --split-input-file | FileCheck %s
// RUN: cadenza-opt %s --name-weights --split-input-file --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified 2 passes

// One layer as an exporter may order it: up before gate, value before key before query, the activation before up's
// product; weights in no order. A name may be another's role.
// CHECK: module {
// CHECK-NEXT: nn.weight @embedding.weight : tensor<32x8xbf16> from "model.embed_tokens.weight"
// CHECK-NEXT: nn.weight @layers.0.attention_norm.weight : tensor<8xf32> from "onnx::Mul_1"
// CHECK-NEXT: nn.weight @layers.0.attention.query.weight : tensor<16x8xbf16> from "val_2" view <rows = 16, transposed = true>
// CHECK-NEXT: nn.weight @layers.0.attention.query.bias : tensor<16xf32> from "q_bias"
// CHECK-NEXT: nn.weight @layers.0.attention.key.weight : tensor<8x8xbf16> from "val_3" view <rows = 8, transposed = true>
// CHECK-NEXT: nn.weight @layers.0.attention.value.weight : tensor<8x8xbf16> from "val_4" view <rows = 8, transposed = true>
// CHECK-NEXT: nn.weight @layers.0.attention.query_norm.weight : tensor<8xf32> from "q_norm"
// CHECK-NEXT: nn.weight @layers.0.attention.key_norm.weight : tensor<8xf32> from "k_norm"
// CHECK-NEXT: nn.weight @rope.inverse_frequencies : tensor<4xf32>
// CHECK-NEXT: nn.cache @layers.0.cache heads 1 head_dim 8 : bf16
// CHECK-NEXT: nn.scalar @layers.0.attention.window = 7
// CHECK-NEXT: nn.weight @layers.0.attention.output.weight : tensor<8x16xbf16> from "val_5"
// CHECK-NEXT: nn.weight @layers.0.attention_post_norm.weight : tensor<8xf32> from "post_attention"
// CHECK-NEXT: nn.weight @layers.0.mlp_norm.weight : tensor<8xf32> from "pre_mlp"
// CHECK-NEXT: nn.weight @layers.0.mlp.gate.weight : tensor<12x8xbf16> from "val_6"
// CHECK-NEXT: nn.weight @layers.0.mlp.up.weight : tensor<12x8xbf16> from "val_7"
// CHECK-NEXT: nn.weight @layers.0.mlp.down.weight : tensor<8x12xbf16> from "val_8"
// CHECK-NEXT: nn.weight @layers.0.mlp_post_norm.weight : tensor<8xf32> from "post_mlp"
// CHECK-NEXT: nn.weight @final_norm.weight : tensor<8xf32> from "final"
// CHECK-NEXT: nn.weight @head.weight : tensor<32x8xbf16> from "lm_head"
// CHECK-NEXT: func.func @decode
// CHECK-NEXT: %[[X:.*]] = nn.embedding %arg0, @embedding.weight scale 2.000000e+00
// CHECK-NEXT: %[[H:.*]] = nn.rms_norm %[[X]], @layers.0.attention_norm.weight
// CHECK-NEXT: %[[Q:.*]] = nn.linear %[[H]], @layers.0.attention.query.weight bias @layers.0.attention.query.bias
// CHECK-NEXT: %[[K:.*]] = nn.linear %[[H]], @layers.0.attention.key.weight
// CHECK-NEXT: %[[V:.*]] = nn.linear %[[H]], @layers.0.attention.value.weight
// CHECK-NEXT: %[[QN:.*]] = nn.rms_norm %[[Q]], @layers.0.attention.query_norm.weight
// CHECK-NEXT: %[[KN:.*]] = nn.rms_norm %[[K]], @layers.0.attention.key_norm.weight
// CHECK-NEXT: %[[QR:.*]] = nn.rope %[[QN]]
// CHECK-NEXT: %[[KR:.*]] = nn.rope %[[KN]]
// CHECK-NEXT: nn.kv_append %[[KR]], %[[V]], %arg1, @layers.0.cache
// CHECK-NEXT: %[[A:.*]] = nn.attention %[[QR]], %arg1, @layers.0.cache heads 2 scale 5.000000e-01 window @layers.0.attention.window
// CHECK-NEXT: %[[O:.*]] = nn.linear %[[A]], @layers.0.attention.output.weight
// CHECK-NEXT: nn.rms_norm %[[O]], @layers.0.attention_post_norm.weight
// CHECK-NEXT: %[[R:.*]] = nn.add
// CHECK-NEXT: %[[M:.*]] = nn.rms_norm %[[R]], @layers.0.mlp_norm.weight
// CHECK-NEXT: %[[G:.*]] = nn.linear %[[M]], @layers.0.mlp.gate.weight
// CHECK-NEXT: %[[U:.*]] = nn.linear %[[M]], @layers.0.mlp.up.weight
// CHECK-NEXT: %[[S:.*]] = nn.gelu_tanh %[[G]]
// CHECK-NEXT: %[[P:.*]] = nn.mul %[[S]], %[[U]]
// CHECK-NEXT: nn.linear %[[P]], @layers.0.mlp.down.weight
// CHECK-NEXT: nn.rms_norm {{.*}}, @layers.0.mlp_post_norm.weight
// CHECK-NEXT: nn.add
// CHECK-NEXT: nn.rms_norm {{.*}}, @final_norm.weight
// CHECK-NEXT: nn.linear {{.*}}, @head.weight
// CHECK-NEXT: nn.softcap
// CHECK-NEXT: nn.argmax
nn.weight @table : tensor<32x8xbf16> from "model.embed_tokens.weight"
nn.weight @head.weight : tensor<8xf32> from "final"
nn.weight @final_norm.weight : tensor<32x8xbf16> from "lm_head"
nn.weight @n1 : tensor<8xf32> from "onnx::Mul_1"
nn.weight @q : tensor<16x8xbf16> from "val_2" view #nn.view<rows = 16, transposed = true>
nn.weight @k : tensor<8x8xbf16> from "val_3" view #nn.view<rows = 8, transposed = true>
nn.weight @v : tensor<8x8xbf16> from "val_4" view #nn.view<rows = 8, transposed = true>
nn.weight @qb : tensor<16xf32> from "q_bias"
nn.weight @qn : tensor<8xf32> from "q_norm"
nn.weight @kn : tensor<8xf32> from "k_norm"
nn.weight @pa : tensor<8xf32> from "post_attention"
nn.weight @pm : tensor<8xf32> from "pre_mlp"
nn.weight @pom : tensor<8xf32> from "post_mlp"
nn.weight @o : tensor<8x16xbf16> from "val_5"
nn.weight @g : tensor<12x8xbf16> from "val_6"
nn.weight @u : tensor<12x8xbf16> from "val_7"
nn.weight @d : tensor<8x12xbf16> from "val_8"
nn.weight @f : tensor<4xf32> = dense<[1.0, 0.5, 0.25, 0.125]> : tensor<4xf32>
nn.cache @past_key_values.0 heads 1 head_dim 8 : bf16
nn.scalar @w = 7
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x = nn.embedding %token, @table scale 2.0 : tensor<1x8xf32>
  %h = nn.rms_norm %x, @n1 eps 1.0e-6 : tensor<1x8xf32>
  %v = nn.linear %h, @v : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %k = nn.linear %h, @k : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %kn = nn.rms_norm %k, @kn eps 1.0e-6 group_size 8 : tensor<1x8xf32>
  %kr = nn.rope %kn, %position, @f head_dim 8 : tensor<1x8xf32>
  nn.kv_append %kr, %v, %position, @past_key_values.0 : tensor<1x8xf32>
  %q = nn.linear %h, @q bias @qb : (tensor<1x8xf32>) -> tensor<1x16xf32>
  %qn = nn.rms_norm %q, @qn eps 1.0e-6 group_size 8 : tensor<1x16xf32>
  %qr = nn.rope %qn, %position, @f head_dim 8 : tensor<1x16xf32>
  %a = nn.attention %qr, %position, @past_key_values.0 heads 2 scale 0.5 window @w : tensor<1x16xf32>
  %o = nn.linear %a, @o : (tensor<1x16xf32>) -> tensor<1x8xf32>
  %pa = nn.rms_norm %o, @pa eps 1.0e-6 : tensor<1x8xf32>
  %r = nn.add %x, %pa : tensor<1x8xf32>
  %m = nn.rms_norm %r, @pm eps 1.0e-6 : tensor<1x8xf32>
  %u = nn.linear %m, @u : (tensor<1x8xf32>) -> tensor<1x12xf32>
  %g = nn.linear %m, @g : (tensor<1x8xf32>) -> tensor<1x12xf32>
  %s = nn.gelu_tanh %g : tensor<1x12xf32>
  %p = nn.mul %s, %u : tensor<1x12xf32>
  %d = nn.linear %p, @d : (tensor<1x12xf32>) -> tensor<1x8xf32>
  %pom = nn.rms_norm %d, @pom eps 1.0e-6 : tensor<1x8xf32>
  %y = nn.add %r, %pom : tensor<1x8xf32>
  %f = nn.rms_norm %y, @head.weight eps 1.0e-6 : tensor<1x8xf32>
  %l = nn.linear %f, @final_norm.weight : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %c = nn.softcap %l cap 30.0 : tensor<1x32xf32>
  %n = nn.argmax %c : tensor<1x32xf32>
  return %n : tensor<1xi32>
}

// -----

// LayerNorm, and an MLP without a gate. What has no role keeps its symbol, or
// gets out of the way of one that has it.
// CHECK: nn.weight @embedding.weight : tensor<32x8xbf16> from "shared"
// CHECK-NEXT: nn.weight @layers.0.attention_norm.bias : tensor<8xf32> from "b1"
// CHECK-NEXT: nn.weight @layers.0.attention_norm.weight : tensor<8xf32> from "n1"
// CHECK-NEXT: nn.weight @layers.0.attention.query.weight
// CHECK-NEXT: nn.weight @layers.0.attention.key.weight
// CHECK-NEXT: nn.weight @layers.0.attention.value.weight
// CHECK-NEXT: nn.cache @layers.0.cache
// CHECK-NEXT: nn.weight @layers.0.attention.output.weight
// CHECK-NEXT: nn.weight @layers.0.mlp.up.weight
// CHECK-NEXT: nn.weight @layers.0.mlp.up.bias
// CHECK-NEXT: nn.weight @layers.0.mlp.down.weight
// CHECK-NEXT: nn.weight @odd
// CHECK-NEXT: nn.weight @head.weight_1 : tensor<8x8xbf16> from "odd2"
// CHECK-NEXT: nn.weight @final_norm.weight
// CHECK-NEXT: nn.weight @head.weight : tensor<32x8xbf16> from "other_head"
// CHECK: nn.linear %{{.*}}, @head.weight_1 :
// CHECK: nn.linear %{{.*}}, @head.weight :
nn.weight @shared : tensor<32x8xbf16> from "shared"
nn.weight @other_head : tensor<32x8xbf16> from "other_head"
nn.weight @b1 : tensor<8xf32> from "b1"
nn.weight @n1 : tensor<8xf32> from "n1"
nn.weight @fn : tensor<8xf32> from "fn"
nn.weight @q : tensor<8x8xbf16> from "q"
nn.weight @k : tensor<8x8xbf16> from "k"
nn.weight @v : tensor<8x8xbf16> from "v"
nn.weight @o : tensor<8x8xbf16> from "o"
nn.weight @u : tensor<12x8xbf16> from "u"
nn.weight @ub : tensor<12xf32> from "ub"
nn.weight @d : tensor<8x12xbf16> from "d"
nn.weight @odd : tensor<8x8xbf16> from "odd"
nn.weight @head.weight : tensor<8x8xbf16> from "odd2"
nn.cache @c heads 1 head_dim 8 : bf16
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x = nn.embedding %token, @shared : tensor<1x8xf32>
  %h = nn.layer_norm %x, @n1 bias @b1 eps 1.0e-5 : tensor<1x8xf32>
  %q = nn.linear %h, @q : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %k = nn.linear %h, @k : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %v = nn.linear %h, @v : (tensor<1x8xf32>) -> tensor<1x8xf32>
  nn.kv_append %k, %v, %position, @c : tensor<1x8xf32>
  %a = nn.attention %q, %position, @c heads 1 scale 0.5 : tensor<1x8xf32>
  %o = nn.linear %a, @o : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %r = nn.add %x, %o : tensor<1x8xf32>
  %u = nn.linear %r, @u bias @ub : (tensor<1x8xf32>) -> tensor<1x12xf32>
  %g = nn.gelu %u : tensor<1x12xf32>
  %d = nn.linear %g, @d : (tensor<1x12xf32>) -> tensor<1x8xf32>
  %y = nn.add %r, %d : tensor<1x8xf32>
  %odd = nn.linear %y, @odd : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %odd2 = nn.linear %odd, @head.weight : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %f = nn.rms_norm %odd2, @fn eps 1.0e-5 : tensor<1x8xf32>
  %l = nn.linear %f, @other_head : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %n = nn.argmax %l : tensor<1x32xf32>
  return %n : tensor<1xi32>
}

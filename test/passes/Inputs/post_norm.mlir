// A model of the Gemma kind: a norm before and one after each half of a layer; layers alternate between a window of three
// positions and all of them, and between two tables of inverse frequencies.
nn.weight @embedding.weight : tensor<67x64xbf16> from "embedding.weight"
nn.weight @rope.local : tensor<8xf32> = dense<[1.0, 0.5, 0.25, 0.125, 0.0625, 0.03, 0.015, 0.008]> : tensor<8xf32>
nn.weight @rope.global : tensor<8xf32> = dense<[1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001, 0.0003]> : tensor<8xf32>
nn.scalar @layers.0.attention.window = 3
nn.weight @layers.0.attention_norm.weight : tensor<64xbf16> from "layers.0.attention_norm.weight"
nn.weight @layers.0.attention.query.weight : tensor<64x64xbf16> from "layers.0.attention.query.weight"
nn.weight @layers.0.attention.key.weight : tensor<32x64xbf16> from "layers.0.attention.key.weight"
nn.weight @layers.0.attention.value.weight : tensor<32x64xbf16> from "layers.0.attention.value.weight"
nn.cache @layers.0.cache heads 2 head_dim 16 : bf16
nn.weight @layers.0.attention.output.weight : tensor<64x64xbf16> from "layers.0.attention.output.weight"
nn.weight @layers.0.attention_post_norm.weight : tensor<64xbf16> from "layers.0.attention_post_norm.weight"
nn.weight @layers.0.mlp_norm.weight : tensor<64xbf16> from "layers.0.mlp_norm.weight"
nn.weight @layers.0.mlp.gate.weight : tensor<128x64xbf16> from "layers.0.mlp.gate.weight"
nn.weight @layers.0.mlp.up.weight : tensor<128x64xbf16> from "layers.0.mlp.up.weight"
nn.weight @layers.0.mlp.down.weight : tensor<64x128xbf16> from "layers.0.mlp.down.weight"
nn.weight @layers.0.mlp_post_norm.weight : tensor<64xbf16> from "layers.0.mlp_post_norm.weight"
nn.scalar @layers.1.attention.window = 0
nn.weight @layers.1.attention_norm.weight : tensor<64xbf16> from "layers.1.attention_norm.weight"
nn.weight @layers.1.attention.query.weight : tensor<64x64xbf16> from "layers.1.attention.query.weight"
nn.weight @layers.1.attention.key.weight : tensor<32x64xbf16> from "layers.1.attention.key.weight"
nn.weight @layers.1.attention.value.weight : tensor<32x64xbf16> from "layers.1.attention.value.weight"
nn.cache @layers.1.cache heads 2 head_dim 16 : bf16
nn.weight @layers.1.attention.output.weight : tensor<64x64xbf16> from "layers.1.attention.output.weight"
nn.weight @layers.1.attention_post_norm.weight : tensor<64xbf16> from "layers.1.attention_post_norm.weight"
nn.weight @layers.1.mlp_norm.weight : tensor<64xbf16> from "layers.1.mlp_norm.weight"
nn.weight @layers.1.mlp.gate.weight : tensor<128x64xbf16> from "layers.1.mlp.gate.weight"
nn.weight @layers.1.mlp.up.weight : tensor<128x64xbf16> from "layers.1.mlp.up.weight"
nn.weight @layers.1.mlp.down.weight : tensor<64x128xbf16> from "layers.1.mlp.down.weight"
nn.weight @layers.1.mlp_post_norm.weight : tensor<64xbf16> from "layers.1.mlp_post_norm.weight"
nn.scalar @layers.2.attention.window = 3
nn.weight @layers.2.attention_norm.weight : tensor<64xbf16> from "layers.2.attention_norm.weight"
nn.weight @layers.2.attention.query.weight : tensor<64x64xbf16> from "layers.2.attention.query.weight"
nn.weight @layers.2.attention.key.weight : tensor<32x64xbf16> from "layers.2.attention.key.weight"
nn.weight @layers.2.attention.value.weight : tensor<32x64xbf16> from "layers.2.attention.value.weight"
nn.cache @layers.2.cache heads 2 head_dim 16 : bf16
nn.weight @layers.2.attention.output.weight : tensor<64x64xbf16> from "layers.2.attention.output.weight"
nn.weight @layers.2.attention_post_norm.weight : tensor<64xbf16> from "layers.2.attention_post_norm.weight"
nn.weight @layers.2.mlp_norm.weight : tensor<64xbf16> from "layers.2.mlp_norm.weight"
nn.weight @layers.2.mlp.gate.weight : tensor<128x64xbf16> from "layers.2.mlp.gate.weight"
nn.weight @layers.2.mlp.up.weight : tensor<128x64xbf16> from "layers.2.mlp.up.weight"
nn.weight @layers.2.mlp.down.weight : tensor<64x128xbf16> from "layers.2.mlp.down.weight"
nn.weight @layers.2.mlp_post_norm.weight : tensor<64xbf16> from "layers.2.mlp_post_norm.weight"
nn.scalar @layers.3.attention.window = 0
nn.weight @layers.3.attention_norm.weight : tensor<64xbf16> from "layers.3.attention_norm.weight"
nn.weight @layers.3.attention.query.weight : tensor<64x64xbf16> from "layers.3.attention.query.weight"
nn.weight @layers.3.attention.key.weight : tensor<32x64xbf16> from "layers.3.attention.key.weight"
nn.weight @layers.3.attention.value.weight : tensor<32x64xbf16> from "layers.3.attention.value.weight"
nn.cache @layers.3.cache heads 2 head_dim 16 : bf16
nn.weight @layers.3.attention.output.weight : tensor<64x64xbf16> from "layers.3.attention.output.weight"
nn.weight @layers.3.attention_post_norm.weight : tensor<64xbf16> from "layers.3.attention_post_norm.weight"
nn.weight @layers.3.mlp_norm.weight : tensor<64xbf16> from "layers.3.mlp_norm.weight"
nn.weight @layers.3.mlp.gate.weight : tensor<128x64xbf16> from "layers.3.mlp.gate.weight"
nn.weight @layers.3.mlp.up.weight : tensor<128x64xbf16> from "layers.3.mlp.up.weight"
nn.weight @layers.3.mlp.down.weight : tensor<64x128xbf16> from "layers.3.mlp.down.weight"
nn.weight @layers.3.mlp_post_norm.weight : tensor<64xbf16> from "layers.3.mlp_post_norm.weight"
nn.weight @final_norm.weight : tensor<64xbf16> from "final_norm.weight"
nn.weight @head.weight : tensor<67x64xbf16> from "head.weight"

func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x0 = nn.embedding %token, @embedding.weight : tensor<1x64xf32>
  %n0 = nn.rms_norm %x0, @layers.0.attention_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %q0 = nn.linear %n0, @layers.0.attention.query.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %k0 = nn.linear %n0, @layers.0.attention.key.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %v0 = nn.linear %n0, @layers.0.attention.value.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %q0r = nn.rope %q0, %position, @rope.local head_dim 16 : tensor<1x64xf32>
  %k0r = nn.rope %k0, %position, @rope.local head_dim 16 : tensor<1x32xf32>
  nn.kv_append %k0r, %v0, %position, @layers.0.cache : tensor<1x32xf32>
  %a0 = nn.attention %q0r, %position, @layers.0.cache heads 4 scale 0.25 window @layers.0.attention.window : tensor<1x64xf32>
  %o0 = nn.linear %a0, @layers.0.attention.output.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %on0 = nn.rms_norm %o0, @layers.0.attention_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %r0 = nn.add %x0, %on0 : tensor<1x64xf32>
  %m0 = nn.rms_norm %r0, @layers.0.mlp_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %gate0 = nn.linear %m0, @layers.0.mlp.gate.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %up0 = nn.linear %m0, @layers.0.mlp.up.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %s0 = nn.gelu_tanh %gate0 : tensor<1x128xf32>
  %g0 = nn.mul %s0, %up0 : tensor<1x128xf32>
  %d0 = nn.linear %g0, @layers.0.mlp.down.weight : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %dn0 = nn.rms_norm %d0, @layers.0.mlp_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %x1 = nn.add %r0, %dn0 : tensor<1x64xf32>
  %n1 = nn.rms_norm %x1, @layers.1.attention_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %q1 = nn.linear %n1, @layers.1.attention.query.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %k1 = nn.linear %n1, @layers.1.attention.key.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %v1 = nn.linear %n1, @layers.1.attention.value.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %q1r = nn.rope %q1, %position, @rope.global head_dim 16 : tensor<1x64xf32>
  %k1r = nn.rope %k1, %position, @rope.global head_dim 16 : tensor<1x32xf32>
  nn.kv_append %k1r, %v1, %position, @layers.1.cache : tensor<1x32xf32>
  %a1 = nn.attention %q1r, %position, @layers.1.cache heads 4 scale 0.25 window @layers.1.attention.window : tensor<1x64xf32>
  %o1 = nn.linear %a1, @layers.1.attention.output.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %on1 = nn.rms_norm %o1, @layers.1.attention_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %r1 = nn.add %x1, %on1 : tensor<1x64xf32>
  %m1 = nn.rms_norm %r1, @layers.1.mlp_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %gate1 = nn.linear %m1, @layers.1.mlp.gate.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %up1 = nn.linear %m1, @layers.1.mlp.up.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %s1 = nn.gelu_tanh %gate1 : tensor<1x128xf32>
  %g1 = nn.mul %s1, %up1 : tensor<1x128xf32>
  %d1 = nn.linear %g1, @layers.1.mlp.down.weight : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %dn1 = nn.rms_norm %d1, @layers.1.mlp_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %x2 = nn.add %r1, %dn1 : tensor<1x64xf32>
  %n2 = nn.rms_norm %x2, @layers.2.attention_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %q2 = nn.linear %n2, @layers.2.attention.query.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %k2 = nn.linear %n2, @layers.2.attention.key.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %v2 = nn.linear %n2, @layers.2.attention.value.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %q2r = nn.rope %q2, %position, @rope.local head_dim 16 : tensor<1x64xf32>
  %k2r = nn.rope %k2, %position, @rope.local head_dim 16 : tensor<1x32xf32>
  nn.kv_append %k2r, %v2, %position, @layers.2.cache : tensor<1x32xf32>
  %a2 = nn.attention %q2r, %position, @layers.2.cache heads 4 scale 0.25 window @layers.2.attention.window : tensor<1x64xf32>
  %o2 = nn.linear %a2, @layers.2.attention.output.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %on2 = nn.rms_norm %o2, @layers.2.attention_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %r2 = nn.add %x2, %on2 : tensor<1x64xf32>
  %m2 = nn.rms_norm %r2, @layers.2.mlp_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %gate2 = nn.linear %m2, @layers.2.mlp.gate.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %up2 = nn.linear %m2, @layers.2.mlp.up.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %s2 = nn.gelu_tanh %gate2 : tensor<1x128xf32>
  %g2 = nn.mul %s2, %up2 : tensor<1x128xf32>
  %d2 = nn.linear %g2, @layers.2.mlp.down.weight : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %dn2 = nn.rms_norm %d2, @layers.2.mlp_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %x3 = nn.add %r2, %dn2 : tensor<1x64xf32>
  %n3 = nn.rms_norm %x3, @layers.3.attention_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %q3 = nn.linear %n3, @layers.3.attention.query.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %k3 = nn.linear %n3, @layers.3.attention.key.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %v3 = nn.linear %n3, @layers.3.attention.value.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %q3r = nn.rope %q3, %position, @rope.global head_dim 16 : tensor<1x64xf32>
  %k3r = nn.rope %k3, %position, @rope.global head_dim 16 : tensor<1x32xf32>
  nn.kv_append %k3r, %v3, %position, @layers.3.cache : tensor<1x32xf32>
  %a3 = nn.attention %q3r, %position, @layers.3.cache heads 4 scale 0.25 window @layers.3.attention.window : tensor<1x64xf32>
  %o3 = nn.linear %a3, @layers.3.attention.output.weight : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %on3 = nn.rms_norm %o3, @layers.3.attention_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %r3 = nn.add %x3, %on3 : tensor<1x64xf32>
  %m3 = nn.rms_norm %r3, @layers.3.mlp_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %gate3 = nn.linear %m3, @layers.3.mlp.gate.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %up3 = nn.linear %m3, @layers.3.mlp.up.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %s3 = nn.gelu_tanh %gate3 : tensor<1x128xf32>
  %g3 = nn.mul %s3, %up3 : tensor<1x128xf32>
  %d3 = nn.linear %g3, @layers.3.mlp.down.weight : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %dn3 = nn.rms_norm %d3, @layers.3.mlp_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %x4 = nn.add %r3, %dn3 : tensor<1x64xf32>
  %final = nn.rms_norm %x4, @final_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %logits = nn.linear %final, @head.weight : (tensor<1x64xf32>) -> tensor<1x67xf32>
  %next = nn.argmax %logits : tensor<1x67xf32>
  return %next : tensor<1xi32>
}

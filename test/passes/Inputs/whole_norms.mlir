// A model of the OLMo 2 kind: norms of whole products (query, key, and the results of both halves of a layer), none before.
// Query and key have more elements than a block of a product has rows.
nn.weight @embedding.weight : tensor<67x64xbf16> from "embedding.weight"
nn.weight @rope.inverse_frequencies : tensor<8xf32> = dense<[1.0, 0.5, 0.25, 0.125, 0.0625, 0.03, 0.015, 0.008]> : tensor<8xf32>
nn.weight @layers.0.attention.query.weight : tensor<320x64xbf16> from "layers.0.attention.query.weight"
nn.weight @layers.0.attention.key.weight : tensor<320x64xbf16> from "layers.0.attention.key.weight"
nn.weight @layers.0.attention.value.weight : tensor<320x64xbf16> from "layers.0.attention.value.weight"
nn.weight @layers.0.attention.query_norm.weight : tensor<320xbf16> from "layers.0.attention.query_norm.weight"
nn.weight @layers.0.attention.key_norm.weight : tensor<320xbf16> from "layers.0.attention.key_norm.weight"
nn.cache @layers.0.cache heads 20 head_dim 16 : bf16
nn.weight @layers.0.attention.output.weight : tensor<64x320xbf16> from "layers.0.attention.output.weight"
nn.weight @layers.0.attention_post_norm.weight : tensor<64xbf16> from "layers.0.attention_post_norm.weight"
nn.weight @layers.0.mlp.gate.weight : tensor<128x64xbf16> from "layers.0.mlp.gate.weight"
nn.weight @layers.0.mlp.up.weight : tensor<128x64xbf16> from "layers.0.mlp.up.weight"
nn.weight @layers.0.mlp.down.weight : tensor<64x128xbf16> from "layers.0.mlp.down.weight"
nn.weight @layers.0.mlp_post_norm.weight : tensor<64xbf16> from "layers.0.mlp_post_norm.weight"
nn.weight @layers.1.attention.query.weight : tensor<320x64xbf16> from "layers.1.attention.query.weight"
nn.weight @layers.1.attention.key.weight : tensor<320x64xbf16> from "layers.1.attention.key.weight"
nn.weight @layers.1.attention.value.weight : tensor<320x64xbf16> from "layers.1.attention.value.weight"
nn.weight @layers.1.attention.query_norm.weight : tensor<320xbf16> from "layers.1.attention.query_norm.weight"
nn.weight @layers.1.attention.key_norm.weight : tensor<320xbf16> from "layers.1.attention.key_norm.weight"
nn.cache @layers.1.cache heads 20 head_dim 16 : bf16
nn.weight @layers.1.attention.output.weight : tensor<64x320xbf16> from "layers.1.attention.output.weight"
nn.weight @layers.1.attention_post_norm.weight : tensor<64xbf16> from "layers.1.attention_post_norm.weight"
nn.weight @layers.1.mlp.gate.weight : tensor<128x64xbf16> from "layers.1.mlp.gate.weight"
nn.weight @layers.1.mlp.up.weight : tensor<128x64xbf16> from "layers.1.mlp.up.weight"
nn.weight @layers.1.mlp.down.weight : tensor<64x128xbf16> from "layers.1.mlp.down.weight"
nn.weight @layers.1.mlp_post_norm.weight : tensor<64xbf16> from "layers.1.mlp_post_norm.weight"
nn.weight @final_norm.weight : tensor<64xbf16> from "final_norm.weight"
nn.weight @head.weight : tensor<67x64xbf16> from "head.weight"

func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x0 = nn.embedding %token, @embedding.weight : tensor<1x64xf32>
  %q0 = nn.linear %x0, @layers.0.attention.query.weight : (tensor<1x64xf32>) -> tensor<1x320xf32>
  %k0 = nn.linear %x0, @layers.0.attention.key.weight : (tensor<1x64xf32>) -> tensor<1x320xf32>
  %v0 = nn.linear %x0, @layers.0.attention.value.weight : (tensor<1x64xf32>) -> tensor<1x320xf32>
  %qn0 = nn.rms_norm %q0, @layers.0.attention.query_norm.weight eps 1.0e-5 : tensor<1x320xf32>
  %kn0 = nn.rms_norm %k0, @layers.0.attention.key_norm.weight eps 1.0e-5 : tensor<1x320xf32>
  %qn0r = nn.rope %qn0, %position, @rope.inverse_frequencies head_dim 16 : tensor<1x320xf32>
  %kn0r = nn.rope %kn0, %position, @rope.inverse_frequencies head_dim 16 : tensor<1x320xf32>
  nn.kv_append %kn0r, %v0, %position, @layers.0.cache : tensor<1x320xf32>
  %a0 = nn.attention %qn0r, %position, @layers.0.cache heads 20 scale 0.25 : tensor<1x320xf32>
  %o0 = nn.linear %a0, @layers.0.attention.output.weight : (tensor<1x320xf32>) -> tensor<1x64xf32>
  %on0 = nn.rms_norm %o0, @layers.0.attention_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %r0 = nn.add %x0, %on0 : tensor<1x64xf32>
  %gate0 = nn.linear %r0, @layers.0.mlp.gate.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %up0 = nn.linear %r0, @layers.0.mlp.up.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %s0 = nn.silu %gate0 : tensor<1x128xf32>
  %g0 = nn.mul %s0, %up0 : tensor<1x128xf32>
  %d0 = nn.linear %g0, @layers.0.mlp.down.weight : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %dn0 = nn.rms_norm %d0, @layers.0.mlp_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %x1 = nn.add %r0, %dn0 : tensor<1x64xf32>
  %q1 = nn.linear %x1, @layers.1.attention.query.weight : (tensor<1x64xf32>) -> tensor<1x320xf32>
  %k1 = nn.linear %x1, @layers.1.attention.key.weight : (tensor<1x64xf32>) -> tensor<1x320xf32>
  %v1 = nn.linear %x1, @layers.1.attention.value.weight : (tensor<1x64xf32>) -> tensor<1x320xf32>
  %qn1 = nn.rms_norm %q1, @layers.1.attention.query_norm.weight eps 1.0e-5 : tensor<1x320xf32>
  %kn1 = nn.rms_norm %k1, @layers.1.attention.key_norm.weight eps 1.0e-5 : tensor<1x320xf32>
  %qn1r = nn.rope %qn1, %position, @rope.inverse_frequencies head_dim 16 : tensor<1x320xf32>
  %kn1r = nn.rope %kn1, %position, @rope.inverse_frequencies head_dim 16 : tensor<1x320xf32>
  nn.kv_append %kn1r, %v1, %position, @layers.1.cache : tensor<1x320xf32>
  %a1 = nn.attention %qn1r, %position, @layers.1.cache heads 20 scale 0.25 : tensor<1x320xf32>
  %o1 = nn.linear %a1, @layers.1.attention.output.weight : (tensor<1x320xf32>) -> tensor<1x64xf32>
  %on1 = nn.rms_norm %o1, @layers.1.attention_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %r1 = nn.add %x1, %on1 : tensor<1x64xf32>
  %gate1 = nn.linear %r1, @layers.1.mlp.gate.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %up1 = nn.linear %r1, @layers.1.mlp.up.weight : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %s1 = nn.silu %gate1 : tensor<1x128xf32>
  %g1 = nn.mul %s1, %up1 : tensor<1x128xf32>
  %d1 = nn.linear %g1, @layers.1.mlp.down.weight : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %dn1 = nn.rms_norm %d1, @layers.1.mlp_post_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %x2 = nn.add %r1, %dn1 : tensor<1x64xf32>
  %final = nn.rms_norm %x2, @final_norm.weight eps 1.0e-5 : tensor<1x64xf32>
  %logits = nn.linear %final, @head.weight : (tensor<1x64xf32>) -> tensor<1x67xf32>
  %next = nn.argmax %logits : tensor<1x67xf32>
  return %next : tensor<1xi32>
}

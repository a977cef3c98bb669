// A model with learned positions whose layers have parallel branches: attention and MLP read the same vector, each through a
// layer norm of its own. A part of each head is rotated.
nn.weight @embedding.weight : tensor<67x64xbf16> from "embedding.weight"
nn.weight @positions.weight : tensor<64x64xbf16> from "positions.weight"
nn.weight @rope.inverse_frequencies : tensor<4xf32> = dense<[1.0, 0.5, 0.25, 0.125]> : tensor<4xf32>
nn.weight @layers.0.attention_norm.weight : tensor<64xbf16> from "layers.0.attention_norm.weight"
nn.weight @layers.0.attention_norm.bias : tensor<64xbf16> from "layers.0.attention_norm.bias"
nn.weight @layers.0.mlp_norm.weight : tensor<64xbf16> from "layers.0.mlp_norm.weight"
nn.weight @layers.0.mlp_norm.bias : tensor<64xbf16> from "layers.0.mlp_norm.bias"
nn.weight @layers.0.attention.query.weight : tensor<64x64xbf16> from "layers.0.attention.query.weight"
nn.weight @layers.0.attention.query.bias : tensor<64xbf16> from "layers.0.attention.query.bias"
nn.weight @layers.0.attention.key.weight : tensor<64x64xbf16> from "layers.0.attention.key.weight"
nn.weight @layers.0.attention.key.bias : tensor<64xbf16> from "layers.0.attention.key.bias"
nn.weight @layers.0.attention.value.weight : tensor<64x64xbf16> from "layers.0.attention.value.weight"
nn.weight @layers.0.attention.value.bias : tensor<64xbf16> from "layers.0.attention.value.bias"
nn.weight @layers.0.attention.output.weight : tensor<64x64xbf16> from "layers.0.attention.output.weight"
nn.weight @layers.0.attention.output.bias : tensor<64xbf16> from "layers.0.attention.output.bias"
nn.cache @layers.0.cache heads 4 head_dim 16 : bf16
nn.weight @layers.0.mlp.up.weight : tensor<128x64xbf16> from "layers.0.mlp.up.weight"
nn.weight @layers.0.mlp.up.bias : tensor<128xbf16> from "layers.0.mlp.up.bias"
nn.weight @layers.0.mlp.down.weight : tensor<64x128xbf16> from "layers.0.mlp.down.weight"
nn.weight @layers.0.mlp.down.bias : tensor<64xbf16> from "layers.0.mlp.down.bias"
nn.weight @layers.1.attention_norm.weight : tensor<64xbf16> from "layers.1.attention_norm.weight"
nn.weight @layers.1.attention_norm.bias : tensor<64xbf16> from "layers.1.attention_norm.bias"
nn.weight @layers.1.mlp_norm.weight : tensor<64xbf16> from "layers.1.mlp_norm.weight"
nn.weight @layers.1.mlp_norm.bias : tensor<64xbf16> from "layers.1.mlp_norm.bias"
nn.weight @layers.1.attention.query.weight : tensor<64x64xbf16> from "layers.1.attention.query.weight"
nn.weight @layers.1.attention.query.bias : tensor<64xbf16> from "layers.1.attention.query.bias"
nn.weight @layers.1.attention.key.weight : tensor<64x64xbf16> from "layers.1.attention.key.weight"
nn.weight @layers.1.attention.key.bias : tensor<64xbf16> from "layers.1.attention.key.bias"
nn.weight @layers.1.attention.value.weight : tensor<64x64xbf16> from "layers.1.attention.value.weight"
nn.weight @layers.1.attention.value.bias : tensor<64xbf16> from "layers.1.attention.value.bias"
nn.weight @layers.1.attention.output.weight : tensor<64x64xbf16> from "layers.1.attention.output.weight"
nn.weight @layers.1.attention.output.bias : tensor<64xbf16> from "layers.1.attention.output.bias"
nn.cache @layers.1.cache heads 4 head_dim 16 : bf16
nn.weight @layers.1.mlp.up.weight : tensor<128x64xbf16> from "layers.1.mlp.up.weight"
nn.weight @layers.1.mlp.up.bias : tensor<128xbf16> from "layers.1.mlp.up.bias"
nn.weight @layers.1.mlp.down.weight : tensor<64x128xbf16> from "layers.1.mlp.down.weight"
nn.weight @layers.1.mlp.down.bias : tensor<64xbf16> from "layers.1.mlp.down.bias"
nn.weight @final_norm.weight : tensor<64xbf16> from "final_norm.weight"
nn.weight @final_norm.bias : tensor<64xbf16> from "final_norm.bias"
nn.weight @head.weight : tensor<67x64xbf16> from "head.weight"

func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x0 = nn.embedding %token, @embedding.weight positions @positions.weight at %position scale 1.5 : tensor<1x64xf32>
  %n0 = nn.layer_norm %x0, @layers.0.attention_norm.weight bias @layers.0.attention_norm.bias eps 1.0e-5 : tensor<1x64xf32>
  %q0 = nn.linear %n0, @layers.0.attention.query.weight bias @layers.0.attention.query.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %k0 = nn.linear %n0, @layers.0.attention.key.weight bias @layers.0.attention.key.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %v0 = nn.linear %n0, @layers.0.attention.value.weight bias @layers.0.attention.value.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %qr0 = nn.rope %q0, %position, @rope.inverse_frequencies head_dim 16 rotary_dim 8 : tensor<1x64xf32>
  %kr0 = nn.rope %k0, %position, @rope.inverse_frequencies head_dim 16 rotary_dim 8 : tensor<1x64xf32>
  nn.kv_append %kr0, %v0, %position, @layers.0.cache : tensor<1x64xf32>
  %a0 = nn.attention %qr0, %position, @layers.0.cache heads 4 scale 0.25 : tensor<1x64xf32>
  %o0 = nn.linear %a0, @layers.0.attention.output.weight bias @layers.0.attention.output.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %r0 = nn.add %x0, %o0 : tensor<1x64xf32>
  %m0 = nn.layer_norm %x0, @layers.0.mlp_norm.weight bias @layers.0.mlp_norm.bias eps 1.0e-5 : tensor<1x64xf32>
  %u0 = nn.linear %m0, @layers.0.mlp.up.weight bias @layers.0.mlp.up.bias : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %g0 = nn.gelu %u0 : tensor<1x128xf32>
  %d0 = nn.linear %g0, @layers.0.mlp.down.weight bias @layers.0.mlp.down.bias : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %x1 = nn.add %r0, %d0 : tensor<1x64xf32>
  %n1 = nn.layer_norm %x1, @layers.1.attention_norm.weight bias @layers.1.attention_norm.bias eps 1.0e-5 : tensor<1x64xf32>
  %q1 = nn.linear %n1, @layers.1.attention.query.weight bias @layers.1.attention.query.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %k1 = nn.linear %n1, @layers.1.attention.key.weight bias @layers.1.attention.key.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %v1 = nn.linear %n1, @layers.1.attention.value.weight bias @layers.1.attention.value.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %qr1 = nn.rope %q1, %position, @rope.inverse_frequencies head_dim 16 rotary_dim 8 : tensor<1x64xf32>
  %kr1 = nn.rope %k1, %position, @rope.inverse_frequencies head_dim 16 rotary_dim 8 : tensor<1x64xf32>
  nn.kv_append %kr1, %v1, %position, @layers.1.cache : tensor<1x64xf32>
  %a1 = nn.attention %qr1, %position, @layers.1.cache heads 4 scale 0.25 : tensor<1x64xf32>
  %o1 = nn.linear %a1, @layers.1.attention.output.weight bias @layers.1.attention.output.bias : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %r1 = nn.add %x1, %o1 : tensor<1x64xf32>
  %m1 = nn.layer_norm %x1, @layers.1.mlp_norm.weight bias @layers.1.mlp_norm.bias eps 1.0e-5 : tensor<1x64xf32>
  %u1 = nn.linear %m1, @layers.1.mlp.up.weight bias @layers.1.mlp.up.bias : (tensor<1x64xf32>) -> tensor<1x128xf32>
  %g1 = nn.gelu %u1 : tensor<1x128xf32>
  %d1 = nn.linear %g1, @layers.1.mlp.down.weight bias @layers.1.mlp.down.bias : (tensor<1x128xf32>) -> tensor<1x64xf32>
  %x2 = nn.add %r1, %d1 : tensor<1x64xf32>
  %final = nn.layer_norm %x2, @final_norm.weight bias @final_norm.bias eps 1.0e-5 : tensor<1x64xf32>
  %logits = nn.linear %final, @head.weight : (tensor<1x64xf32>) -> tensor<1x67xf32>
  %next = nn.argmax %logits : tensor<1x67xf32>
  return %next : tensor<1xi32>
}

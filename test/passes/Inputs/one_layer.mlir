// One layer: nothing to roll, and something to do for every other pass that can be left out.
nn.weight @embedding.weight : tensor<67x32xbf16> from "model.embed_tokens.weight"
nn.weight @rope.inverse_frequencies : tensor<8xf32> = dense<0.5> : tensor<8xf32>
nn.weight @layers.0.attention_norm.weight : tensor<32xbf16> from "model.layers.0.input_layernorm.weight"
nn.weight @layers.0.attention.query.weight : tensor<32x32xbf16> from "model.layers.0.self_attn.q_proj.weight"
nn.weight @layers.0.attention.key.weight : tensor<16x32xbf16> from "model.layers.0.self_attn.k_proj.weight"
nn.weight @layers.0.attention.value.weight : tensor<16x32xbf16> from "model.layers.0.self_attn.v_proj.weight"
nn.weight @layers.0.attention.query_norm.weight : tensor<16xbf16> from "model.layers.0.self_attn.q_norm.weight"
nn.weight @layers.0.attention.key_norm.weight : tensor<16xbf16> from "model.layers.0.self_attn.k_norm.weight"
nn.weight @layers.0.attention.output.weight : tensor<32x32xbf16> from "model.layers.0.self_attn.o_proj.weight"
nn.weight @layers.0.attention_post_norm.weight : tensor<32xbf16> from "model.layers.0.attention_post_norm.weight"
nn.weight @layers.0.mlp_norm.weight : tensor<32xbf16> from "model.layers.0.post_attention_layernorm.weight"
nn.weight @layers.0.mlp.gate.weight : tensor<64x32xbf16> from "model.layers.0.mlp.gate_proj.weight"
nn.weight @layers.0.mlp.up.weight : tensor<64x32xbf16> from "model.layers.0.mlp.up_proj.weight"
nn.weight @layers.0.mlp.down.weight : tensor<32x64xbf16> from "model.layers.0.mlp.down_proj.weight"
nn.cache @layers.0.cache heads 1 head_dim 16 : bf16
nn.scalar @layers.0.attention.window = 8
nn.weight @final_norm.weight : tensor<32xbf16> from "model.norm.weight"

func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x0 = nn.embedding %token, @embedding.weight : tensor<1x32xf32>
  %n0 = nn.rms_norm %x0, @layers.0.attention_norm.weight eps 1.0e-6 : tensor<1x32xf32> loc("model.layers.0.input_layernorm")
  %q0 = nn.linear %n0, @layers.0.attention.query.weight : (tensor<1x32xf32>) -> tensor<1x32xf32> loc("model.layers.0.self_attn.q_proj")
  %k0 = nn.linear %n0, @layers.0.attention.key.weight : (tensor<1x32xf32>) -> tensor<1x16xf32> loc("model.layers.0.self_attn.k_proj")
  %v0 = nn.linear %n0, @layers.0.attention.value.weight : (tensor<1x32xf32>) -> tensor<1x16xf32> loc("model.layers.0.self_attn.v_proj")
  %qn0 = nn.rms_norm %q0, @layers.0.attention.query_norm.weight eps 1.0e-6 group_size 16 : tensor<1x32xf32>
  %kn0 = nn.rms_norm %k0, @layers.0.attention.key_norm.weight eps 1.0e-6 group_size 16 : tensor<1x16xf32>
  %qr0 = nn.rope %qn0, %position, @rope.inverse_frequencies head_dim 16 : tensor<1x32xf32>
  %kr0 = nn.rope %kn0, %position, @rope.inverse_frequencies head_dim 16 : tensor<1x16xf32>
  nn.kv_append %kr0, %v0, %position, @layers.0.cache : tensor<1x16xf32>
  %a0 = nn.attention %qr0, %position, @layers.0.cache heads 2 scale 0.25 window @layers.0.attention.window : tensor<1x32xf32>
  %o0 = nn.linear %a0, @layers.0.attention.output.weight : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %on0 = nn.rms_norm %o0, @layers.0.attention_post_norm.weight eps 1.0e-6 : tensor<1x32xf32>
  %r0 = nn.add %x0, %on0 : tensor<1x32xf32>
  %m0 = nn.rms_norm %r0, @layers.0.mlp_norm.weight eps 1.0e-6 : tensor<1x32xf32>
  %g0 = nn.linear %m0, @layers.0.mlp.gate.weight : (tensor<1x32xf32>) -> tensor<1x64xf32>
  %u0 = nn.linear %m0, @layers.0.mlp.up.weight : (tensor<1x32xf32>) -> tensor<1x64xf32>
  %s0 = nn.silu %g0 : tensor<1x64xf32>
  %gu0 = nn.mul %s0, %u0 : tensor<1x64xf32>
  %d0 = nn.linear %gu0, @layers.0.mlp.down.weight : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %x1 = nn.add %r0, %d0 : tensor<1x32xf32>
  %final = nn.rms_norm %x1, @final_norm.weight eps 1.0e-6 : tensor<1x32xf32>
  %logits = nn.linear %final, @embedding.weight : (tensor<1x32xf32>) -> tensor<1x67xf32>
  %next = nn.argmax %logits : tensor<1x67xf32>
  return %next : tensor<1xi32>
}

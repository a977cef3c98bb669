// RUN: cadenza-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{needs either a checkpoint tensor ('from') or a constant ('=')}}
nn.weight @neither : tensor<2xf32>

// -----

// expected-error @+1 {{needs either a checkpoint tensor ('from') or a constant ('=')}}
nn.weight @both : tensor<2xf32> from "w" = dense<1.0> : tensor<2xf32>

// -----

// expected-error @+1 {{is declared as 'tensor<3xf32>', but its constant is 'tensor<2xf32>'}}
nn.weight @shape : tensor<3xf32> = dense<1.0> : tensor<2xf32>

// -----

// expected-error @+1 {{needs a dense constant of floats}}
nn.weight @integers : tensor<2xi32> = dense<1> : tensor<2xi32>

// -----

// expected-error @+1 {{needs at least one head of at least one element}}
nn.cache @no_heads heads 0 head_dim 4 : bf16

// -----

// expected-error @+1 {{needs at least one head of at least one element}}
nn.cache @negative_head_dim heads 1 head_dim -4 : bf16

// -----

// expected-error @+1 {{stores bf16 or f16, not 'f32'}}
nn.cache @element_type heads 1 head_dim 4 : f32

// -----

func.func @unknown_weight(%token: tensor<1xi32>) {
  // expected-error @+1 {{names @missing, which is no nn.weight}}
  %x = nn.embedding %token, @missing : tensor<1x4xf32>
  return
}

// -----

nn.cache @cache heads 1 head_dim 4 : bf16
func.func @cache_as_weight(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{names @cache, which is no nn.weight}}
  %y = nn.rms_norm %x, @cache eps 0.5 : tensor<1x4xf32>
  return
}

// -----

nn.weight @vector : tensor<4xbf16> from "w"
func.func @embedding_rank(%token: tensor<1xi32>) {
  // expected-error @+1 {{needs a matrix, but @vector is 'tensor<4xbf16>'}}
  %x = nn.embedding %token, @vector : tensor<1x4xf32>
  return
}

// -----

// expected-note @+1 {{the weight is declared here}}
nn.weight @w : tensor<10x8xbf16> from "w"
func.func @embedding_size(%token: tensor<1xi32>) {
  // expected-error @+1 {{needs a weight of shape [10, 4], but @w is 'tensor<10x8xbf16>'}}
  %x = nn.embedding %token, @w : tensor<1x4xf32>
  return
}

// -----

nn.weight @w : tensor<4xbf16> from "w"
func.func @norm_groups(%x: tensor<1x6xf32>) {
  // expected-error @+1 {{has 6 elements, no multiple of group_size 4}}
  %y = nn.rms_norm %x, @w eps 0.5 group_size 4 : tensor<1x6xf32>
  return
}

// -----

nn.weight @w : tensor<4xbf16> from "w"
func.func @norm_group_of_nothing(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{has 4 elements, no multiple of group_size 0}}
  %y = nn.rms_norm %x, @w eps 0.5 group_size 0 : tensor<1x4xf32>
  return
}

// -----

// expected-note @+1 {{the weight is declared here}}
nn.weight @w : tensor<8xbf16> from "w"
func.func @norm_weight(%x: tensor<1x8xf32>) {
  // expected-error @+1 {{needs a weight of shape [4], but @w is 'tensor<8xbf16>'}}
  %y = nn.rms_norm %x, @w eps 0.5 group_size 4 : tensor<1x8xf32>
  return
}

// -----

// expected-note @+1 {{the weight is declared here}}
nn.weight @w : tensor<8x4xbf16> from "w"
func.func @linear_transposed(%x: tensor<1x8xf32>) {
  // expected-error @+1 {{needs a weight of shape [4, 8], but @w is 'tensor<8x4xbf16>'}}
  %y = nn.linear %x, @w : (tensor<1x8xf32>) -> tensor<1x4xf32>
  return
}

// -----

nn.weight @w : tensor<4x8xbf16> from "w"
// expected-note @+1 {{the weight is declared here}}
nn.weight @b : tensor<8xbf16> from "b"
func.func @linear_bias(%x: tensor<1x8xf32>) {
  // expected-error @+1 {{needs a weight of shape [4], but @b is 'tensor<8xbf16>'}}
  %y = nn.linear %x, @w bias @b : (tensor<1x8xf32>) -> tensor<1x4xf32>
  return
}

// -----

nn.weight @f : tensor<2xf32> = dense<1.0> : tensor<2xf32>
func.func @rope_heads(%x: tensor<1x6xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs whole heads of an even head_dim, not 6 elements in heads of 4}}
  %y = nn.rope %x, %p, @f head_dim 4 : tensor<1x6xf32>
  return
}

// -----

nn.weight @f : tensor<2xf32> = dense<1.0> : tensor<2xf32>
func.func @rope_odd(%x: tensor<1x9xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs whole heads of an even head_dim, not 9 elements in heads of 3}}
  %y = nn.rope %x, %p, @f head_dim 3 : tensor<1x9xf32>
  return
}

// -----

// expected-note @+1 {{the weight is declared here}}
nn.weight @f : tensor<4xf32> = dense<1.0> : tensor<4xf32>
func.func @rope_frequencies(%x: tensor<1x8xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs a weight of shape [2], but @f is 'tensor<4xf32>'}}
  %y = nn.rope %x, %p, @f head_dim 4 : tensor<1x8xf32>
  return
}

// -----

nn.weight @w : tensor<4xbf16> from "w"
func.func @append_no_cache(%k: tensor<1x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{names @w, which is no nn.cache}}
  nn.kv_append %k, %k, %p, @w : tensor<1x4xf32>
  return
}

// -----

// expected-note @+1 {{the cache is declared here}}
nn.cache @cache heads 2 head_dim 4 : bf16
func.func @append_size(%k: tensor<1x4xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs a key of 2 x 4 elements, but it has 4}}
  nn.kv_append %k, %k, %p, @cache : tensor<1x4xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 4 : bf16
func.func @attention_no_heads(%q: tensor<1x8xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs at least one head}}
  %a = nn.attention %q, %p, @cache heads 0 scale 0.5 : tensor<1x8xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 4 : bf16
func.func @attention_groups(%q: tensor<1x12xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{has 3 heads, no multiple of the 2 KV heads of @cache}}
  %a = nn.attention %q, %p, @cache heads 3 scale 0.5 : tensor<1x12xf32>
  return
}

// -----

// expected-note @+1 {{the cache is declared here}}
nn.cache @cache heads 2 head_dim 4 : bf16
func.func @attention_size(%q: tensor<1x8xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs a query of 4 x 4 elements, but it has 8}}
  %a = nn.attention %q, %p, @cache heads 4 scale 0.5 : tensor<1x8xf32>
  return
}

// -----

func.func @activations_are_f32(%x: tensor<1x4xbf16>) {
  // expected-error @+1 {{must be fp32 tensor of static shape (tensor<1xNxf32>)}}
  %y = nn.silu %x : tensor<1x4xbf16>
  return
}

// -----

func.func @sums_of_one_size(%x: tensor<1x4xf32>, %y: tensor<1x8xf32>) {
  // expected-error @+1 {{'nn.add' op requires the same type for all operands and results}}
  %z = "nn.add"(%x, %y) : (tensor<1x4xf32>, tensor<1x8xf32>) -> tensor<1x4xf32>
  return
}

// -----

func.func @tokens_are_i32(%token: tensor<1xi64>) {
  // expected-error @+1 {{must be token id or position (tensor<1xi32>)}}
  %x = "nn.embedding"(%token) {weight = @w} : (tensor<1xi64>) -> tensor<1x4xf32>
  return
}

// -----

nn.weight @w : tensor<4xbf16> from "w"
func.func @layer_norm_groups(%x: tensor<1x6xf32>) {
  // expected-error @+1 {{has 6 elements, no multiple of group_size 4}}
  %y = nn.layer_norm %x, @w eps 0.5 group_size 4 : tensor<1x6xf32>
  return
}

// -----

// expected-note @+1 {{the weight is declared here}}
nn.weight @w : tensor<8xbf16> from "w"
func.func @layer_norm_weight(%x: tensor<1x8xf32>) {
  // expected-error @+1 {{needs a weight of shape [4], but @w is 'tensor<8xbf16>'}}
  %y = nn.layer_norm %x, @w eps 0.5 group_size 4 : tensor<1x8xf32>
  return
}

// -----

nn.weight @w : tensor<8xbf16> from "w"
// expected-note @+1 {{the weight is declared here}}
nn.weight @b : tensor<4xbf16> from "b"
func.func @layer_norm_bias(%x: tensor<1x8xf32>) {
  // expected-error @+1 {{needs a weight of shape [8], but @b is 'tensor<4xbf16>'}}
  %y = nn.layer_norm %x, @w bias @b eps 0.5 : tensor<1x8xf32>
  return
}

// -----

// expected-error @+1 {{is a number from 0 to 2^31 - 1, not -1}}
nn.scalar @negative = -1

// -----

// expected-error @+1 {{is a number from 0 to 2^31 - 1, not 2147483648}}
nn.scalar @large = 2147483648

// -----

nn.cache @cache heads 2 head_dim 4 : bf16
func.func @attention_window(%q: tensor<1x8xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{names @cache, which is no nn.scalar}}
  %a = nn.attention %q, %p, @cache heads 2 scale 0.5 window @cache : tensor<1x8xf32>
  return
}

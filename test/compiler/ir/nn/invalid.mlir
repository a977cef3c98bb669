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
nn.weight @matrix : tensor<8x4xbf16> from "m"
func.func @positions_rank(%token: tensor<1xi32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{needs a matrix, but @vector is 'tensor<4xbf16>'}}
  %x = nn.embedding %token, @matrix positions @vector at %position : tensor<1x4xf32>
  return
}

// -----

nn.weight @matrix : tensor<8x4xbf16> from "m"
// expected-note @+1 {{the weight is declared here}}
nn.weight @positions : tensor<8x5xbf16> from "p"
func.func @positions_size(%token: tensor<1xi32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{needs a weight of shape [8, 4], but @positions is 'tensor<8x5xbf16>'}}
  %x = nn.embedding %token, @matrix positions @positions at %position : tensor<1x4xf32>
  return
}

// -----

nn.weight @matrix : tensor<8x4xbf16> from "m"
func.func @positions_without_position(%token: tensor<1xi32>) {
  // expected-error @+1 {{needs both a matrix of positions and a position, or neither}}
  %x = "nn.embedding"(%token) <{weight = @matrix, positions = @matrix}> : (tensor<1xi32>) -> tensor<1x4xf32>
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

// -----

// expected-error @+1 {{there is no port tokens; expected token, position, logits, next, or the name of a tensor in quotes}}
func.func @unknown_port(%x: tensor<1xi32> {nn.port = #nn.port<tokens>}) { return }

// -----

// expected-error @+1 {{result 0 carries no port: either all arguments and results do, or none}}
func.func @half_an_entry(%x: tensor<1x4xf32> {nn.port = #nn.port<"x">}) -> tensor<1x4xf32> { return %x : tensor<1x4xf32> }

// -----

// expected-error @+1 {{argument 1 carries #nn.port<"x">, as argument 0 does}}
func.func @name_twice(%x: tensor<1x4xf32> {nn.port = #nn.port<"x">}, %y: tensor<1x4xf32> {nn.port = #nn.port<"x">}) { return }

// -----

// expected-error @+1 {{result 0 carries #nn.port<"x">, as argument 0 does}}
func.func @name_of_both(%x: tensor<1x4xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x4xf32> {nn.port = #nn.port<"x">}) {
  return %x : tensor<1x4xf32>
}

// -----

// expected-error @+1 {{argument 1 carries #nn.port<token>, as argument 0 does}}
func.func @two_tokens(%x: tensor<1xi32> {nn.port = #nn.port<token>}, %y: tensor<1xi32> {nn.port = #nn.port<token>}) { return }

// -----

// expected-error @+1 {{argument 0 carries #nn.port<next>, which only a result can be}}
func.func @next_is_given(%x: tensor<1xi32> {nn.port = #nn.port<next>}) { return }

// -----

// expected-error @+1 {{result 0 carries #nn.port<position>, which only an argument can be}}
func.func @position_is_made(%x: tensor<1xi32> {nn.port = #nn.port<token>}) -> (tensor<1xi32> {nn.port = #nn.port<position>}) {
  return %x : tensor<1xi32>
}

// -----

// expected-error @+1 {{argument 0 carries #nn.port<token>, which needs i32 [tokens], such as tensor<1xi32>, not 'tensor<1x1xi32>'}}
func.func @token_type(%x: tensor<1x1xi32> {nn.port = #nn.port<token>}) { return }

// -----

// expected-error @+1 {{argument 0 carries #nn.port<position>, which needs i32 [tokens], such as tensor<1xi32>, not 'tensor<1xi64>'}}
func.func @position_type(%x: tensor<1xi64> {nn.port = #nn.port<position>}) { return }

// -----

// expected-error @+1 {{argument 0 carries #nn.port<"x">, which needs a static tensor of a type that ops on tensors take, not 'tensor<?x4xf32>'}}
func.func @dynamic(%x: tensor<?x4xf32> {nn.port = #nn.port<"x">}) { return }

// -----

// expected-error @+1 {{argument 0 carries #nn.port<"x">, which needs a static tensor of a type that ops on tensors take, not 'tensor<4xi4>'}}
func.func @integers(%x: tensor<4xi4> {nn.port = #nn.port<"x">}) { return }

// -----

// expected-error @+1 {{result 0 carries #nn.port<logits>, which needs a static tensor of f32, not 'tensor<1x4xbf16>'}}
func.func @logits_type(%x: tensor<1x4xbf16> {nn.port = #nn.port<"x">}) -> (tensor<1x4xbf16> {nn.port = #nn.port<logits>}) {
  return %x : tensor<1x4xbf16>
}

// -----

// expected-error @+1 {{argument 0 needs a name of printable characters}}
func.func @no_name(%x: tensor<1x4xf32> {nn.port = #nn.port<"">}) { return }

// -----

// expected-error @+1 {{argument 0 carries #nn.port<"x" : [3, 4]>, which needs as many rows of as many elements as its shape has, not 'tensor<2x4xf32>'}}
func.func @other_shape(%x: tensor<2x4xf32> {nn.port = #nn.port<"x" : [3, 4]>}) { return }

// -----

// expected-error @+1 {{only nn.port = #nn.port<...> of a func.func's argument or result is known}}
func.func @other_attribute(%x: tensor<2x4xf32> {nn.name = "x"}) { return }

// -----

// expected-error @+1 {{has attribute "nn.port", which belongs to an argument or a result}}
func.func @port_of_a_function() attributes {nn.port = #nn.port<"x">} { return }

// -----

nn.weight @w : tensor<4x8xbf16> from "w"
func.func @rows_vanish(%x: tensor<3x8xf32>) {
  // expected-error @+1 {{makes a row of each row, so 'tensor<3x8xf32>' cannot become 'tensor<2x4xf32>'}}
  %y = nn.linear %x, @w : (tensor<3x8xf32>) -> tensor<2x4xf32>
  return
}

// -----

nn.weight @f : tensor<2xf32> from "f"
func.func @rows_at_one_position(%x: tensor<3x4xf32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{works on one row, one token's, not on 3}}
  %y = nn.rope %x, %position, @f head_dim 4 : tensor<3x4xf32>
  return
}

// -----

func.func @one_token_of_rows(%x: tensor<2x4xf32>) {
  // expected-error @+1 {{works on one row, one token's, not on 2}}
  %y = nn.argmax %x : tensor<2x4xf32>
  return
}

// -----

func.func @scale_by_nothing(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{needs a finite factor that is not zero, not 0.000000e+00}}
  %y = nn.scale %x by 0.0 : tensor<1x4xf32>
  return
}

// -----

func.func @scale_beyond_f32(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{needs a finite factor that is not zero, not 1.000000e+60}}
  %y = nn.scale %x by 1.0e60 : tensor<1x4xf32>
  return
}

// -----

func.func @cap(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{needs a positive cap, not -3.000000e+01}}
  %y = nn.softcap %x cap -30.0 : tensor<1x4xf32>
  return
}

// -----

nn.cache @cache heads 1 head_dim 4 : bf16
func.func @cap_of_scores(%x: tensor<1x4xf32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{needs a positive cap, not 0.000000e+00}}
  %y = nn.attention %x, %position, @cache heads 1 scale 0.5 cap 0.0 : tensor<1x4xf32>
  return
}

// -----

nn.weight @w : tensor<4x8xbf16> from "w"
func.func @embedding_scale(%token: tensor<1xi32>) {
  // expected-error @+1 {{needs a positive scale, not 0.000000e+00}}
  %y = nn.embedding %token, @w scale 0.0 : tensor<1x8xf32>
  return
}

// -----

nn.weight @f : tensor<3xf32> from "f"
func.func @rotary_dim(%x: tensor<1x4xf32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{needs an even rotary_dim of at most head_dim, 4, not 6}}
  %y = nn.rope %x, %position, @f head_dim 4 rotary_dim 6 : tensor<1x4xf32>
  return
}

// -----

// expected-note @+1 {{the weight is declared here}}
nn.weight @f : tensor<2xf32> from "f"
func.func @rotary_dim_of_frequencies(%x: tensor<1x4xf32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{needs a weight of shape [1], but @f is 'tensor<2xf32>'}}
  %y = nn.rope %x, %position, @f head_dim 4 rotary_dim 2 : tensor<1x4xf32>
  return
}

// -----

// expected-error @+1 {{adds 1.000000e+00 ('plus'), which is for a vector of the checkpoint, and a finite number}}
nn.weight @matrix : tensor<2x2xbf16> from "m" plus 1.0

// -----

// expected-error @+1 {{adds 1.000000e+00 ('plus'), which is for a vector of the checkpoint, and a finite number}}
nn.weight @constant : tensor<2xf32> = dense<1.0> : tensor<2xf32> plus 1.0

// -----

// expected-error @+1 {{adds 1.000000e+60 ('plus'), which is for a vector of the checkpoint, and a finite number}}
nn.weight @infinite : tensor<2xf32> from "v" plus 1.0e60

// -----

// expected-error @+1 {{needs a positive factor, not -1.000000e+00}}
nn.weight @f : tensor<2xf32> from "f" factor -1.0

// -----

nn.weight @f : tensor<4xf32> from "f" factor 1.5
func.func @factor_of_a_norm(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{reads @f, which has a factor: only nn.rope applies it}}
  %y = nn.rms_norm %x, @f eps 0.5 : tensor<1x4xf32>
  return
}

// -----

// expected-error @+1 {{two numbers and the names of two tensors, of which zeros may be absent}}
nn.weight @f : tensor<4x8xf32> from "f" {nn.blocks = {bits = 4, size = 32}}

// -----

// expected-error @+1 {{two numbers and the names of two tensors, of which zeros may be absent}}
nn.weight @f : tensor<4x8xf32> from "f" {nn.blocks = {bits = 4, size = 32, scales = "s", other = 1}}

// -----

// expected-error @+1 {{has nn.blocks, which is for a matrix of the checkpoint, and not for its transpose}}
nn.weight @f : tensor<4xf32> from "f" {nn.blocks = {bits = 4, size = 32, scales = "s"}}

// -----

// expected-error @+1 {{has nn.blocks, which is for a matrix of the checkpoint, and not for its transpose}}
nn.weight @f : tensor<4x8xf32> from "f" view #nn.view<rows = 4, transposed = true> {nn.blocks = {bits = 4, size = 32, scales = "s"}}

// -----

// expected-error @+1 {{is 'tensor<4x8xf32>', which no integers of 3 bits in blocks of 32 hold}}
nn.weight @f : tensor<4x8xf32> from "f" {nn.blocks = {bits = 3, size = 32, scales = "s"}}

// -----

// expected-error @+1 {{is a constant, which has no view}}
nn.weight @f : tensor<2xf32> view #nn.view<rows = 4> = dense<1.0> : tensor<2xf32>

// -----

// expected-error @+1 {{is 'tensor<4xf32>', of which there is no such view: a matrix can be transposed}}
nn.weight @f : tensor<4xf32> from "f" view #nn.view<rows = 4, transposed = true>

// -----

// expected-error @+1 {{is 'tensor<4x2x2xf32>', of which there is no such view: vectors and matrices have rows}}
nn.weight @f : tensor<4x2x2xf32> from "f" view #nn.view<rows = 4>

// -----

// expected-error @+1 {{has 4 rows, which are no runs of 3 from row 0 on}}
nn.weight @f : tensor<4x2xf32> from "f" view #nn.view<rows = 8, run = 3, stride = 4>

// -----

// expected-error @+1 {{has 4 rows, which are no runs of 4 from row -1 on}}
nn.weight @f : tensor<4x2xf32> from "f" view #nn.view<rows = 8, first = -1>

// -----

// expected-error @+1 {{is runs of 2 rows, each 1 after the one before: they overlap}}
nn.weight @f : tensor<4x2xf32> from "f" view #nn.view<rows = 8, run = 2, stride = 1>

// -----

// expected-error @+1 {{has 1 runs of 4 rows, from row 5 on, 0 rows apart, but the tensor has 8 rows}}
nn.weight @f : tensor<4x2xf32> from "f" view #nn.view<rows = 8, first = 5>

// -----

// expected-error @+1 {{has 2 runs of 2 rows, from row 1 on, 6 rows apart, but the tensor has 8 rows}}
nn.weight @f : tensor<4x2xf32> from "f" view #nn.view<rows = 8, first = 1, run = 2, stride = 6>

// -----

// expected-error @+1 {{has 2 runs of 2 rows, from row 0 on, 9223372036854775807 rows apart, but the tensor has 8 rows}}
nn.weight @f : tensor<4x2xf32> from "f" view #nn.view<rows = 8, run = 2, stride = 9223372036854775807>

// -----

nn.weight @f : tensor<4xf32> = dense<1.0> : tensor<4xf32> long #nn.long<dense<0.5> : tensor<4xf32>, after = 16>
func.func @long_weight_of_a_norm(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{reads @f, which is another one in a long sequence: only nn.rope knows of that}}
  %y = nn.rms_norm %x, @f eps 0.5 : tensor<1x4xf32>
  return
}

// -----

// expected-error @+1 {{of a long sequence is 'tensor<1xf32>'; it needs dense floats, as what it takes the place of: a constant of type 'tensor<2xf32>'}}
nn.weight @f : tensor<2xf32> = dense<1.0> : tensor<2xf32> long #nn.long<dense<0.5> : tensor<1xf32>, after = 16>

// -----

// expected-error @+1 {{it needs dense floats, as what it takes the place of: a constant of type 'tensor<2xf32>'}}
nn.weight @f : tensor<2xf32> from "f" long #nn.long<dense<0.5> : tensor<2xf32>, after = 16>

// -----

// expected-error @+1 {{is of sequences that are long after 1 to 2^31 - 1 tokens, not after 0}}
nn.weight @f : tensor<2xf32> = dense<1.0> : tensor<2xf32> long #nn.long<dense<0.5> : tensor<2xf32>, after = 0>

// -----

// expected-error @+1 {{needs a positive rate of growth, not 0.000000e+00}}
nn.weight @f : tensor<2xf32> = dense<1.0> : tensor<2xf32> growth #nn.growth<rate = 0.0, every = 16>

// -----

// expected-error @+1 {{grows every 1 to 2^31 - 1 positions, not every 0}}
nn.weight @f : tensor<2xf32> = dense<1.0> : tensor<2xf32> growth #nn.growth<rate = 0.5, every = 0>

// -----

nn.weight @f : tensor<4xf32> = dense<1.0> : tensor<4xf32> growth #nn.growth<rate = 0.5, every = 16>
func.func @growth_of_a_norm(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{reads @f, which has a growth: only nn.rope applies it}}
  %y = nn.rms_norm %x, @f eps 0.5 : tensor<1x4xf32>
  return
}

// -----

nn.weight @f : tensor<1xf32> = dense<1.0> : tensor<1xf32> growth #nn.growth<rate = 0.5, every = 16>
func.func @growth_of_a_part(%x: tensor<1x8xf32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{rotates 2 of the 4 elements of a head by @f, which has a growth: the others would not grow}}
  %y = nn.rope %x, %position, @f head_dim 4 rotary_dim 2 : tensor<1x8xf32>
  return
}

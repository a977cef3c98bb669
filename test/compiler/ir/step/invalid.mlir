// RUN: cadenza-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// step.table
//===----------------------------------------------------------------------===//

// expected-error @+1 {{needs at least one entry}}
step.table @empty []

// -----

// expected-note @+1 {{the first entry}}
nn.weight @a : tensor<2xbf16> from "a"
// expected-note @+1 {{another entry}}
nn.weight @b : tensor<3xbf16> from "b"
// expected-error @+1 {{has entries of different types}}
step.table @weights [@a, @b]

// -----

// expected-note @+1 {{the first entry}}
nn.cache @a heads 1 head_dim 2 : bf16
// expected-note @+1 {{another entry}}
nn.cache @b heads 2 head_dim 1 : bf16
// expected-error @+1 {{has entries of different types}}
step.table @caches [@a, @b]

// -----

// expected-note @+1 {{the first entry}}
nn.weight @a : tensor<2xbf16> from "a"
// expected-note @+1 {{another entry}}
nn.cache @b heads 2 head_dim 1 : bf16
// expected-error @+1 {{has entries of different types}}
step.table @kinds [@a, @b]

// -----

//===----------------------------------------------------------------------===//
// step.layers
//===----------------------------------------------------------------------===//

func.func @no_iterations(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{needs a positive count}}
  %y = step.layers count 0 (%h = %x) : tensor<1x4xf32> {
    step.yield %h : tensor<1x4xf32>
  }
  return
}

// -----

func.func @yield_types(%x: tensor<1x4xf32>, %z: tensor<1x8xf32>) {
  // expected-error @+1 {{carries values whose types differ between start, body, yield and results}}
  %y = step.layers count 2 (%h = %x) : tensor<1x4xf32> {
    step.yield %z : tensor<1x8xf32>
  }
  return
}

// -----

func.func @yields_nothing(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{carries values whose types differ between start, body, yield and results}}
  %y = step.layers count 2 (%h = %x) : tensor<1x4xf32> {
  }
  return
}

// -----

func.func @missing_types(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{needs one type for each carried value}}
  %y = step.layers count 2 (%h = %x) {
  }
  return
}

// -----

//===----------------------------------------------------------------------===//
// step.embed
//===----------------------------------------------------------------------===//

nn.weight @v : tensor<32xbf16> from "v"
func.func @embed_vector(%token: tensor<1xi32>) {
  // expected-error @+1 {{names @v, which is no matrix}}
  %x = step.embed %token, @v : tensor<1x32xf32>
  return
}

// -----

func.func @embed_unknown(%token: tensor<1xi32>) {
  // expected-error @+1 {{names @missing, which is no matrix}}
  %x = step.embed %token, @missing : tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<64x32xbf16> from "w"
func.func @embed_size(%token: tensor<1xi32>) {
  // expected-error @+1 {{has 64 elements, but @w is 'tensor<64x32xbf16>'}}
  %x = step.embed %token, @w : tensor<1x64xf32>
  return
}

// -----

nn.weight @w : tensor<64x32xbf16> from "w"
nn.weight @p : tensor<48x16xbf16> from "p"
func.func @embed_positions_size(%token: tensor<1xi32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{has 32 elements, but @p is 'tensor<48x16xbf16>'}}
  %x = step.embed %token, @w positions @p at %position : tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<64x32xbf16> from "w"
nn.weight @p : tensor<48x32xbf16> from "p" {step.encoding = #step.int8}
func.func @embed_positions_encoding(%token: tensor<1xi32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{reads rows of tiles16, but @p is stored as int8}}
  %x = step.embed %token, @w positions @p at %position : tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<64x32xbf16> from "w"
func.func @embed_position_without_positions(%token: tensor<1xi32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{needs both a matrix of positions and a position, or neither}}
  %x = "step.embed"(%token, %position) <{matrix = @w}> : (tensor<1xi32>, tensor<1xi32>) -> tensor<1x32xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// step.project
//===----------------------------------------------------------------------===//

func.func @no_matrix(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{needs at least one matrix}}
  step.project %x matrices [] : (tensor<1x32xf32>) -> ()
  return
}

// -----

nn.weight @v : tensor<32xbf16> from "v"
func.func @matrix_is_vector(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{names @v, which is no matrix}}
  %y = step.project %x matrices [@v] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

func.func @matrix_unknown(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{names @missing, which is no matrix}}
  %y = step.project %x matrices [@missing] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @input_size(%x: tensor<1x16xf32>) {
  // expected-error @+1 {{has an input of 16 elements, but @w is 'tensor<32x32xbf16>'}}
  %y = step.project %x matrices [@w] : (tensor<1x16xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @f16 : tensor<32x32xf16> from "f"
func.func @element_types(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{has matrices of different element types}}
  %y:2 = step.project %x matrices [@w, @f16] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @half : tensor<16x32xbf16> from "h"
func.func @interleaved_heights(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{interleaves matrices of different heights}}
  %y:2 = step.project %x matrices [@w, @half] {interleaved} : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x16xf32>)
  return
}

// -----

nn.weight @twelve : tensor<12x32xbf16> from "t"
func.func @interleaved_eights(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{interleaves eights of rows, but @twelve is 'tensor<12x32xbf16>'}}
  %y:2 = step.project %x matrices [@twelve, @twelve] {interleaved} : (tensor<1x32xf32>) -> (tensor<1x12xf32>, tensor<1x12xf32>)
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @no_k_ways(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{deals steps to 0 ways; powers of two up to 32 are possible}}
  %y = step.project %x matrices [@w] {k_ways = 0 : i64} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @odd_k_ways(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{deals steps to 6 ways}}
  %y = step.project %x matrices [@w] {k_ways = 6 : i64} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @many_k_ways(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{deals steps to 64 ways}}
  %y = step.project %x matrices [@w] {k_ways = 64 : i64} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x96xbf16> from "w"
func.func @k_groups_start_later(%x: tensor<1x96xf32>) {
  // expected-error @+1 {{needs K groups that start at step 0, ascend, and stay below the 3 steps of 32 columns}}
  %y = step.project %x matrices [@w] {k_groups = array<i64: 1, 2>} : (tensor<1x96xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x96xbf16> from "w"
func.func @no_k_groups(%x: tensor<1x96xf32>) {
  // expected-error @+1 {{needs K groups}}
  %y = step.project %x matrices [@w] {k_groups = array<i64>} : (tensor<1x96xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x96xbf16> from "w"
func.func @k_group_twice(%x: tensor<1x96xf32>) {
  // expected-error @+1 {{needs K groups}}
  %y = step.project %x matrices [@w] {k_groups = array<i64: 0, 1, 1>} : (tensor<1x96xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x96xbf16> from "w"
func.func @k_group_beyond(%x: tensor<1x96xf32>) {
  // expected-error @+1 {{needs K groups}}
  %y = step.project %x matrices [@w] {k_groups = array<i64: 0, 3>} : (tensor<1x96xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @v : tensor<32xbf16> from "v"
func.func @prologue_without_epilogues(%x: tensor<1x32xf32>) {
  %y = step.project %x matrices [@w] prologue #step.rms_norm<segment = 0, weight = @v, eps = 0.5, group_size = 32> : (tensor<1x32xf32>) -> tensor<1x32xf32>
  // expected-error @+1 {{expected 'epilogues' ([] for none) after a prologue}}
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @v : tensor<32xbf16> from "v"
func.func @prologue_segment(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{prologue (rms_norm) works on segment 0, the input}}
  %y = step.project %x matrices [@w] prologue #step.rms_norm<segment = 1, weight = @v, eps = 0.5, group_size = 32> epilogues [] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @prologue_operand(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{prologue (add) is no function of the input alone}}
  %y = step.project %x matrices [@w] prologue #step.add<segment = 0> epilogues [] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @prologue_consumes(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{prologue (argmax) is no function of the input alone}}
  %y = step.project %x matrices [@w] prologue #step.argmax<segment = 0> epilogues [] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
func.func @prologue_position(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{prologue (rope) is no function of the input alone}}
  %y = step.project %x matrices [@w] prologue #step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16> epilogues [] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @head : tensor<16xbf16> from "n"
func.func @prologue_weight(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{prologue (rms_norm) needs a vector of 32 elements, but @head is 'tensor<16xbf16>'}}
  %y = step.project %x matrices [@w] prologue #step.rms_norm<segment = 0, weight = @head, eps = 0.5, group_size = 32> epilogues [] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @head : tensor<16xbf16> from "n"
func.func @prologue_heads(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{prologue (rms_norm) works on runs of 16 elements, not on the whole input of 32}}
  %y = step.project %x matrices [@w] prologue #step.rms_norm<segment = 0, weight = @head, eps = 0.5, group_size = 16> epilogues [] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Lists of functions
//===----------------------------------------------------------------------===//

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @segment_unknown(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 1 (silu) names segment 1 of 1}}
  %y = step.project %x matrices [@w] epilogues [#step.silu<segment = 0>, #step.silu<segment = 1>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @segment_negative(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (silu) names segment -1 of 1}}
  %y = step.project %x matrices [@w] epilogues [#step.silu<segment = -1>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @segment_consumed(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 1 (silu) names segment 1, which an earlier epilogue consumed}}
  %y = step.project %x matrices [@w, @w] epilogues [#step.mul<lhs = 0, rhs = 1>, #step.silu<segment = 1>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @segment_twice(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (mul) names segment 0 twice}}
  %y = step.project %x matrices [@w] epilogues [#step.mul<lhs = 0, rhs = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @v : tensor<32xbf16> from "v"
func.func @deferred_epilogue(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (rms_norm) defers its scale, which only a prologue can}}
  %y = step.project %x matrices [@w] epilogues [#step.rms_norm<segment = 0, weight = @v, eps = 0.5, group_size = 32, defer_scale = true>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @operand_missing(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (add) has no operand left}}
  %y = step.project %x matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @operand_left(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{has 1 more operands than its epilogues take}}
  %y = step.project %x with(%x) matrices [@w] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
func.func @position_missing(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{has an epilogue that reads the position, but no position ('at')}}
  %y = step.project %x matrices [@w] epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
func.func @position_missing_beside_token(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{has an epilogue that reads the position, but no position ('at')}}
  %y = step.project %x matrices [@w, @w] epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>, #step.mul<lhs = 0, rhs = 1>, #step.argmax<segment = 0>] : (tensor<1x32xf32>) -> tensor<1xi32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @result_count(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{has 1 results, but its functions leave 2 vectors and 0 tokens}}
  %y = step.project %x matrices [@w, @w] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @token_missing(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{has 1 results, but its functions leave 1 vectors and 1 tokens}}
  %y = step.project %x matrices [@w, @w] epilogues [#step.argmax<segment = 1>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
func.func @result_size(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{result 0 has 16 elements, but its functions leave 32}}
  %y = step.project %x matrices [@w] : (tensor<1x32xf32>) -> tensor<1x16xf32>
  return
}

// -----

func.func @map_result_size(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{result 0 has 16 elements, but its functions leave 32}}
  %y = step.map %x epilogues [] : (tensor<1x32xf32>) -> tensor<1x16xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Each function
//===----------------------------------------------------------------------===//

nn.weight @v : tensor<32xbf16> from "v"
func.func @norm_groups(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (rms_norm) works on runs of 24 elements (group_size), but the segment has 32}}
  %y = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @v, eps = 0.5, group_size = 24>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @v : tensor<32xbf16> from "v"
func.func @norm_group_of_nothing(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (rms_norm) works on runs of 0 elements (group_size), but the segment has 32}}
  %y = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @v, eps = 0.5, group_size = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @v : tensor<32xbf16> from "v"
func.func @norm_weight(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (rms_norm) needs a vector of 16 elements, but @v is 'tensor<32xbf16>'}}
  %y = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @v, eps = 0.5, group_size = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @norm_no_weight(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (rms_norm) names @cache, which is no weight}}
  %y = step.map %x epilogues [#step.rms_norm<segment = 0, weight = @cache, eps = 0.5, group_size = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @head : tensor<16xbf16> from "n"
func.func @bias_size(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (bias) needs a vector of 32 elements, but @head is 'tensor<16xbf16>'}}
  %y = step.map %x epilogues [#step.bias<segment = 0, weight = @head>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
func.func @rope_heads(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{epilogue 0 (rope) works on runs of 24 elements (head_dim), but the segment has 32}}
  %y = step.map %x at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 24, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
func.func @rope_rotary_odd(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{epilogue 0 (rope) needs an even rotary_dim of at most head_dim, not 15}}
  %y = step.map %x at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 15>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
func.func @rope_rotary_large(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{epilogue 0 (rope) needs an even rotary_dim of at most head_dim, not 32}}
  %y = step.map %x at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 32>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
func.func @rope_table(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{epilogue 0 (rope) needs a vector of 4 elements, but @frequencies is 'tensor<8xf32>'}}
  %y = step.map %x at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 8>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @v : tensor<32xbf16> from "v"
func.func @append_no_cache(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{epilogue 0 (kv_append) names @v, which is no cache}}
  step.map %x, %x at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @v, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @append_heads(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{epilogue 0 (kv_append) stores 1 x 32, but @cache holds 2 x 16}}
  step.map %x, %x at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 1, head_dim = 32>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @append_size(%x: tensor<1x16xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{epilogue 0 (kv_append) needs 2 x 16 elements, but segment 0 has 16}}
  step.map %x, %x at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x16xf32>, tensor<1x16xf32>, tensor<1xi32>) -> ()
  return
}

// -----

func.func @mul_sizes(%x: tensor<1x32xf32>, %z: tensor<1x16xf32>) {
  // expected-error @+1 {{epilogue 0 (mul) multiplies segments of 32 and 16 elements}}
  %y = step.map %x, %z epilogues [#step.mul<lhs = 0, rhs = 1>] : (tensor<1x32xf32>, tensor<1x16xf32>) -> tensor<1x32xf32>
  return
}

// -----

func.func @add_size(%x: tensor<1x32xf32>, %z: tensor<1x16xf32>) {
  // expected-error @+1 {{epilogue 0 (add) adds an operand of 16 elements to a segment of 32}}
  %y = step.map %x with(%z) epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x16xf32>) -> tensor<1x32xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// step.attend
//===----------------------------------------------------------------------===//

nn.weight @v : tensor<32xbf16> from "v"
func.func @attend_no_cache(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{names @v, which is no cache}}
  %y = step.attend %x at %p, @v heads 2 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_groups(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{has 3 heads, no multiple of the 2 KV heads of @cache}}
  %y = step.attend %x at %p, @cache heads 3 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_no_heads(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{has 0 heads, no multiple of the 2 KV heads of @cache}}
  %y = step.attend %x at %p, @cache heads 0 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_query(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs query and result of 64 elements}}
  %y = step.attend %x at %p, @cache heads 4 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_result(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs query and result of 32 elements}}
  %y = step.attend %x at %p, @cache heads 2 scale 0.5 : tensor<1x32xf32> -> tensor<1x16xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_splits(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs at least one split}}
  %y = step.attend %x at %p, @cache heads 2 scale 0.5 {splits = 0 : i64} : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_warps(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{has 33 warps; 1 to 32 are possible}}
  %y = step.attend %x at %p, @cache heads 2 scale 0.5 {warps = 33 : i64} : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Encodings of weights
//===----------------------------------------------------------------------===//

// expected-error @+1 {{encoding int8 stores matrices of bf16 or f16, not 'tensor<4x4xf32>'}}
nn.weight @f32 : tensor<4x4xf32> from "w" {step.encoding = #step.int8}

// -----

// expected-error @+1 {{encoding tiles16 stores matrices of bf16 or f16, not 'tensor<4xbf16>'}}
nn.weight @vector : tensor<4xbf16> from "w" {step.encoding = #step.tiles16}

// -----

// expected-error @+1 {{is no encoding: groups are of 32, 64 or 128 columns}}
nn.weight @groups_of_16 : tensor<4x4xbf16> from "w" {step.encoding = #step.int4<group = 16>}

// -----

// expected-error @+1 {{is no encoding: groups are of 32, 64 or 128 columns, or 0, a row, with scales of f32}}
nn.weight @rows_in_f16 : tensor<4x4xbf16> from "w" {step.encoding = #step.fp8<scale = f16>}

// -----

// expected-error @+1 {{has scales of f16, bf16 or f32, not 'i8'}}
nn.weight @integer_scales : tensor<4x4xbf16> from "w" {step.encoding = #step.int8<group = 32, scale = i8>}

// -----

// expected-error @+1 {{has 8 : i64 as step.encoding, which is no encoding of weights}}
nn.weight @no_encoding : tensor<4x4xbf16> from "w" {step.encoding = 8}

// -----

// expected-error @+1 {{has an encoding (step.encoding), which only a weight has}}
nn.cache @cache heads 1 head_dim 4 : bf16 {step.encoding = #step.int8}

// -----

// expected-error @+1 {{has step.positions, which is how many positions, at least one, a cache keeps}}
nn.cache @cache heads 1 head_dim 4 : bf16 {step.positions = 0}

// -----

// expected-error @+1 {{has step.positions, which is how many positions, at least one, a cache keeps}}
nn.cache @cache heads 1 head_dim 4 : bf16 {step.positions = "all"}

// -----

// expected-error @+1 {{has step.positions, which is how many positions, at least one, a cache keeps}}
nn.weight @w : tensor<4x4xbf16> from "w" {step.positions = 8}

// -----

// expected-error @+1 {{has step.copy_of, which names the weight that a weight is a copy of}}
nn.weight @copy : tensor<4x4xbf16> from "w" {step.copy_of = 1}

// -----

// expected-error @+1 {{has an attribute "step.encode", which the step dialect does not know}}
nn.weight @misspelt : tensor<4x4xbf16> from "w" {step.encode = #step.int8}

// -----

nn.weight @a : tensor<16x4xbf16> from "a" {step.encoding = #step.int8}
nn.weight @b : tensor<16x4xbf16> from "b"
func.func @two_encodings(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{has matrices of different encodings}}
  %y:2 = step.project %x matrices [@a, @b] : (tensor<1x4xf32>) -> (tensor<1x16xf32>, tensor<1x16xf32>)
  return
}

// -----

nn.weight @a : tensor<16x4xbf16> from "a" {step.encoding = #step.int8}
func.func @embedding_of_another_encoding(%token: tensor<1xi32>) {
  // expected-error @+1 {{reads rows of tiles16, but @a is stored as int8}}
  %y = step.embed %token, @a : tensor<1x4xf32>
  return
}

// -----

// expected-note @+1 {{the first entry}}
nn.weight @a : tensor<4x4xbf16> from "a" {step.encoding = #step.int8}
// expected-note @+1 {{another entry}}
nn.weight @b : tensor<4x4xbf16> from "b" {step.encoding = #step.tiles16}
// expected-error @+1 {{has entries of different types}}
step.table @encodings [@a, @b]

// -----

// expected-error @+1 {{names @missing, which is neither a weight nor a cache nor a scalar}}
step.table @unknown [@missing]

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_window(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{names @cache as its window, which is no scalar}}
  %y = step.attend %x at %p, @cache heads 2 scale 0.5 window @cache : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

nn.weight @v : tensor<32xbf16> from "v"
func.func @layer_norm_groups(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (layer_norm) works on runs of 24 elements (group_size), but the segment has 32}}
  %y = step.map %x epilogues [#step.layer_norm<segment = 0, weight = @v, eps = 0.5, group_size = 24>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @v : tensor<32xbf16> from "v"
nn.weight @b : tensor<16xbf16> from "b"
func.func @layer_norm_bias(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (layer_norm) needs a vector of 32 elements, but @b is 'tensor<16xbf16>'}}
  %y = step.map %x epilogues [#step.layer_norm<segment = 0, weight = @v, bias = @b, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.weight @w : tensor<32x32xbf16> from "w"
nn.weight @head : tensor<16xbf16> from "n"
func.func @layer_norm_prologue_heads(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{prologue (layer_norm) works on runs of 16 elements, not on the whole input of 32}}
  %y = step.project %x matrices [@w] prologue #step.layer_norm<segment = 0, weight = @head, eps = 0.5, group_size = 16> epilogues [] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

// expected-note @+1 {{the first entry}}
nn.weight @a : tensor<2xbf16> from "a"
// expected-note @+1 {{another entry}}
nn.scalar @b = 2
// expected-error @+1 {{has entries of different types}}
step.table @kinds [@a, @b]

// -----

func.func @tokens_differ(%x: tensor<2x8xf32>, %y: tensor<3x8xf32>) {
  // expected-error @+1 {{works on 2 tokens, but 'tensor<3x8xf32>' has 3}}
  %z = step.map %x with(%y) epilogues [#step.add<segment = 0>] : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<2x8xf32>
  return
}

// -----

func.func @tokens_vanish(%x: tensor<2x8xf32>) {
  // expected-error @+1 {{works on 2 tokens, but 'tensor<1x8xf32>' has 1}}
  %z = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<2x8xf32>) -> tensor<1x8xf32>
  return
}

// -----

func.func @one_token_is_selected(%x: tensor<2x8xf32>) {
  // expected-error @+1 {{works on 1 token, but 'tensor<2x8xf32>' has 2}}
  %t = step.select %x : tensor<2x8xf32>
  return
}

// -----

func.func @scale_factor(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (scale) needs a finite factor that is not zero, not 0.000000e+00}}
  %y = step.map %x epilogues [#step.scale<segment = 0, factor = 0.0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

func.func @softcap_cap(%x: tensor<1x32xf32>) {
  // expected-error @+1 {{epilogue 0 (softcap) needs a positive cap, not 0.000000e+00}}
  %y = step.map %x epilogues [#step.softcap<segment = 0, cap = 0.0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @attend_cap(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  // expected-error @+1 {{needs a positive cap, not -1.000000e+00}}
  %y = step.attend %x at %p, @cache heads 2 scale 0.5 cap -1.0 : tensor<1x32xf32> -> tensor<1x32xf32>
  return
}

// -----

func.func @fusion_types(%x: tensor<4xf32>) {
  // expected-error @+1 {{has values whose types differ between outside and body}}
  %y = step.fusion (%a = %x) : (tensor<4xf32>) -> tensor<4xf16> {
    step.yield %a : tensor<4xf32>
  }
  return
}

// -----

func.func @fusion_without_result(%x: tensor<4xf32>) {
  // expected-error @+1 {{needs at least one result}}
  step.fusion (%a = %x) : (tensor<4xf32>) -> () {
    step.yield
  }
  return
}

// -----

func.func @fusion_without_yield(%x: tensor<4xf32>) {
  %y = step.fusion (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    // expected-error @+1 {{block with no terminator}}
    %b = nn.unary abs %a : (tensor<4xf32>) -> tensor<4xf32>
  }
  return
}

// -----

func.func @fusion_of_vectors(%x: tensor<1x4xf32>) {
  // expected-error @+1 {{has nn.silu in its body, which is no op on tensors alone}}
  %y = step.fusion (%a = %x) : (tensor<1x4xf32>) -> tensor<1x4xf32> {
    %b = nn.silu %a : tensor<1x4xf32>
    step.yield %b : tensor<1x4xf32>
  }
  return
}

// -----

nn.cache @cache heads 2 head_dim 16 : bf16
func.func @fusion_with_state(%p: tensor<1xi32>) {
  // expected-error @+1 {{has nn.past_length in its body, which is no op on tensors alone}}
  %y = step.fusion (%a = %p) : (tensor<1xi32>) -> tensor<i64> {
    %b = nn.past_length %a
    step.yield %b : tensor<i64>
  }
  return
}

// -----

func.func @fusion_of_open_extents(%n: tensor<i64>) {
  // expected-error @+1 {{has nn.range in its body, whose result, 'tensor<?xi64>', has open extents}}
  %y = step.fusion (%a = %n) : (tensor<i64>) -> tensor<i64> {
    %r = nn.range %a, %a, %a : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
    step.yield %a : tensor<i64>
  }
  return
}

// -----

func.func @fusion_of_nothing(%x: tensor<0x4xf32>) {
  // expected-error @+1 {{takes or makes 'tensor<0x4xf32>', which is empty}}
  %y = step.fusion (%a = %x) : (tensor<0x4xf32>) -> tensor<0x4xf32> {
    %b = nn.unary abs %a : (tensor<0x4xf32>) -> tensor<0x4xf32>
    step.yield %b : tensor<0x4xf32>
  }
  return
}

// -----

func.func @fusion_is_isolated(%x: tensor<4xf32>) {
  // expected-note @+1 {{required by region isolation constraints}}
  %y = step.fusion () : () -> tensor<4xf32> {
    // expected-error @+1 {{using value defined outside the region}}
    %b = nn.unary abs %x : (tensor<4xf32>) -> tensor<4xf32>
    step.yield %b : tensor<4xf32>
  }
  return
}

// -----

//===----------------------------------------------------------------------===//
// Tiles of tokens
//===----------------------------------------------------------------------===//

func.func @last_of_another_size(%x: tensor<16x32xf32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{gives one token of 'tensor<16x32xf32>', not 'tensor<1x16xf32>'}}
  %y = step.last %x at %position : tensor<16x32xf32> -> tensor<1x16xf32>
  return
}

// -----

func.func @last_of_another_type(%x: tensor<16x32xf32>, %position: tensor<1xi32>) {
  // expected-error @+1 {{gives one token of 'tensor<16x32xf32>', not 'tensor<1x32xbf16>'}}
  %y = step.last %x at %position : tensor<16x32xf32> -> tensor<1x32xbf16>
  return
}

// -----

nn.weight @w : tensor<64x32xbf16> from "w"
func.func @embed_tokens(%token: tensor<8xi32>) {
  // expected-error @+1 {{a token id a row}}
  %x = "step.embed"(%token) <{matrix = @w}> : (tensor<8xi32>) -> tensor<16x32xf32>
  return
}

// -----

nn.weight @w : tensor<64x32xbf16> from "w"
func.func @select_of_a_tile(%x: tensor<16x32xf32>) {
  // expected-error @+1 {{works on 1 token, but 'tensor<16x32xf32>' has 16}}
  %t = step.project %x matrices [@w] epilogues [#step.argmax<segment = 0>] : (tensor<16x32xf32>) -> tensor<1xi32>
  return
}

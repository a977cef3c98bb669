// RUN: cadenza-opt %s --fuse-query-key-value | FileCheck %s

nn.weight @q : tensor<64x32xbf16> from "q"
nn.weight @k : tensor<32x32xbf16> from "k"
nn.weight @k24 : tensor<48x32xbf16> from "k24"
nn.weight @k48 : tensor<48x32xbf16> from "k48"
nn.weight @wide : tensor<512x32xbf16> from "wide"
nn.weight @wide_norm : tensor<512xbf16> from "wide_norm"
nn.weight @head_norm : tensor<16xbf16> from "h"
nn.weight @half_norm : tensor<8xbf16> from "h8"
nn.weight @vector_norm : tensor<32xbf16> from "h32"
nn.weight @frequencies : tensor<8xf32> = dense<1.0> : tensor<8xf32>
nn.weight @frequencies24 : tensor<12xf32> = dense<1.0> : tensor<12xf32>
nn.cache @cache heads 2 head_dim 16 : bf16
nn.cache @other_cache heads 2 head_dim 16 : bf16

// Everything, key before query; the value's slot is 2 whatever order things are read in.
// CHECK-LABEL: @everything
// CHECK-NOT: step.map
// CHECK: %[[Q:.*]] = step.project %arg0 at %arg1 matrices [@k, @q, @k]
// CHECK-SAME: #step.rms_norm<segment = 0
// CHECK-SAME: #step.rope<segment = 0
// CHECK-SAME: #step.rms_norm<segment = 1
// CHECK-SAME: #step.kv_append<key = 0, value = 2
// CHECK-SAME: #step.rope<segment = 1
// CHECK-SAME: passes = ["fuse-query-key-value"]
// CHECK-NOT: step.map
// CHECK: return %[[Q]]
func.func @everything(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x64xf32> {
  %k, %q, %v = step.project %x matrices [@k, @q, @k] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x64xf32>, tensor<1x32xf32>)
  %kn = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %kr = step.map %kn at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  %qn = step.map %q epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  step.map %kr, %v at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  %qr = step.map %qn at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x64xf32>
  return %qr : tensor<1x64xf32>
}

// CHECK-LABEL: @several_functions_in_a_map
// CHECK-NOT: step.map
// CHECK: epilogues [#step.bias<segment = 1, weight = @vector_norm>, #step.rms_norm<segment = 1, {{.*}}>, #step.rope<segment = 1,
func.func @several_functions_in_a_map(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> (tensor<1x64xf32>, tensor<1x32xf32>) {
  %q, %k = step.project %x matrices [@q, @k] epilogues [#step.bias<segment = 1, weight = @vector_norm>] : (tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>)
  %r = step.map %k at %p epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>,
                                    #step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return %q, %r : tensor<1x64xf32>, tensor<1x32xf32>
}

// The key is rotated in the projection, but as it is also needed in memory, it is stored in the cache by a map.
// CHECK-LABEL: @negative_key_used_elsewhere
// CHECK: %[[R:.*]]:2 = step.project {{.*}} epilogues [#step.rope<segment = 0
// CHECK: step.map %[[R]]#0, %[[R]]#1
func.func @negative_key_used_elsewhere(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %k, %v = step.project %x matrices [@k, @k] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %kr = step.map %k at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  step.map %kr, %v at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return %kr : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_key_is_value
// CHECK: step.map
func.func @negative_key_is_value(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  step.map %k, %k at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return
}

// CHECK-LABEL: @negative_two_projections
// CHECK: step.map
func.func @negative_two_projections(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %v = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  step.map %k, %v at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return
}

// CHECK-LABEL: @negative_no_projection
// CHECK: step.map
func.func @negative_no_projection(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %r = step.map %x at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return %r : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_other_fusion
// CHECK: step.map
func.func @negative_other_fusion(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %s = step.map %k epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %s : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_heads_of_half_a_tile
// CHECK: step.map
func.func @negative_heads_of_half_a_tile(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %n = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @half_norm, eps = 0.5, group_size = 8>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %n : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_heads_of_one_and_a_half_tiles
// CHECK: step.map
func.func @negative_heads_of_one_and_a_half_tiles(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x48xf32> {
  %k = step.project %x matrices [@k24] : (tensor<1x32xf32>) -> tensor<1x48xf32>
  %n = step.map %k at %p epilogues [#step.rope<segment = 0, table = @frequencies24, head_dim = 24, rotary_dim = 24>] : (tensor<1x48xf32>, tensor<1xi32>) -> tensor<1x48xf32>
  return %n : tensor<1x48xf32>
}

// CHECK-LABEL: @negative_norm_of_a_whole_vector
// CHECK: step.map
func.func @negative_norm_of_a_whole_vector(%x: tensor<1x32xf32>) -> tensor<1x512xf32> {
  %y = step.project %x matrices [@wide] : (tensor<1x32xf32>) -> tensor<1x512xf32>
  %n = step.map %y epilogues [#step.rms_norm<segment = 0, weight = @wide_norm, eps = 0.5, group_size = 512>] : (tensor<1x512xf32>) -> tensor<1x512xf32>
  return %n : tensor<1x512xf32>
}

// CHECK-LABEL: @negative_groups_of_two_sizes
// CHECK: step.project {{.*}} epilogues [#step.rms_norm<segment = 0, weight = @head_norm
// CHECK: step.map {{.*}} epilogues [#step.rms_norm<segment = 0, weight = @vector_norm
func.func @negative_groups_of_two_sizes(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %q, %k = step.project %x matrices [@k, @k] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %n = step.map %q epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %m = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @vector_norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %n, %m : tensor<1x32xf32>, tensor<1x32xf32>
}

// A norm of both key heads together: the rotation of each could not follow it.
// CHECK-LABEL: @negative_norm_of_all_heads
// CHECK: step.project {{.*}} matrices [@q, @k] :
// CHECK: step.map {{.*}} epilogues [#step.rms_norm
func.func @negative_norm_of_all_heads(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> (tensor<1x64xf32>, tensor<1x32xf32>) {
  %q, %k = step.project %x matrices [@q, @k] : (tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>)
  %n = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @vector_norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %r = step.map %n at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return %q, %r : tensor<1x64xf32>, tensor<1x32xf32>
}

// The second matrix's heads of 32 rows would begin in the middle of a block.
// CHECK-LABEL: @negative_straddling_heads
// CHECK: step.map
func.func @negative_straddling_heads(%x: tensor<1x32xf32>) -> (tensor<1x48xf32>, tensor<1x32xf32>) {
  %q, %k = step.project %x matrices [@k48, @k] : (tensor<1x32xf32>) -> (tensor<1x48xf32>, tensor<1x32xf32>)
  %n = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @vector_norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %q, %n : tensor<1x48xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_interleaved
// CHECK: step.map
func.func @negative_interleaved(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %q, %k = step.project %x matrices [@k, @k] {interleaved} : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %n = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %q, %n : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_other_position
// CHECK: epilogues [#step.rope<segment = 0
// CHECK: step.map
func.func @negative_other_position(%x: tensor<1x32xf32>, %p: tensor<1xi32>, %p2: tensor<1xi32>) -> tensor<1x32xf32> {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %r = step.map %k at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  %s = step.map %r at %p2 epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return %s : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_position_computed_later
// CHECK: step.map
func.func @negative_position_computed_later(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %p = step.select %x : tensor<1x32xf32>
  %r = step.map %k at %p epilogues [#step.rope<segment = 0, table = @frequencies, head_dim = 16, rotary_dim = 16>] : (tensor<1x32xf32>, tensor<1xi32>) -> tensor<1x32xf32>
  return %r : tensor<1x32xf32>
}

// The attention between must not see the key that is appended after it.
// CHECK-LABEL: @negative_cache_read_between
// CHECK: step.project
// CHECK: step.attend
// CHECK: step.map
func.func @negative_cache_read_between(%x: tensor<1x32xf32>, %p: tensor<1xi32>) -> tensor<1x32xf32> {
  %k, %v = step.project %x matrices [@k, @k] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %a = step.attend %x at %p, @cache heads 2 scale 0.5 : tensor<1x32xf32> -> tensor<1x32xf32>
  step.map %k, %v at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return %a : tensor<1x32xf32>
}

// CHECK-LABEL: @negative_cache_written_between
// CHECK: step.map %{{.*}}, %{{.*}} at
// CHECK: step.map %{{.*}}, %{{.*}} at
func.func @negative_cache_written_between(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  %k, %v = step.project %x matrices [@k, @k] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  step.map %x, %x at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  step.map %k, %v at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  return
}

// CHECK-LABEL: @negative_projection_outside_layers
// CHECK: step.layers
// CHECK: step.map
func.func @negative_projection_outside_layers(%x: tensor<1x32xf32>, %p: tensor<1xi32>) {
  %k, %v = step.project %x matrices [@k, @k] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  step.layers count 2 () {
    step.map %k, %v at %p epilogues [#step.kv_append<key = 0, value = 1, cache = @cache, kv_heads = 2, head_dim = 16>] : (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1xi32>) -> ()
  }
  return
}

// CHECK-LABEL: @layer_norm_of_heads
// CHECK-NOT: step.map
// CHECK: epilogues [#step.layer_norm<segment = 0, weight = @head_norm, bias = @head_norm, {{.*}}>]
func.func @layer_norm_of_heads(%x: tensor<1x32xf32>) -> tensor<1x64xf32> {
  %q = step.project %x matrices [@q] : (tensor<1x32xf32>) -> tensor<1x64xf32>
  %n = step.map %q epilogues [#step.layer_norm<segment = 0, weight = @head_norm, bias = @head_norm, eps = 0.5, group_size = 16>] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  return %n : tensor<1x64xf32>
}

// The norm of a whole product's result (post-norm): one block would have to compute the whole product.
// CHECK-LABEL: @negative_post_norm
// CHECK: step.project %arg0 matrices [@k] :
// CHECK: step.map
func.func @negative_post_norm(%x: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %n = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @vector_norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %n : tensor<1x32xf32>
}

// The only KV head, whose product other blocks share with the query: no such case.
// CHECK-LABEL: @one_key_head
// CHECK-NOT: step.map
// CHECK: epilogues [#step.rms_norm<segment = 1,
func.func @one_key_head(%x: tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>) {
  %q, %k = step.project %x matrices [@q, @k] : (tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>)
  %n = step.map %k epilogues [#step.rms_norm<segment = 0, weight = @vector_norm, eps = 0.5, group_size = 32>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %q, %n : tensor<1x64xf32>, tensor<1x32xf32>
}

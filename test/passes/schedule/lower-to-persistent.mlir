// One function a module: `split-file` makes a file of each, with what all of them declare before it.
// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: cat declarations.mlir fits.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck fits.mlir
// RUN: cat declarations.mlir one_layer.mlir | cadenza-opt --wrap-layers --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck one_layer.mlir
// RUN: cat declarations.mlir biased.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck biased.mlir
// RUN: cat declarations.mlir several_functions.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck several_functions.mlir
// RUN: cat declarations.mlir ungated.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck ungated.mlir
// RUN: cat declarations.mlir fits.mlir other_entry.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck other_entry.mlir
// RUN: cat declarations.mlir other_entry.mlir | not cadenza-opt --name-phases --lower-to-persistent 2>&1 | FileCheck %s --check-prefix=NODECODER
// NODECODER: has no decode entry, the only one that the persistent schedule can run
// DEFINE: %{name} = unrolled
// DEFINE: %{refused} = cat declarations.mlir %{name}.mlir | not cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4" 2>&1 | FileCheck %{name}.mlir
// RUN: %{refused}
// REDEFINE: %{name} = six_phases
// RUN: %{refused}
// REDEFINE: %{name} = key_before_query
// RUN: %{refused}
// REDEFINE: %{name} = norm_before_output
// RUN: %{refused}
// REDEFINE: %{name} = another_residual
// RUN: %{refused}
// REDEFINE: %{name} = bias_after_residual
// RUN: %{refused}
// REDEFINE: %{name} = not_interleaved
// RUN: %{refused}
// REDEFINE: %{name} = uneven_units
// RUN: %{refused}
// REDEFINE: %{name} = yields_something_else
// RUN: %{refused}
// REDEFINE: %{name} = separate_selection
// RUN: %{refused}
// REDEFINE: %{name} = norm_of_a_result
// RUN: %{refused}
// REDEFINE: %{name} = other_dimensions
// RUN: %{refused}
// REDEFINE: %{name} = no_feed_forward
// RUN: %{refused}
// RUN: cat declarations.mlir two_layers_a_body.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4" | FileCheck two_layers_a_body.mlir
// The head in another encoding than the layers; stages hold what either needs.
// RUN: sed 's/from "e"/from "e" {step.copy_of = @embedding, step.encoding = #step.int8}/; s/@embedding :/@int8 :/' declarations.mlir > encoded.mlir
// RUN: echo 'nn.weight @embedding : tensor<144x64xbf16> from "e"' >> encoded.mlir
// RUN: sed 's/%%l matrices \[@embedding\]/%%l matrices [@int8]/' fits.mlir > encoded_head.mlir
// RUN: cat encoded.mlir encoded_head.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck %s --check-prefix=HEADENCODING
// HEADENCODING: stages 13 of 16384 encoding "tiles16"
// A layer whose products have several encodings; stages hold what any of them needs.
// RUN: sed 's/^nn.weight @down :\(.*\)$/nn.weight @down :\1 {step.encoding = #step.int4}/' declarations.mlir > down.mlir
// RUN: cat down.mlir fits.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck %s --check-prefix=ENCODINGS
// ENCODINGS: stages 13 of 16960 encoding "tiles16"
// RUN: sed 's/^\(nn.weight @\(query\|key\|value\|output\|gate\|up\|down\) :.*\)$/\1 {step.encoding = #step.int4<group = 64>}/' declarations.mlir > int4.mlir
// RUN: cat int4.mlir fits.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=3 ranks=2 warps=4 shared-bytes=232448" | FileCheck %s --check-prefix=GROUPS
// GROUPS: stages {{[0-9]+}} of 17472 encoding "int4:g64"
// The dimensions: there are units for three groups; one group has both KV heads; there are not rows for eight ranks.
// RUN: cat declarations.mlir fits.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=5 ranks=2 warps=4 shared-bytes=232448" | FileCheck fits.mlir
// RUN: cat declarations.mlir fits.mlir | cadenza-opt --name-phases --lower-to-persistent="groups=1 ranks=2 warps=4" | FileCheck fits.mlir --check-prefix=HEADS
// RUN: cat declarations.mlir fits.mlir | not cadenza-opt --name-phases --lower-to-persistent="groups=2 ranks=8 warps=4" 2>&1 | FileCheck fits.mlir --check-prefix=ROWS

//--- declarations.mlir
nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.weight @norm : tensor<64xbf16> from "n"
nn.weight @query : tensor<128x64xbf16> from "q"
nn.weight @key : tensor<64x64xbf16> from "k"
nn.weight @value : tensor<64x64xbf16> from "v"
nn.weight @output : tensor<64x128xbf16> from "o"
nn.weight @gate : tensor<104x64xbf16> from "g"
nn.weight @up : tensor<104x64xbf16> from "u"
nn.weight @down : tensor<64x104xbf16> from "d"
nn.cache @cache.0 heads 2 head_dim 32 : bf16
nn.cache @cache.1 heads 2 head_dim 32 : bf16
step.table @caches [@cache.0, @cache.1]
nn.weight @wide_norm : tensor<128xbf16> from "w"
nn.weight @small_gate : tensor<64x64xbf16> from "g"
nn.weight @bias : tensor<64xf32> from "b"
nn.weight @wide_up : tensor<128x64xbf16> from "u"
nn.weight @wide_down : tensor<64x128xbf16> from "d"
nn.weight @head_bias : tensor<144xf32> from "b"
nn.weight @down_square : tensor<64x64xbf16> from "s"

//--- fits.mlir
// The order of sums: output's columns are cut at KV heads, down's at the groups' units, the context at ranks.
// CHECK-LABEL: @fits
// CHECK: step.project {{.*}} matrices [@query, @key, @value] {{.*}} {k_ways = 4 : i64, norm_chunk = 32 : i64, phase = "layer_query_key_value"}
// CHECK: step.attend {{.*}}splits = 2 : i64{{.*}} warps = 4 : i64
// CHECK: step.project {{.*}} matrices [@output] {{.*}}k_groups = array<i64: 0, 2>
// CHECK: step.project {{.*}} matrices [@gate, @up] {{.*}}interleaved
// CHECK: step.project {{.*}} matrices [@down] {{.*}}k_groups = array<i64: 0, 1, 2>
// CHECK: step.project {{.*}} matrices [@embedding] {{.*}} {k_ways = 4 : i64

// CHECK: sched.grid @fits.3x2 of @fits targets [] groups 3 ranks 2 warps 4 shared 232448 stages 13 of 16384 encoding "tiles16" clusters packets {{[0-9]+}} ahead [49152, 49152] {
// CHECK-NEXT: sched.embed "embed"
// CHECK-NEXT: sched.layers 2 {
// CHECK-NEXT: %[[A:.*]] = sched.part groups 2 {
// CHECK-NEXT: %[[S:.*]] = sched.hop squares {chunk = 32 : i64}
// CHECK-NEXT: %[[X:.*]] = sched.hop residual(%[[S]]) {chunk = 32 : i64}
// CHECK-NEXT: sched.stream weights "layer_query_key_value" in_flight 24576
// CHECK-NEXT: %[[Q:.*]] = sched.compute "layer_query_key_value"(%[[X]]) query_groups 256 x 64 of 2 at [0, 1]
// CHECK-NEXT: %[[R:.*]] = sched.hop rows(%[[Q]])
// CHECK-NEXT: sched.stream context "layer_attend" in_flight 24576 long 49152
// CHECK-NEXT: %[[P:.*]] = sched.compute "layer_attend"(%[[R]]) context
// CHECK-NEXT: %[[H:.*]] = sched.hop parts(%[[P]])
// CHECK-NEXT: sched.stream weights "layer_output" in_flight 24576
// CHECK-NEXT: %[[O:.*]] = sched.compute "layer_output"(%[[H]]) columns 64 x 128 at [0, 2]
// CHECK-NEXT: sched.publish %[[O]]
// CHECK-NEXT: }
// CHECK-NEXT: sched.collect %[[A]]
// CHECK-NEXT: %[[F:.*]] = sched.part groups 3 {
// CHECK: sched.stream weights "layer_gate_up" in_flight 24576 others 8192
// CHECK-NEXT: %[[U:.*]] = sched.compute "layer_gate_up"(%{{.*}}) units 208 x 64 of 104 at [0, 1, 2]
// CHECK-NEXT: %[[N:.*]] = sched.hop units(%[[U]])
// CHECK-NEXT: sched.stream weights "layer_down" in_flight 24576 others 8192
// CHECK-NEXT: sched.compute "layer_down"(%[[N]]) columns 64 x 104 at [0, 1, 2]
// CHECK: sched.collect %[[F]]
// CHECK: sched.stream weights "head" in_flight 32768
// CHECK-NEXT: %[[L:.*]] = sched.compute "head"(%{{.*}}) blocks 144 x 64
// CHECK-NEXT: sched.select %[[L]]

// HEADS: step.project {{.*}} matrices [@output] {{.*}} {k_ways = 4 : i64
// ROWS: error: the persistent schedule gives each of the 8 blocks of a group 16 rows of the residual stream at least: 64 are not enough
func.func @fits(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- biased.mlir
// Every product of a layer may have biases.
// CHECK-LABEL: @biased
// CHECK: step.project {{.*}} matrices [@output] epilogues [#step.bias<segment = 0, weight = @norm>, #step.add<segment = 0>] {k_groups = array<i64: 0, 2>
// CHECK: step.project {{.*}} matrices [@down] epilogues [#step.bias<segment = 0, weight = @norm>, #step.add<segment = 0>] {k_groups = array<i64: 0, 1, 2>
func.func @biased(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.bias<segment = 1, weight = @norm>, #step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.bias<segment = 0, weight = @norm>, #step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.bias<segment = 0, weight = @norm>, #step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- bias_after_residual.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs the addition to the residual stream, in f32, as its last function (pass fuse-residual)
func.func @negative_bias_after_residual(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>, #step.bias<segment = 0, weight = @norm>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- several_functions.mlir
// Functions of single elements may stand before the residual addition.
// CHECK: sched.compute "layer_output"
func.func @several_functions(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.bias<segment = 0, weight = @norm>, #step.scale<segment = 0, factor = 0.5>, #step.bias<segment = 0, weight = @norm>, #step.softcap<segment = 0, cap = 3.0>, #step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- one_layer.mlir
// A loop that runs once will do.
// CHECK-LABEL: @one_layer
// CHECK: sched.grid @one_layer.3x2
// CHECK: sched.layers 1 {
func.func @one_layer(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %q = step.project %e at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
    epilogues [#step.kv_append<key = 1, value = 2, cache = @cache.0, kv_heads = 2, head_dim = 32>]
    : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
  %a = step.attend %q at %position, @cache.0 heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
  %o = step.project %a with(%e) matrices [@output] epilogues [#step.add<segment = 0>]
    : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
  %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
    epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
  %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
    : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
  %h = step.project %d matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- unrolled.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs an embedding, the layers as one loop (pass roll-layers) and the head, and nothing between
func.func @negative_unrolled(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %other = step.project %e matrices [@down_square] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- six_phases.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs the addition to the residual stream, in f32, as its last function (pass fuse-residual)
func.func @negative_six_phases(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %p = step.project %g matrices [@down] : (tensor<1x104xbf16>) -> tensor<1x64xf32>
    %d = step.map %p with(%o) epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- key_before_query.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs query, key and value of the residual stream in this order, with the KV append as the last function
func.func @negative_key_before_query(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@key, @query, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 0, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- norm_before_output.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs the product of one matrix and the result of the phase before it
func.func @negative_norm_before_output(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] prologue #step.rms_norm<segment = 0, weight = @wide_norm, eps = 0.5, group_size = 128>
      epilogues [#step.add<segment = 0>] : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- another_residual.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs the addition to the residual stream, in f32, as its last function (pass fuse-residual)
func.func @negative_another_residual(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%x) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- not_interleaved.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs one matrix of the residual stream, or gate and up interleaved, with one result (passes merge-projections, fuse-activation-mul)
func.func @negative_not_interleaved(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g:2 = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.silu<segment = 0>] : (tensor<1x64xf32>) -> (tensor<1x104xbf16>, tensor<1x104xbf16>)
    %d = step.project %g#0 with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- ungated.mlir
// A unit of an MLP without a gate is one row: sixteen a tile.
// CHECK: sched.compute "layer_wide_up"(%{{.*}}) units 128 x 64 of 128 at [0, 2, 3]
// CHECK: sched.compute "layer_wide_down"(%{{.*}}) columns 64 x 128 at [0, 2, 3]
func.func @ungated(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@wide_up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.silu<segment = 0>] : (tensor<1x64xf32>) -> tensor<1x128xbf16>
    %d = step.project %g with(%o) matrices [@wide_down] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- uneven_units.mlir
// CHECK: error: the persistent schedule needs a feed-forward size that is a multiple of 16, not 104
func.func @negative_uneven_units(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.silu<segment = 0>] : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- yields_something_else.mlir
// CHECK: error: 'step.layers' op does not fit the persistent schedule, which needs the result of a layer's last product to be what the next layer begins with
func.func @negative_yields_something_else(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %o : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- separate_selection.mlir
// CHECK: error: 'step.select' op does not fit the persistent schedule, which needs an embedding, the layers as one loop (pass roll-layers) and the head, and nothing between
func.func @negative_separate_selection(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @up] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %logits = step.project %l matrices [@embedding] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64> epilogues [] {k_ways = 1 : i64}
    : (tensor<1x64xf32>) -> tensor<1x144xf32>
  %h = step.select %logits : tensor<1x144xf32>
  return %h : tensor<1xi32>
}

//--- norm_of_a_result.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs functions of single elements here, but has rms_norm
func.func @negative_norm_of_a_result(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>, #step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @gate]
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] epilogues [#step.bias<segment = 0, weight = @head_bias>, #step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- other_dimensions.mlir
// CHECK: error: 'step.project' op does not fit the persistent schedule, which needs parts of one kind to have the same dimensions
func.func @negative_other_dimensions(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @gate]
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g2 = step.project %d matrices [@small_gate, @small_gate]
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x64xbf16>
    %f = step.project %g2 with(%d) matrices [@down_square] epilogues [#step.add<segment = 0>]
      : (tensor<1x64xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %f : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] epilogues [#step.bias<segment = 0, weight = @head_bias>, #step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- no_feed_forward.mlir
// CHECK: error: 'step.layers' op does not fit the persistent schedule, which needs layers that have attention and a feed-forward
func.func @negative_no_feed_forward(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %o : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] epilogues [#step.bias<segment = 0, weight = @head_bias>, #step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- two_layers_a_body.mlir
// A layer is a list of parts, of any number. Products may have a bias, also the head.
// CHECK: sched.grid @two_layers_a_body.3x2
// CHECK: sched.layers 2 {
// CHECK-NEXT: sched.part groups 2 {
// CHECK-NEXT: %[[X:.*]] = sched.hop residual{{$}}
// CHECK: sched.compute "layer_output"
// CHECK: sched.part groups 3 {
// CHECK: sched.compute "layer_down"
// CHECK: sched.part groups 2 {
// CHECK: sched.compute "layer_output_2"
// CHECK: sched.part groups 3 {
// CHECK: sched.compute "layer_down_2"
func.func @two_layers_a_body(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @value] epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.bias<segment = 0, weight = @bias>, #step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @gate]
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %q2 = step.project %d at %position matrices [@query, @key, @value] epilogues [#step.kv_append<key = 1, value = 2, cache = @caches, kv_heads = 2, head_dim = 32>]
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a2 = step.attend %q2 at %position, @caches heads 4 scale 0.5 : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o2 = step.project %a2 with(%d) matrices [@output] epilogues [#step.add<segment = 0>]
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g2 = step.project %o2 matrices [@gate, @gate]
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d2 = step.project %g2 with(%o2) matrices [@down] epilogues [#step.add<segment = 0>]
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d2 : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] epilogues [#step.bias<segment = 0, weight = @head_bias>, #step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- other_entry.mlir
// An entry that is no decoder's step stays as it is.
// CHECK: func.func @graph(
// CHECK-NOT: sched.grid @graph
// CHECK: sched.grid
// CHECK-NOT: sched.grid
func.func @graph(%x: tensor<1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %y = step.map %x epilogues [#step.silu<segment = 0>] : (tensor<1x8xf32>) -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

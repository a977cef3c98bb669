// RUN: cadenza-opt %s | cadenza-opt | FileCheck %s

nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.weight @norm : tensor<64xbf16> from "n"
nn.weight @query : tensor<128x64xbf16> from "q"
nn.weight @key : tensor<64x64xbf16> from "k"
nn.weight @output : tensor<64x128xbf16> from "o"
nn.weight @gate : tensor<104x64xbf16> from "g"
nn.weight @down : tensor<64x104xbf16> from "d"
nn.cache @cache heads 2 head_dim 32 : bf16

func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding {phase = "embed"} : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x at %position matrices [@query, @key, @key] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 64>
      epilogues [#step.kv_append<key = 1, value = 2, cache = @cache, kv_heads = 2, head_dim = 32>] {phase = "layer_query_key_value", norm_chunk = 32 : i64}
      : (tensor<1x64xf32>, tensor<1xi32>) -> tensor<1x128xf32>
    %a = step.attend %q at %position, @cache heads 4 scale 0.5 {phase = "layer_attend"} : tensor<1x128xf32> -> tensor<1x128xbf16>
    %o = step.project %a with(%x) matrices [@output] epilogues [#step.add<segment = 0>] {phase = "layer_output"}
      : (tensor<1x128xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %g = step.project %o matrices [@gate, @gate]
      epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>] {interleaved, phase = "layer_gate_up"} : (tensor<1x64xf32>) -> tensor<1x104xbf16>
    %d = step.project %g with(%o) matrices [@down] epilogues [#step.add<segment = 0>] {phase = "layer_down"}
      : (tensor<1x104xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %d : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] epilogues [#step.argmax<segment = 0>] {phase = "head"} : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

// CHECK: sched.sequence @decode.launch of @decode kinds ["launch", "graph"] {
// CHECK-NEXT: sched.launch "embed" blocks 1 threads 32 shared 0
// CHECK-NEXT: sched.repeat 2 {
// CHECK-NEXT: sched.launch "layer_query_key_value" blocks 4 threads 128 shared 4096 {min_blocks = 2 : i64, steps_in_flight = 3 : i64, tiles_per_block = 4 : i64}
// CHECK-NEXT: sched.launch "layer_attend" blocks 8 threads 256 shared 2048 {scratch = 512 : i64, split_multiple = 16 : i64}
sched.sequence @decode.launch of @decode kinds ["launch", "graph"] {
  sched.launch "embed" blocks 1 threads 32 shared 0
  sched.repeat 2 {
    sched.launch "layer_query_key_value" blocks 4 threads 128 shared 4096 {min_blocks = 2 : i64, steps_in_flight = 3 : i64, tiles_per_block = 4 : i64}
    sched.launch "layer_attend" blocks 8 threads 256 shared 2048 {scratch = 512 : i64, split_multiple = 16 : i64}
    sched.launch "layer_output" blocks 4 threads 128 shared 4096
    sched.launch "layer_gate_up" blocks 4 threads 128 shared 4096
    sched.launch "layer_down" blocks 4 threads 128 shared 4096
  }
  sched.launch "head" blocks 4 threads 128 shared 4096
}

// CHECK: sched.grid @decode.3x2 of @decode targets ["sm_90", "sm_100"] groups 3 ranks 2 warps 4 shared 232448 stages 12 of 16384 encoding "tiles16" clusters packets 2400 ahead [49152, 16384] memory_bound traced {
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
// CHECK: sched.stream weights "layer_gate_up" in_flight 24576 others 8192
// CHECK-NEXT: sched.compute "layer_gate_up"(%{{.*}}) units 208 x 64 of 104 at [0, 1, 2]
// CHECK: sched.compute "head"(%{{.*}}) blocks 144 x 64
// CHECK-NEXT: sched.select
sched.grid @decode.3x2 of @decode targets ["sm_90", "sm_100"] groups 3 ranks 2 warps 4 shared 232448 stages 12 of 16384 encoding "tiles16" clusters packets 2400 ahead [49152, 16384] memory_bound traced {
  sched.embed "embed"
  sched.layers 2 {
    %attention = sched.part groups 2 {
      %squares = sched.hop squares {chunk = 32 : i64}
      %x = sched.hop residual(%squares) {chunk = 32 : i64}
      sched.stream weights "layer_query_key_value" in_flight 24576
      %q = sched.compute "layer_query_key_value"(%x) query_groups 256 x 64 of 2 at [0, 1]
      %rows = sched.hop rows(%q)
      sched.stream context "layer_attend" in_flight 24576 long 49152
      %a = sched.compute "layer_attend"(%rows) context
      %parts = sched.hop parts(%a)
      sched.stream weights "layer_output" in_flight 24576
      %o = sched.compute "layer_output"(%parts) columns 64 x 128 at [0, 2]
      sched.publish %o
    }
    sched.collect %attention
    %sums = sched.part groups 3 {
      %x = sched.hop residual
      sched.stream weights "layer_gate_up" in_flight 24576 others 8192
      %units = sched.compute "layer_gate_up"(%x) units 208 x 64 of 104 at [0, 1, 2]
      %all = sched.hop units(%units)
      sched.stream weights "layer_down" in_flight 24576 others 8192
      %o = sched.compute "layer_down"(%all) columns 64 x 104 at [0, 1, 2]
      sched.publish %o
    }
    sched.collect %sums
  }
  %x = sched.hop residual
  sched.stream weights "head" in_flight 32768
  %logits = sched.compute "head"(%x) blocks 144 x 64
  sched.select %logits
}

// The same division for long contexts: groups share them.
// CHECK: sched.grid @decode.3x2.long of @decode continues @decode.3x2 targets ["sm_90", "sm_100"] groups 3
// CHECK: sched.compute "layer_attend"(%{{.*}}) context sharing 2 from 4096
sched.grid @decode.3x2.long of @decode continues @decode.3x2 targets ["sm_90", "sm_100"] groups 3 ranks 2 warps 4 shared 232448 stages 12 of 16384 encoding "tiles16" clusters packets 4800 ahead [49152, 16384] memory_bound traced {
  sched.embed "embed"
  sched.layers 2 {
    %attention = sched.part groups 2 {
      %squares = sched.hop squares {chunk = 32 : i64}
      %x = sched.hop residual(%squares) {chunk = 32 : i64}
      sched.stream weights "layer_query_key_value" in_flight 24576
      %q = sched.compute "layer_query_key_value"(%x) query_groups 256 x 64 of 2 at [0, 1]
      %rows = sched.hop rows(%q)
      sched.stream context "layer_attend" in_flight 24576 long 49152
      %a = sched.compute "layer_attend"(%rows) context sharing 2 from 4096
      %parts = sched.hop parts(%a)
      sched.stream weights "layer_output" in_flight 24576
      %o = sched.compute "layer_output"(%parts) columns 64 x 128 at [0, 2]
      sched.publish %o
    }
    sched.collect %attention
    %sums = sched.part groups 3 {
      %x = sched.hop residual
      sched.stream weights "layer_gate_up" in_flight 24576 others 8192
      %units = sched.compute "layer_gate_up"(%x) units 208 x 64 of 104 at [0, 1, 2]
      %all = sched.hop units(%units)
      sched.stream weights "layer_down" in_flight 24576 others 8192
      %o = sched.compute "layer_down"(%all) columns 64 x 104 at [0, 1, 2]
      sched.publish %o
    }
    sched.collect %sums
  }
  %x = sched.hop residual
  sched.stream weights "head" in_flight 32768
  %logits = sched.compute "head"(%x) blocks 144 x 64
  sched.select %logits
}

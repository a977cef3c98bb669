// How each phase becomes a grid; what kernels cannot do is said of every phase, not only of the first.
// RUN: rm -rf %t && split-file %s %t
// RUN: cadenza-opt %t/fits.mlir --name-phases --lower-to-launch | FileCheck %t/fits.mlir
// RUN: cadenza-opt %t/tile.mlir --name-phases --lower-to-launch | FileCheck %t/tile.mlir
// RUN: not cadenza-opt %t/refused.mlir --name-phases --lower-to-launch 2>&1 | FileCheck %t/refused.mlir

//--- fits.mlir
nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.weight @query : tensor<64x64xbf16> from "q"
nn.cache @cache heads 2 head_dim 32 : bf16
// CHECK: sched.sequence @decode.launch of @decode kinds ["launch", "graph"] {
// CHECK-NEXT: sched.launch "embed" blocks 1 threads 32 shared 0
// CHECK-NEXT: sched.repeat 2 {
// A warp a tile and way; as many tiles as make 128 threads would leave fewer than 128 blocks.
// CHECK-NEXT: sched.launch "layer_query" blocks 4 threads 64 shared {{[0-9]+}} {min_blocks = 8 : i64, steps_in_flight = 1 : i64, tiles_per_block = 1 : i64}
// A block a KV head and split.
// CHECK-NEXT: sched.launch "layer_attend" blocks 8 threads 256 shared {{[0-9]+}} {scratch = {{[0-9]+}} : i64, split_multiple = 16 : i64}
// CHECK-NEXT: sched.launch "layer_silu" blocks 1 threads 64 shared {{[0-9]+}} {block_rows = 64 : i64}
// CHECK-NEXT: }
// Two words a block, and two more.
// CHECK-NEXT: sched.launch "head" blocks 9 threads 32 shared {{[0-9]+}} {min_blocks = 8 : i64, scratch = 88 : i64, steps_in_flight = 2 : i64, tiles_per_block = 1 : i64}
func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x matrices [@query] {k_ways = 2 : i64} : (tensor<1x64xf32>) -> tensor<1x64xf32>
    %a = step.attend %q at %position, @cache heads 2 scale 0.5 {splits = 4 : i64} : tensor<1x64xf32> -> tensor<1x64xf32>
    %m = step.map %a epilogues [#step.silu<segment = 0>] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %m : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- tile.mlir
// Of a prefill, launches have blocks for a tile; what prepares the input of a product comes with it. The head is a step's.
nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.weight @query : tensor<64x64xbf16> from "q"
nn.weight @gamma : tensor<64xf32> from "g"
nn.cache @cache heads 2 head_dim 32 : bf16
// CHECK: sched.sequence @prefill_32.launch of @prefill_32 kinds ["launch", "graph"] {
// CHECK-NEXT: sched.launch "embed" blocks 32 threads 32 shared 0 {tokens = 32 : i64}
// CHECK-NEXT: sched.repeat 2 {
// CHECK-NEXT: sched.launch "layer_query" blocks {{[0-9]+}} threads {{[0-9]+}} shared {{[0-9]+}} {prepare = array<i64: 32, 64, {{[0-9]+}}>, tiles = array<i64: {{([0-9]+(, )?)+}}>, tokens = 32 : i64}
// CHECK-NEXT: sched.launch "layer_attend" blocks {{[0-9]+}} threads {{[0-9]+}} shared {{[0-9]+}} {tiles = array<i64: {{[0-9]+}}, {{[0-9]+}}, 64, {{[0-9]+}}>, tokens = 32 : i64}
// An input that lies as products take it needs no preparation.
// CHECK-NEXT: sched.launch "layer_query_2" blocks {{[0-9]+}} threads {{[0-9]+}} shared {{[0-9]+}} {tiles = {{[^}]*}}tokens = 32 : i64}
// CHECK-NEXT: sched.launch "layer_silu" blocks 32 threads 64 shared {{[0-9]+}} {block_rows = 64 : i64, tokens = 32 : i64}
// CHECK-NEXT: }
// CHECK-NEXT: sched.launch "last" blocks 2 threads 256 shared 0 {tokens = 32 : i64}
// CHECK-NEXT: sched.launch "head" blocks 9 threads 32 shared {{[0-9]+}} {min_blocks = 8 : i64, scratch = 88 : i64, steps_in_flight = 2 : i64, tiles_per_block = 1 : i64}
func.func @prefill_32(%token: tensor<32xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %e = step.embed %token, @embedding : tensor<32x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<32x64xf32> {
    %q = step.project %x matrices [@query] prologue #step.rms_norm<segment = 0, weight = @gamma, eps = 1.0e-6, group_size = 64> epilogues [] : (tensor<32x64xf32>) -> tensor<32x64xf32>
    %a = step.attend %q at %position, @cache heads 2 scale 0.5 {warps = 1 : i64} : tensor<32x64xf32> -> tensor<32x64xbf16>
    %o = step.project %a with(%x) matrices [@query] epilogues [#step.add<segment = 0>] : (tensor<32x64xbf16>, tensor<32x64xf32>) -> tensor<32x64xf32>
    %m = step.map %o epilogues [#step.silu<segment = 0>] : (tensor<32x64xf32>) -> tensor<32x64xf32>
    step.yield %m : tensor<32x64xf32>
  }
  %y = step.last %l at %position : tensor<32x64xf32> -> tensor<1x64xf32>
  %h = step.project %y matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- refused.mlir
nn.weight @w : tensor<64x64xf32> from "w"
nn.cache @cache heads 2 head_dim 12 : bf16
// CHECK: error: 'step.project' op has matrices of 'f32'; kernels multiply bf16 and f16
// CHECK: error: 'step.attend' op has a head_dim of 12; multiples of 8 up to 256 are supported
func.func @refused(%x: tensor<1x64xf32>, %y: tensor<1x24xf32>, %position: tensor<1xi32>) {
  %q = step.project %x matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %a = step.attend %y at %position, @cache heads 2 scale 0.5 : tensor<1x24xf32> -> tensor<1x24xf32>
  return
}

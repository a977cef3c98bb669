// The step on tiles of a prompt: the same phases, T tokens to a vector, up to where the head begins.
// RUN: rm -rf %t && split-file %s %t
// RUN: cadenza-opt %t/layers.mlir --derive-prefill=tiles=32,16 | FileCheck %t/layers.mlir
// RUN: cadenza-opt %t/layers.mlir --derive-prefill | FileCheck %t/layers.mlir --check-prefix=NONE
// RUN: cadenza-opt %t/unrolled.mlir --derive-prefill=tiles=16 | FileCheck %t/unrolled.mlir
// RUN: cadenza-opt %t/no_place.mlir --derive-prefill=tiles=16 2>&1 | FileCheck %t/no_place.mlir
// RUN: cadenza-opt %t/refused.mlir --derive-prefill=tiles=16,32 2>&1 | FileCheck %t/refused.mlir
// RUN: cadenza-opt %t/graph.mlir --derive-prefill=tiles=16 | FileCheck %t/graph.mlir
// RUN: not cadenza-opt %t/layers.mlir --derive-prefill=tiles=24 2>&1 | FileCheck %s --check-prefix=MULTIPLE
// RUN: not cadenza-opt %t/layers.mlir --derive-prefill=tiles=65552 2>&1 | FileCheck %s --check-prefix=MOST
// MULTIPLE: error: derive-prefill: a tile has 24 tokens; multiples of 16 up to 65536 are possible
// MOST: error: derive-prefill: a tile has 65552 tokens; multiples of 16 up to 65536 are possible

//--- layers.mlir
nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.weight @positions : tensor<96x64xbf16> from "p"
nn.weight @query : tensor<64x64xbf16> from "q"
nn.weight @gamma : tensor<64xf32> from "g"
nn.cache @cache heads 2 head_dim 32 : bf16
// What the step carries stays as it is.
// CHECK-LABEL: @decode(
// CHECK: step.project {{.*}} {k_groups = array<i64: 0, 1>, k_ways = 2 : i64}
// CHECK: step.attend {{.*}} {splits = 4 : i64, warps = 2 : i64} : tensor<1x64xf32> -> tensor<1x64xbf16>
// Tiles are in ascending order.
// CHECK-LABEL: @prefill_16(
// CHECK-SAME: %[[TOKENS:.*]]: tensor<16xi32> {nn.port = #nn.port<token>}, %[[POSITION:.*]]: tensor<1xi32> {nn.port = #nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>})
// CHECK: %[[E:.*]] = step.embed %[[TOKENS]], @embedding positions @positions at %[[POSITION]] : tensor<16x64xf32>
// CHECK: %[[L:.*]] = step.layers count 2 (%[[X:.*]] = %[[E]]) : tensor<16x64xf32> {
// Sums have one order: K and positions, ascending.
// CHECK: %[[Q:.*]] = step.project %[[X]] matrices [@query] prologue #step.rms_norm<{{.*}}> epilogues [] : (tensor<16x64xf32>) -> tensor<16x64xf32>
// CHECK: %[[A:.*]] = step.attend %[[Q]] at %[[POSITION]], @cache heads 2 scale 5.000000e-01 {warps = 1 : i64} : tensor<16x64xf32> -> tensor<16x64xbf16>
// CHECK: %[[O:.*]] = step.project %[[A]] with(%[[X]]) matrices [@query] epilogues [#step.add<segment = 0>] : (tensor<16x64xbf16>, tensor<16x64xf32>) -> tensor<16x64xf32>
// CHECK: step.yield %[[O]] : tensor<16x64xf32>
// The head is the step's, on one token.
// CHECK: %[[LAST:.*]] = step.last %[[L]] at %[[POSITION]] : tensor<16x64xf32> -> tensor<1x64xf32>
// CHECK: %[[NEXT:.*]] = step.project %[[LAST]] matrices [@embedding] epilogues [#step.argmax<segment = 0>] {k_ways = 4 : i64} : (tensor<1x64xf32>) -> tensor<1xi32>
// CHECK: return %[[NEXT]]
// CHECK-LABEL: @prefill_32(
// CHECK: step.last %{{.*}} : tensor<32x64xf32> -> tensor<1x64xf32>
// NONE: @decode(
// NONE-NOT: @prefill
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %e = step.embed %token, @embedding positions @positions at %position : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %q = step.project %x matrices [@query] prologue #step.rms_norm<segment = 0, weight = @gamma, eps = 1.0e-6, group_size = 64> epilogues [] {k_groups = array<i64: 0, 1>, k_ways = 2 : i64} : (tensor<1x64xf32>) -> tensor<1x64xf32>
    %a = step.attend %q at %position, @cache heads 2 scale 0.5 {splits = 4 : i64, warps = 2 : i64} : tensor<1x64xf32> -> tensor<1x64xbf16>
    %o = step.project %a with(%x) matrices [@query] epilogues [#step.add<segment = 0>] : (tensor<1x64xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %o : tensor<1x64xf32>
  }
  %h = step.project %l matrices [@embedding] epilogues [#step.argmax<segment = 0>] {k_ways = 4 : i64} : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- unrolled.mlir
// Without a loop, the head begins where one vector is all that the rest needs: not right after the attention, whose
// residual is needed, too.
nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.weight @output : tensor<64x64xbf16> from "o"
nn.weight @gamma : tensor<64xf32> from "g"
nn.cache @cache heads 2 head_dim 32 : bf16
// CHECK-LABEL: @prefill_16(
// CHECK: %[[A:.*]] = step.attend {{.*}} -> tensor<16x64xf32>
// CHECK-NEXT: %[[O:.*]] = step.project %[[A]] {{.*}} -> tensor<16x64xf32>
// CHECK-NEXT: %[[R:.*]] = step.map %[[O]] with(%{{.*}}) {{.*}} -> tensor<16x64xf32>
// CHECK-NEXT: %[[L:.*]] = step.last %[[R]] at %{{.*}} : tensor<16x64xf32> -> tensor<1x64xf32>
// CHECK-NEXT: %[[N:.*]] = step.map %[[L]] epilogues [#step.rms_norm<{{.*}}>] : (tensor<1x64xf32>) -> tensor<1x64xf32>
// CHECK-NEXT: %[[H:.*]] = step.project %[[N]] matrices [@embedding] : (tensor<1x64xf32>) -> tensor<1x144xf32>
// CHECK-NEXT: step.select %[[H]] : tensor<1x144xf32>
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %a = step.attend %e at %position, @cache heads 2 scale 0.5 : tensor<1x64xf32> -> tensor<1x64xf32>
  %o = step.project %a matrices [@output] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %r = step.map %o with(%e) epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
  %n = step.map %r epilogues [#step.rms_norm<segment = 0, weight = @gamma, eps = 1.0e-6, group_size = 64>] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %h = step.project %n matrices [@embedding] : (tensor<1x64xf32>) -> tensor<1x144xf32>
  %t = step.select %h : tensor<1x144xf32>
  return %t : tensor<1xi32>
}

//--- no_place.mlir
// The head needs two vectors.
nn.weight @square : tensor<64x64xbf16> from "s"
// CHECK: remark: no prefill: between the last use of a cache and the selection of the token there is no place where one vector is all that is needed
// CHECK-NOT: @prefill
nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.cache @cache heads 2 head_dim 32 : bf16
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %a = step.attend %e at %position, @cache heads 2 scale 0.5 : tensor<1x64xf32> -> tensor<1x64xf32>
  %h = step.project %a with(%e) matrices [@square] epilogues [#step.add<segment = 0>, #step.argmax<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- refused.mlir
// What kernels of tiles cannot do is said, and the step stays.
// CHECK: remark: no prefill of 16 tokens: 'step.attend' op has a scale of -5.000000e-01; attention of a tile of tokens needs one above 0
// CHECK: remark: no prefill of 32 tokens: 'step.attend' op has a scale
// CHECK: @decode(
// CHECK-NOT: @prefill
nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.cache @cache heads 2 head_dim 32 : bf16
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>}) -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %a = step.attend %e at %position, @cache heads 2 scale -0.5 : tensor<1x64xf32> -> tensor<1x64xf32>
  %h = step.project %a matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

//--- graph.mlir
// Only decoders have prompts.
// CHECK: @run(
// CHECK-NOT: func.func
nn.weight @w : tensor<64x64xbf16> from "w"
func.func @run(%x: tensor<2x64xf32> {nn.port = #nn.port<"x">}) -> (tensor<2x64xf32> {nn.port = #nn.port<"y">}) {
  %y = step.project %x matrices [@w] : (tensor<2x64xf32>) -> tensor<2x64xf32>
  return %y : tensor<2x64xf32>
}

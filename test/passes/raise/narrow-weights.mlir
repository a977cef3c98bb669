// RUN: cadenza-opt %s --narrow-weights --split-input-file | FileCheck %s
// RUN: cadenza-opt %s --narrow-weights=type=f16 --split-input-file | FileCheck %s --check-prefix=F16
// RUN: not cadenza-opt %s --narrow-weights=type=f8 --split-input-file 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: narrow-weights: there is no type 'f8' of 16 bits: bf16 and f16 are

// CHECK: nn.weight @table : tensor<32x8xbf16>
// CHECK: nn.weight @w : tensor<8x8xbf16> from "w" view <rows = 8, transposed = true>
// CHECK: nn.weight @norm : tensor<8xf32>
// CHECK: nn.weight @frequencies : tensor<4xf32>
// CHECK: nn.cache @cache heads 1 head_dim 8 : bf16
// F16: nn.weight @table : tensor<32x8xf16>
// F16: nn.weight @w : tensor<8x8xf16>
// F16: nn.weight @norm : tensor<8xf32>
// F16: nn.cache @cache heads 1 head_dim 8 : f16
nn.weight @table : tensor<32x8xf32> from "table"
nn.weight @w : tensor<8x8xf32> from "w" view #nn.view<rows = 8, transposed = true>
nn.weight @norm : tensor<8xf32> from "norm"
nn.weight @frequencies : tensor<4xf32> = dense<[1.0, 0.5, 0.25, 0.125]> : tensor<4xf32>
nn.cache @cache heads 1 head_dim 8 : bf16
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x = nn.embedding %token, @table : tensor<1x8xf32>
  %n = nn.rms_norm %x, @norm eps 1.0e-5 : tensor<1x8xf32>
  %y = nn.linear %n, @w : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %r = nn.rope %y, %position, @frequencies head_dim 8 : tensor<1x8xf32>
  nn.kv_append %r, %r, %position, @cache : tensor<1x8xf32>
  %a = nn.attention %r, %position, @cache heads 1 scale 0.5 : tensor<1x8xf32>
  %l = nn.linear %a, @table : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %t = nn.argmax %l : tensor<1x32xf32>
  return %t : tensor<1xi32>
}

// -----

// Beside matrices in f16, one in fp32.
// CHECK: nn.weight @table : tensor<32x8xf16>
// CHECK: nn.weight @head : tensor<32x8xf16>
nn.weight @table : tensor<32x8xf16> from "table"
nn.weight @head : tensor<32x8xf32> from "head"
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1xi32> {nn.port = #nn.port<next>}) {
  %x = nn.embedding %token, @table : tensor<1x8xf32>
  %l = nn.linear %x, @head : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %t = nn.argmax %l : tensor<1x32xf32>
  return %t : tensor<1xi32>
}

// -----

// A graph computes in its types.
// CHECK: nn.weight @w : tensor<8x8xf32>
nn.weight @w : tensor<8x8xf32> from "w"
func.func @negative_graph(%x: tensor<2x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<2x8xf32> {nn.port = #nn.port<"y">}) {
  %y = nn.linear %x, @w : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// RUN: cadenza-opt %s --raise-embedding --split-input-file | FileCheck %s
// RUN: cadenza-opt %s --raise-embedding --split-input-file --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified

// Gemma: an embedding in bf16, times a constant.
nn.weight @embedding : tensor<32x8xbf16> from "embedding"
// CHECK-LABEL: func.func @scaled
// CHECK-NEXT: %[[X:.*]] = nn.embedding %arg0, @embedding scale 6.9282029999999999 : tensor<1x8xf32>
// CHECK-NEXT: nn.reshape %[[X]] : tensor<1x8xf32> -> tensor<1x1x8xf32>
// CHECK-NEXT: return
func.func @scaled(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x1x8xf32> {nn.port = #nn.port<logits>}) {
  %stored = nn.get_weight @embedding : tensor<32x8xbf16>
  %table = nn.cast %stored : tensor<32x8xbf16> -> tensor<32x8xf32>
  %wide = nn.cast %token : tensor<1xi32> -> tensor<1xi64>
  %ids = nn.reshape %wide : tensor<1xi64> -> tensor<1x1xi64>
  %x = nn.gather %table, %ids axis 0 : (tensor<32x8xf32>, tensor<1x1xi64>) -> tensor<1x1x8xf32>
  %scale = nn.constant dense<6.928203105926514> : tensor<f32>
  %y = nn.binary mul %scale, %x : (tensor<f32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  return %y : tensor<1x1x8xf32>
}

// -----

// GPT-2: a row of learned positions at arange + past.
nn.weight @wte : tensor<32x8xf32> from "wte"
nn.weight @wpe : tensor<16x8xf32> from "wpe"
// CHECK-LABEL: func.func @positions
// CHECK-NEXT: %[[X:.*]] = nn.embedding %arg0, @wte positions @wpe at %arg1 : tensor<1x8xf32>
// CHECK-NEXT: nn.reshape %[[X]]
// CHECK-NEXT: return
func.func @positions(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x1x8xf32> {nn.port = #nn.port<logits>}) {
  %table = nn.get_weight @wte : tensor<32x8xf32>
  %x = nn.gather %table, %token axis 0 : (tensor<32x8xf32>, tensor<1xi32>) -> tensor<1x8xf32>
  %row = nn.reshape %x : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %positions = nn.get_weight @wpe : tensor<16x8xf32>
  %zero = nn.constant dense<0> : tensor<1xi64>
  %past = nn.past_length %position
  %at = nn.binary add %zero, %past : (tensor<1xi64>, tensor<i64>) -> tensor<1xi64>
  %index = nn.reshape %at : tensor<1xi64> -> tensor<1x1xi64>
  %p = nn.gather %positions, %index axis 0 : (tensor<16x8xf32>, tensor<1x1xi64>) -> tensor<1x1x8xf32>
  %y = nn.binary add %p, %row : (tensor<1x1x8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  return %y : tensor<1x1x8xf32>
}

// -----

// Positions that begin elsewhere are another table's rows.
nn.weight @wte : tensor<32x8xf32> from "wte"
nn.weight @wpe : tensor<32x8xf32> from "wpe"
// CHECK-LABEL: func.func @negative_positions
// CHECK: nn.embedding %arg0, @wte : tensor<1x8xf32>
// CHECK: nn.gather
// CHECK: nn.binary add
func.func @negative_positions(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<logits>}) {
  %table = nn.get_weight @wte : tensor<32x8xf32>
  %x = nn.gather %table, %token axis 0 : (tensor<32x8xf32>, tensor<1xi32>) -> tensor<1x8xf32>
  %positions = nn.get_weight @wpe : tensor<32x8xf32>
  %two = nn.constant dense<2> : tensor<1xi64>
  %past = nn.past_length %position
  %at = nn.binary add %two, %past : (tensor<1xi64>, tensor<i64>) -> tensor<1xi64>
  %p = nn.gather %positions, %at axis 0 : (tensor<32x8xf32>, tensor<1xi64>) -> tensor<1x8xf32>
  %y = nn.binary add %x, %p : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// Stored as [hidden, vocabulary], as a head that the embedding shares (onnxruntime-genai).
nn.weight @head : tensor<8x32xf32> from "head"
// CHECK: nn.weight @head.transposed : tensor<32x8xf32> from "head" view <rows = 32, transposed = true>
// CHECK-LABEL: func.func @transposed
// CHECK: nn.embedding %arg0, @head.transposed : tensor<1x8xf32>
func.func @transposed(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<logits>}) {
  %head = nn.get_weight @head : tensor<8x32xf32>
  %table = nn.transpose %head [1, 0] : (tensor<8x32xf32>) -> tensor<32x8xf32>
  %x = nn.gather %table, %token axis 0 : (tensor<32x8xf32>, tensor<1xi32>) -> tensor<1x8xf32>
  return %x : tensor<1x8xf32>
}

// -----

// The row before the token's; the embedding is used without its scale, too.
nn.weight @table : tensor<32x8xf32> from "table"
// CHECK-LABEL: func.func @negative
// CHECK: nn.gather
// CHECK: %[[X:.*]] = nn.embedding %arg0, @table : tensor<1x8xf32>
// CHECK: nn.binary mul %[[X]]
func.func @negative(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<logits>}) {
  %table = nn.get_weight @table : tensor<32x8xf32>
  %one = nn.constant dense<1> : tensor<i32>
  %two = nn.constant dense<2.0> : tensor<f32>
  %before = nn.binary sub %token, %one : (tensor<1xi32>, tensor<i32>) -> tensor<1xi32>
  %y = nn.gather %table, %before axis 0 : (tensor<32x8xf32>, tensor<1xi32>) -> tensor<1x8xf32>
  %x = nn.gather %table, %token axis 0 : (tensor<32x8xf32>, tensor<1xi32>) -> tensor<1x8xf32>
  %z = nn.binary mul %x, %two : (tensor<1x8xf32>, tensor<f32>) -> tensor<1x8xf32>
  %s = nn.binary add %z, %x : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  %r = nn.binary add %s, %y : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<1x8xf32>
  return %r : tensor<1x8xf32>
}

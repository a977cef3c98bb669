// RUN: cadenza-opt %s --raise-linear --split-linear | FileCheck %s
// RUN: cadenza-opt %s --raise-linear --split-linear --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified 2 passes

nn.weight @c_attn : tensor<8x24xf32> from "c_attn.weight"
nn.weight @c_attn_bias : tensor<24xf32> from "c_attn.bias"
nn.weight @gate_up : tensor<12x8xf32> from "gate_up.weight"
nn.weight @blocks : tensor<12x32xf32> from "packed" {nn.blocks = {bits = 4, scales = "scales", size = 16}}
nn.weight @by_head : tensor<24x8xf32> from "query_key_value.weight"

// GPT-2: a product of [inputs][outputs] with a bias, of which three parts are used; on a form of two axes.
// CHECK-DAG: nn.weight @c_attn.transposed.rows_0 : tensor<8x8xf32> from "c_attn.weight" view <rows = 24, transposed = true>
// CHECK-DAG: nn.weight @c_attn.transposed.rows_8 : tensor<8x8xf32> from "c_attn.weight" view <rows = 24, transposed = true, first = 8>
// CHECK-DAG: nn.weight @c_attn.transposed.rows_16 : tensor<8x8xf32> from "c_attn.weight" view <rows = 24, transposed = true, first = 16>
// CHECK-DAG: nn.weight @c_attn_bias.rows_16 : tensor<8xf32> from "c_attn.bias" view <rows = 24, first = 16>
// CHECK-DAG: nn.weight @gate_up.rows_6 : tensor<6x8xf32> from "gate_up.weight" view <rows = 12, first = 6>
// CHECK-DAG: nn.weight @by_head.rows_4 : tensor<8x8xf32> from "query_key_value.weight" view <rows = 24, first = 4, run = 4, stride = 12>

// CHECK-DAG: nn.weight @blocks.rows_6 : tensor<6x32xf32> from "packed" view <rows = 12, first = 6> {nn.blocks = {bits = 4 : i64, scales = "scales", size = 16 : i64}}

// CHECK-LABEL: func.func @query_key_value
// CHECK-DAG: nn.linear %{{.*}}, @c_attn.transposed.rows_0 bias @c_attn_bias.rows_0 : (tensor<1x8xf32>) -> tensor<1x8xf32>
// CHECK-DAG: nn.linear %{{.*}}, @c_attn.transposed.rows_8 bias @c_attn_bias.rows_8 : (tensor<1x8xf32>) -> tensor<1x8xf32>
// CHECK-DAG: nn.linear %{{.*}}, @c_attn.transposed.rows_16 bias @c_attn_bias.rows_16 : (tensor<1x8xf32>) -> tensor<1x8xf32>
// CHECK-NOT: nn.slice
// CHECK: return
func.func @query_key_value(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">})
    -> (tensor<1x1x8xf32> {nn.port = #nn.port<"q">}, tensor<1x1x8xf32> {nn.port = #nn.port<"k">}, tensor<1x1x8xf32> {nn.port = #nn.port<"v">}) {
  %w = nn.get_weight @c_attn : tensor<8x24xf32>
  %bias = nn.get_weight @c_attn_bias : tensor<24xf32>
  %row = nn.reshape %x : tensor<1x1x8xf32> -> tensor<1x8xf32>
  %product = nn.matmul %row, %w : (tensor<1x8xf32>, tensor<8x24xf32>) -> tensor<1x24xf32>
  %sum = nn.binary add %product, %bias : (tensor<1x24xf32>, tensor<24xf32>) -> tensor<1x24xf32>
  %y = nn.reshape %sum : tensor<1x24xf32> -> tensor<1x1x24xf32>
  %q = nn.slice %y starts [0, 0, 0] sizes [1, 1, 8] : (tensor<1x1x24xf32>) -> tensor<1x1x8xf32>
  %k = nn.slice %y starts [0, 0, 8] sizes [1, 1, 8] : (tensor<1x1x24xf32>) -> tensor<1x1x8xf32>
  %v = nn.slice %y starts [0, 0, 16] sizes [1, 1, 8] : (tensor<1x1x24xf32>) -> tensor<1x1x8xf32>
  return %q, %k, %v : tensor<1x1x8xf32>, tensor<1x1x8xf32>, tensor<1x1x8xf32>
}

// Phi-3: gate and up, stored as [outputs][inputs].
// CHECK-LABEL: func.func @gate_and_up
// CHECK-DAG: nn.linear %{{.*}}, @gate_up.rows_0 : (tensor<1x1x8xf32>) -> tensor<1x1x6xf32>
// CHECK-DAG: nn.linear %{{.*}}, @gate_up.rows_6 : (tensor<1x1x8xf32>) -> tensor<1x1x6xf32>
func.func @gate_and_up(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x1x6xf32> {nn.port = #nn.port<"y">}) {
  %w = nn.get_weight @gate_up : tensor<12x8xf32>
  %t = nn.transpose %w [1, 0] : (tensor<12x8xf32>) -> tensor<8x12xf32>
  %y = nn.matmul %x, %t : (tensor<1x1x8xf32>, tensor<8x12xf32>) -> tensor<1x1x12xf32>
  %gate = nn.slice %y starts [0, 0, 0] sizes [1, 1, 6] : (tensor<1x1x12xf32>) -> tensor<1x1x6xf32>
  %up = nn.slice %y starts [0, 0, 6] sizes [1, 1, 6] : (tensor<1x1x12xf32>) -> tensor<1x1x6xf32>
  %r = nn.binary mul %gate, %up : (tensor<1x1x6xf32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  return %r : tensor<1x1x6xf32>
}

// Rows of a matrix of int4 are rows of integers.
// CHECK-LABEL: func.func @quantised
// CHECK-DAG: nn.linear %{{.*}}, @blocks.rows_0 : (tensor<1x32xf32>) -> tensor<1x6xf32>
// CHECK-DAG: nn.linear %{{.*}}, @blocks.rows_6 : (tensor<1x32xf32>) -> tensor<1x6xf32>
func.func @quantised(%x: tensor<1x32xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %w = nn.get_weight @blocks : tensor<12x32xf32>
  %t = nn.transpose %w [1, 0] : (tensor<12x32xf32>) -> tensor<32x12xf32>
  %y = nn.matmul %x, %t : (tensor<1x32xf32>, tensor<32x12xf32>) -> tensor<1x12xf32>
  %gate = nn.slice %y starts [0, 0] sizes [1, 6] : (tensor<1x12xf32>) -> tensor<1x6xf32>
  %up = nn.slice %y starts [0, 6] sizes [1, 6] : (tensor<1x12xf32>) -> tensor<1x6xf32>
  %r = nn.binary mul %gate, %up : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %r : tensor<1x6xf32>
}

// GPT-NeoX: two heads, each with its query, key and value.
// CHECK-LABEL: func.func @heads
// CHECK: %[[K:.*]] = nn.linear %{{.*}}, @by_head.rows_4 : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
// CHECK: %[[R:.*]] = nn.reshape %[[K]] : tensor<1x1x8xf32> -> tensor<1x1x2x4xf32>
// CHECK: return %[[R]]
func.func @heads(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x1x2x4xf32> {nn.port = #nn.port<"y">}) {
  %w = nn.get_weight @by_head : tensor<24x8xf32>
  %t = nn.transpose %w [1, 0] : (tensor<24x8xf32>) -> tensor<8x24xf32>
  %y = nn.matmul %x, %t : (tensor<1x1x8xf32>, tensor<8x24xf32>) -> tensor<1x1x24xf32>
  %heads = nn.reshape %y : tensor<1x1x24xf32> -> tensor<1x1x2x12xf32>
  %k = nn.slice %heads starts [0, 0, 0, 4] sizes [1, 1, 2, 4] : (tensor<1x1x2x12xf32>) -> tensor<1x1x2x4xf32>
  return %k : tensor<1x1x2x4xf32>
}

// The whole is used, too; every other element; several rows.
// CHECK-LABEL: func.func @negative
// CHECK-COUNT-3: nn.slice
func.func @negative(%x: tensor<1x8xf32> {nn.port = #nn.port<"x">}, %z: tensor<2x8xf32> {nn.port = #nn.port<"z">})
    -> (tensor<1x24xf32> {nn.port = #nn.port<"a">}, tensor<1x8xf32> {nn.port = #nn.port<"b">}, tensor<1x8xf32> {nn.port = #nn.port<"c">}, tensor<2x8xf32> {nn.port = #nn.port<"d">}) {
  %w = nn.get_weight @c_attn : tensor<8x24xf32>
  %y = nn.matmul %x, %w : (tensor<1x8xf32>, tensor<8x24xf32>) -> tensor<1x24xf32>
  %k = nn.slice %y starts [0, 8] sizes [1, 8] : (tensor<1x24xf32>) -> tensor<1x8xf32>
  %bias = nn.get_weight @c_attn_bias : tensor<24xf32>
  %other = nn.binary add %y, %bias : (tensor<1x24xf32>, tensor<24xf32>) -> tensor<1x24xf32>
  %strided = nn.slice %other starts [0, 0] sizes [1, 8] steps [1, 2] : (tensor<1x24xf32>) -> tensor<1x8xf32>
  %rows = nn.matmul %z, %w : (tensor<2x8xf32>, tensor<8x24xf32>) -> tensor<2x24xf32>
  %d = nn.slice %rows starts [0, 8] sizes [2, 8] : (tensor<2x24xf32>) -> tensor<2x8xf32>
  return %y, %k, %strided, %d : tensor<1x24xf32>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<2x8xf32>
}

// RUN: cadenza-opt %s --raise-decoder --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-NOT: @unused
// CHECK: nn.weight @table
// CHECK-NOT: @other
// CHECK-LABEL: func.func @decode
// CHECK-SAME: -> (tensor<1xi32> {nn.port = #nn.port<next>})
// CHECK-NEXT: %[[X:.*]] = nn.embedding
// CHECK-NEXT: %[[Y:.*]] = nn.linear %[[X]], @table
// CHECK-NEXT: %[[N:.*]] = nn.argmax %[[Y]] : tensor<1x32xf32>
// CHECK-NEXT: return %[[N]] : tensor<1xi32>
nn.weight @unused : tensor<8xf32> from "unused"
nn.weight @table : tensor<32x8xf32> from "table"
nn.cache @other heads 1 head_dim 8 : bf16
nn.scalar @others = 3
func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x1x32xf32> {nn.port = #nn.port<logits>}) {
  %past = nn.past_length %position
  %x = nn.embedding %token, @table : tensor<1x8xf32>
  %s = nn.reshape %x : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %r = nn.reshape %s : tensor<1x1x8xf32> -> tensor<1x8xf32>
  %y = nn.linear %r, @table : (tensor<1x8xf32>) -> tensor<1x32xf32>
  %logits = nn.reshape %y : tensor<1x32xf32> -> tensor<1x1x32xf32>
  return %logits : tensor<1x1x32xf32>
}

// -----

// A norm of one head says so, as that of several does.
// CHECK-LABEL: func.func @one_head
// CHECK: nn.rms_norm %{{.*}}, @norm eps 1.000000e-05 group_size 8 : tensor<1x8xf32>
nn.weight @table : tensor<32x8xf32> from "table"
nn.weight @norm : tensor<8xf32> from "norm"
nn.weight @frequencies : tensor<4xf32> = dense<[1.0, 0.5, 0.25, 0.125]> : tensor<4xf32>
func.func @one_head(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<logits>}) {
  %x = nn.embedding %token, @table : tensor<1x8xf32>
  %n = nn.rms_norm %x, @norm eps 1.0e-5 : tensor<1x8xf32>
  %r = nn.rope %n, %position, @frequencies head_dim 8 : tensor<1x8xf32>
  return %r : tensor<1x8xf32>
}

// -----

// A module without a step is left alone.
// CHECK-LABEL: func.func @negative_graph
// CHECK: nn.unary tanh
func.func @negative_graph(%x: tensor<2x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<2x8xf32> {nn.port = #nn.port<"y">}) {
  %y = nn.unary tanh %x : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

// -----

nn.weight @table : tensor<32x8xf32> from "table"
// expected-error @+1 {{is no step of a decoder that there are ops for: 2 ops are left of the graph's: nn.unary of node 'node_Mish_7' (Mish), nn.reduce of node 'node_mean'; in what is supported functions are SiLU, GELU (erf or tanh), a softcap, and those of norms and rotations; a reduction is the mean of an RMSNorm or LayerNorm over the last axis}}
func.func @refused(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x1xf32> {nn.port = #nn.port<logits>}) {
  %x = nn.embedding %token, @table : tensor<1x8xf32>
  %y = nn.unary mish %x : (tensor<1x8xf32>) -> tensor<1x8xf32> loc("node_Mish_7"("Mish"))
  %z = nn.reduce mean %y axes [-1] keep_dims : (tensor<1x8xf32>) -> tensor<1x1xf32> loc("node_mean")
  return %z : tensor<1x1xf32>
}

// -----

nn.weight @table : tensor<32x8xf32> from "table"
// expected-error @+1 {{has logits of type 'tensor<2x8xf32>'; the step of a decoder makes those of one token, in f32}}
func.func @two_rows(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<2x8xf32> {nn.port = #nn.port<logits>}) {
  %x = nn.embedding %token, @table : tensor<1x8xf32>
  %y = nn.concat %x, %x axis 0 : (tensor<1x8xf32>, tensor<1x8xf32>) -> tensor<2x8xf32>
  return %y : tensor<2x8xf32>
}

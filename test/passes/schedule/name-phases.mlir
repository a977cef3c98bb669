// RUN: cadenza-opt %s --name-phases | FileCheck %s

nn.weight @embedding.weight : tensor<64x32xbf16> from "e"
nn.weight @layers.mlp.gate.weight : tensor<32x32xbf16> from "g"
nn.weight @layers.mlp.up.weight : tensor<32x32xbf16> from "u"

// CHECK-LABEL: @decode
func.func @decode(%token: tensor<1xi32>) -> tensor<1xi32> {
  // CHECK: step.embed {{.*}} {phase = "embed"}
  %x = step.embed %token, @embedding.weight : tensor<1x32xf32>
  %l = step.layers count 2 (%h = %x) : tensor<1x32xf32> {
    // CHECK: step.project {{.*}} {phase = "layer_gate_up"}
    %g:2 = step.project %h matrices [@layers.mlp.gate.weight, @layers.mlp.up.weight] : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
    // CHECK: step.map {{.*}} {phase = "layer_silu"}
    %s = step.map %g#0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
    // CHECK: step.map {{.*}} {phase = "layer_silu_2"}
    %t = step.map %s epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
    step.yield %t : tensor<1x32xf32>
  }
  // CHECK: step.project {{.*}} {phase = "head"}
  %n = step.project %l matrices [@embedding.weight] epilogues [#step.argmax<segment = 0>] : (tensor<1x32xf32>) -> tensor<1xi32>
  return %n : tensor<1xi32>
}

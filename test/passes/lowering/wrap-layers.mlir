// RUN: cadenza-opt %s -split-input-file --wrap-layers | FileCheck %s

nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.weight @output : tensor<64x64xbf16> from "o"
nn.cache @cache heads 2 head_dim 32 : bf16

// What lies between the embedding and the head becomes a loop that runs once.
// CHECK-LABEL: @one_layer
// CHECK: %[[E:.*]] = step.embed
// CHECK: %[[L:.*]] = step.layers count 1 (%[[X:.*]] = %[[E]])
// CHECK: %[[A:.*]] = step.attend %[[X]]
// CHECK: %[[O:.*]] = step.project %[[A]] with(%[[X]])
// CHECK: step.yield %[[O]]
// CHECK: step.project %[[L]] matrices [@embedding]
func.func @one_layer(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %a = step.attend %e at %position, @cache heads 2 scale 0.5 : tensor<1x64xf32> -> tensor<1x64xbf16>
  %o = step.project %a with(%e) matrices [@output] epilogues [#step.add<segment = 0>] : (tensor<1x64xbf16>, tensor<1x64xf32>) -> tensor<1x64xf32>
  %h = step.project %o matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

// -----

nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.cache @cache heads 2 head_dim 32 : bf16

// CHECK-LABEL: @two_layers
// CHECK: step.layers count 1 (%[[X:.*]] = %{{.*}})
// CHECK: %[[A:.*]] = step.attend %[[X]]
// CHECK: %[[B:.*]] = step.attend %[[A]]
// CHECK: step.yield %[[B]]
func.func @two_layers(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %a = step.attend %e at %position, @cache heads 2 scale 0.5 : tensor<1x64xf32> -> tensor<1x64xf32>
  %b = step.attend %a at %position, @cache heads 2 scale 0.5 : tensor<1x64xf32> -> tensor<1x64xf32>
  %h = step.project %b matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

// -----

nn.weight @embedding : tensor<144x64xbf16> from "e"
nn.cache @cache heads 2 head_dim 32 : bf16

// CHECK-LABEL: @negative_a_loop
// CHECK: step.layers count 2
// CHECK-NOT: step.layers
func.func @negative_a_loop(%token: tensor<1xi32>, %position: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %l = step.layers count 2 (%x = %e) : tensor<1x64xf32> {
    %y = step.attend %x at %position, @cache heads 2 scale 0.5 : tensor<1x64xf32> -> tensor<1x64xf32>
    step.yield %y : tensor<1x64xf32>
  }
  %a = step.attend %l at %position, @cache heads 2 scale 0.5 : tensor<1x64xf32> -> tensor<1x64xf32>
  %h = step.project %a matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

// -----

nn.weight @embedding : tensor<144x64xbf16> from "e"

// CHECK-LABEL: @negative_attends_to_nothing
// CHECK-NOT: step.layers
func.func @negative_attends_to_nothing(%token: tensor<1xi32>) -> tensor<1xi32> {
  %e = step.embed %token, @embedding : tensor<1x64xf32>
  %a = step.map %e epilogues [#step.silu<segment = 0>] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %h = step.project %a matrices [@embedding] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %h : tensor<1xi32>
}

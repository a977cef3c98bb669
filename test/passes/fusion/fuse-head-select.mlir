// RUN: cadenza-opt %s --fuse-head-select | FileCheck %s

nn.weight @head.weight : tensor<1003x32xbf16> from "w"
nn.weight @head.bias : tensor<1003xbf16> from "b"

// CHECK-LABEL: @head
// CHECK: %[[T:.*]] = step.project %arg0 matrices [@head.weight] epilogues [#step.argmax<segment = 0>] {passes = ["fuse-head-select"]} : (tensor<1x32xf32>) -> tensor<1xi32>
// CHECK-NOT: step.select
// CHECK: return %[[T]]
func.func @head(%x: tensor<1x32xf32>) -> tensor<1xi32> {
  %l = step.project %x matrices [@head.weight] : (tensor<1x32xf32>) -> tensor<1x1003xf32>
  %t = step.select %l : tensor<1x1003xf32>
  return %t : tensor<1xi32>
}

// CHECK-LABEL: @negative_logits_used
// CHECK: step.select
func.func @negative_logits_used(%x: tensor<1x32xf32>) -> (tensor<1xi32>, tensor<1x1003xf32>) {
  %l = step.project %x matrices [@head.weight] : (tensor<1x32xf32>) -> tensor<1x1003xf32>
  %t = step.select %l : tensor<1x1003xf32>
  return %t, %l : tensor<1xi32>, tensor<1x1003xf32>
}

// CHECK-LABEL: @negative_second_result
// CHECK: step.select
func.func @negative_second_result(%x: tensor<1x32xf32>) -> (tensor<1xi32>, tensor<1x1003xf32>) {
  %l, %m = step.project %x matrices [@head.weight, @head.weight] : (tensor<1x32xf32>) -> (tensor<1x1003xf32>, tensor<1x1003xf32>)
  %t = step.select %l : tensor<1x1003xf32>
  return %t, %m : tensor<1xi32>, tensor<1x1003xf32>
}

// CHECK-LABEL: @negative_function_of_logits
// CHECK: step.select
func.func @negative_function_of_logits(%x: tensor<1x32xf32>) -> tensor<1xi32> {
  %l = step.project %x matrices [@head.weight] : (tensor<1x32xf32>) -> tensor<1x1003xf32>
  %s = step.map %l epilogues [#step.silu<segment = 0>] : (tensor<1x1003xf32>) -> tensor<1x1003xf32>
  %t = step.select %s : tensor<1x1003xf32>
  return %t : tensor<1xi32>
}

// CHECK-LABEL: @bias_first
// CHECK: step.project %arg0 matrices [@head.weight] epilogues [#step.bias<segment = 0, weight = @head.bias>, #step.argmax<segment = 0>] {passes = ["fuse-head-select"]} : (tensor<1x32xf32>) -> tensor<1xi32>
// CHECK-NOT: step.select
func.func @bias_first(%x: tensor<1x32xf32>) -> tensor<1xi32> {
  %l = step.project %x matrices [@head.weight] epilogues [#step.bias<segment = 0, weight = @head.bias>] : (tensor<1x32xf32>) -> tensor<1x1003xf32>
  %t = step.select %l : tensor<1x1003xf32>
  return %t : tensor<1xi32>
}

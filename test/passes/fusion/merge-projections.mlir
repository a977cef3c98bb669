// RUN: cadenza-opt %s --merge-projections | FileCheck %s

nn.weight @q : tensor<64x32xbf16> from "q"
nn.weight @k : tensor<32x32xbf16> from "k"
nn.weight @wide : tensor<32x64xbf16> from "w"
nn.weight @bias : tensor<32xbf16> from "b"
nn.weight @norm : tensor<32xbf16> from "n"
nn.weight @f16 : tensor<32x32xf16> from "f"
nn.weight @eights : tensor<24x32xbf16> from "e"

// CHECK-LABEL: @three
// CHECK: %[[R:.*]]:3 = step.project %arg0 matrices [@q, @k, @k] epilogues [#step.bias<segment = 1, weight = @bias>]
// CHECK-SAME: passes = ["merge-projections"]
// CHECK-NOT: step.project
// CHECK: return %[[R]]#0, %[[R]]#1, %[[R]]#2
func.func @three(%x: tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>, tensor<1x32xf32>) {
  %q = step.project %x matrices [@q] : (tensor<1x32xf32>) -> tensor<1x64xf32>
  %k = step.project %x matrices [@k] epilogues [#step.bias<segment = 0, weight = @bias>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %v = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %q, %k, %v : tensor<1x64xf32>, tensor<1x32xf32>, tensor<1x32xf32>
}

// The order of the matrices is that of the ops, and what happens between them stays where it was.
// CHECK-LABEL: @between
// CHECK: %[[R:.*]]:2 = step.project %arg0 matrices [@k, @q]
// CHECK: step.map %[[R]]#0
func.func @between(%x: tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>) {
  %k = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %s = step.map %k epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %q = step.project %x matrices [@q] : (tensor<1x32xf32>) -> tensor<1x64xf32>
  return %q, %s : tensor<1x64xf32>, tensor<1x32xf32>
}

// A projection that only adds the vector does not read it.
// CHECK-LABEL: @past_a_side_input
// CHECK: matrices [@k, @k]
// CHECK: with(%arg0) matrices [@k]
func.func @past_a_side_input(%x: tensor<1x32xf32>, %y: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %y with (%x) matrices [@k] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  %2 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1, %2 : tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @recorded_passes
// CHECK: passes = ["a", "b", "c", "merge-projections"]
func.func @recorded_passes(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] {passes = ["a", "b"]} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %x matrices [@k] {passes = ["b", "c"]} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_other_input
// CHECK-COUNT-2: step.project {{.*}} [@k] :
func.func @negative_other_input(%x: tensor<1x32xf32>, %y: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %y matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_element_types
// CHECK: matrices [@k] :
// CHECK: matrices [@f16] :
func.func @negative_element_types(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %x matrices [@f16] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_half_tiles
// CHECK-COUNT-2: step.project {{.*}} [@eights] :
func.func @negative_half_tiles(%x: tensor<1x32xf32>) -> (tensor<1x24xf32>, tensor<1x24xf32>) {
  %0 = step.project %x matrices [@eights] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  %1 = step.project %x matrices [@eights] : (tensor<1x32xf32>) -> tensor<1x24xf32>
  return %0, %1 : tensor<1x24xf32>, tensor<1x24xf32>
}

// CHECK-LABEL: @negative_prologues
// CHECK: matrices [@k] prologue
// CHECK: matrices [@k] :
func.func @negative_prologues(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] prologue #step.rms_norm<segment = 0, weight = @norm, eps = 0.5, group_size = 32> epilogues []
    : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_interleaved
// CHECK: matrices [@k, @k] {interleaved}
// CHECK: matrices [@k] :
func.func @negative_interleaved(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>) {
  %0:2 = step.project %x matrices [@k, @k] {interleaved} : (tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  %1 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0#0, %0#1, %1 : tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_sum_order
// CHECK-COUNT-2: step.project {{.*}} [@k]
func.func @negative_sum_order(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] {k_ways = 2} : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_groups
// CHECK-COUNT-2: step.project {{.*}} [@wide]
func.func @negative_groups(%x: tensor<1x64xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@wide] {k_groups = array<i64: 0, 1>} : (tensor<1x64xf32>) -> tensor<1x32xf32>
  %1 = step.project %x matrices [@wide] : (tensor<1x64xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_operands_computed_later
// CHECK: matrices [@k] :
// CHECK: matrices [@k] epilogues
func.func @negative_operands_computed_later(%x: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %y = step.map %0 epilogues [#step.silu<segment = 0>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %1 = step.project %x with (%y) matrices [@k] epilogues [#step.add<segment = 0>] : (tensor<1x32xf32>, tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// CHECK-LABEL: @negative_selects_token
// CHECK: matrices [@k] epilogues [#step.argmax
// CHECK: matrices [@k] :
func.func @negative_selects_token(%x: tensor<1x32xf32>) -> (tensor<1xi32>, tensor<1x32xf32>) {
  %0 = step.project %x matrices [@k] epilogues [#step.argmax<segment = 0>] : (tensor<1x32xf32>) -> tensor<1xi32>
  %1 = step.project %x matrices [@k] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %0, %1 : tensor<1xi32>, tensor<1x32xf32>
}

// A bias stays with its product.
// CHECK-LABEL: @biases
// CHECK: step.project %arg0 matrices [@q, @k, @k] epilogues [#step.bias<segment = 1, weight = @bias>, #step.bias<segment = 2, weight = @norm>]
func.func @biases(%x: tensor<1x32xf32>) -> (tensor<1x64xf32>, tensor<1x32xf32>, tensor<1x32xf32>) {
  %q = step.project %x matrices [@q] : (tensor<1x32xf32>) -> tensor<1x64xf32>
  %k = step.project %x matrices [@k] epilogues [#step.bias<segment = 0, weight = @bias>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  %v = step.project %x matrices [@k] epilogues [#step.bias<segment = 0, weight = @norm>] : (tensor<1x32xf32>) -> tensor<1x32xf32>
  return %q, %k, %v : tensor<1x64xf32>, tensor<1x32xf32>, tensor<1x32xf32>
}

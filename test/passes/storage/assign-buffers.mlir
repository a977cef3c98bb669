// RUN: cadenza-opt %s --assign-buffers | FileCheck %s

nn.weight @w : tensor<64x64xbf16> from "w"

// Vectors of 256 bytes. The third goes where the first was: nobody needs it any more.
// CHECK-LABEL: @reuse
// CHECK-SAME: arena_bytes = 512
// CHECK: offsets = array<i64: 0>
// CHECK: offsets = array<i64: 256>
// CHECK: offsets = array<i64: 0>
func.func @reuse(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1 = step.project %0 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %2 = step.project %1 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  return
}

// Two vectors needed at once do not share bytes.
// CHECK-LABEL: @negative_needed_later
// CHECK-SAME: arena_bytes = 768
// CHECK: offsets = array<i64: 0>
// CHECK: offsets = array<i64: 256>
// CHECK: offsets = array<i64: 512>
func.func @negative_needed_later(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1 = step.project %0 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  %2 = step.project %1 with (%0) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
  return
}

// Two results, one of them in 16 bits; each is aligned.
// CHECK-LABEL: @results
// CHECK-SAME: arena_bytes = 768
// CHECK: offsets = array<i64: 256, 512>
func.func @results(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1:2 = step.project %0 matrices [@w, @w] : (tensor<1x64xf32>) -> (tensor<1x64xbf16>, tensor<1x64xf32>)
  return
}

// A token is no vector.
// CHECK-LABEL: @token
// CHECK: offsets = array<i64>
func.func @token(%token: tensor<1xi32>) -> tensor<1xi32> {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1 = step.project %0 matrices [@w] epilogues [#step.argmax<segment = 0>] : (tensor<1x64xf32>) -> tensor<1xi32>
  return %1 : tensor<1xi32>
}

// The usual residual stream: it stays in place, without a copy.
// CHECK-LABEL: @in_place
// CHECK-SAME: arena_bytes = 512
// CHECK: step.embed {{.*}} array<i64: 0>
// CHECK-NOT: step.map
// CHECK: step.project {{.*}} array<i64: 256>
// CHECK: step.project {{.*}} array<i64: 0>
// CHECK-NOT: step.map
// CHECK: return
func.func @in_place(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 2 (%h = %0) : tensor<1x64xf32> {
    %1 = step.project %h with (%h) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %2 = step.project %1 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %2 : tensor<1x64xf32>
  }
  %3 = step.project %l matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  return
}

// What the body reads from outside lives as long as the layers.
// CHECK-LABEL: @outside
// CHECK: step.embed {{.*}} array<i64: 0>
// CHECK: step.embed {{.*}} array<i64: 256>
// CHECK: step.project {{.*}} array<i64: 512>
// CHECK: step.project {{.*}} array<i64: 0>
// CHECK: step.project {{.*}} array<i64: 256>
func.func @outside(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %c = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 2 (%h = %0) : tensor<1x64xf32> {
    %1 = step.project %h with (%c) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %2 = step.project %1 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %2 : tensor<1x64xf32>
  }
  %3 = step.project %l matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
  return
}

// Where a value of the layers cannot stay in place (negative_), a copy is made. The start value is needed after the layers,
// which overwrite what they start with.
// CHECK-LABEL: @negative_start_value_needed_later
// CHECK: %[[X:.*]] = step.embed
// CHECK: %[[COPY:.*]] = step.map %[[X]] epilogues []
// CHECK: step.layers count 2 (%{{.*}} = %[[COPY]])
func.func @negative_start_value_needed_later(%token: tensor<1xi32>) -> tensor<1x64xf32> {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 2 (%h = %0) : tensor<1x64xf32> {
    %1 = step.project %h matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    %2 = step.project %1 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %2 : tensor<1x64xf32>
  }
  return %0 : tensor<1x64xf32>
}

// CHECK-LABEL: @negative_start_value_read_in_the_body
// CHECK: step.map %{{.*}} epilogues []
// CHECK: step.layers
func.func @negative_start_value_read_in_the_body(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 2 (%h = %0) : tensor<1x64xf32> {
    %1 = step.project %h matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    %2 = step.project %1 with (%0) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %2 : tensor<1x64xf32>
  }
  return
}

// CHECK-LABEL: @negative_start_value_read_in_later_layers
// CHECK: step.map %{{.*}} epilogues []
// CHECK: step.layers
// CHECK-NOT: epilogues []
// CHECK: step.layers
func.func @negative_start_value_read_in_later_layers(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 2 (%h = %0) : tensor<1x64xf32> {
    %1 = step.project %h matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    %2 = step.project %1 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %2 : tensor<1x64xf32>
  }
  %m = step.layers count 2 (%h = %l) : tensor<1x64xf32> {
    %1 = step.project %h matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    %2 = step.project %1 with (%0) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %2 : tensor<1x64xf32>
  }
  return
}

// CHECK-LABEL: @negative_one_value_starts_two
// CHECK: %[[X:.*]] = step.embed
// CHECK: %[[COPY:.*]] = step.map %[[X]] epilogues []
// CHECK: step.layers count 2 (%{{.*}} = %[[X]], %{{.*}} = %[[COPY]])
func.func @negative_one_value_starts_two(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l:2 = step.layers count 2 (%h = %0, %g = %0) : tensor<1x64xf32>, tensor<1x64xf32> {
    %1 = step.project %h with (%g) matrices [@w] epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %2 = step.project %1 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %2, %g : tensor<1x64xf32>, tensor<1x64xf32>
  }
  return
}

// The phase that makes the new value reads the old one, every block of it all of it.
// CHECK-LABEL: @negative_old_value_read_by_its_successor
// CHECK: %[[NEW:.*]] = step.project
// CHECK: %[[COPY:.*]] = step.map %[[NEW]] epilogues []
// CHECK: step.yield %[[COPY]]
func.func @negative_old_value_read_by_its_successor(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 2 (%h = %0) : tensor<1x64xf32> {
    %1 = step.project %h matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %1 : tensor<1x64xf32>
  }
  return
}

// CHECK-LABEL: @negative_old_value_read_later
// CHECK: %[[NEW:.*]] = step.embed
// CHECK: %[[NEW:.*]] = step.embed
// CHECK: step.project
// CHECK: %[[COPY:.*]] = step.map %[[NEW]] epilogues []
// CHECK: step.yield %[[COPY]]
func.func @negative_old_value_read_later(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 2 (%h = %0) : tensor<1x64xf32> {
    %1 = step.embed %token, @w : tensor<1x64xf32>
    %2 = step.project %h matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %1 : tensor<1x64xf32>
  }
  return
}

// Values that change places: both old ones are saved before either is overwritten.
// CHECK-LABEL: @swap
// CHECK: step.layers count 3 (%[[A:.*]] = %{{.*}}, %[[B:.*]] = %{{.*}})
// CHECK-DAG: %[[SB:.*]] = step.map %[[B]] epilogues []
// CHECK-DAG: %[[SA:.*]] = step.map %[[A]] epilogues []
// CHECK: %[[NA:.*]] = step.map %[[SB]] epilogues []
// CHECK: %[[NB:.*]] = step.map %[[SA]] epilogues []
// CHECK: step.yield %[[NA]], %[[NB]]
func.func @swap(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1 = step.embed %token, @w : tensor<1x64xf32>
  %l:2 = step.layers count 3 (%a = %0, %b = %1) : tensor<1x64xf32>, tensor<1x64xf32> {
    step.yield %b, %a : tensor<1x64xf32>, tensor<1x64xf32>
  }
  return
}

// The old first value becomes the second one: it is saved before the new first value is copied over it.
// CHECK-LABEL: @history
// CHECK: step.layers count 3 (%[[A:.*]] = %{{.*}}, %{{.*}} = %{{.*}})
// CHECK: %[[NEW:.*]] = step.embed
// CHECK: %[[OLD:.*]] = step.map %[[A]] epilogues []
// CHECK: %[[NA:.*]] = step.map %[[NEW]] epilogues []
// CHECK: %[[NB:.*]] = step.map %[[OLD]] epilogues []
// CHECK: step.yield %[[NA]], %[[NB]]
func.func @history(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1 = step.embed %token, @w : tensor<1x64xf32>
  %l:2 = step.layers count 3 (%a = %0, %b = %1) : tensor<1x64xf32>, tensor<1x64xf32> {
    %2 = step.embed %token, @w : tensor<1x64xf32>
    step.yield %2, %a : tensor<1x64xf32>, tensor<1x64xf32>
  }
  return
}

// CHECK-LABEL: @unchanged
// CHECK: step.layers
// CHECK-NOT: step.map
// CHECK: return
func.func @unchanged(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 3 (%a = %0) : tensor<1x64xf32> {
    step.yield %a : tensor<1x64xf32>
  }
  return
}

// CHECK-LABEL: @negative_new_value_from_outside
// CHECK: %[[Y:.*]] = step.embed
// CHECK: %[[Y:.*]] = step.embed
// CHECK: step.layers
// CHECK: %[[COPY:.*]] = step.map %[[Y]] epilogues []
// CHECK: step.yield %[[COPY]]
func.func @negative_new_value_from_outside(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1 = step.embed %token, @w : tensor<1x64xf32>
  %l = step.layers count 3 (%a = %0) : tensor<1x64xf32> {
    step.yield %1 : tensor<1x64xf32>
  }
  return
}

// CHECK-LABEL: @becomes_two
// CHECK: %[[NEW:.*]] = step.project
// CHECK: %[[COPY:.*]] = step.map %[[NEW]] epilogues []
// CHECK: step.yield %[[NEW]], %[[COPY]]
func.func @becomes_two(%token: tensor<1xi32>) {
  %0 = step.embed %token, @w : tensor<1x64xf32>
  %1 = step.embed %token, @w : tensor<1x64xf32>
  %l:2 = step.layers count 3 (%a = %0, %b = %1) : tensor<1x64xf32>, tensor<1x64xf32> {
    %2 = step.map %a with (%b) epilogues [#step.add<segment = 0>] : (tensor<1x64xf32>, tensor<1x64xf32>) -> tensor<1x64xf32>
    %3 = step.project %2 matrices [@w] : (tensor<1x64xf32>) -> tensor<1x64xf32>
    step.yield %3, %3 : tensor<1x64xf32>, tensor<1x64xf32>
  }
  return
}

// CHECK: func.func private @declaration
func.func private @declaration(tensor<1xi32>)

// The arguments of an entry have bytes, too: whoever runs it writes them before the first phase. Each of several tokens begins at
// a multiple of 256 bytes. What is returned is kept to the end.
// CHECK-LABEL: @entry(
// CHECK-SAME: arena_bytes = 2560
// CHECK-SAME: input_offsets = array<i64: 0, 1024>
// CHECK: offsets = array<i64: 2048>
// CHECK: offsets = array<i64: 0>
func.func @entry(%x: tensor<2x65xf32> {nn.port = #nn.port<"x">}, %unused: tensor<4x64xf32> {nn.port = #nn.port<"unused">})
    -> (tensor<2x64xf32> {nn.port = #nn.port<"y">}, tensor<2x64xf32> {nn.port = #nn.port<"z">}) {
  %y = step.project %x matrices [@narrow] : (tensor<2x65xf32>) -> tensor<2x64xf32>
  %z = step.map %y epilogues [#step.silu<segment = 0>] : (tensor<2x64xf32>) -> tensor<2x64xf32>
  return %y, %z : tensor<2x64xf32>, tensor<2x64xf32>
}
nn.weight @narrow : tensor<64x65xbf16> from "narrow"

// Tensors of a graph are contiguous: 2 x 3 x 65 elements of 2 bytes are 780 bytes, a boolean is one byte. An argument of
// any type has bytes of its own throughout.
// CHECK-LABEL: @graph
// CHECK-SAME: arena_bytes = 1792
// CHECK-SAME: input_offsets = array<i64: 0, 256>
// CHECK: } {offsets = array<i64: 512>}
// CHECK: } {offsets = array<i64: 1536>}
func.func @graph(%x: tensor<1xi32> {nn.port = #nn.port<"x">}, %y: tensor<f64> {nn.port = #nn.port<"y">})
    -> (tensor<2x3x65xf16> {nn.port = #nn.port<"a">}, tensor<i1> {nn.port = #nn.port<"b">}) {
  %a = step.fusion (%i = %x) : (tensor<1xi32>) -> tensor<2x3x65xf16> {
    %0 = nn.cast %i : tensor<1xi32> -> tensor<1xf16>
    %1 = nn.expand %0 : (tensor<1xf16>) -> tensor<2x3x65xf16>
    step.yield %1 : tensor<2x3x65xf16>
  }
  %b = step.fusion (%j = %y) : (tensor<f64>) -> tensor<i1> {
    %0 = nn.cast %j : tensor<f64> -> tensor<i1>
    step.yield %0 : tensor<i1>
  }
  return %a, %b : tensor<2x3x65xf16>, tensor<i1>
}

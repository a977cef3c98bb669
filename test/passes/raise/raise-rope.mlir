// RUN: cadenza-opt %s --canonicalize --cse --raise-rope --canonicalize --verify-numerics | FileCheck %s

// Ways in which exporters write a rotation.

// torch.onnx, opset 18: matmul, concat(t, t), halves. Frequencies that differ from those of theta 10000 by fp32's roundings are those.
// CHECK: nn.weight @rope.inverse_frequencies : tensor<4xf32> = dense<[1.000000e+00, 1.000000e-01, 0.00999999977, 1.000000e-03]> : tensor<4xf32>{{$}}
// CHECK-LABEL: func.func @computed
// CHECK-NEXT: %[[R:.*]] = nn.rope %arg0, %arg1, @rope.inverse_frequencies head_dim 8 : tensor<1x16xf32>
// CHECK-NOT: nn.unary
// CHECK: return
func.func @computed(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<[[[1.0], [0.10000000894069672], [0.009999999776482582], [0.0009999999310821295]]]> : tensor<1x4x1xf32>
  %past = nn.past_length %position
  %p1 = nn.reshape %past : tensor<i64> -> tensor<1x1x1xi64>
  %p = nn.cast %p1 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
  %t1 = nn.matmul %f, %p : (tensor<1x4x1xf32>, tensor<1x1x1xf32>) -> tensor<1x4x1xf32>
  %t = nn.transpose %t1 [0, 2, 1] : (tensor<1x4x1xf32>) -> tensor<1x1x4xf32>
  %tt = nn.concat %t, %t axis -1 : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x8xf32>
  %cos1 = nn.unary cos %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %sin1 = nn.unary sin %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %sin = nn.reshape %sin1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %a = nn.binary mul %q, %cos : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %high = nn.slice %q starts [0, 0, 0, 4] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %low = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %negated = nn.unary neg %high : (tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %half = nn.concat %negated, %low axis -1 : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x8xf32>
  %b = nn.binary mul %half, %sin : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %r = nn.binary add %a, %b : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// RotaryEmbedding of opset 23, lowered: each half on its own.
// CHECK-LABEL: func.func @halves
// CHECK-NEXT: %[[R:.*]] = nn.rope %arg0, %arg1, @rope.inverse_frequencies head_dim 8 : tensor<1x16xf32>
// CHECK-NOT: nn.unary
// CHECK: return
func.func @halves(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<[[[1.0], [0.10000000149011612], [0.009999999776482582], [0.0010000000474974513]]]> : tensor<1x4x1xf32>
  %past = nn.past_length %position
  %p1 = nn.reshape %past : tensor<i64> -> tensor<1x1x1xi64>
  %p = nn.cast %p1 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
  %t1 = nn.matmul %f, %p : (tensor<1x4x1xf32>, tensor<1x1x1xf32>) -> tensor<1x4x1xf32>
  %t = nn.transpose %t1 [0, 2, 1] : (tensor<1x4x1xf32>) -> tensor<1x1x4xf32>
  %cos1 = nn.unary cos %t : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x4xf32> -> tensor<1x1x1x4xf32>
  %sin1 = nn.unary sin %t : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %sin = nn.reshape %sin1 : tensor<1x1x4xf32> -> tensor<1x1x1x4xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %a = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %b = nn.slice %q starts [0, 0, 0, 4] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %ca = nn.binary mul %cos, %a : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %sb = nn.binary mul %sin, %b : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %sa = nn.binary mul %sin, %a : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %cb = nn.binary mul %cos, %b : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %real = nn.binary sub %ca, %sb : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %imaginary = nn.binary add %sa, %cb : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %r = nn.concat %real, %imaginary axis -1 : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// Pairs next to each other, frequencies of no formula, a factor; products by mul.
// CHECK: nn.weight @rope.inverse_frequencies_1 : tensor<4xf32> = dense<[1.000000e+00, 0.899999976, 5.000000e-01, 0.00999999977]> : tensor<4xf32> factor 1.250000e+00{{$}}
// CHECK-LABEL: func.func @interleaved
// CHECK-NEXT: %[[R:.*]] = nn.rope %arg0, %arg1, @rope.inverse_frequencies_1 head_dim 8 interleaved : tensor<1x16xf32>
// CHECK-NOT: nn.unary
// CHECK: return
func.func @interleaved(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %factor = nn.constant dense<1.25> : tensor<f32>
  %f = nn.constant dense<[1.0, 0.8999999761581421, 0.5, 0.009999999776482582]> : tensor<4xf32>
  %past = nn.past_length %position
  %p = nn.cast %past : tensor<i64> -> tensor<f32>
  %t1 = nn.binary mul %p, %f : (tensor<f32>, tensor<4xf32>) -> tensor<4xf32>
  %t = nn.reshape %t1 : tensor<4xf32> -> tensor<1x1x4xf32>
  %cos1 = nn.unary cos %t : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %cos2 = nn.binary mul %cos1, %factor : (tensor<1x1x4xf32>, tensor<f32>) -> tensor<1x1x4xf32>
  %cos = nn.reshape %cos2 : tensor<1x1x4xf32> -> tensor<1x1x1x4xf32>
  %sin1 = nn.unary sin %t : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %sin2 = nn.binary mul %sin1, %factor : (tensor<1x1x4xf32>, tensor<f32>) -> tensor<1x1x4xf32>
  %sin = nn.reshape %sin2 : tensor<1x1x4xf32> -> tensor<1x1x1x4xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %a = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 4] steps [1, 1, 1, 2] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %b = nn.slice %q starts [0, 0, 0, 1] sizes [1, 2, 1, 4] steps [1, 1, 1, 2] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %ca = nn.binary mul %cos, %a : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %sb = nn.binary mul %sin, %b : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %sa = nn.binary mul %sin, %a : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %cb = nn.binary mul %cos, %b : (tensor<1x1x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %real = nn.binary sub %ca, %sb : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %imaginary = nn.binary add %sa, %cb : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %evens = nn.reshape %real : tensor<1x2x1x4xf32> -> tensor<1x2x1x4x1xf32>
  %odds = nn.reshape %imaginary : tensor<1x2x1x4xf32> -> tensor<1x2x1x4x1xf32>
  %pairs = nn.concat %evens, %odds axis -1 : (tensor<1x2x1x4x1xf32>, tensor<1x2x1x4x1xf32>) -> tensor<1x2x1x4x2xf32>
  %r = nn.reshape %pairs : tensor<1x2x1x4x2xf32> -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// The first four elements of each head, of which the rest goes past the rotation.
// CHECK: nn.weight @rope.inverse_frequencies_2 : tensor<2xf32> = dense<[1.000000e+00, 0.00999999977]> : tensor<2xf32>{{$}}
// CHECK-LABEL: func.func @partial
// CHECK-NEXT: %[[R:.*]] = nn.rope %arg0, %arg1, @rope.inverse_frequencies_2 head_dim 8 rotary_dim 4 : tensor<1x16xf32>
// CHECK-NOT: nn.unary
// CHECK: return
func.func @partial(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<[[[1.0], [0.009999999776482582]]]> : tensor<1x2x1xf32>
  %past = nn.past_length %position
  %p1 = nn.reshape %past : tensor<i64> -> tensor<1x1x1xi64>
  %p = nn.cast %p1 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
  %t1 = nn.matmul %f, %p : (tensor<1x2x1xf32>, tensor<1x1x1xf32>) -> tensor<1x2x1xf32>
  %t = nn.transpose %t1 [0, 2, 1] : (tensor<1x2x1xf32>) -> tensor<1x1x2xf32>
  %tt = nn.concat %t, %t axis -1 : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x4xf32>
  %cos1 = nn.unary cos %tt : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x4xf32> -> tensor<1x1x1x4xf32>
  %sin1 = nn.unary sin %tt : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %sin = nn.reshape %sin1 : tensor<1x1x4xf32> -> tensor<1x1x1x4xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %all = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %q = nn.slice %all starts [0, 0, 0, 0] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %rest = nn.slice %all starts [0, 0, 0, 4] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %a = nn.binary mul %q, %cos : (tensor<1x2x1x4xf32>, tensor<1x1x1x4xf32>) -> tensor<1x2x1x4xf32>
  %high = nn.slice %q starts [0, 0, 0, 2] sizes [1, 2, 1, 2] : (tensor<1x2x1x4xf32>) -> tensor<1x2x1x2xf32>
  %low = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 2] : (tensor<1x2x1x4xf32>) -> tensor<1x2x1x2xf32>
  %negated = nn.unary neg %high : (tensor<1x2x1x2xf32>) -> tensor<1x2x1x2xf32>
  %half = nn.concat %negated, %low axis -1 : (tensor<1x2x1x2xf32>, tensor<1x2x1x2xf32>) -> tensor<1x2x1x4xf32>
  %b = nn.binary mul %half, %sin : (tensor<1x2x1x4xf32>, tensor<1x1x1x4xf32>) -> tensor<1x2x1x4xf32>
  %turned = nn.binary add %a, %b : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %r = nn.concat %turned, %rest axis -1 : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// Rows of tables of f16, widened; theta 1000000; heads beside each other in a product for query and more.
// CHECK: nn.weight @rope.inverse_frequencies_3 : tensor<2xf32> = dense<[1.000000e+00, 1.000000e-03]> : tensor<2xf32>{{$}}
// CHECK-LABEL: func.func @gathered
// CHECK: %[[Q:.*]] = nn.slice
// CHECK: %[[ROW:.*]] = nn.reshape %[[Q]] {{.*}} -> tensor<1x8xf32>
// CHECK: nn.rope %[[ROW]], %arg1, @rope.inverse_frequencies_3 head_dim 4 : tensor<1x8xf32>
// CHECK-NOT: nn.gather
// CHECK: return
func.func @gathered(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %cosines = nn.constant dense<[[1.0, 1.0], [0.54052734375, 1.0], [-0.416259765625, 1.0], [-0.990234375, 1.0], [-0.65380859375, 1.0], [0.28369140625, 1.0], [0.9599609375, 1.0], [0.75390625, 1.0], [-0.1455078125, 1.0], [-0.9111328125, 1.0], [-0.8388671875, 1.0], [0.004425048828125, 1.0]]> : tensor<12x2xf16>
  %sines = nn.constant dense<[[0.0, 0.0], [0.84130859375, 0.0010004043579101562], [0.9091796875, 0.0020008087158203125], [0.14111328125, 0.0030002593994140625], [-0.7568359375, 0.004001617431640625], [-0.958984375, 0.005001068115234375], [-0.279296875, 0.006000518798828125], [0.6572265625, 0.006999969482421875], [0.9892578125, 0.00800323486328125], [0.412109375, 0.009002685546875], [-0.5439453125, 0.01000213623046875], [-1.0, 0.0110015869140625]]> : tensor<12x2xf16>
  %past = nn.past_length %position
  %p = nn.reshape %past : tensor<i64> -> tensor<1x1xi64>
  %wide1 = nn.cast %cosines : tensor<12x2xf16> -> tensor<12x2xf32>
  %wide2 = nn.cast %sines : tensor<12x2xf16> -> tensor<12x2xf32>
  %cos1 = nn.gather %wide1, %p axis 0 : (tensor<12x2xf32>, tensor<1x1xi64>) -> tensor<1x1x2xf32>
  %sin1 = nn.gather %wide2, %p axis 0 : (tensor<12x2xf32>, tensor<1x1xi64>) -> tensor<1x1x2xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x2xf32> -> tensor<1x1x1x2xf32>
  %sin = nn.reshape %sin1 : tensor<1x1x2xf32> -> tensor<1x1x1x2xf32>
  %x1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x16xf32>
  %query = nn.slice %x1 starts [0, 0, 0] sizes [1, 1, 8] : (tensor<1x1x16xf32>) -> tensor<1x1x8xf32>
  %q = nn.reshape %query : tensor<1x1x8xf32> -> tensor<1x1x2x4xf32>
  %a = nn.slice %q starts [0, 0, 0, 0] sizes [1, 1, 2, 2] : (tensor<1x1x2x4xf32>) -> tensor<1x1x2x2xf32>
  %b = nn.slice %q starts [0, 0, 0, 2] sizes [1, 1, 2, 2] : (tensor<1x1x2x4xf32>) -> tensor<1x1x2x2xf32>
  %ca = nn.binary mul %cos, %a : (tensor<1x1x1x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
  %sb = nn.binary mul %sin, %b : (tensor<1x1x1x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
  %sa = nn.binary mul %sin, %a : (tensor<1x1x1x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
  %cb = nn.binary mul %cos, %b : (tensor<1x1x1x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
  %real = nn.binary sub %ca, %sb : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
  %imaginary = nn.binary add %sa, %cb : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x2xf32>
  %r = nn.concat %real, %imaginary axis -1 : (tensor<1x1x2x2xf32>, tensor<1x1x2x2xf32>) -> tensor<1x1x2x4xf32>
  %y = nn.reshape %r : tensor<1x1x2x4xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// Halves are added where they would have to be subtracted.
// CHECK-LABEL: func.func @negative_no_rotation
// CHECK-NOT: nn.rope
// CHECK: nn.unary cos
// CHECK: return
func.func @negative_no_rotation(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<[[[1.0], [0.10000000149011612], [0.009999999776482582], [0.0010000000474974513]]]> : tensor<1x4x1xf32>
  %past = nn.past_length %position
  %p1 = nn.reshape %past : tensor<i64> -> tensor<1x1x1xi64>
  %p = nn.cast %p1 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
  %t1 = nn.matmul %f, %p : (tensor<1x4x1xf32>, tensor<1x1x1xf32>) -> tensor<1x4x1xf32>
  %t = nn.transpose %t1 [0, 2, 1] : (tensor<1x4x1xf32>) -> tensor<1x1x4xf32>
  %tt = nn.concat %t, %t axis -1 : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x8xf32>
  %cos1 = nn.unary cos %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %sin1 = nn.unary sin %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %sin = nn.reshape %sin1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %a = nn.binary mul %q, %cos : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %high = nn.slice %q starts [0, 0, 0, 4] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %low = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %half = nn.concat %high, %low axis -1 : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x8xf32>
  %b = nn.binary mul %half, %sin : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %r = nn.binary add %a, %b : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// By the other direction.
// CHECK-LABEL: func.func @negative_backwards
// CHECK-NOT: nn.rope
// CHECK: return
func.func @negative_backwards(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<[[[1.0], [0.10000000149011612], [0.009999999776482582], [0.0010000000474974513]]]> : tensor<1x4x1xf32>
  %past = nn.past_length %position
  %p1 = nn.reshape %past : tensor<i64> -> tensor<1x1x1xi64>
  %p = nn.cast %p1 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
  %t1 = nn.matmul %f, %p : (tensor<1x4x1xf32>, tensor<1x1x1xf32>) -> tensor<1x4x1xf32>
  %t = nn.transpose %t1 [0, 2, 1] : (tensor<1x4x1xf32>) -> tensor<1x1x4xf32>
  %tt = nn.concat %t, %t axis -1 : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x8xf32>
  %cos1 = nn.unary cos %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %sin1 = nn.unary sin %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %sin0 = nn.unary neg %sin1 : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %sin = nn.reshape %sin0 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %a = nn.binary mul %q, %cos : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %high = nn.slice %q starts [0, 0, 0, 4] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %low = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %negated = nn.unary neg %high : (tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %half = nn.concat %negated, %low axis -1 : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x8xf32>
  %b = nn.binary mul %half, %sin : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %r = nn.binary add %a, %b : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// By other frequencies after 4000 tokens, of which nn.rope knows nothing here.
// CHECK-LABEL: func.func @negative_long
// CHECK-NOT: nn.rope
// CHECK: return
func.func @negative_long(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<[[[1.0], [0.10000000149011612], [0.009999999776482582], [0.0010000000474974513]]]> : tensor<1x4x1xf32>
  %past = nn.past_length %position
  %p1 = nn.reshape %past : tensor<i64> -> tensor<1x1x1xi64>
  %p = nn.cast %p1 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
  %limit = nn.constant dense<4000> : tensor<i64>
  %long = nn.constant dense<[[[1.0], [0.05], [0.005], [0.0005]]]> : tensor<1x4x1xf32>
  %isLong = nn.binary greater %past, %limit : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %chosen = nn.where %isLong, %long, %f : (tensor<i1>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) -> tensor<1x4x1xf32>
  %t1 = nn.matmul %chosen, %p : (tensor<1x4x1xf32>, tensor<1x1x1xf32>) -> tensor<1x4x1xf32>
  %t = nn.transpose %t1 [0, 2, 1] : (tensor<1x4x1xf32>) -> tensor<1x1x4xf32>
  %tt = nn.concat %t, %t axis -1 : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x8xf32>
  %cos1 = nn.unary cos %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %sin1 = nn.unary sin %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %sin = nn.reshape %sin1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %a = nn.binary mul %q, %cos : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %high = nn.slice %q starts [0, 0, 0, 4] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %low = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %negated = nn.unary neg %high : (tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %half = nn.concat %negated, %low axis -1 : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x8xf32>
  %b = nn.binary mul %half, %sin : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %r = nn.binary add %a, %b : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// Angles that are decided by comparisons: what they are at one position says nothing of others.
// CHECK-LABEL: func.func @negative_at_twenty
// CHECK-NOT: nn.rope
// CHECK: return
func.func @negative_at_twenty(%x: tensor<1x16xf32> {nn.port = #nn.port<"x">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<[[[1.0], [0.10000000894069672], [0.009999999776482582], [0.0009999999310821295]]]> : tensor<1x4x1xf32>
  %past = nn.past_length %position
  %twenty = nn.constant dense<20> : tensor<i64>
  %zero = nn.constant dense<0> : tensor<i64>
  %is = nn.binary equal %past, %twenty : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %place = nn.where %is, %zero, %past : (tensor<i1>, tensor<i64>, tensor<i64>) -> tensor<i64>
  %p1 = nn.reshape %place : tensor<i64> -> tensor<1x1x1xi64>
  %p = nn.cast %p1 : tensor<1x1x1xi64> -> tensor<1x1x1xf32>
  %t1 = nn.matmul %f, %p : (tensor<1x4x1xf32>, tensor<1x1x1xf32>) -> tensor<1x4x1xf32>
  %t = nn.transpose %t1 [0, 2, 1] : (tensor<1x4x1xf32>) -> tensor<1x1x4xf32>
  %tt = nn.concat %t, %t axis -1 : (tensor<1x1x4xf32>, tensor<1x1x4xf32>) -> tensor<1x1x8xf32>
  %cos1 = nn.unary cos %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %cos = nn.reshape %cos1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %sin1 = nn.unary sin %tt : (tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %sin = nn.reshape %sin1 : tensor<1x1x8xf32> -> tensor<1x1x1x8xf32>
  %q1 = nn.reshape %x : tensor<1x16xf32> -> tensor<1x1x2x8xf32>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x1x2x8xf32>) -> tensor<1x2x1x8xf32>
  %a = nn.binary mul %q, %cos : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %high = nn.slice %q starts [0, 0, 0, 4] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %low = nn.slice %q starts [0, 0, 0, 0] sizes [1, 2, 1, 4] : (tensor<1x2x1x8xf32>) -> tensor<1x2x1x4xf32>
  %negated = nn.unary neg %high : (tensor<1x2x1x4xf32>) -> tensor<1x2x1x4xf32>
  %half = nn.concat %negated, %low axis -1 : (tensor<1x2x1x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x1x8xf32>
  %b = nn.binary mul %half, %sin : (tensor<1x2x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x2x1x8xf32>
  %r = nn.binary add %a, %b : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
  %y = nn.reshape %r : tensor<1x2x1x8xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// RUN: cadenza-opt %s --raise-activations | FileCheck %s
// RUN: cadenza-opt %s --raise-activations --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified 1 passes

// SwiGLU, in both orders of factors: the activation is the left one of nn.mul.
// CHECK-LABEL: func.func @silu
// CHECK-NEXT: %[[A:.*]] = nn.silu %arg0
// CHECK-NEXT: %[[P:.*]] = nn.mul %[[A]], %arg1
// CHECK-NEXT: %[[B:.*]] = nn.silu %[[P]]
// CHECK-NEXT: %[[Q:.*]] = nn.mul %[[B]], %arg1
// CHECK-NEXT: %[[C:.*]] = nn.silu %[[Q]]
// CHECK-NEXT: return %[[C]]
func.func @silu(%g: tensor<1x1x6xf32> {nn.port = #nn.port<"g">}, %u: tensor<1x1x6xf32> {nn.port = #nn.port<"u">}) -> (tensor<1x1x6xf32> {nn.port = #nn.port<"y">}) {
  %s = nn.unary sigmoid %g : (tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %a = nn.binary mul %g, %s : (tensor<1x1x6xf32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %p = nn.binary mul %a, %u : (tensor<1x1x6xf32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %t = nn.unary sigmoid %p : (tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %b = nn.binary mul %t, %p : (tensor<1x1x6xf32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %q = nn.binary mul %u, %b : (tensor<1x1x6xf32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %n = nn.unary neg %q : (tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %e = nn.unary exp %n : (tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %d = nn.binary add %one, %e : (tensor<f32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  %c = nn.binary div %q, %d : (tensor<1x1x6xf32>, tensor<1x1x6xf32>) -> tensor<1x1x6xf32>
  return %c : tensor<1x1x6xf32>
}

// CHECK-LABEL: func.func @gelu_by_name
// CHECK-NEXT: %[[A:.*]] = nn.gelu %arg0
// CHECK-NEXT: %[[B:.*]] = nn.gelu_tanh %[[A]]
// CHECK-NEXT: return %[[B]]
func.func @gelu_by_name(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %a = nn.unary gelu %x : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %b = nn.unary gelu_tanh %a : (tensor<1x6xf32>) -> tensor<1x6xf32>
  return %b : tensor<1x6xf32>
}

// Gemma 3 at opset 18.
// CHECK-LABEL: func.func @gelu_gemma
// CHECK-NEXT: %[[A:.*]] = nn.gelu_tanh %arg0
// CHECK-NEXT: %[[P:.*]] = nn.mul %[[A]], %arg1
// CHECK-NEXT: return %[[P]]
func.func @gelu_gemma(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}, %u: tensor<1x6xf32> {nn.port = #nn.port<"u">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %three = nn.constant dense<3.0> : tensor<f32>
  %c = nn.constant dense<0.0447149985> : tensor<f32>
  %s = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.binary pow %x, %three : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %1 = nn.binary mul %c, %0 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %2 = nn.binary add %x, %1 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %3 = nn.binary mul %s, %2 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %4 = nn.unary tanh %3 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %5 = nn.binary add %4, %one : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %6 = nn.binary mul %half, %5 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %7 = nn.binary mul %x, %6 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %8 = nn.binary mul %7, %u : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %8 : tensor<1x6xf32>
}

// GPT-2's gelu_new: 0.5 on the input's side; the input is a product itself.
// CHECK-LABEL: func.func @gelu_new
// CHECK-NEXT: %[[X:.*]] = nn.mul %arg0, %arg0
// CHECK-NEXT: %[[A:.*]] = nn.gelu_tanh %[[X]]
// CHECK-NEXT: return %[[A]]
func.func @gelu_new(%z: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %three = nn.constant dense<3.0> : tensor<f32>
  %c = nn.constant dense<0.0447149985> : tensor<f32>
  %s = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %x = nn.binary mul %z, %z : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %h = nn.binary mul %x, %half : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %0 = nn.binary pow %x, %three : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %1 = nn.binary mul %0, %c : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %2 = nn.binary add %1, %x : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %3 = nn.binary mul %2, %s : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %4 = nn.unary tanh %3 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %5 = nn.binary add %one, %4 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %6 = nn.binary mul %h, %5 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %6 : tensor<1x6xf32>
}

// The factored form: x sqrt(2/pi) (1 + 0.044715 x x), and x / 2.
// CHECK-LABEL: func.func @gelu_factored
// CHECK-NEXT: %[[A:.*]] = nn.gelu_tanh %arg0
// CHECK-NEXT: return %[[A]]
func.func @gelu_factored(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %c = nn.constant dense<0.0447149985> : tensor<f32>
  %s = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %two = nn.constant dense<2.0> : tensor<f32>
  %0 = nn.binary mul %x, %c : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %1 = nn.binary mul %0, %x : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %2 = nn.binary add %one, %1 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %3 = nn.binary mul %x, %s : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %4 = nn.binary mul %3, %2 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %5 = nn.unary tanh %4 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %6 = nn.binary add %5, %one : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %7 = nn.binary div %x, %two : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %8 = nn.binary mul %6, %7 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %8 : tensor<1x6xf32>
}

// erf of x / 1.41421354 and of x * 0.707106769.
// CHECK-LABEL: func.func @gelu_erf
// CHECK-NEXT: %[[A:.*]] = nn.gelu %arg0
// CHECK-NEXT: %[[B:.*]] = nn.gelu %[[A]]
// CHECK-NEXT: return %[[B]]
func.func @gelu_erf(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %root = nn.constant dense<1.41421354> : tensor<f32>
  %inverse = nn.constant dense<0.707106769> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %0 = nn.binary div %x, %root : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %1 = nn.unary erf %0 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %2 = nn.binary add %1, %one : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %3 = nn.binary mul %x, %2 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %4 = nn.binary mul %3, %half : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %5 = nn.binary mul %inverse, %4 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %6 = nn.unary erf %5 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %7 = nn.binary add %one, %6 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %8 = nn.binary mul %half, %4 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %9 = nn.binary mul %8, %7 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %9 : tensor<1x6xf32>
}

// Another coefficient; another power; tanh of something else.
// CHECK-LABEL: func.func @negative_gelu
// CHECK-NOT: nn.gelu
// CHECK: return
func.func @negative_gelu(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}, %z: tensor<1x6xf32> {nn.port = #nn.port<"z">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"a">}, tensor<1x6xf32> {nn.port = #nn.port<"b">}, tensor<1x6xf32> {nn.port = #nn.port<"c">}) {
  %three = nn.constant dense<3.0> : tensor<f32>
  %two = nn.constant dense<2.0> : tensor<f32>
  %other = nn.constant dense<0.0447> : tensor<f32>
  %c = nn.constant dense<0.0447149985> : tensor<f32>
  %s = nn.constant dense<0.797884583> : tensor<f32>
  %one = nn.constant dense<1.0> : tensor<f32>
  %half = nn.constant dense<0.5> : tensor<f32>
  %h = nn.binary mul %x, %half : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %cube = nn.binary pow %x, %three : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %square = nn.binary pow %x, %two : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %a1 = nn.binary mul %cube, %other : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %a2 = nn.binary add %x, %a1 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %a3 = nn.binary mul %a2, %s : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %a4 = nn.unary tanh %a3 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %a5 = nn.binary add %a4, %one : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %a = nn.binary mul %h, %a5 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %b1 = nn.binary mul %square, %c : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %b2 = nn.binary add %x, %b1 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %b3 = nn.binary mul %b2, %s : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %b4 = nn.unary tanh %b3 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %b5 = nn.binary add %b4, %one : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %b = nn.binary mul %h, %b5 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %c1 = nn.binary mul %cube, %c : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %c2 = nn.binary add %z, %c1 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %c3 = nn.binary mul %c2, %s : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %c4 = nn.unary tanh %c3 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %c5 = nn.binary add %c4, %one : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %d = nn.binary mul %h, %c5 : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %a, %b, %d : tensor<1x6xf32>, tensor<1x6xf32>, tensor<1x6xf32>
}

// CHECK-LABEL: func.func @softcap
// CHECK-NEXT: %[[A:.*]] = nn.softcap %arg0 cap 3.000000e+01
// CHECK-NEXT: %[[B:.*]] = nn.softcap %[[A]] cap 5.000000e+01
// CHECK-NEXT: return %[[B]]
func.func @softcap(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %cap = nn.constant dense<3.0e1> : tensor<f32>
  %other = nn.constant dense<5.0e1> : tensor<1xf32>
  %inverse = nn.constant dense<0.02> : tensor<f32>
  %0 = nn.binary div %x, %cap : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %1 = nn.unary tanh %0 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %2 = nn.binary mul %1, %cap : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %3 = nn.binary mul %inverse, %2 : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %4 = nn.unary tanh %3 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %5 = nn.binary mul %other, %4 : (tensor<1xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %5 : tensor<1x6xf32>
}

// Divided by another number than it is multiplied with: a scale is left.
// CHECK-LABEL: func.func @negative_softcap
// CHECK-NOT: nn.softcap
// CHECK: nn.unary tanh
// CHECK: nn.scale %{{.*}} by 3.000000e+01
func.func @negative_softcap(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %cap = nn.constant dense<3.0e1> : tensor<f32>
  %other = nn.constant dense<5.0e1> : tensor<f32>
  %0 = nn.binary div %x, %other : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  %1 = nn.unary tanh %0 : (tensor<1x6xf32>) -> tensor<1x6xf32>
  %2 = nn.binary mul %1, %cap : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  return %2 : tensor<1x6xf32>
}

// CHECK-LABEL: func.func @scale
// CHECK-NEXT: %[[A:.*]] = nn.scale %arg0 by 2.200000e-01
// CHECK-NEXT: %[[B:.*]] = nn.scale %[[A]] by 1.250000e-01
// CHECK-NEXT: return %[[B]]
func.func @scale(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %f = nn.constant dense<0.22> : tensor<f32>
  %d = nn.constant dense<8.0> : tensor<f32>
  %a = nn.binary mul %f, %x : (tensor<f32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %b = nn.binary div %a, %d : (tensor<1x6xf32>, tensor<f32>) -> tensor<1x6xf32>
  return %b : tensor<1x6xf32>
}

// The residual stream is the left addend, on whichever side the graph has it.
// CHECK-LABEL: func.func @residual
// CHECK: %[[A:.*]] = nn.silu %arg0
// CHECK-NEXT: %[[X:.*]] = nn.add %arg0, %[[A]]
// CHECK-NEXT: %[[B:.*]] = nn.silu %[[X]]
// CHECK-NEXT: nn.add %[[X]], %[[B]]
func.func @residual(%x: tensor<1x6xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x6xf32> {nn.port = #nn.port<"y">}) {
  %a = nn.silu %x : tensor<1x6xf32>
  %r = nn.binary add %a, %x : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  %b = nn.silu %r : tensor<1x6xf32>
  %y = nn.binary add %r, %b : (tensor<1x6xf32>, tensor<1x6xf32>) -> tensor<1x6xf32>
  return %y : tensor<1x6xf32>
}

// One operand repeats; 16 bits are no activation; a decoder has no such functions.
// CHECK-LABEL: func.func @negative_elementwise
// CHECK-COUNT-2: nn.binary add
// CHECK: nn.binary sub
// CHECK: nn.unary tanh
func.func @negative_elementwise(%x: tensor<2x6xf32> {nn.port = #nn.port<"x">}, %r: tensor<1x6xf32> {nn.port = #nn.port<"r">}, %h: tensor<1x6xf16> {nn.port = #nn.port<"h">})
    -> (tensor<2x6xf32> {nn.port = #nn.port<"a">}, tensor<1x6xf16> {nn.port = #nn.port<"b">}, tensor<2x6xf32> {nn.port = #nn.port<"c">}) {
  %a = nn.binary add %x, %r : (tensor<2x6xf32>, tensor<1x6xf32>) -> tensor<2x6xf32>
  %b = nn.binary add %h, %h : (tensor<1x6xf16>, tensor<1x6xf16>) -> tensor<1x6xf16>
  %c = nn.binary sub %x, %a : (tensor<2x6xf32>, tensor<2x6xf32>) -> tensor<2x6xf32>
  %d = nn.unary tanh %c : (tensor<2x6xf32>) -> tensor<2x6xf32>
  return %a, %b, %d : tensor<2x6xf32>, tensor<1x6xf16>, tensor<2x6xf32>
}

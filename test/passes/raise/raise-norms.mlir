// RUN: cadenza-opt %s --raise-norms | FileCheck %s
// RUN: cadenza-opt %s --raise-norms --verify-numerics -o /dev/null 2>&1 | FileCheck %s --check-prefix=VERIFY
// VERIFY: verified 1 passes

nn.weight @norm : tensor<8xf32> from "input_layernorm.weight"
nn.weight @norm16 : tensor<8xbf16> from "norm.weight"
nn.weight @bias : tensor<8xf32> from "bias"

// torch.onnx at opset 18: the weight on the left. The epsilon is 1e-5, in fp32.
// CHECK-LABEL: func.func @power
// CHECK-NEXT: %[[Y:.*]] = nn.rms_norm %{{.*}}, @norm eps 1.000000e-05 : tensor<1x1x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @power(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x1x8xf32> {nn.port = #nn.port<"y">}) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %eps = nn.constant dense<9.99999974E-6> : tensor<f32>
  %weight = nn.get_weight @norm : tensor<8xf32>
  %square = nn.binary pow %x, %two : (tensor<1x1x8xf32>, tensor<f32>) -> tensor<1x1x8xf32>
  %mean = nn.reduce mean %square axes [-1] keep_dims : (tensor<1x1x8xf32>) -> tensor<1x1x1xf32>
  %shifted = nn.binary add %mean, %eps : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
  %root = nn.unary sqrt %shifted : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %factor = nn.unary reciprocal %root : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %y = nn.binary mul %x, %factor : (tensor<1x1x8xf32>, tensor<1x1x1xf32>) -> tensor<1x1x8xf32>
  %r = nn.binary mul %weight, %y : (tensor<8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  return %r : tensor<1x1x8xf32>
}

// optimum: a quotient for the reciprocal; the square a product, the axis from the front, all operands the other way
// round; a weight in bf16, with its extents spelled out.
// CHECK-LABEL: func.func @quotient
// CHECK-NEXT: %[[Y:.*]] = nn.rms_norm %{{.*}}, @norm16 eps 9.9999999999999995E-7 : tensor<1x1x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @quotient(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x1x8xf32> {nn.port = #nn.port<"y">}) {
  %one = nn.constant dense<1.0> : tensor<f32>
  %eps = nn.constant dense<9.99999997E-7> : tensor<f32>
  %stored = nn.get_weight @norm16 : tensor<8xbf16>
  %wide = nn.cast %stored : tensor<8xbf16> -> tensor<8xf32>
  %weight = nn.reshape %wide : tensor<8xf32> -> tensor<1x1x8xf32>
  %square = nn.binary mul %x, %x : (tensor<1x1x8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %mean = nn.reduce mean %square axes [2] keep_dims : (tensor<1x1x8xf32>) -> tensor<1x1x1xf32>
  %shifted = nn.binary add %eps, %mean : (tensor<f32>, tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %root = nn.unary sqrt %shifted : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %factor = nn.binary div %one, %root : (tensor<f32>, tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %y = nn.binary mul %factor, %x : (tensor<1x1x1xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  %r = nn.binary mul %y, %weight : (tensor<1x1x8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  return %r : tensor<1x1x8xf32>
}

// x divided by the root; a power of -1/2.
// CHECK-LABEL: func.func @divided
// CHECK: %[[A:.*]] = nn.rms_norm %{{.*}}, @norm eps 1.000000e-05 : tensor<2x8xf32>
// CHECK: %[[B:.*]] = nn.rms_norm %[[A]], @norm eps 1.000000e-03 : tensor<2x8xf32>
// CHECK-NEXT: return %[[B]]
func.func @divided(%x: tensor<2x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<2x8xf32> {nn.port = #nn.port<"y">}) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %half = nn.constant dense<-0.5> : tensor<f32>
  %eps = nn.constant dense<9.99999974E-6> : tensor<f32>
  %other_eps = nn.constant dense<1.0e-3> : tensor<f32>
  %weight = nn.get_weight @norm : tensor<8xf32>
  %square = nn.binary pow %x, %two : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %mean = nn.reduce mean %square axes [-1] keep_dims : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %shifted = nn.binary add %mean, %eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %root = nn.unary sqrt %shifted : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %y = nn.binary div %x, %root : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %a = nn.binary mul %y, %weight : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  %square_a = nn.binary pow %a, %two : (tensor<2x8xf32>, tensor<f32>) -> tensor<2x8xf32>
  %mean_a = nn.reduce mean %square_a axes [-1] keep_dims : (tensor<2x8xf32>) -> tensor<2x1xf32>
  %shifted_a = nn.binary add %mean_a, %other_eps : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %factor = nn.binary pow %shifted_a, %half : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %z = nn.binary mul %a, %factor : (tensor<2x8xf32>, tensor<2x1xf32>) -> tensor<2x8xf32>
  %b = nn.binary mul %z, %weight : (tensor<2x8xf32>, tensor<8xf32>) -> tensor<2x8xf32>
  return %b : tensor<2x8xf32>
}

// By name, of heads; with a scale that the graph holds (Gemma's 1 + w, folded).
// CHECK-DAG: nn.weight @constant : tensor<8xf32> = dense<[1.000000e+00, 2.000000e+00, 1.500000e+00, 5.000000e-01, 1.000000e+00, 2.000000e+00, 1.500000e+00, 5.000000e-01]>
// CHECK-LABEL: func.func @named
// CHECK-NEXT: %[[A:.*]] = nn.rms_norm %{{.*}}, @norm eps 1.000000e-05 : tensor<1x2x1x8xf32>
// CHECK-NEXT: %[[B:.*]] = nn.rms_norm %[[A]], @constant eps 1.000000e-05 : tensor<1x2x1x8xf32>
// CHECK-NEXT: return %[[B]]
func.func @named(%x: tensor<1x2x1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x2x1x8xf32> {nn.port = #nn.port<"y">}) {
  %weight = nn.get_weight @norm : tensor<8xf32>
  %folded = nn.constant dense<[1.0, 2.0, 1.5, 0.5, 1.0, 2.0, 1.5, 0.5]> : tensor<8xf32>
  %a = nn.rms_normalization %x, %weight axis -1 eps 9.9999997473787516E-6 : (tensor<1x2x1x8xf32>, tensor<8xf32>) -> tensor<1x2x1x8xf32>
  %b = nn.rms_normalization %a, %folded axis 3 eps 9.9999997473787516E-6 : (tensor<1x2x1x8xf32>, tensor<8xf32>) -> tensor<1x2x1x8xf32>
  return %b : tensor<1x2x1x8xf32>
}

// CHECK-LABEL: func.func @layer_norm
// CHECK-NEXT: %[[A:.*]] = nn.layer_norm %{{.*}}, @norm bias @bias eps 1.000000e-05 : tensor<1x1x8xf32>
// CHECK-NEXT: %[[B:.*]] = nn.layer_norm %[[A]], @norm eps 1.000000e-05 : tensor<1x1x8xf32>
// CHECK-NEXT: return %[[B]]
func.func @layer_norm(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x1x8xf32> {nn.port = #nn.port<"y">}) {
  %weight = nn.get_weight @norm : tensor<8xf32>
  %bias = nn.get_weight @bias : tensor<8xf32>
  %a = nn.layer_normalization %x, %weight, %bias axis -1 eps 9.9999997473787516E-6 : (tensor<1x1x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x1x8xf32>
  %b = nn.layer_normalization %a, %weight axis 2 eps 9.9999997473787516E-6 : (tensor<1x1x8xf32>, tensor<8xf32>) -> tensor<1x1x8xf32>
  return %b : tensor<1x1x8xf32>
}

// Layer norm in pieces; the bias on the left.
// CHECK-LABEL: func.func @decomposed_layer_norm
// CHECK-NEXT: %[[Y:.*]] = nn.layer_norm %{{.*}}, @norm bias @bias eps 1.000000e-05 : tensor<1x1x8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @decomposed_layer_norm(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}) -> (tensor<1x1x8xf32> {nn.port = #nn.port<"y">}) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %eps = nn.constant dense<9.99999974E-6> : tensor<f32>
  %weight = nn.get_weight @norm : tensor<8xf32>
  %bias = nn.get_weight @bias : tensor<8xf32>
  %mean = nn.reduce mean %x axes [-1] keep_dims : (tensor<1x1x8xf32>) -> tensor<1x1x1xf32>
  %centred = nn.binary sub %x, %mean : (tensor<1x1x8xf32>, tensor<1x1x1xf32>) -> tensor<1x1x8xf32>
  %square = nn.binary pow %centred, %two : (tensor<1x1x8xf32>, tensor<f32>) -> tensor<1x1x8xf32>
  %variance = nn.reduce mean %square axes [-1] keep_dims : (tensor<1x1x8xf32>) -> tensor<1x1x1xf32>
  %shifted = nn.binary add %variance, %eps : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
  %root = nn.unary sqrt %shifted : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %y = nn.binary div %centred, %root : (tensor<1x1x8xf32>, tensor<1x1x1xf32>) -> tensor<1x1x8xf32>
  %scaled = nn.binary mul %y, %weight : (tensor<1x1x8xf32>, tensor<8xf32>) -> tensor<1x1x8xf32>
  %r = nn.binary add %bias, %scaled : (tensor<8xf32>, tensor<1x1x8xf32>) -> tensor<1x1x8xf32>
  return %r : tensor<1x1x8xf32>
}

// What is normalised is not what is squared.
// CHECK-LABEL: func.func @negative_other_input
// CHECK-NOT: nn.rms_norm
// CHECK: return
func.func @negative_other_input(%x: tensor<1x1x8xf32> {nn.port = #nn.port<"x">}, %z: tensor<1x1x8xf32> {nn.port = #nn.port<"z">}) -> (tensor<1x1x8xf32> {nn.port = #nn.port<"y">}) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %eps = nn.constant dense<9.99999974E-6> : tensor<f32>
  %weight = nn.get_weight @norm : tensor<8xf32>
  %square = nn.binary pow %x, %two : (tensor<1x1x8xf32>, tensor<f32>) -> tensor<1x1x8xf32>
  %mean = nn.reduce mean %square axes [-1] keep_dims : (tensor<1x1x8xf32>) -> tensor<1x1x1xf32>
  %shifted = nn.binary add %mean, %eps : (tensor<1x1x1xf32>, tensor<f32>) -> tensor<1x1x1xf32>
  %root = nn.unary sqrt %shifted : (tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
  %y = nn.binary div %z, %root : (tensor<1x1x8xf32>, tensor<1x1x1xf32>) -> tensor<1x1x8xf32>
  %r = nn.binary mul %y, %weight : (tensor<1x1x8xf32>, tensor<8xf32>) -> tensor<1x1x8xf32>
  return %r : tensor<1x1x8xf32>
}

// A cube; a sum for the mean; a mean over another axis; a scale that is no weight.
// CHECK-LABEL: func.func @negative_formulas
// CHECK-NOT: nn.rms_norm %
// CHECK: return
func.func @negative_formulas(%x: tensor<8x8xf32> {nn.port = #nn.port<"x">}, %s: tensor<8xf32> {nn.port = #nn.port<"s">})
    -> (tensor<8x8xf32> {nn.port = #nn.port<"a">}, tensor<8x8xf32> {nn.port = #nn.port<"b">}, tensor<8x8xf32> {nn.port = #nn.port<"c">}, tensor<8x8xf32> {nn.port = #nn.port<"d">}) {
  %two = nn.constant dense<2.0> : tensor<f32>
  %four = nn.constant dense<4.0> : tensor<f32>
  %eps = nn.constant dense<9.99999974E-6> : tensor<f32>
  %weight = nn.get_weight @norm : tensor<8xf32>
  %square = nn.binary pow %x, %two : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %fourth = nn.binary pow %x, %four : (tensor<8x8xf32>, tensor<f32>) -> tensor<8x8xf32>
  %mean = nn.reduce mean %fourth axes [-1] keep_dims : (tensor<8x8xf32>) -> tensor<8x1xf32>
  %shifted = nn.binary add %mean, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %root = nn.unary sqrt %shifted : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %y = nn.binary div %x, %root : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  %a = nn.binary mul %y, %weight : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  %sum = nn.reduce sum %square axes [-1] keep_dims : (tensor<8x8xf32>) -> tensor<8x1xf32>
  %shifted_sum = nn.binary add %sum, %eps : (tensor<8x1xf32>, tensor<f32>) -> tensor<8x1xf32>
  %root_sum = nn.unary sqrt %shifted_sum : (tensor<8x1xf32>) -> tensor<8x1xf32>
  %y_sum = nn.binary div %x, %root_sum : (tensor<8x8xf32>, tensor<8x1xf32>) -> tensor<8x8xf32>
  %b = nn.binary mul %y_sum, %weight : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  %column = nn.reduce mean %square axes [0] keep_dims : (tensor<8x8xf32>) -> tensor<1x8xf32>
  %shifted_column = nn.binary add %column, %eps : (tensor<1x8xf32>, tensor<f32>) -> tensor<1x8xf32>
  %root_column = nn.unary sqrt %shifted_column : (tensor<1x8xf32>) -> tensor<1x8xf32>
  %y_column = nn.binary div %x, %root_column : (tensor<8x8xf32>, tensor<1x8xf32>) -> tensor<8x8xf32>
  %c = nn.binary mul %y_column, %weight : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  %d = nn.rms_normalization %x, %s axis -1 eps 1.0e-5 : (tensor<8x8xf32>, tensor<8xf32>) -> tensor<8x8xf32>
  return %a, %b, %c, %d : tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>, tensor<8x8xf32>
}

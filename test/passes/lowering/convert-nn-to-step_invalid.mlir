// What no phase can do is refused, all of it.
// RUN: cadenza-opt %s --convert-nn-to-step --split-input-file --verify-diagnostics

func.func @empty(%x: tensor<2x3xf32> {nn.port = #nn.port<"x">})
    -> (tensor<f32> {nn.port = #nn.port<"y">}, tensor<0xi64> {nn.port = #nn.port<"z">}) {
  // expected-error @+1 {{makes 'tensor<2x0xf32>', which is empty; phases have no empty tensors}}
  %0 = nn.slice %x starts [0, 0] sizes [2, 0] : (tensor<2x3xf32>) -> tensor<2x0xf32>
  %1 = nn.reduce sum %0 axes [0, 1] : (tensor<2x0xf32>) -> tensor<f32>
  // expected-error @+1 {{makes 'tensor<0xi64>', which is empty}}
  %2 = nn.constant dense<> : tensor<0xi64>
  return %1, %2 : tensor<f32>, tensor<0xi64>
}

// -----

func.func @open(%n: tensor<i64> {nn.port = #nn.port<"n">}) -> (tensor<i64> {nn.port = #nn.port<"y">}) {
  // expected-error @+1 {{makes 'tensor<?xi64>', whose extents follow from values; phases have tensors of one shape}}
  %0 = nn.range %n, %n, %n : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %1 = nn.reduce sum %0 axes [0] : (tensor<?xi64>) -> tensor<i64>
  return %1 : tensor<i64>
}

// -----

func.func @mixed(%x: tensor<2x3xf32> {nn.port = #nn.port<"x">}) -> (tensor<2x3xf32> {nn.port = #nn.port<"y">}) {
  // expected-error @+1 {{is on vectors, other ops of @mixed are on tensors: a function has either}}
  %0 = nn.silu %x : tensor<2x3xf32>
  %1 = nn.unary abs %0 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// -----

func.func @step(%x: tensor<1xi32> {nn.port = #nn.port<"x">}) -> (tensor<i64> {nn.port = #nn.port<"y">}) {
  // expected-error @+1 {{is of a decoder's step, and has no phase}}
  %0 = nn.past_length %x
  return %0 : tensor<i64>
}

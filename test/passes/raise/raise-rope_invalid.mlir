// RUN: cadenza-opt %s --raise-rope --split-input-file --verify-diagnostics

func.func @no_formula(%x: tensor<1x4xf32>, %position: tensor<1xi32>) -> tensor<1x4xf32> {
  %cosines = nn.constant dense<[[1.0, 1.0], [0.7648422122001648, 0.9553365111351013], [0.1699671596288681, 0.8253356218338013], [-0.5048460364341736, 0.6216099262237549]]> : tensor<4x2xf32>
  %sines = nn.constant dense<[[0.0, 0.0], [0.6442176699638367, 0.29552021622657776], [0.9854497313499451, 0.5646424889564514], [0.8632094264030457, 0.7833269238471985]]> : tensor<4x2xf32>
  %past = nn.past_length %position
  %p = nn.reshape %past : tensor<i64> -> tensor<1x1xi64>
  // expected-error @+1 {{gathers from tables of 4 x 2 cosines and sines that follow no formula known here}}
  %cos = nn.gather %cosines, %p axis 0 : (tensor<4x2xf32>, tensor<1x1xi64>) -> tensor<1x1x2xf32>
  %sin = nn.gather %sines, %p axis 0 : (tensor<4x2xf32>, tensor<1x1xi64>) -> tensor<1x1x2xf32>
  %q = nn.reshape %x : tensor<1x4xf32> -> tensor<1x1x4xf32>
  %a = nn.slice %q starts [0, 0, 0] sizes [1, 1, 2] : (tensor<1x1x4xf32>) -> tensor<1x1x2xf32>
  %b = nn.slice %q starts [0, 0, 2] sizes [1, 1, 2] : (tensor<1x1x4xf32>) -> tensor<1x1x2xf32>
  %ca = nn.binary mul %cos, %a : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %sb = nn.binary mul %sin, %b : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %sa = nn.binary mul %sin, %a : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %cb = nn.binary mul %cos, %b : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %real = nn.binary sub %ca, %sb : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %imaginary = nn.binary add %sa, %cb : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
  %r = nn.concat %real, %imaginary axis -1 : (tensor<1x1x2xf32>, tensor<1x1x2xf32>) -> tensor<1x1x4xf32>
  %y = nn.reshape %r : tensor<1x1x4xf32> -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

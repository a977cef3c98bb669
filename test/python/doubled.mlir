// Twice the input, and in 16 bits.
func.func @run(%x: tensor<2x3xf32> {nn.port = #nn.port<"x">}, %b: tensor<4xbf16> {nn.port = #nn.port<"b">})
    -> (tensor<2x3xf32> {nn.port = #nn.port<"y">}, tensor<4xbf16> {nn.port = #nn.port<"c">}) {
  %y = nn.binary add %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %c = nn.binary add %b, %b : (tensor<4xbf16>, tensor<4xbf16>) -> tensor<4xbf16>
  return %y, %c : tensor<2x3xf32>, tensor<4xbf16>
}

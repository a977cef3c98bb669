// A product of 32 rows and a product of 6; causal attention, and attention whose mask hides something else.
nn.weight @w : tensor<48x64xbf16> from "w"

func.func @tile(%x: tensor<32x64xf32> {nn.port = #nn.port<"x">}) -> (tensor<32x48xf32> {nn.port = #nn.port<"y">}) {
  %p = nn.linear %x, @w : (tensor<32x64xf32>) -> tensor<32x48xf32>
  %y = nn.silu %p : tensor<32x48xf32>
  return %y : tensor<32x48xf32>
}

func.func @rows(%x: tensor<6x64xf32> {nn.port = #nn.port<"x">}) -> (tensor<6x48xf32> {nn.port = #nn.port<"y">}) {
  %p = nn.linear %x, @w : (tensor<6x64xf32>) -> tensor<6x48xf32>
  %y = nn.silu %p : tensor<6x48xf32>
  return %y : tensor<6x48xf32>
}

func.func @causal(%q: tensor<2x24x16xf16> {nn.port = #nn.port<"q">}, %k: tensor<2x16x24xf16> {nn.port = #nn.port<"k">},
    %v: tensor<2x24x16xf16> {nn.port = #nn.port<"v">}) -> (tensor<2x24x16xf16> {nn.port = #nn.port<"y">}) {
  %low = nn.constant dense<0xFC00> : tensor<f16>
  %diagonal = nn.constant dense<3> : tensor<i64>
  %all = nn.expand %low : (tensor<f16>) -> tensor<24x24xf16>
  %mask = nn.trilu upper %all, %diagonal : (tensor<24x24xf16>, tensor<i64>) -> tensor<24x24xf16>
  %s = nn.matmul %q, %k : (tensor<2x24x16xf16>, tensor<2x16x24xf16>) -> tensor<2x24x24xf16>
  %m = nn.binary add %mask, %s : (tensor<24x24xf16>, tensor<2x24x24xf16>) -> tensor<2x24x24xf16>
  %p = nn.softmax %m axis -1 : (tensor<2x24x24xf16>) -> tensor<2x24x24xf16>
  %y = nn.matmul %p, %v : (tensor<2x24x24xf16>, tensor<2x24x16xf16>) -> tensor<2x24x16xf16>
  return %y : tensor<2x24x16xf16>
}

// Some numbers are far below zero, but no infinities: what is masked still counts where all is masked.
func.func @finite(%q: tensor<2x24x16xf16> {nn.port = #nn.port<"q">}, %k: tensor<2x16x24xf16> {nn.port = #nn.port<"k">},
    %v: tensor<2x24x16xf16> {nn.port = #nn.port<"v">}) -> (tensor<2x24x16xf16> {nn.port = #nn.port<"y">}) {
  %low = nn.constant dense<-6.0e+04> : tensor<f16>
  %diagonal = nn.constant dense<1> : tensor<i64>
  %all = nn.expand %low : (tensor<f16>) -> tensor<24x24xf16>
  %mask = nn.trilu upper %all, %diagonal : (tensor<24x24xf16>, tensor<i64>) -> tensor<24x24xf16>
  %s = nn.matmul %q, %k : (tensor<2x24x16xf16>, tensor<2x16x24xf16>) -> tensor<2x24x24xf16>
  %m = nn.binary add %s, %mask : (tensor<2x24x24xf16>, tensor<24x24xf16>) -> tensor<2x24x24xf16>
  %p = nn.softmax %m axis -1 : (tensor<2x24x24xf16>) -> tensor<2x24x24xf16>
  %y = nn.matmul %p, %v : (tensor<2x24x24xf16>, tensor<2x24x16xf16>) -> tensor<2x24x16xf16>
  return %y : tensor<2x24x16xf16>
}

// A feed-forward layer on six rows and a projection of it: every op that a graph can have, with weights of a file and
// constants.
nn.weight @norm : tensor<48xf32> from "norm"
nn.weight @gate : tensor<80x48xbf16> from "gate"
nn.weight @up : tensor<80x48xbf16> from "up"
nn.weight @down : tensor<48x80xbf16> from "down"
nn.weight @down.bias : tensor<48xf32> from "down.bias"
nn.weight @post : tensor<48xf32> from "post"
nn.weight @post.bias : tensor<48xf32> from "post.bias"
nn.weight @last : tensor<48xf32> from "last"
nn.weight @pick : tensor<3x48xbf16> = dense<0.125> : tensor<3x48xbf16>
nn.weight @pick.bias : tensor<3xf32> = dense<[1.0, -2.0, 0.5]> : tensor<3xf32>

func.func @run(%x: tensor<2x3x48xf32> {nn.port = #nn.port<"x">}, %scale: tensor<2x3x48xf32> {nn.port = #nn.port<"scale">})
    -> (tensor<2x3x48xf32> {nn.port = #nn.port<"y">}, tensor<2x3x3xf32> {nn.port = #nn.port<"picked">}) {
  %n = nn.rms_norm %x, @norm eps 1.0e-5 : tensor<2x3x48xf32>
  %g = nn.linear %n, @gate : (tensor<2x3x48xf32>) -> tensor<2x3x80xf32>
  %u = nn.linear %n, @up : (tensor<2x3x48xf32>) -> tensor<2x3x80xf32>
  %a = nn.silu %g : tensor<2x3x80xf32>
  %m = nn.mul %a, %u : tensor<2x3x80xf32>
  %d = nn.linear %m, @down bias @down.bias : (tensor<2x3x80xf32>) -> tensor<2x3x48xf32>
  %q = nn.layer_norm %d, @post bias @post.bias eps 1.0e-5 : tensor<2x3x48xf32>
  %s = nn.mul %q, %scale : tensor<2x3x48xf32>
  %y = nn.add %x, %s : tensor<2x3x48xf32>
  %l = nn.layer_norm %y, @last eps 1.0e-5 : tensor<2x3x48xf32>
  %p = nn.linear %l, @pick bias @pick.bias : (tensor<2x3x48xf32>) -> tensor<2x3x3xf32>
  %e = nn.gelu %p : tensor<2x3x3xf32>
  %t = nn.scale %e by -1.5 : tensor<2x3x3xf32>
  %c = nn.softcap %t cap 2.0 : tensor<2x3x3xf32>
  %picked = nn.gelu_tanh %c : tensor<2x3x3xf32>
  return %y, %picked : tensor<2x3x48xf32>, tensor<2x3x3xf32>
}

// A layer of an encoder, in ops on tensors: what an exported graph is made of.
nn.weight @words : tensor<50x32xf32> from "words"
nn.weight @positions : tensor<16x32xf32> from "positions"
nn.weight @norm : tensor<32xf32> from "norm"
nn.weight @norm.bias : tensor<32xf32> from "norm.bias"
nn.weight @query : tensor<32x32xf32> from "query"
nn.weight @query.bias : tensor<32xf32> from "query.bias"
nn.weight @key : tensor<32x32xf32> from "key"
nn.weight @key.bias : tensor<32xf32> from "key.bias"
nn.weight @value : tensor<32x32xf32> from "value"
nn.weight @value.bias : tensor<32xf32> from "value.bias"
nn.weight @output : tensor<32x32xf32> from "output"
nn.weight @output.bias : tensor<32xf32> from "output.bias"
nn.weight @up : tensor<32x64xf32> from "up"
nn.weight @up.bias : tensor<64xf32> from "up.bias"
nn.weight @down : tensor<64x32xf32> from "down"
nn.weight @down.bias : tensor<32xf32> from "down.bias"
nn.weight @last : tensor<32xf32> from "last"
nn.weight @last.bias : tensor<32xf32> from "last.bias"

func.func @run(%input_ids: tensor<1x12xi64> {nn.port = #nn.port<"input_ids">},
               %attention_mask: tensor<1x12xi64> {nn.port = #nn.port<"attention_mask">})
    -> (tensor<1x12x32xf32> {nn.port = #nn.port<"y">}, tensor<1x12xi64> {nn.port = #nn.port<"best">}, tensor<1x32xf32> {nn.port = #nn.port<"mean">}) {
  // Embeddings of words and positions, normalised.
  %words = nn.get_weight @words : tensor<50x32xf32>
  %positions = nn.get_weight @positions : tensor<16x32xf32>
  %norm = nn.get_weight @norm : tensor<32xf32>
  %norm_bias = nn.get_weight @norm.bias : tensor<32xf32>
  %e = nn.gather %words, %input_ids axis 0 : (tensor<50x32xf32>, tensor<1x12xi64>) -> tensor<1x12x32xf32>
  %p = nn.slice %positions starts [2, 0] sizes [12, 32] : (tensor<16x32xf32>) -> tensor<12x32xf32>
  %h0 = nn.binary add %e, %p : (tensor<1x12x32xf32>, tensor<12x32xf32>) -> tensor<1x12x32xf32>
  %h = nn.layer_normalization %h0, %norm, %norm_bias axis -1 eps 1.0e-12 : (tensor<1x12x32xf32>, tensor<32xf32>, tensor<32xf32>) -> tensor<1x12x32xf32>
  // Attention of every token to those that the mask shows.
  %query = nn.get_weight @query : tensor<32x32xf32>
  %query_bias = nn.get_weight @query.bias : tensor<32xf32>
  %q0 = nn.matmul %h, %query : (tensor<1x12x32xf32>, tensor<32x32xf32>) -> tensor<1x12x32xf32>
  %q1 = nn.binary add %q0, %query_bias : (tensor<1x12x32xf32>, tensor<32xf32>) -> tensor<1x12x32xf32>
  %q2 = nn.reshape %q1 : tensor<1x12x32xf32> -> tensor<1x12x2x16xf32>
  %q = nn.transpose %q2 [0, 2, 1, 3] : (tensor<1x12x2x16xf32>) -> tensor<1x2x12x16xf32>
  %key = nn.get_weight @key : tensor<32x32xf32>
  %key_bias = nn.get_weight @key.bias : tensor<32xf32>
  %k0 = nn.matmul %h, %key : (tensor<1x12x32xf32>, tensor<32x32xf32>) -> tensor<1x12x32xf32>
  %k1 = nn.binary add %k0, %key_bias : (tensor<1x12x32xf32>, tensor<32xf32>) -> tensor<1x12x32xf32>
  %k2 = nn.reshape %k1 : tensor<1x12x32xf32> -> tensor<1x12x2x16xf32>
  %k = nn.transpose %k2 [0, 2, 3, 1] : (tensor<1x12x2x16xf32>) -> tensor<1x2x16x12xf32>
  %value = nn.get_weight @value : tensor<32x32xf32>
  %value_bias = nn.get_weight @value.bias : tensor<32xf32>
  %v0 = nn.matmul %h, %value : (tensor<1x12x32xf32>, tensor<32x32xf32>) -> tensor<1x12x32xf32>
  %v1 = nn.binary add %v0, %value_bias : (tensor<1x12x32xf32>, tensor<32xf32>) -> tensor<1x12x32xf32>
  %v2 = nn.reshape %v1 : tensor<1x12x32xf32> -> tensor<1x12x2x16xf32>
  %v = nn.transpose %v2 [0, 2, 1, 3] : (tensor<1x12x2x16xf32>) -> tensor<1x2x12x16xf32>
  %s0 = nn.matmul %q, %k : (tensor<1x2x12x16xf32>, tensor<1x2x16x12xf32>) -> tensor<1x2x12x12xf32>
  %scale = nn.constant dense<0.25> : tensor<f32>
  %s1 = nn.binary mul %s0, %scale : (tensor<1x2x12x12xf32>, tensor<f32>) -> tensor<1x2x12x12xf32>
  %m0 = nn.cast %attention_mask : tensor<1x12xi64> -> tensor<1x12xi1>
  %m1 = nn.reshape %m0 : tensor<1x12xi1> -> tensor<1x1x1x12xi1>
  %hidden = nn.constant dense<-3.0e38> : tensor<f32>
  %s2 = nn.where %m1, %s1, %hidden : (tensor<1x1x1x12xi1>, tensor<1x2x12x12xf32>, tensor<f32>) -> tensor<1x2x12x12xf32>
  %s3 = nn.softmax %s2 axis -1 : (tensor<1x2x12x12xf32>) -> tensor<1x2x12x12xf32>
  %a0 = nn.matmul %s3, %v : (tensor<1x2x12x12xf32>, tensor<1x2x12x16xf32>) -> tensor<1x2x12x16xf32>
  %a1 = nn.transpose %a0 [0, 2, 1, 3] : (tensor<1x2x12x16xf32>) -> tensor<1x12x2x16xf32>
  %a2 = nn.reshape %a1 : tensor<1x12x2x16xf32> -> tensor<1x12x32xf32>
  %output = nn.get_weight @output : tensor<32x32xf32>
  %output_bias = nn.get_weight @output.bias : tensor<32xf32>
  %o0 = nn.matmul %a2, %output : (tensor<1x12x32xf32>, tensor<32x32xf32>) -> tensor<1x12x32xf32>
  %o1 = nn.binary add %o0, %output_bias : (tensor<1x12x32xf32>, tensor<32xf32>) -> tensor<1x12x32xf32>
  %o = nn.binary add %o1, %h : (tensor<1x12x32xf32>, tensor<1x12x32xf32>) -> tensor<1x12x32xf32>
  // Feed-forward.
  %up = nn.get_weight @up : tensor<32x64xf32>
  %up_bias = nn.get_weight @up.bias : tensor<64xf32>
  %down = nn.get_weight @down : tensor<64x32xf32>
  %down_bias = nn.get_weight @down.bias : tensor<32xf32>
  %last = nn.get_weight @last : tensor<32xf32>
  %last_bias = nn.get_weight @last.bias : tensor<32xf32>
  %f0 = nn.matmul %o, %up : (tensor<1x12x32xf32>, tensor<32x64xf32>) -> tensor<1x12x64xf32>
  %f1 = nn.binary add %f0, %up_bias : (tensor<1x12x64xf32>, tensor<64xf32>) -> tensor<1x12x64xf32>
  %f2 = nn.unary gelu %f1 : (tensor<1x12x64xf32>) -> tensor<1x12x64xf32>
  %d0 = nn.matmul %f2, %down : (tensor<1x12x64xf32>, tensor<64x32xf32>) -> tensor<1x12x32xf32>
  %d1 = nn.binary add %d0, %down_bias : (tensor<1x12x32xf32>, tensor<32xf32>) -> tensor<1x12x32xf32>
  %d2 = nn.binary add %d1, %o : (tensor<1x12x32xf32>, tensor<1x12x32xf32>) -> tensor<1x12x32xf32>
  %y = nn.layer_normalization %d2, %last, %last_bias axis -1 eps 1.0e-12 : (tensor<1x12x32xf32>, tensor<32xf32>, tensor<32xf32>) -> tensor<1x12x32xf32>
  // The tokens of the largest element, and the mean of what the mask shows.
  %best = nn.arg_reduce max %y axis -1 : (tensor<1x12x32xf32>) -> tensor<1x12xi64>
  %m2 = nn.cast %attention_mask : tensor<1x12xi64> -> tensor<1x12xf32>
  %m3 = nn.reshape %m2 : tensor<1x12xf32> -> tensor<1x12x1xf32>
  %y1 = nn.binary mul %y, %m3 : (tensor<1x12x32xf32>, tensor<1x12x1xf32>) -> tensor<1x12x32xf32>
  %y2 = nn.reduce sum %y1 axes [1] : (tensor<1x12x32xf32>) -> tensor<1x32xf32>
  %count = nn.reduce sum %m2 axes [1] keep_dims : (tensor<1x12xf32>) -> tensor<1x1xf32>
  %mean = nn.binary div %y2, %count : (tensor<1x32xf32>, tensor<1x1xf32>) -> tensor<1x32xf32>
  return %y, %best, %mean : tensor<1x12x32xf32>, tensor<1x12xi64>, tensor<1x32xf32>
}

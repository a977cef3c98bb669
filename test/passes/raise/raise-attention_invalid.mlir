// RUN: cadenza-opt %s --raise-attention --split-input-file --verify-diagnostics

// What is attention over a cache, but not that of nn.attention.

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @every_second(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %two = nn.constant dense<2> : tensor<i64>
  %odd = nn.binary mod %kp, %two : (tensor<1x1x1x?xi64>, tensor<i64>) -> tensor<1x1x1x?xi64>
  %mask = nn.binary equal %odd, %zero : (tensor<1x1x1x?xi64>, tensor<i64>) -> tensor<1x1x1x?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
  // expected-error @+1 {{masks scores in a way that is neither causal nor a window: after 1 tokens token 1 is hidden, token 0 is not}}
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @distance(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %distance = nn.binary sub %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi64>
  %bias = nn.cast %distance : tensor<1x1x1x?xi64> -> tensor<1x1x1x?xf32>
  // expected-error @+1 {{masks scores in a way that is neither causal nor a window: after 1 tokens a score of 0 of token 0 becomes -1.0}}
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @chunks(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %three = nn.constant dense<3> : tensor<i64>
  %kc = nn.binary div %kp, %three : (tensor<1x1x1x?xi64>, tensor<i64>) -> tensor<1x1x1x?xi64>
  %qc = nn.binary div %qp, %three : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x1xi64>
  %mask = nn.binary equal %kc, %qc : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
  // expected-error @+1 {{masks scores in a way that is neither causal nor a window: after 3 tokens the first token that is seen is 3, with a window of 3 it would be 1}}
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @squared(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %masked = nn.binary mul %products, %products : (tensor<1x4x1x?xf32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  // expected-error @+1 {{its scores are neither scaled nor capped products of queries and keys}}
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @by_position(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %far = nn.constant dense<1000> : tensor<i64>
  %steps = nn.binary div %past, %far : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %plus = nn.binary add %steps, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %growth = nn.cast %plus : tensor<i64> -> tensor<f32>
  // expected-error @+1 {{scales scores by the position: a score of 1 becomes 1.000000e+00 at the beginning, 2.000000e+00 after 1024 tokens}}
  %masked = nn.binary mul %products, %growth : (tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @by_token(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %from1 = nn.binary add %kp, %one : (tensor<1x1x1x?xi64>, tensor<i64>) -> tensor<1x1x1x?xi64>
  %weight = nn.cast %from1 : tensor<1x1x1x?xi64> -> tensor<1x1x1x?xf32>
  // expected-error @+1 {{after 1 tokens a score of 1 of token 1 becomes 2.000000, of token 0 1.000000}}
  %masked = nn.binary mul %products, %weight : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @new_first(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %k, %pastk axis 2 : (tensor<1x2x1x4xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  // expected-error @+1 {{the keys are not one token's behind those of a cache}}
  %p = nn.softmax %products axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
nn.cache @layers.1.cache heads 2 head_dim 4 : bf16
func.func @two_caches(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.1.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  // expected-error @+1 {{keys and values are not those of one cache}}
  %p = nn.softmax %products axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @heads_interleaved(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x1x2x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x1x2x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  // expected-error @+1 {{not attention as nn.attention computes it}}
  %p = nn.softmax %products axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.6.cache heads 2 head_dim 4 : bf16
func.func @not_there_yet(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %eight = nn.constant dense<8> : tensor<i64>
  %past = nn.past_length %position
  %index = nn.reshape %past : tensor<i64> -> tensor<1xi64>
  %length1 = nn.binary add %past, %eight : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %length = nn.reshape %length1 : tensor<i64> -> tensor<1x1x1x1xi64>
  %slots = nn.range %zero, %eight, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<8xi64>
  %offset = nn.binary sub %length, %one : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %slots, %offset : (tensor<8xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x8xi1>
  %there = nn.binary less %slots, %length : (tensor<8xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x8xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<0xFF800000> : tensor<f32>
  %bias1 = nn.where %causal, %shown, %hidden : (tensor<1x1x1x8xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x8xf32>
  %bias2 = nn.where %there, %shown, %hidden : (tensor<1x1x1x8xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x8xf32>
  %bias = nn.binary add %bias1, %bias2 : (tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x1x8xf32>
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k0 = nn.read_cache @layers.6.cache key at %position : tensor<1x2x8x4xf32>
  %k1 = nn.transpose %k0 [0, 2, 1, 3] : (tensor<1x2x8x4xf32>) -> tensor<1x8x2x4xf32>
  %k2 = nn.reshape %k1 : tensor<1x8x2x4xf32> -> tensor<1x8x8xf32>
  %k3 = nn.reshape %key : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %k4 = nn.tensor_scatter %k2, %k3 at %index axis 1 : (tensor<1x8x8xf32>, tensor<1x1x8xf32>, tensor<1xi64>) -> tensor<1x8x8xf32>
  %k5 = nn.reshape %k4 : tensor<1x8x8xf32> -> tensor<1x8x2x4xf32>
  %k6 = nn.transpose %k5 [0, 2, 1, 3] : (tensor<1x8x2x4xf32>) -> tensor<1x2x8x4xf32>
  %k7 = nn.reshape %k6 : tensor<1x2x8x4xf32> -> tensor<1x2x1x8x4xf32>
  %k8 = nn.expand %k7 : (tensor<1x2x1x8x4xf32>) -> tensor<1x2x2x8x4xf32>
  %kr = nn.reshape %k8 : tensor<1x2x2x8x4xf32> -> tensor<1x4x8x4xf32>
  %v0 = nn.read_cache @layers.6.cache value at %position : tensor<1x2x8x4xf32>
  %v1 = nn.transpose %v0 [0, 2, 1, 3] : (tensor<1x2x8x4xf32>) -> tensor<1x8x2x4xf32>
  %v2 = nn.reshape %v1 : tensor<1x8x2x4xf32> -> tensor<1x8x8xf32>
  %v3 = nn.reshape %value : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %v4 = nn.tensor_scatter %v2, %v3 at %index axis 1 : (tensor<1x8x8xf32>, tensor<1x1x8xf32>, tensor<1xi64>) -> tensor<1x8x8xf32>
  %v5 = nn.reshape %v4 : tensor<1x8x8xf32> -> tensor<1x8x2x4xf32>
  %v6 = nn.transpose %v5 [0, 2, 1, 3] : (tensor<1x8x2x4xf32>) -> tensor<1x2x8x4xf32>
  %v7 = nn.reshape %v6 : tensor<1x2x8x4xf32> -> tensor<1x2x1x8x4xf32>
  %v8 = nn.expand %v7 : (tensor<1x2x1x8x4xf32>) -> tensor<1x2x2x8x4xf32>
  %vr = nn.reshape %v8 : tensor<1x2x2x8x4xf32> -> tensor<1x4x8x4xf32>
  %scale = nn.constant dense<0.5> : tensor<f32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x8x4xf32>) -> tensor<1x4x4x8xf32>
  %qs = nn.binary mul %q, %scale : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %products = nn.matmul %qs, %kt : (tensor<1x4x1x4xf32>, tensor<1x4x4x8xf32>) -> tensor<1x4x1x8xf32>
  // expected-error @+1 {{after 1 tokens token 2 is seen, which is hidden elsewhere or not there yet}}
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x4x1x8xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x8xf32>) -> tensor<1x4x1x8xf32>
  %most = nn.reduce max %bias axes [-1] keep_dims : (tensor<1x1x1x8xf32>) -> tensor<1x1x1x1xf32>
  %none = nn.binary equal %most, %hidden : (tensor<1x1x1x1xf32>, tensor<f32>) -> tensor<1x1x1x1xi1>
  %weights = nn.where %none, %shown, %p : (tensor<1x1x1x1xi1>, tensor<f32>, tensor<1x4x1x8xf32>) -> tensor<1x4x1x8xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x8xf32>, tensor<1x4x8x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.6.cache heads 2 head_dim 4 : bf16
func.func @elsewhere(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %eight = nn.constant dense<8> : tensor<i64>
  %past = nn.past_length %position
  %index = nn.reshape %zero : tensor<i64> -> tensor<1xi64>
  %length1 = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %length = nn.reshape %length1 : tensor<i64> -> tensor<1x1x1x1xi64>
  %slots = nn.range %zero, %eight, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<8xi64>
  %offset = nn.binary sub %length, %one : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %slots, %offset : (tensor<8xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x8xi1>
  %there = nn.binary less %slots, %length : (tensor<8xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x8xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<0xFF800000> : tensor<f32>
  %bias1 = nn.where %causal, %shown, %hidden : (tensor<1x1x1x8xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x8xf32>
  %bias2 = nn.where %there, %shown, %hidden : (tensor<1x1x1x8xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x8xf32>
  %bias = nn.binary add %bias1, %bias2 : (tensor<1x1x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x1x8xf32>
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k0 = nn.read_cache @layers.6.cache key at %position : tensor<1x2x8x4xf32>
  %k1 = nn.transpose %k0 [0, 2, 1, 3] : (tensor<1x2x8x4xf32>) -> tensor<1x8x2x4xf32>
  %k2 = nn.reshape %k1 : tensor<1x8x2x4xf32> -> tensor<1x8x8xf32>
  %k3 = nn.reshape %key : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %k4 = nn.tensor_scatter %k2, %k3 at %index axis 1 : (tensor<1x8x8xf32>, tensor<1x1x8xf32>, tensor<1xi64>) -> tensor<1x8x8xf32>
  %k5 = nn.reshape %k4 : tensor<1x8x8xf32> -> tensor<1x8x2x4xf32>
  %k6 = nn.transpose %k5 [0, 2, 1, 3] : (tensor<1x8x2x4xf32>) -> tensor<1x2x8x4xf32>
  %k7 = nn.reshape %k6 : tensor<1x2x8x4xf32> -> tensor<1x2x1x8x4xf32>
  %k8 = nn.expand %k7 : (tensor<1x2x1x8x4xf32>) -> tensor<1x2x2x8x4xf32>
  %kr = nn.reshape %k8 : tensor<1x2x2x8x4xf32> -> tensor<1x4x8x4xf32>
  %v0 = nn.read_cache @layers.6.cache value at %position : tensor<1x2x8x4xf32>
  %v1 = nn.transpose %v0 [0, 2, 1, 3] : (tensor<1x2x8x4xf32>) -> tensor<1x8x2x4xf32>
  %v2 = nn.reshape %v1 : tensor<1x8x2x4xf32> -> tensor<1x8x8xf32>
  %v3 = nn.reshape %value : tensor<1x8xf32> -> tensor<1x1x8xf32>
  %v4 = nn.tensor_scatter %v2, %v3 at %index axis 1 : (tensor<1x8x8xf32>, tensor<1x1x8xf32>, tensor<1xi64>) -> tensor<1x8x8xf32>
  %v5 = nn.reshape %v4 : tensor<1x8x8xf32> -> tensor<1x8x2x4xf32>
  %v6 = nn.transpose %v5 [0, 2, 1, 3] : (tensor<1x8x2x4xf32>) -> tensor<1x2x8x4xf32>
  %v7 = nn.reshape %v6 : tensor<1x2x8x4xf32> -> tensor<1x2x1x8x4xf32>
  %v8 = nn.expand %v7 : (tensor<1x2x1x8x4xf32>) -> tensor<1x2x2x8x4xf32>
  %vr = nn.reshape %v8 : tensor<1x2x2x8x4xf32> -> tensor<1x4x8x4xf32>
  %scale = nn.constant dense<0.5> : tensor<f32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x8x4xf32>) -> tensor<1x4x4x8xf32>
  %qs = nn.binary mul %q, %scale : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %products = nn.matmul %qs, %kt : (tensor<1x4x1x4xf32>, tensor<1x4x4x8xf32>) -> tensor<1x4x1x8xf32>
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x4x1x8xf32>
  // expected-error @+1 {{not attention as nn.attention computes it: after 1 tokens}}
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x8xf32>) -> tensor<1x4x1x8xf32>
  %most = nn.reduce max %bias axes [-1] keep_dims : (tensor<1x1x1x8xf32>) -> tensor<1x1x1x1xf32>
  %none = nn.binary equal %most, %hidden : (tensor<1x1x1x1xf32>, tensor<f32>) -> tensor<1x1x1x1xi1>
  %weights = nn.where %none, %shown, %p : (tensor<1x1x1x1xi1>, tensor<f32>, tensor<1x4x1x8xf32>) -> tensor<1x4x1x8xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x8xf32>, tensor<1x4x8x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @at_two_hundred(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %far = nn.constant dense<200> : tensor<i64>
  %is = nn.binary equal %past, %far : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %steps = nn.where %is, %one, %zero : (tensor<i1>, tensor<i64>, tensor<i64>) -> tensor<i64>
  %plus = nn.binary add %steps, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %growth = nn.cast %plus : tensor<i64> -> tensor<f32>
  // expected-error @+1 {{scales scores by the position: a score of 1 becomes 1.000000e+00 at the beginning, 2.000000e+00 after 200 tokens}}
  %masked = nn.binary mul %products, %growth : (tensor<1x4x1x?xf32>, tensor<f32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// -----

nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @hole(%query: tensor<1x16xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x16xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x16xf32> -> tensor<1x4x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %keys5 = nn.reshape %keys : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %keys6 = nn.expand %keys5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %kr = nn.reshape %keys6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %values5 = nn.reshape %values : tensor<1x2x?x4xf32> -> tensor<1x2x1x?x4xf32>
  %values6 = nn.expand %values5 : (tensor<1x2x1x?x4xf32>) -> tensor<1x2x2x?x4xf32>
  %vr = nn.reshape %values6 : tensor<1x2x2x?x4xf32> -> tensor<1x4x?x4xf32>
  %root = nn.constant dense<0.7071067690849304> : tensor<f32>
  %qs = nn.binary mul %q, %root : (tensor<1x4x1x4xf32>, tensor<f32>) -> tensor<1x4x1x4xf32>
  %kt = nn.transpose %kr [0, 1, 3, 2] : (tensor<1x4x?x4xf32>) -> tensor<1x4x4x?xf32>
  %ks = nn.binary mul %kt, %root : (tensor<1x4x4x?xf32>, tensor<f32>) -> tensor<1x4x4x?xf32>
  %products = nn.matmul %qs, %ks : (tensor<1x4x1x4xf32>, tensor<1x4x4x?xf32>) -> tensor<1x4x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %kp = nn.reshape %range : tensor<?xi64> -> tensor<1x1x1x?xi64>
  %qp = nn.reshape %past : tensor<i64> -> tensor<1x1x1x1xi64>
  %causal = nn.binary less_or_equal %kp, %qp : (tensor<1x1x1x?xi64>, tensor<1x1x1x1xi64>) -> tensor<1x1x1x?xi1>
  %three = nn.constant dense<3> : tensor<i64>
  %twenty = nn.constant dense<20> : tensor<i64>
  %third = nn.binary equal %kp, %three : (tensor<1x1x1x?xi64>, tensor<i64>) -> tensor<1x1x1x?xi1>
  %at = nn.binary equal %qp, %twenty : (tensor<1x1x1x1xi64>, tensor<i64>) -> tensor<1x1x1x1xi1>
  %gone = nn.binary and %third, %at : (tensor<1x1x1x?xi1>, tensor<1x1x1x1xi1>) -> tensor<1x1x1x?xi1>
  %there = nn.unary not %gone : (tensor<1x1x1x?xi1>) -> tensor<1x1x1x?xi1>
  %mask = nn.binary and %causal, %there : (tensor<1x1x1x?xi1>, tensor<1x1x1x?xi1>) -> tensor<1x1x1x?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x1x1x?xf32>
  // expected-error @+1 {{masks scores in a way that is neither causal nor a window: after 20 tokens token 3 is hidden, token 0 is not}}
  %masked = nn.binary add %products, %bias : (tensor<1x4x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x4x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %nan = nn.unary is_nan %p : (tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xi1>
  %nothing = nn.constant dense<0.0> : tensor<f32>
  %weights = nn.where %nan, %nothing, %p : (tensor<1x4x1x?xi1>, tensor<f32>, tensor<1x4x1x?xf32>) -> tensor<1x4x1x?xf32>
  %sum = nn.matmul %weights, %vr : (tensor<1x4x1x?xf32>, tensor<1x4x?x4xf32>) -> tensor<1x4x1x4xf32>
  %y = nn.reshape %sum : tensor<1x4x1x4xf32> -> tensor<1x16xf32>
  return %y : tensor<1x16xf32>
}

// RUN: cadenza-opt %s --raise-attention --split-input-file --verify-diagnostics

// Masks whose holes are beyond the first positions, or may be.

// One position that no power of 2 and no window is at: the mask names it.
nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @one_position(%query: tensor<1x8xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %kt = nn.transpose %keys [0, 1, 3, 2] : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %products = nn.matmul %q, %kt : (tensor<1x2x1x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %three = nn.constant dense<3> : tensor<i64>
  %third = nn.binary equal %range, %three : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
  %at = nn.constant dense<5001> : tensor<i64>
  %now = nn.binary equal %past, %at : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %gone = nn.binary and %third, %now : (tensor<?xi1>, tensor<i1>) -> tensor<?xi1>
  %mask = nn.unary not %gone : (tensor<?xi1>) -> tensor<?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<?xi1>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  // expected-error @+1 {{after 5001 tokens token 3 is hidden, token 0 is not}}
  %masked = nn.binary add %products, %bias : (tensor<1x2x1x?xf32>, tensor<?xf32>) -> tensor<1x2x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %sum = nn.matmul %p, %values : (tensor<1x2x1x?xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x1x4xf32>
  %y = nn.reshape %sum : tensor<1x2x1x4xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// One row of a table.
nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @row_of_a_table(%query: tensor<1x8xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %kt = nn.transpose %keys [0, 1, 3, 2] : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %products = nn.matmul %q, %kt : (tensor<1x2x1x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %three = nn.constant dense<3> : tensor<i64>
  %third = nn.binary equal %range, %three : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
  %table = nn.constant dense<[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]> : tensor<200xi64>
  %row = nn.gather %table, %past axis 0 : (tensor<200xi64>, tensor<i64>) -> tensor<i64>
  %now = nn.binary equal %row, %one : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %gone = nn.binary and %third, %now : (tensor<?xi1>, tensor<i1>) -> tensor<?xi1>
  %mask = nn.unary not %gone : (tensor<?xi1>) -> tensor<?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<?xi1>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  // expected-error @+1 {{after 190 tokens token 3 is hidden, token 0 is not}}
  %masked = nn.binary add %products, %bias : (tensor<1x2x1x?xf32>, tensor<?xf32>) -> tensor<1x2x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %sum = nn.matmul %p, %values : (tensor<1x2x1x?xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x1x4xf32>
  %y = nn.reshape %sum : tensor<1x2x1x4xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// Rows that nobody can look at.
nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @long_table(%query: tensor<1x8xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %kt = nn.transpose %keys [0, 1, 3, 2] : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %products = nn.matmul %q, %kt : (tensor<1x2x1x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %three = nn.constant dense<3> : tensor<i64>
  %third = nn.binary equal %range, %three : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
  %table = nn.constant dense<0> : tensor<1048576xi64>
  %row = nn.gather %table, %past axis 0 : (tensor<1048576xi64>, tensor<i64>) -> tensor<i64>
  %now = nn.binary equal %row, %one : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %gone = nn.binary and %third, %now : (tensor<?xi1>, tensor<i1>) -> tensor<?xi1>
  %mask = nn.unary not %gone : (tensor<?xi1>) -> tensor<?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<?xi1>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  // expected-error @+1 {{masks scores by a table of 1048576 positions, which are too many to try each}}
  %masked = nn.binary add %products, %bias : (tensor<1x2x1x?xf32>, tensor<?xf32>) -> tensor<1x2x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %sum = nn.matmul %p, %values : (tensor<1x2x1x?xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x1x4xf32>
  %y = nn.reshape %sum : tensor<1x2x1x4xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// A number of tokens that nobody can try.
nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @far_position(%query: tensor<1x8xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %kt = nn.transpose %keys [0, 1, 3, 2] : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %products = nn.matmul %q, %kt : (tensor<1x2x1x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %three = nn.constant dense<3> : tensor<i64>
  %third = nn.binary equal %range, %three : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
  %at = nn.constant dense<16000000> : tensor<i64>
  %now = nn.binary equal %past, %at : (tensor<i64>, tensor<i64>) -> tensor<i1>
  %gone = nn.binary and %third, %now : (tensor<?xi1>, tensor<i1>) -> tensor<?xi1>
  %mask = nn.unary not %gone : (tensor<?xi1>) -> tensor<?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<?xi1>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  // expected-error @+1 {{masks scores by the number 16000000; no more than 8999999 tokens can be tried}}
  %masked = nn.binary add %products, %bias : (tensor<1x2x1x?xf32>, tensor<?xf32>) -> tensor<1x2x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %sum = nn.matmul %p, %values : (tensor<1x2x1x?xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x1x4xf32>
  %y = nn.reshape %sum : tensor<1x2x1x4xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// Rows that are made and not looked at.
nn.cache @layers.0.cache heads 2 head_dim 4 : bf16
func.func @many_rows(%query: tensor<1x8xf32> {nn.port = #nn.port<"q">}, %key: tensor<1x8xf32> {nn.port = #nn.port<"k">},
    %value: tensor<1x8xf32> {nn.port = #nn.port<"v">}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
    -> (tensor<1x8xf32> {nn.port = #nn.port<"y">}) {
  %q = nn.reshape %query : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %k = nn.reshape %key : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %v = nn.reshape %value : tensor<1x8xf32> -> tensor<1x2x1x4xf32>
  %pastk = nn.read_cache @layers.0.cache key at %position : tensor<1x2x?x4xf32>
  %pastv = nn.read_cache @layers.0.cache value at %position : tensor<1x2x?x4xf32>
  %keys = nn.concat %pastk, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %values = nn.concat %pastv, %v axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
  %kt = nn.transpose %keys [0, 1, 3, 2] : (tensor<1x2x?x4xf32>) -> tensor<1x2x4x?xf32>
  %products = nn.matmul %q, %kt : (tensor<1x2x1x4xf32>, tensor<1x2x4x?xf32>) -> tensor<1x2x1x?xf32>
  %zero = nn.constant dense<0> : tensor<i64>
  %one = nn.constant dense<1> : tensor<i64>
  %past = nn.past_length %position
  %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %range = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %seen = nn.binary less_or_equal %range, %past : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
  %line = nn.reshape %seen : tensor<?xi1> -> tensor<1x?xi1>
  %square = nn.expand %line : (tensor<1x?xi1>) -> tensor<100000x?xi1>
  %slice = nn.slice %square starts [0, 0] sizes [1, %total] : (tensor<100000x?xi1>, tensor<i64>) -> tensor<1x?xi1>
  %mask = nn.reshape %slice : tensor<1x?xi1> -> tensor<?xi1>
  %shown = nn.constant dense<0.0> : tensor<f32>
  %hidden = nn.constant dense<-1.0e4> : tensor<f32>
  %bias = nn.where %mask, %shown, %hidden : (tensor<?xi1>, tensor<f32>, tensor<f32>) -> tensor<?xf32>
  // expected-error @+1 {{masks scores by values of 16000000 elements where there are 160 tokens; no more than 8388608 are evaluated}}
  %masked = nn.binary add %products, %bias : (tensor<1x2x1x?xf32>, tensor<?xf32>) -> tensor<1x2x1x?xf32>
  %p = nn.softmax %masked axis -1 : (tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %sum = nn.matmul %p, %values : (tensor<1x2x1x?xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x1x4xf32>
  %y = nn.reshape %sum : tensor<1x2x1x4xf32> -> tensor<1x8xf32>
  return %y : tensor<1x8xf32>
}

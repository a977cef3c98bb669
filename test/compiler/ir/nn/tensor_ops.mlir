// RUN: cadenza-opt %s | cadenza-opt | FileCheck %s

nn.weight @w : tensor<8x4xbf16> from "w"
nn.cache @cache heads 2 head_dim 4 : bf16

// CHECK-LABEL: func.func @sources(
func.func @sources(%position: tensor<1xi32>) -> (tensor<2xi64>, tensor<8x4xbf16>, tensor<i64>) {
  // CHECK: nn.constant dense<[1, 2]> : tensor<2xi64>
  %c = nn.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: nn.get_weight @w : tensor<8x4xbf16>
  %w = nn.get_weight @w : tensor<8x4xbf16>
  // CHECK: nn.past_length %{{.*}}
  %past = nn.past_length %position
  // CHECK: nn.read_cache @cache key at %{{.*}} : tensor<1x2x?x4xf32>
  %keys = nn.read_cache @cache key at %position : tensor<1x2x?x4xf32>
  // CHECK: nn.read_cache @cache value at %{{.*}} : tensor<1x2x?x4xf16>
  %values = nn.read_cache @cache value at %position : tensor<1x2x?x4xf16>
  return %c, %w, %past : tensor<2xi64>, tensor<8x4xbf16>, tensor<i64>
}

// CHECK-LABEL: func.func @elementwise(
func.func @elementwise(%x: tensor<2x3xf16>, %b: tensor<3xf16>, %k: tensor<?xi64>, %q: tensor<1x1xi64>, %u: tensor<4xui8>) {
  // CHECK: nn.unary sqrt %{{.*}} : (tensor<2x3xf16>) -> tensor<2x3xf16>
  %sqrt = nn.unary sqrt %x : (tensor<2x3xf16>) -> tensor<2x3xf16>
  // CHECK: nn.unary is_nan %{{.*}} : (tensor<2x3xf16>) -> tensor<2x3xi1>
  %nan = nn.unary is_nan %x : (tensor<2x3xf16>) -> tensor<2x3xi1>
  // CHECK: nn.unary not %{{.*}} : (tensor<2x3xi1>) -> tensor<2x3xi1>
  %not = nn.unary not %nan : (tensor<2x3xi1>) -> tensor<2x3xi1>
  // CHECK: nn.binary add %{{.*}}, %{{.*}} : (tensor<2x3xf16>, tensor<3xf16>) -> tensor<2x3xf16>
  %add = nn.binary add %x, %b : (tensor<2x3xf16>, tensor<3xf16>) -> tensor<2x3xf16>
  // CHECK: nn.binary less_or_equal %{{.*}}, %{{.*}} : (tensor<?xi64>, tensor<1x1xi64>) -> tensor<1x?xi1>
  %less = nn.binary less_or_equal %k, %q : (tensor<?xi64>, tensor<1x1xi64>) -> tensor<1x?xi1>
  // CHECK: nn.binary shift_left %{{.*}}, %{{.*}} : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  %shift = nn.binary shift_left %u, %u : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  // CHECK: nn.where %{{.*}}, %{{.*}}, %{{.*}} : (tensor<2x3xi1>, tensor<2x3xf16>, tensor<3xf16>) -> tensor<2x3xf16>
  %where = nn.where %not, %x, %b : (tensor<2x3xi1>, tensor<2x3xf16>, tensor<3xf16>) -> tensor<2x3xf16>
  // CHECK: nn.cast %{{.*}} : tensor<1x?xi1> -> tensor<1x?xf64>
  %cast = nn.cast %less : tensor<1x?xi1> -> tensor<1x?xf64>
  return
}

// CHECK-LABEL: func.func @movement(
func.func @movement(%x: tensor<1x?x8x64xf32>, %m: tensor<32x32xi1>, %new: tensor<1x1x8x64xf32>, %v: tensor<f32>, %n: tensor<i64>, %p: tensor<i64>) {
  // CHECK: nn.reshape %{{.*}} : tensor<1x?x8x64xf32> -> tensor<1x?x512xf32>
  %reshape = nn.reshape %x : tensor<1x?x8x64xf32> -> tensor<1x?x512xf32>
  // CHECK: nn.transpose %{{.*}} [0, 2, 1, 3] : (tensor<1x?x8x64xf32>) -> tensor<1x8x?x64xf32>
  %transpose = nn.transpose %x [0, 2, 1, 3] : (tensor<1x?x8x64xf32>) -> tensor<1x8x?x64xf32>
  // CHECK: nn.slice %{{.*}} starts [%[[P:.*]], 0] sizes [1, %[[N:.*]]] : (tensor<32x32xi1>, tensor<i64>, tensor<i64>) -> tensor<1x?xi1>
  %row = nn.slice %m starts [%p, 0] sizes [1, %n] : (tensor<32x32xi1>, tensor<i64>, tensor<i64>) -> tensor<1x?xi1>
  // CHECK: nn.slice %{{.*}} starts [0, 31] sizes [32, 16] steps [1, -2] : (tensor<32x32xi1>) -> tensor<32x16xi1>
  %back = nn.slice %m starts [0, 31] sizes [32, 16] steps [1, -2] : (tensor<32x32xi1>) -> tensor<32x16xi1>
  // CHECK: nn.concat %{{.*}}, %{{.*}} axis 1 : (tensor<1x?x8x64xf32>, tensor<1x1x8x64xf32>) -> tensor<1x?x8x64xf32>
  %concat = nn.concat %x, %new axis 1 : (tensor<1x?x8x64xf32>, tensor<1x1x8x64xf32>) -> tensor<1x?x8x64xf32>
  // CHECK: nn.expand %{{.*}} extents %[[N]] : (tensor<f32>, tensor<i64>) -> tensor<1x?xf32>
  %expand = nn.expand %v extents %n : (tensor<f32>, tensor<i64>) -> tensor<1x?xf32>
  // CHECK: nn.expand %{{.*}} : (tensor<1x?x8x64xf32>) -> tensor<2x?x8x64xf32>
  %twice = nn.expand %x : (tensor<1x?x8x64xf32>) -> tensor<2x?x8x64xf32>
  // CHECK: nn.pad constant %{{.*}}, %{{.*}} begins [0, 1] ends [0, 2] : (tensor<1x?xf32>, tensor<f32>) -> tensor<1x?xf32>
  %pad = nn.pad constant %expand, %v begins [0, 1] ends [0, 2] : (tensor<1x?xf32>, tensor<f32>) -> tensor<1x?xf32>
  // CHECK: nn.pad reflect %{{.*}} begins [0, 1] ends [0, -2] : (tensor<32x32xi1>) -> tensor<32x31xi1>
  %reflect = nn.pad reflect %m begins [0, 1] ends [0, -2] : (tensor<32x32xi1>) -> tensor<32x31xi1>
  // CHECK: nn.trilu upper %{{.*}}, %{{.*}} : (tensor<32x32xi1>, tensor<i64>) -> tensor<32x32xi1>
  %upper = nn.trilu upper %m, %n : (tensor<32x32xi1>, tensor<i64>) -> tensor<32x32xi1>
  // CHECK: nn.trilu %{{.*}}, %{{.*}} : (tensor<32x32xi1>, tensor<i64>) -> tensor<32x32xi1>
  %lower = nn.trilu %m, %n : (tensor<32x32xi1>, tensor<i64>) -> tensor<32x32xi1>
  // CHECK: nn.range %{{.*}}, %{{.*}}, %{{.*}} : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  %range = nn.range %p, %n, %p : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
  return
}

// CHECK-LABEL: func.func @indexing(
func.func @indexing(%x: tensor<4x8xf32>, %i: tensor<3x1xi64>, %j: tensor<4x2xi32>, %u: tensor<4x2xf32>, %r: tensor<3x8xf32>,
                    %cache: tensor<1x8x64x16xf16>, %k: tensor<1x8x1x16xf16>, %at: tensor<1xi64>) {
  // CHECK: nn.gather %{{.*}}, %{{.*}} axis 0 : (tensor<4x8xf32>, tensor<3x1xi64>) -> tensor<3x1x8xf32>
  %gather = nn.gather %x, %i axis 0 : (tensor<4x8xf32>, tensor<3x1xi64>) -> tensor<3x1x8xf32>
  // CHECK: nn.gather_elements %{{.*}}, %{{.*}} axis -1 : (tensor<4x8xf32>, tensor<4x2xi32>) -> tensor<4x2xf32>
  %elements = nn.gather_elements %x, %j axis -1 : (tensor<4x8xf32>, tensor<4x2xi32>) -> tensor<4x2xf32>
  // CHECK: nn.gather_nd %{{.*}}, %{{.*}} batch_dims 0 : (tensor<4x8xf32>, tensor<3x1xi64>) -> tensor<3x8xf32>
  %nd = nn.gather_nd %x, %i batch_dims 0 : (tensor<4x8xf32>, tensor<3x1xi64>) -> tensor<3x8xf32>
  // CHECK: nn.scatter_elements add %{{.*}}, %{{.*}}, %{{.*}} axis 1 : (tensor<4x8xf32>, tensor<4x2xi32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  %scatter = nn.scatter_elements add %x, %j, %u axis 1 : (tensor<4x8xf32>, tensor<4x2xi32>, tensor<4x2xf32>) -> tensor<4x8xf32>
  // CHECK: nn.scatter_nd replace %{{.*}}, %{{.*}}, %{{.*}} : (tensor<4x8xf32>, tensor<3x1xi64>, tensor<3x8xf32>) -> tensor<4x8xf32>
  %rows = nn.scatter_nd replace %x, %i, %r : (tensor<4x8xf32>, tensor<3x1xi64>, tensor<3x8xf32>) -> tensor<4x8xf32>
  // CHECK: nn.tensor_scatter %{{.*}}, %{{.*}} at %{{.*}} axis 2 circular : (tensor<1x8x64x16xf16>, tensor<1x8x1x16xf16>, tensor<1xi64>) -> tensor<1x8x64x16xf16>
  %written = nn.tensor_scatter %cache, %k at %at axis 2 circular : (tensor<1x8x64x16xf16>, tensor<1x8x1x16xf16>, tensor<1xi64>) -> tensor<1x8x64x16xf16>
  // CHECK: nn.tensor_scatter %{{.*}}, %{{.*}} axis -2 : (tensor<1x8x64x16xf16>, tensor<1x8x1x16xf16>) -> tensor<1x8x64x16xf16>
  %first = nn.tensor_scatter %cache, %k axis -2 : (tensor<1x8x64x16xf16>, tensor<1x8x1x16xf16>) -> tensor<1x8x64x16xf16>
  return
}

// CHECK-LABEL: func.func @axes(
func.func @axes(%x: tensor<2x?xf32>) {
  // CHECK: nn.reduce mean %{{.*}} axes [-1] keep_dims : (tensor<2x?xf32>) -> tensor<2x1xf32>
  %mean = nn.reduce mean %x axes [-1] keep_dims : (tensor<2x?xf32>) -> tensor<2x1xf32>
  // CHECK: nn.reduce log_sum_exp %{{.*}} axes [0, 1] : (tensor<2x?xf32>) -> tensor<f32>
  %log = nn.reduce log_sum_exp %x axes [0, 1] : (tensor<2x?xf32>) -> tensor<f32>
  // CHECK: nn.arg_reduce max %{{.*}} axis -1 keep_dims last : (tensor<2x?xf32>) -> tensor<2x1xi64>
  %max = nn.arg_reduce max %x axis -1 keep_dims last : (tensor<2x?xf32>) -> tensor<2x1xi64>
  // CHECK: nn.softmax %{{.*}} axis 1 : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %softmax = nn.softmax %x axis 1 : (tensor<2x?xf32>) -> tensor<2x?xf32>
  // CHECK: nn.log_softmax %{{.*}} axis 0 : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %log_softmax = nn.log_softmax %x axis 0 : (tensor<2x?xf32>) -> tensor<2x?xf32>
  // CHECK: nn.cumsum %{{.*}} axis 1 exclusive reverse : (tensor<2x?xf32>) -> tensor<2x?xf32>
  %cumsum = nn.cumsum %x axis 1 exclusive reverse : (tensor<2x?xf32>) -> tensor<2x?xf32>
  // CHECK: nn.topk %{{.*}} k 2 axis -1 smallest : (tensor<2x?xf32>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  %v, %i = nn.topk %x k 2 axis -1 smallest : (tensor<2x?xf32>) -> (tensor<2x2xf32>, tensor<2x2xi64>)
  return
}

// CHECK-LABEL: func.func @products(
func.func @products(%q: tensor<1x8x1x64xf32>, %k: tensor<1x8x64x?xf32>, %x: tensor<1x8xf16>, %scale: tensor<8xf16>) {
  // CHECK: nn.matmul %{{.*}}, %{{.*}} : (tensor<1x8x1x64xf32>, tensor<1x8x64x?xf32>) -> tensor<1x8x1x?xf32>
  %s = nn.matmul %q, %k : (tensor<1x8x1x64xf32>, tensor<1x8x64x?xf32>) -> tensor<1x8x1x?xf32>
  // CHECK: nn.layer_normalization %{{.*}}, %{{.*}}, %{{.*}} axis -1 eps 1.000000e-05 : (tensor<1x8xf16>, tensor<8xf16>, tensor<8xf16>) -> tensor<1x8xf16>
  %n = nn.layer_normalization %x, %scale, %scale axis -1 eps 1.0e-5 : (tensor<1x8xf16>, tensor<8xf16>, tensor<8xf16>) -> tensor<1x8xf16>
  // CHECK: nn.layer_normalization %{{.*}}, %{{.*}} axis 1 eps 1.000000e-05 : (tensor<1x8xf16>, tensor<8xf16>) -> tensor<1x8xf16>
  %m = nn.layer_normalization %x, %scale axis 1 eps 1.0e-5 : (tensor<1x8xf16>, tensor<8xf16>) -> tensor<1x8xf16>
  // CHECK: nn.rms_normalization %{{.*}}, %{{.*}} axis -1 eps 5.000000e-01 : (tensor<1x8xf16>, tensor<8xf16>) -> tensor<1x8xf16>
  %r = nn.rms_normalization %x, %scale axis -1 eps 0.5 : (tensor<1x8xf16>, tensor<8xf16>) -> tensor<1x8xf16>
  return
}

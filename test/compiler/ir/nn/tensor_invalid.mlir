// RUN: cadenza-opt %s -split-input-file -verify-diagnostics

// Beside what is wrong, MLIR says which of its hooks has found it: of these the second error is.

func.func @unknown_function(%x: tensor<2xf32>) {
  // expected-error @+2 {{there is no function cube; expected one of abs, neg}}
  // expected-error @+1 {{failed to parse NN_UnaryFunctionAttr parameter}}
  %y = nn.unary cube %x : (tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @element_type(%x: tensor<2xi4>) {
  // expected-error @+1 {{must be ranked tensor of f16, bf16, f32, f64, i1, i8, i16, i32, i64, ui8, ui16, ui32 or ui64, but got 'tensor<2xi4>'}}
  %y = nn.unary abs %x : (tensor<2xi4>) -> tensor<2xi4>
  return
}

// -----

func.func @rank(%x: tensor<*xf32>) {
  // expected-error @+1 {{must be ranked tensor of f16, bf16, f32, f64, i1, i8, i16, i32, i64, ui8, ui16, ui32 or ui64, but got 'tensor<*xf32>'}}
  %y = nn.unary abs %x : (tensor<*xf32>) -> tensor<*xf32>
  return
}

// -----

func.func @function_of_type(%x: tensor<2xi32>) {
  // expected-error @+2 {{'nn.unary' op sqrt takes floats, not i32}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.unary sqrt %x : (tensor<2xi32>) -> tensor<2xi32>
  return
}

// -----

func.func @broadcast(%x: tensor<2x3xf32>, %y: tensor<2xf32>) {
  // expected-error @+2 {{'nn.binary' op shapes [2, 3] and [2] do not broadcast: 3 and 2 differ}}
  // expected-error @+1 {{failed to infer returned types}}
  %z = nn.binary add %x, %y : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @comparison_result(%x: tensor<?xf32>, %y: tensor<3xf32>) {
  // expected-error @+2 {{'nn.binary' op inferred type(s) 'tensor<3xi1>' are incompatible with return type(s) of operation 'tensor<3xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %z = nn.binary less %x, %y : (tensor<?xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @result_extent(%x: tensor<?xf32>, %y: tensor<3xf32>) {
  // expected-error @+2 {{'nn.binary' op inferred type(s) 'tensor<3xf32>' are incompatible with return type(s) of operation 'tensor<4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %z = nn.binary add %x, %y : (tensor<?xf32>, tensor<3xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @condition(%c: tensor<2xi8>, %x: tensor<2xf32>) {
  // expected-error @+2 {{'nn.where' op the condition is boolean, not i8}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.where %c, %x, %x : (tensor<2xi8>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @cast_shape(%x: tensor<2xf32>) {
  // expected-error @+1 {{changes the element type, not the shape: 'tensor<2xf32>' cannot become 'tensor<3xf16>'}}
  %y = nn.cast %x : tensor<2xf32> -> tensor<3xf16>
  return
}

// -----

func.func @reshape(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{'nn.reshape' op a tensor of shape [2, 6] cannot be reshaped to [5, 2]}}
  %y = nn.reshape %x : tensor<2x6xf32> -> tensor<5x2xf32>
  return
}

// -----

func.func @reshape_type(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{changes the shape, not the element type}}
  %y = nn.reshape %x : tensor<2x6xf32> -> tensor<12xf16>
  return
}

// -----

func.func @permutation(%x: tensor<2x6xf32>) {
  // expected-error @+2 {{'nn.transpose' op [1, 1] is no permutation of the axes of [2, 6]}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.transpose %x [1, 1] : (tensor<2x6xf32>) -> tensor<6x6xf32>
  return
}

// -----

func.func @slice(%x: tensor<2x6xf32>) {
  // expected-error @+2 {{'nn.slice' op the slice on axis 1 leaves the tensor: start 4, size 3, step 1 of an extent of 6}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.slice %x starts [0, 4] sizes [2, 3] : (tensor<2x6xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @slice_rank(%x: tensor<2x6xf32>) {
  // expected-error @+2 {{'nn.slice' op a slice of [2, 6] has a start, a size and a step for each axis}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.slice %x starts [0] sizes [2, 3] : (tensor<2x6xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @slice_values(%x: tensor<2x6xf32>, %n: tensor<i64>) {
  // expected-error @+1 {{needs a value for each start and size that is open, and no others}}
  %y = "nn.slice"(%x, %n) <{static_starts = array<i64: 0, 0>, static_sizes = array<i64: 2, 3>, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<2x6xf32>, tensor<i64>) -> tensor<2x3xf32>
  return
}

// -----

func.func @concat(%x: tensor<2x6xf32>, %y: tensor<3x6xf32>) {
  // expected-error @+2 {{'nn.concat' op shapes [2, 6] and [3, 6] differ on other axes than axis 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %z = nn.concat %x, %y axis 1 : (tensor<2x6xf32>, tensor<3x6xf32>) -> tensor<2x12xf32>
  return
}

// -----

func.func @expand(%x: tensor<2x6xf32>) {
  // expected-error @+1 {{'nn.expand' op a tensor of shape [2, 6] does not broadcast to [4, 6]}}
  %y = nn.expand %x : (tensor<2x6xf32>) -> tensor<4x6xf32>
  return
}

// -----

func.func @expand_extents(%x: tensor<1x?xf32>) {
  // expected-error @+1 {{makes 'tensor<?x?xf32>' of 'tensor<1x?xf32>', which needs 1 extents, not 0}}
  %y = nn.expand %x : (tensor<1x?xf32>) -> tensor<?x?xf32>
  return
}

// -----

func.func @pad(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.pad' op reflection on axis 1 adds at most 2 elements on a side}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.pad reflect %x begins [0, 3] ends [0, 0] : (tensor<2x3xf32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @pad_value(%x: tensor<2x3xf32>, %v: tensor<f32>) {
  // expected-error @+2 {{'nn.pad' op the value of a pad is a scalar, and of mode constant only}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.pad edge %x, %v begins [0, 3] ends [0, 0] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x6xf32>
  return
}

// -----

func.func @indices(%x: tensor<2x3xf32>, %i: tensor<2xf32>) {
  // expected-error @+2 {{'nn.gather' op indices are i32 or i64, not f32}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.gather %x, %i axis 0 : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @gather_nd(%x: tensor<2x3xf32>, %i: tensor<2x3xi64>) {
  // expected-error @+2 {{'nn.gather_nd' op indices of shape [2, 3] with 0 batch axes do not index a tensor of shape [2, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.gather_nd %x, %i batch_dims 0 : (tensor<2x3xf32>, tensor<2x3xi64>) -> tensor<2xf32>
  return
}

// -----

func.func @scatter(%x: tensor<2x3xf32>, %i: tensor<2x1xi64>, %u: tensor<2x2xf32>) {
  // expected-error @+2 {{'nn.scatter_elements' op indices and updates of shapes [2, 1] and [2, 2] differ on other axes than axis -1}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.scatter_elements add %x, %i, %u axis 1 : (tensor<2x3xf32>, tensor<2x1xi64>, tensor<2x2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @tensor_scatter(%x: tensor<1x2x3xf32>, %u: tensor<1x4x3xf32>) {
  // expected-error @+2 {{'nn.tensor_scatter' op an update of 4 does not fit into a cache of 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.tensor_scatter %x, %u axis 1 : (tensor<1x2x3xf32>, tensor<1x4x3xf32>) -> tensor<1x2x3xf32>
  return
}

// -----

func.func @axis(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.softmax' op axis 2 is none of a tensor of rank 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.softmax %x axis 2 : (tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @matmul(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{'nn.matmul' op matrices of shapes [2, 3] and [2, 3] have no product: 3 columns, 2 rows}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.matmul %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @topk_indices(%x: tensor<2x3xf32>) {
  // expected-error @+2 {{are incompatible with return type(s)}}
  // expected-error @+1 {{failed to infer returned types}}
  %v, %i = nn.topk %x k 2 axis 1 : (tensor<2x3xf32>) -> (tensor<2x2xf32>, tensor<2x2xi32>)
  return
}

// -----

func.func @scale(%x: tensor<2x3xf32>, %s: tensor<2xf32>) {
  // expected-error @+2 {{'nn.rms_normalization' op a scale of shape [2] does not broadcast to [2, 3]}}
  // expected-error @+1 {{failed to infer returned types}}
  %y = nn.rms_normalization %x, %s axis -1 eps 0.5 : (tensor<2x3xf32>, tensor<2xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @missing() {
  // expected-error @+1 {{names @missing, which is no nn.weight}}
  %w = nn.get_weight @missing : tensor<2xf32>
  return
}

// -----

// expected-note @+1 {{the weight is declared here}}
nn.weight @w : tensor<2xbf16> from "w"
func.func @stored_type() {
  // expected-error @+1 {{yields 'tensor<2xf32>', but @w is 'tensor<2xbf16>'}}
  %w = nn.get_weight @w : tensor<2xf32>
  return
}

// -----

nn.weight @w : tensor<2xbf16> from "w" plus 1.0
func.func @more_than_stored() {
  // expected-error @+1 {{yields what is stored of @w, which has more (plus, factor, growth or long): only ops of a decoder apply it}}
  %w = nn.get_weight @w : tensor<2xbf16>
  return
}

// -----

nn.weight @w : tensor<2xbf16> from "w"
func.func @no_cache(%position: tensor<1xi32>) {
  // expected-error @+1 {{names @w, which is no nn.cache}}
  %k = nn.read_cache @w key at %position : tensor<1x2x?x4xf32>
  return
}

// -----

// expected-note @+1 {{the cache is declared here}}
nn.cache @cache heads 2 head_dim 4 : bf16
func.func @heads_of_the_cache(%position: tensor<1xi32>) {
  // expected-error @+1 {{yields floats of shape [1, 2, ?, 4], not 'tensor<1x?x2x4xf32>'}}
  %k = nn.read_cache @cache key at %position : tensor<1x?x2x4xf32>
  return
}

// -----

// expected-note @+1 {{the cache is declared here}}
nn.cache @cache heads 2 head_dim 4 : bf16
func.func @floats_of_the_cache(%position: tensor<1xi32>) {
  // expected-error @+1 {{yields floats of shape [1, 2, ?, 4], not 'tensor<1x2x?x4xi32>'}}
  %k = nn.read_cache @cache value at %position : tensor<1x2x?x4xi32>
  return
}

// Ops on tensors of any type and rank: what graphs are imported as. NNOps.td includes this file.
//
// There are few, so that passes that recognise something have one form to look for. An operator of ONNX that is a few of
// these is lowered to them, as are all forms of attention and rotation: whether an exporter decomposed them makes no
// difference afterwards.
//   Squeeze, Unsqueeze, Flatten: reshape          Split: slices            Tile: reshape, expand, reshape
//   Clip: min and max                             OneHot: equal, where     Gemm: transpose, matmul, mul, add
//   Elu, LeakyRelu, PRelu, HardSigmoid, Swish, ...: binary and unary functions, where
//   Attention, GroupQueryAttention, MultiHeadAttention, RotaryEmbedding: matmul, softmax, where, concat, slices, ...
//   SkipLayerNormalization and its kin: add and a normalization
#ifndef CADENZA_NN_TENSOR_OPS
#define CADENZA_NN_TENSOR_OPS

include "compiler/ir/nn/NNAttrs.td"
include "compiler/ir/nn/NNDialect.td"
include "compiler/ir/nn/NNInterfaces.td"
include "compiler/ir/nn/NNTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class NN_TensorOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [DeclareOpInterfaceMethods<NN_EvaluateTensorsOpInterface>]>;
/// One whose result is known, as far as it can be, from its operands: the declared type may leave more or fewer extents
/// open, but cannot contradict it (runtime/reference/infer.h).
class NN_InferredOp<string mnemonic, list<Trait> traits = []>
    : NN_TensorOp<mnemonic, traits # [Pure, InferTypeOpAdaptorWithIsCompatible]>;

//===----------------------------------------------------------------------===//
// Where values come from
//===----------------------------------------------------------------------===//

def NN_ConstantOp : NN_TensorOp<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "a constant that stands in the program";
  let description = [{
    For numbers and small tables. What is large is an nn.weight, which nn.get_weight yields.

    ```mlir
    %c = nn.constant dense<[1, 2]> : tensor<2xi64>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$value attr-dict";
  let builders = [OpBuilder<(ins "::mlir::ElementsAttr":$value), [{
    build($_builder, $_state, value.getType(), value);
  }]>];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_GetWeightOp : NN_TensorOp<"get_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a weight as a value";
  let description = [{
    The elements of an nn.weight in the type that it is stored in. Ops on tensors take values; those of a decoder name
    the weight instead, as it travels from the checkpoint to the plan without ever being a value.

    ```mlir
    %w = nn.get_weight @layers.0.mlp.up.weight : tensor<3072x1024xbf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def NN_PastLengthOp : NN_TensorOp<"past_length", [Pure]> {
  let summary = "how many tokens stand before this one, as a number to compute with";
  let description = [{
    In a decoder's step the position of the token is how many are in the cache before it. Masks and slices of
    exported graphs compute with that length.

    ```mlir
    %past = nn.past_length %position
    ```
  }];
  let arguments = (ins NN_Index:$position);
  let results = (outs NN_Number:$result);
  let assemblyFormat = "$position attr-dict";
}

def NN_ReadCacheOp : NN_TensorOp<"read_cache", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "keys or values of all tokens before this one";
  let description = [{
    [1, kv_heads, past, head_dim] of an nn.cache, in the float type that the graph computes with: what an exported decoder
    takes as its past. The token's own key and value are not among them, so it makes no difference where in a function the
    op stands, an nn.kv_append to the same cache included. A number of positions in place of `?` is a tensor that has room
    for so many: after those that are there, zeros.

    ```mlir
    %k = nn.read_cache @layers.0.cache key at %position : tensor<1x8x?x64xf16>
    %v = nn.read_cache @layers.0.cache value at %position : tensor<1x8x?x64xf16>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$cache, UnitAttr:$of_values, NN_Index:$position);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$cache (`value` $of_values^) : (`key`)? `at` $position attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

def NN_UnaryOp : NN_InferredOp<"unary"> {
  let summary = "a function of each element";
  let description = [{
    | | takes | makes |
    |---|---|---|
    | `abs neg sign relu` | floats, integers | the same type |
    | `reciprocal sqrt exp log erf floor ceil round` (halves to even) | floats | the same type |
    | `sigmoid softplus softsign hard_swish mish gelu gelu_tanh` | floats | the same type |
    | `sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh` | floats | the same type |
    | `bitwise_not` | integers | the same type |
    | `not` | i1 | i1 |
    | `is_nan is_inf` | floats | i1 |

    Names and formulas are those of the ONNX operators, one row each of `runtime/reference/functions.inc`.

    ```mlir
    %y = nn.unary sqrt %x : (tensor<2x3xf16>) -> tensor<2x3xf16>
    ```
  }];
  let arguments = (ins NN_UnaryFunctionAttr:$function, NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$function $input attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_BinaryOp : NN_InferredOp<"binary"> {
  let summary = "a function of the elements of two tensors that broadcast to each other";
  let description = [{
    Shapes are aligned at the end, and extents of 1 repeat (NumPy). Operands have one element type. Integers are divided
    towards zero.

    | | takes | makes |
    |---|---|---|
    | `add sub mul div min max pow` | floats, integers | the same type |
    | `mod` (the sign of the right), `fmod` (the sign of the left) | floats, integers | the same type |
    | `bitwise_and bitwise_or bitwise_xor shift_left shift_right` | integers | the same type |
    | `and or xor` | i1 | i1 |
    | `equal less less_or_equal greater greater_or_equal` | any | i1 |

    Names and formulas are those of the ONNX operators, one row each of `runtime/reference/functions.inc`.

    ```mlir
    %y = nn.binary add %x, %b : (tensor<2x3xf16>, tensor<3xf16>) -> tensor<2x3xf16>
    %m = nn.binary less_or_equal %k, %q : (tensor<?xi64>, tensor<1x1xi64>) -> tensor<1x?xi1>
    ```
  }];
  let arguments = (ins NN_BinaryFunctionAttr:$function, NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$function $lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasCanonicalizer = 1;
  let hasFolder = 1;
}

def NN_WhereOp : NN_InferredOp<"where"> {
  let summary = "elements of one tensor where a condition holds, of another where it does not";
  let description = [{
    The three shapes broadcast to each other.

    ```mlir
    %y = nn.where %c, %a, %b : (tensor<1x?xi1>, tensor<f32>, tensor<f32>) -> tensor<1x?xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$condition, NN_Tensor:$on_true, NN_Tensor:$on_false);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$condition `,` $on_true `,` $on_false attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_CastOp : NN_TensorOp<"cast", [Pure]> {
  let summary = "the same elements in another type";
  let description = [{
    Floats are rounded to nearest even. A float becomes an integer by truncation towards zero (the nearest one of the
    type if it is outside of it, and 0 of NaN); integers wrap; i1 is whether the element is not 0.

    ```mlir
    %y = nn.cast %x : tensor<1x8xf16> -> tensor<1x8xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

def NN_ReshapeOp : NN_TensorOp<"reshape", [Pure]> {
  let summary = "the same elements, row-major, in another shape";
  let description = [{
    One extent that the result leaves open follows from the number of elements. Several are those that the operand
    leaves open, in their order, and the other extents have one product on both sides. This is also what squeezes,
    unsqueezes and flattens become.

    ```mlir
    %y = nn.reshape %x : tensor<1x?x8x64xf32> -> tensor<1x?x512xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_TransposeOp : NN_InferredOp<"transpose"> {
  let summary = "axes in another order";
  let description = [{
    Axis i of the result is axis permutation[i] of the operand.

    ```mlir
    %y = nn.transpose %x [0, 2, 1, 3] : (tensor<1x?x8x64xf32>) -> tensor<1x8x?x64xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` functional-type(operands, results)";
  let hasCanonicalizer = 1;
  let hasFolder = 1;
}

def NN_SliceOp : NN_InferredOp<"slice", [AttrSizedOperandSegments]> {
  let summary = "on each axis, elements at a constant distance";
  let description = [{
    The elements start, start + step, ..., as many as the size says: all of them exist. Starts and sizes may be values;
    steps are 1 if they are not given, and may be negative. Starts and ends of an ONNX Slice, which may be negative or
    beyond the tensor, are brought into this form by who knows the extents. A split is several slices.

    ```mlir
    %y = nn.slice %x starts [0, 2] sizes [1, 3] : (tensor<1x8xf32>) -> tensor<1x3xf32>
    %z = nn.slice %x starts [0, 7] sizes [1, 8] steps [1, -1] : (tensor<1x8xf32>) -> tensor<1x8xf32>
    %r = nn.slice %m starts [%p, 0] sizes [1, %n] : (tensor<32x32xi1>, tensor<i64>, tensor<i64>) -> tensor<1x?xi1>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<NN_Number>:$starts, Variadic<NN_Number>:$sizes,
                       DenseI64ArrayAttr:$static_starts, DenseI64ArrayAttr:$static_sizes,
                       OptionalAttr<DenseI64ArrayAttr>:$steps);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $input `starts` custom<DynamicIndexList>($starts, $static_starts)
    `sizes` custom<DynamicIndexList>($sizes, $static_sizes) (`steps` $steps^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let builders = [
    // Starts and sizes are i64 attributes or scalars of type i64. Steps of 1 are left out.
    OpBuilder<(ins "::mlir::Value":$input, "::llvm::ArrayRef<::mlir::OpFoldResult>":$starts,
                   "::llvm::ArrayRef<::mlir::OpFoldResult>":$sizes, "::llvm::ArrayRef<int64_t>":$steps)>
  ];
  let extraClassDeclaration = [{
    /// Of each axis, 1 if no steps are given.
    ::llvm::SmallVector<int64_t> getStepsOrOnes();
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let hasFolder = 1;
}

def NN_ConcatOp : NN_InferredOp<"concat"> {
  let summary = "tensors one after the other along an axis";
  let description = [{
    ```mlir
    %k = nn.concat %past, %new axis 2 : (tensor<1x8x?x64xf16>, tensor<1x8x1x64xf16>) -> tensor<1x8x?x64xf16>
    ```
  }];
  let arguments = (ins Variadic<NN_Tensor>:$parts, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$parts `axis` $axis attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def NN_ExpandOp : NN_TensorOp<"expand", [Pure]> {
  let summary = "a tensor repeated along axes of extent 1 and new ones before the first";
  let description = [{
    The shape is that of the result's type. An open extent of it is that of the operand if that is open, too; for each
    of the others, in order, there is an extent as a value.

    ```mlir
    %y = nn.expand %k : (tensor<1x8x1x?x64xf16>) -> tensor<1x8x2x?x64xf16>
    %m = nn.expand %c extents %n : (tensor<i1>, tensor<i64>) -> tensor<1x1x1x?xi1>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, Variadic<NN_Number>:$extents);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input (`extents` $extents^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_PadOp : NN_InferredOp<"pad"> {
  let summary = "a tensor with elements added around it, or cut off";
  let description = [{
    On each axis as many elements before and after as `begins` and `ends` say; negative numbers cut off. What is added:
    with mode `constant` the value (0 if there is none); with `reflect` the tensor mirrored at its first or last
    element, which is not repeated; with `edge` that element; with `wrap` the tensor again.

    ```mlir
    %y = nn.pad constant %x, %v begins [0, 1] ends [0, 2] : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x6xf32>
    %z = nn.pad reflect %x begins [0, 2] ends [0, 0] : (tensor<2x3xf32>) -> tensor<2x5xf32>
    ```
  }];
  let arguments = (ins NN_PadModeAttr:$mode, NN_Tensor:$input, Optional<NN_Tensor>:$value, DenseI64ArrayAttr:$begins,
                       DenseI64ArrayAttr:$ends);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $mode $input (`,` $value^)? `begins` $begins `ends` $ends attr-dict `:` functional-type(operands, results)
  }];
  let hasFolder = 1;
}

def NN_TriluOp : NN_InferredOp<"trilu"> {
  let summary = "a triangle of each matrix, zeros in place of the other elements";
  let description = [{
    Matrices are the last two axes. Column j of row i is kept if j >= i + k (`upper`), or if j <= i + k.

    ```mlir
    %u = nn.trilu upper %x, %k : (tensor<?x?xf32>, tensor<i64>) -> tensor<?x?xf32>
    %l = nn.trilu %x, %k : (tensor<4x4xf32>, tensor<i64>) -> tensor<4x4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Number:$k, UnitAttr:$upper);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "(`upper` $upper^)? $input `,` $k attr-dict `:` functional-type(operands, results)";
}

def NN_RangeOp : NN_InferredOp<"range"> {
  let summary = "start, start + delta, ..., up to a limit";
  let description = [{
    ceil((limit - start) / delta) numbers, or none.

    ```mlir
    %i = nn.range %start, %limit, %delta : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
    ```
  }];
  let arguments = (ins NN_Tensor:$start, NN_Tensor:$limit, NN_Tensor:$delta);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$start `,` $limit `,` $delta attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// By index. Indices are i32 or i64, and count from the end if they are negative.
//===----------------------------------------------------------------------===//

def NN_GatherOp : NN_InferredOp<"gather"> {
  let summary = "slices of a tensor across one axis, at indices";
  let description = [{
    y[i..., j..., k...] = x[i..., indices[j...], k...], with i the axes before `axis` and k those after it.

    ```mlir
    %y = nn.gather %table, %tokens axis 0 : (tensor<100x8xf16>, tensor<1x1xi64>) -> tensor<1x1x8xf16>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices `axis` $axis attr-dict `:` functional-type(operands, results)";
}

def NN_GatherElementsOp : NN_InferredOp<"gather_elements"> {
  let summary = "elements of a tensor, at an index each along one axis";
  let description = [{
    y[j] = x[j, but indices[j] at `axis`]

    ```mlir
    %y = nn.gather_elements %x, %i axis 1 : (tensor<2x8xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices `axis` $axis attr-dict `:` functional-type(operands, results)";
}

def NN_GatherNDOp : NN_InferredOp<"gather_nd"> {
  let summary = "slices of a tensor across its first axes, at indices of several numbers";
  let description = [{
    y[b..., j..., k...] = x[b..., indices[b..., j..., :]..., k...], with `batch_dims` axes b.

    ```mlir
    %y = nn.gather_nd %x, %i batch_dims 0 : (tensor<2x4x8xf32>, tensor<3x2xi64>) -> tensor<3x8xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$indices, I64Attr:$batch_dims);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `,` $indices `batch_dims` $batch_dims attr-dict `:` functional-type(operands, results)";
}

def NN_ScatterElementsOp : NN_InferredOp<"scatter_elements"> {
  let summary = "a tensor with elements changed, at an index each along one axis";
  let description = [{
    y = x but for y[j, but indices[j] at `axis`] = f(itself, updates[j]), in the order of j; f is `replace` (the
    update), `add`, `mul`, `max` or `min`.

    ```mlir
    %y = nn.scatter_elements replace %x, %i, %u axis 1 : (tensor<2x8xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<2x8xf32>
    ```
  }];
  let arguments = (ins NN_ScatterFunctionAttr:$function, NN_Tensor:$input, NN_Tensor:$indices, NN_Tensor:$updates,
                       I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $function $input `,` $indices `,` $updates `axis` $axis attr-dict `:` functional-type(operands, results)
  }];
}

def NN_ScatterNDOp : NN_InferredOp<"scatter_nd"> {
  let summary = "a tensor with slices across its first axes changed, at indices of several numbers";
  let description = [{
    y = x but for y[indices[j..., :]..., k...] = f(itself, updates[j..., k...]), in the order of j; f is `replace` (the
    update), `add`, `mul`, `max` or `min`.

    ```mlir
    %y = nn.scatter_nd add %x, %i, %u : (tensor<4x8xf32>, tensor<3x1xi64>, tensor<3x8xf32>) -> tensor<4x8xf32>
    ```
  }];
  let arguments = (ins NN_ScatterFunctionAttr:$function, NN_Tensor:$input, NN_Tensor:$indices, NN_Tensor:$updates);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$function $input `,` $indices `,` $updates attr-dict `:` functional-type(operands, results)";
}

def NN_TensorScatterOp : NN_InferredOp<"tensor_scatter"> {
  let summary = "a cache with new rows written into it";
  let description = [{
    Of each batch (axis 0), `update` takes the place of as many elements along `axis`, from its write index on (0 if
    there is none); with `circular` positions wrap around at the end. What decoders with a cache of fixed size store
    keys and values with.

    ```mlir
    %c = nn.tensor_scatter %cache, %k at %i axis 2 : (tensor<1x8x64x16xf16>, tensor<1x8x1x16xf16>, tensor<1xi64>) -> tensor<1x8x64x16xf16>
    ```
  }];
  let arguments = (ins NN_Tensor:$cache, NN_Tensor:$update, Optional<NN_Tensor>:$write_indices, I64Attr:$axis,
                       UnitAttr:$circular);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $cache `,` $update (`at` $write_indices^)? `axis` $axis (`circular` $circular^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Along axes
//===----------------------------------------------------------------------===//

def NN_ReduceOp : NN_InferredOp<"reduce"> {
  let summary = "one number of the elements along some axes";
  let description = [{
    `sum`, `mean`, `max`, `min`, `prod`, `l1` (sum of |x|), `l2` (square root of the sum of x^2), `log_sum` (log of the
    sum), `log_sum_exp` (log of the sum of e^x) or `sum_square` (sum of x^2). Without axes each element is a group of
    its own. With `keep_dims` the axes stay, with extent 1.

    ```mlir
    %m = nn.reduce mean %x axes [-1] keep_dims : (tensor<1x8xf32>) -> tensor<1x1xf32>
    ```
  }];
  let arguments = (ins NN_ReduceFunctionAttr:$function, NN_Tensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keep_dims);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $function $input `axes` $axes (`keep_dims` $keep_dims^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_ArgReduceOp : NN_InferredOp<"arg_reduce"> {
  let summary = "index of the largest or smallest element along an axis";
  let description = [{
    `max` or `min`; of equals the first, or with `last` the last. With `keep_dims` the axis stays, with extent 1.

    ```mlir
    %i = nn.arg_reduce max %x axis -1 : (tensor<1x8xf32>) -> tensor<1xi64>
    ```
  }];
  let arguments = (ins NN_ArgFunctionAttr:$function, NN_Tensor:$input, I64Attr:$axis, UnitAttr:$keep_dims,
                       UnitAttr:$last);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $function $input `axis` $axis (`keep_dims` $keep_dims^)? (`last` $last^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

class NN_SoftmaxLikeOp<string mnemonic> : NN_InferredOp<mnemonic> {
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` functional-type(operands, results)";
}

def NN_SoftmaxOp : NN_SoftmaxLikeOp<"softmax"> {
  let summary = "e^x over the sum of e^x along an axis";
  let description = [{
    The largest x is subtracted before, which changes nothing but overflow.

    ```mlir
    %p = nn.softmax %s axis -1 : (tensor<1x8x1x?xf32>) -> tensor<1x8x1x?xf32>
    ```
  }];
}

def NN_LogSoftmaxOp : NN_SoftmaxLikeOp<"log_softmax"> {
  let summary = "the logarithm of softmax along an axis";
  let description = [{
    x - max - log(sum of e^(x - max))

    ```mlir
    %p = nn.log_softmax %s axis -1 : (tensor<1x8xf32>) -> tensor<1x8xf32>
    ```
  }];
}

def NN_CumSumOp : NN_InferredOp<"cumsum"> {
  let summary = "sums of the elements up to each along an axis";
  let description = [{
    y[i] = x[0] + ... + x[i], without x[i] if `exclusive`; from the end on if `reverse`.

    ```mlir
    %y = nn.cumsum %x axis 1 exclusive : (tensor<1x?xi64>) -> tensor<1x?xi64>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $input `axis` $axis (`exclusive` $exclusive^)? (`reverse` $reverse^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_TopKOp : NN_InferredOp<"topk"> {
  let summary = "the k largest elements along an axis, and their indices";
  let description = [{
    In descending order, among equals the lower index first; with `smallest` the smallest, in ascending order.

    ```mlir
    %v, %i = nn.topk %x k 2 axis -1 : (tensor<1x8xf32>) -> (tensor<1x2xf32>, tensor<1x2xi64>)
    ```
  }];
  let arguments = (ins NN_Tensor:$input, I64Attr:$k, I64Attr:$axis, UnitAttr:$smallest);
  let results = (outs NN_Tensor:$values, NN_Tensor:$indices);
  let assemblyFormat = [{
    $input `k` $k `axis` $axis (`smallest` $smallest^)? attr-dict `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Products and norms
//===----------------------------------------------------------------------===//

def NN_MatMulOp : NN_InferredOp<"matmul"> {
  let summary = "matrix product";
  let description = [{
    The last two axes are matrices, those before them broadcast. A vector is a row on the left and a column on the
    right; the result does not have that axis (NumPy's matmul). Gemm is nn.transpose, nn.matmul and nn.binary.

    ```mlir
    %y = nn.matmul %x, %w : (tensor<1x1x8xf16>, tensor<8x4xf16>) -> tensor<1x1x4xf16>
    %s = nn.matmul %q, %k : (tensor<1x8x1x64xf32>, tensor<1x8x64x?xf32>) -> tensor<1x8x1x?xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}

def NN_LayerNormalizationOp : NN_InferredOp<"layer_normalization"> {
  let summary = "layer normalisation over the last axes, by tensors";
  let description = [{
    (x - mean) / sqrt(variance + eps), over the axes from `axis` on, rounded to the element type, times scale, plus bias
    (Ba et al. 2016, arXiv:1607.06450). nn.layer_norm is that of a decoder, which names a weight.

    ```mlir
    %y = nn.layer_normalization %x, %scale, %bias axis -1 eps 1.0e-5 : (tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<1x8xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$scale, Optional<NN_Tensor>:$bias, I64Attr:$axis, F64Attr:$eps);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $scale (`,` $bias^)? `axis` $axis `eps` $eps attr-dict `:` functional-type(operands, results)
  }];
}

def NN_RMSNormalizationOp : NN_InferredOp<"rms_normalization"> {
  let summary = "root-mean-square normalisation over the last axes, by a tensor";
  let description = [{
    x / sqrt(mean of x^2 + eps), over the axes from `axis` on, rounded to the element type, times scale (Zhang and
    Sennrich 2019, arXiv:1910.07467). nn.rms_norm is that of a decoder, which names a weight.

    ```mlir
    %y = nn.rms_normalization %x, %scale axis -1 eps 1.0e-6 : (tensor<1x8xf16>, tensor<8xf16>) -> tensor<1x8xf16>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$scale, I64Attr:$axis, F64Attr:$eps);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $scale `axis` $axis `eps` $eps attr-dict `:` functional-type(operands, results)
  }];
}

#endif

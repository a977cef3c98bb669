#ifndef CADENZA_NN_OPS
#define CADENZA_NN_OPS

include "compiler/ir/nn/NNAttrs.td"
include "compiler/ir/nn/NNDialect.td"
include "compiler/ir/nn/NNInterfaces.td"
include "compiler/ir/nn/NNTensorOps.td"
include "compiler/ir/nn/NNTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

def NN_WeightOp : NN_Op<"weight", [Symbol]> {
  let summary = "a weight of the model, bound to a checkpoint tensor or to a small constant";
  let description = [{
    The symbol is the weight's canonical role, the same whichever importer made it; `source` names the checkpoint's
    tensor, of which the weight may be a `view`. A constant (`value`) is for tables that the compiler computes, such as
    RoPE's inverse frequencies. A `factor` is what nn.rope multiplies rotated pairs by (the attention factor of YaRN, Peng
    et al. 2023, arXiv:2309.00071), `growth` how that grows with the position, and `long` what it rotates by in a long
    sequence; a weight that anything else reads has none of them. With `plus`, the weight is that much more than what the
    checkpoint holds, in fp32: Gemma's norms store w and multiply by 1 + w. Only vectors have it, as they are the ones that are kept in fp32, in which the sum is not rounded to 16
    bits.

    ```mlir
    nn.weight @layers.0.attention.query.weight : tensor<2048x1024xbf16> from "model.layers.0.self_attn.q_proj.weight"
    nn.weight @layers.0.mlp.up.weight : tensor<3072x1024xbf16> from "model.layers.0.mlp.gate_up_proj.weight"
      view #nn.view<rows = 6144, first = 3072>
    nn.weight @layers.0.attention_norm.weight : tensor<1152xbf16> from "model.layers.0.input_layernorm.weight" plus 1.0
    nn.weight @rope.inverse_frequencies : tensor<2xf32> = dense<[1.0, 0.5]> : tensor<2xf32> factor 1.19
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyStaticShapeTensor>:$type,
                       OptionalAttr<StrAttr>:$source, OptionalAttr<ElementsAttr>:$value, OptionalAttr<NN_ViewAttr>:$view,
                       OptionalAttr<F64Attr>:$factor, OptionalAttr<F64Attr>:$plus,
                       OptionalAttr<NN_LongAttr>:$long_table, OptionalAttr<NN_GrowthAttr>:$growth);
  let assemblyFormat = [{
    $sym_name `:` $type (`from` $source^)? (`view` $view^)? (`=` $value^)? (`factor` $factor^)? (`plus` $plus^)?
    (`long` $long_table^)? (`growth` $growth^)? attr-dict
  }];
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::RankedTensorType":$type, "::mlir::StringAttr":$source,
                                 "::mlir::ElementsAttr":$value), [{
    build($_builder, $_state, name, type, source, value, ViewAttr(), ::mlir::FloatAttr(), ::mlir::FloatAttr(),
          LongAttr(), GrowthAttr());
  }]>];
  let hasVerifier = 1;
}

def NN_CacheOp : NN_Op<"cache", [Symbol]> {
  let summary = "keys and values of one attention layer for all positions";
  let description = [{
    Two tensors of `kv_heads` x context x `head_dim` elements; the context is chosen when the plan is loaded.

    ```mlir
    nn.cache @layers.0.cache heads 8 head_dim 128 : bf16
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$kv_heads, I64Attr:$head_dim, TypeAttr:$type);
  let assemblyFormat = "$sym_name `heads` $kv_heads `head_dim` $head_dim `:` $type attr-dict";
  let hasVerifier = 1;
}

def NN_ScalarOp : NN_Op<"scalar", [Symbol]> {
  let summary = "a number that an op names, so that it may differ between layers of one shape";
  let description = [{
    ```mlir
    nn.scalar @layers.0.attention.window = 512
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$value);
  let assemblyFormat = "$sym_name `=` $value attr-dict";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

class NN_ComputeOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [DeclareOpInterfaceMethods<NN_EvaluateOpInterface>,
                                DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;
/// A compute op that names no symbol.
class NN_PlainOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [Pure, DeclareOpInterfaceMethods<NN_EvaluateOpInterface>]>;

def NN_EmbeddingOp : NN_ComputeOp<"embedding", [Pure]> {
  let summary = "row `token` of the embedding matrix, and row `position` of learned positions";
  let description = [{
    One token, so one row, times `scale`. A scale that a model rounds to the type of its weights is given as it is then.
    With `positions`, a matrix of a row a position, the row `position` of it is added (Radford et al. 2018, GPT); the scale does
    not concern it. Such a model has no positions beyond the matrix.

    ```mlir
    %x = nn.embedding %token, @embedding.weight : tensor<1x1024xf32>
    %y = nn.embedding %token, @embedding.weight scale 32.0 : tensor<1x1024xf32>
    %z = nn.embedding %token, @embedding.weight positions @positions.weight at %position : tensor<1x1024xf32>
    ```
  }];
  let arguments = (ins NN_Index:$token, Optional<NN_Index>:$position, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$positions, OptionalAttr<F64Attr>:$scale);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = [{
    $token `,` $weight (`positions` $positions^ `at` $position)? (`scale` $scale^)? attr-dict `:` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$token, "::mlir::FlatSymbolRefAttr":$weight), [{
    build($_builder, $_state, type, token, ::mlir::Value(), weight, ::mlir::FlatSymbolRefAttr(), ::mlir::FloatAttr());
  }]>];
}

/// A normalisation of each row, or, with `group_size`, of every run of that many elements on its own.
class NN_NormOp<string mnemonic> : NN_ComputeOp<mnemonic, [Pure, SameOperandsAndResultType]> {
  let results = (outs NN_Activation:$result);
  let extraClassDeclaration = [{
    /// Elements that are normalised together: group_size, or the whole row.
    int64_t getGroup() { return getGroupSize().value_or(getResult().getType().getShape().back()); }
  }];
}

def NN_RMSNormOp : NN_NormOp<"rms_norm"> {
  let summary = "root-mean-square normalisation, of each row or of each head";
  let description = [{
    y = x / sqrt(mean(x^2) + eps) * weight (Zhang and Sennrich 2019, arXiv:1910.07467). With `group_size`, every run of that many
    elements is normalised on its own with the same weight: Qwen3's per-head query and key norms.

    ```mlir
    %1 = nn.rms_norm %0, @layers.0.attention_norm.weight eps 1.0e-6 : tensor<1x1024xf32>
    %3 = nn.rms_norm %2, @layers.0.attention.query_norm.weight eps 1.0e-6 group_size 128 : tensor<1x2048xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$input, FlatSymbolRefAttr:$weight, F64Attr:$eps, OptionalAttr<I64Attr>:$group_size);
  let assemblyFormat = "$input `,` $weight `eps` $eps (`group_size` $group_size^)? attr-dict `:` type($result)";
}

def NN_LayerNormOp : NN_NormOp<"layer_norm"> {
  let summary = "layer normalisation, of each row or of each head, with an optional bias";
  let description = [{
    y = (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * weight (+ bias) (Ba, Kiros and Hinton 2016, arXiv:1607.06450). With
    `group_size`, every run of that many elements is normalised on its own with the same weight and bias.

    ```mlir
    %1 = nn.layer_norm %0, @layers.0.attention_norm.weight bias @layers.0.attention_norm.bias eps 1.0e-5 : tensor<1x1024xf32>
    %3 = nn.layer_norm %2, @layers.0.attention.query_norm.weight eps 1.0e-5 group_size 128 : tensor<1x2048xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$input, FlatSymbolRefAttr:$weight, OptionalAttr<FlatSymbolRefAttr>:$bias, F64Attr:$eps,
                       OptionalAttr<I64Attr>:$group_size);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? `eps` $eps (`group_size` $group_size^)? attr-dict `:` type($result)
  }];
}

def NN_LinearOp : NN_ComputeOp<"linear", [Pure]> {
  let summary = "matrix times each row, with an optional bias";
  let description = [{
    y[n] = sum over k of weight[n][k] * x[k] (+ bias[n]), for each row x. The weight is [outputs][inputs], as in torch.nn.Linear.

    ```mlir
    %q = nn.linear %x, @layers.0.attention.query.weight : (tensor<1x1024xf32>) -> tensor<1x2048xf32>
    %k = nn.linear %x, @layers.0.attention.key.weight bias @layers.0.attention.key.bias : (tensor<1x1024xf32>) -> tensor<1x512xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$input, FlatSymbolRefAttr:$weight, OptionalAttr<FlatSymbolRefAttr>:$bias);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$input `,` $weight (`bias` $bias^)? attr-dict `:` functional-type($input, $result)";
}

def NN_RopeOp : NN_ComputeOp<"rope", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding of each head";
  let description = [{
    Of each head of `head_dim` elements, the first `rotary_dim` (all, if it is not given) are rotated in pairs: for
    i < rotary_dim/2, by the angle position * inverse_frequencies[i], and times the factor of that weight (Su et al. 2021,
    arXiv:2104.09864). In a sequence of more tokens than its `long` says, the frequencies are those. A weight with a
    `growth` rotates whole heads, as all elements grow. A pair is (x[i], x[i + rotary_dim/2]), or (x[2i], x[2i + 1]) if
    `interleaved`. One position, so one row; likewise in the ops below that take one.

    ```mlir
    %r = nn.rope %q, %position, @rope.inverse_frequencies head_dim 128 : tensor<1x2048xf32>
    %s = nn.rope %q, %position, @rope.inverse_frequencies head_dim 128 rotary_dim 64 interleaved : tensor<1x2048xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$input, NN_Index:$position, FlatSymbolRefAttr:$inverse_frequencies, I64Attr:$head_dim,
                       OptionalAttr<I64Attr>:$rotary_dim, UnitAttr:$interleaved);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = [{
    $input `,` $position `,` $inverse_frequencies `head_dim` $head_dim (`rotary_dim` $rotary_dim^)?
    (`interleaved` $interleaved^)? attr-dict `:` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$input, "::mlir::Value":$position,
                                 "::mlir::FlatSymbolRefAttr":$inverse_frequencies, "::mlir::IntegerAttr":$head_dim), [{
    build($_builder, $_state, type, input, position, inverse_frequencies, head_dim, ::mlir::IntegerAttr());
  }]>];
  let extraClassDeclaration = [{
    /// Elements of a head that are rotated: rotary_dim, or all.
    int64_t getRotated() { return getRotaryDim().value_or(getHeadDim()); }
  }];
}

def NN_KVAppendOp : NN_ComputeOp<"kv_append", [AllTypesMatch<["key", "value"]>]> {
  let summary = "stores this token's key and value in a cache";
  let description = [{
    ```mlir
    nn.kv_append %k, %v, %position, @layers.0.cache : tensor<1x1024xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$key, NN_Activation:$value, NN_Index:$position, FlatSymbolRefAttr:$cache);
  let assemblyFormat = "$key `,` $value `,` $position `,` $cache attr-dict `:` type($key)";
}

def NN_AttentionOp : NN_ComputeOp<"attention", [AllTypesMatch<["query", "result"]>]> {
  let summary = "causal attention of one query token over the cache";
  let description = [{
    For each of the `heads` query heads h, with kv head g = h / (heads / kv_heads):
    softmax over p <= position of scale * q[h] . key[g][p], times value[g][p] (Vaswani et al. 2017; grouped queries:
    Ainslie et al. 2023, arXiv:2305.13245). The cache already holds this token's key and value. With a `window` w > 0, only
    p > position - w count (sliding window attention: Beltagy et al. 2020, arXiv:2004.05150); 0 is no window. With a `cap`, a
    score s becomes cap * tanh(s / cap) (Gemma Team 2024, arXiv:2408.00118).

    ```mlir
    %o = nn.attention %q, %position, @layers.0.cache heads 16 scale 0.08838834764831845 : tensor<1x2048xf32>
    %p = nn.attention %q, %position, @layers.1.cache heads 16 scale 0.0884 window @layers.1.attention.window : tensor<1x2048xf32>
    %s = nn.attention %q, %position, @layers.2.cache heads 16 scale 0.0625 cap 50.0 : tensor<1x2048xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$query, NN_Index:$position, FlatSymbolRefAttr:$cache, I64Attr:$heads, F64Attr:$scale,
                       OptionalAttr<FlatSymbolRefAttr>:$window, OptionalAttr<F64Attr>:$cap);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = [{
    $query `,` $position `,` $cache `heads` $heads `scale` $scale (`window` $window^)? (`cap` $cap^)? attr-dict
    `:` type($result)
  }];
  let builders = [OpBuilder<(ins "::mlir::Type":$type, "::mlir::Value":$query, "::mlir::Value":$position,
                                 "::mlir::FlatSymbolRefAttr":$cache, "::mlir::IntegerAttr":$heads, "::mlir::FloatAttr":$scale,
                                 "::mlir::FlatSymbolRefAttr":$window), [{
    build($_builder, $_state, type, query, position, cache, heads, scale, window, ::mlir::FloatAttr());
  }]>];
}

def NN_SiluOp : NN_PlainOp<"silu", [SameOperandsAndResultType]> {
  let summary = "x / (1 + exp(-x))";
  let arguments = (ins NN_Activation:$input);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def NN_GeluOp : NN_PlainOp<"gelu", [SameOperandsAndResultType]> {
  let summary = "0.5 x (1 + erf(x / sqrt(2)))";
  let description = [{
    The exact form of GELU (Hendrycks and Gimpel 2016, arXiv:1606.08415); nn.gelu_tanh is the approximation.

    ```mlir
    %y = nn.gelu %x : tensor<1x3072xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$input);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def NN_GeluTanhOp : NN_PlainOp<"gelu_tanh", [SameOperandsAndResultType]> {
  let summary = "0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))";
  let arguments = (ins NN_Activation:$input);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

def NN_ScaleOp : NN_PlainOp<"scale", [SameOperandsAndResultType]> {
  let summary = "x times a constant";
  let description = [{
    What some models multiply the branches of the residual stream and the logits by.

    ```mlir
    %y = nn.scale %x by 0.22 : tensor<1x2048xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$input, F64Attr:$factor);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$input `by` $factor attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_SoftcapOp : NN_PlainOp<"softcap", [SameOperandsAndResultType]> {
  let summary = "cap * tanh(x / cap): keeps x within (-cap, cap)";
  let description = [{
    The softcap of logits (Gemma Team 2024, arXiv:2408.00118); that of scores is an attribute of nn.attention.

    ```mlir
    %y = nn.softcap %x cap 30.0 : tensor<1x256000xf32>
    ```
  }];
  let arguments = (ins NN_Activation:$input, F64Attr:$cap);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$input `cap` $cap attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_MulOp : NN_PlainOp<"mul", [SameOperandsAndResultType]> {
  let summary = "elementwise product";
  let arguments = (ins NN_Activation:$lhs, NN_Activation:$rhs);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def NN_AddOp : NN_PlainOp<"add", [SameOperandsAndResultType]> {
  let summary = "elementwise sum; the residual stream is lhs";
  let arguments = (ins NN_Activation:$lhs, NN_Activation:$rhs);
  let results = (outs NN_Activation:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def NN_ArgmaxOp : NN_PlainOp<"argmax"> {
  let summary = "index of the largest element, the lowest among equals: greedy selection of the next token";
  let arguments = (ins NN_Activation:$input);
  let results = (outs NN_Index:$token);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasVerifier = 1;
}

#endif

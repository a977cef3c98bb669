#ifndef CADENZA_STEP_OPS
#define CADENZA_STEP_OPS

include "compiler/ir/nn/NNTypes.td"
include "compiler/ir/step/StepAttrs.td"
include "compiler/ir/step/StepDialect.td"
include "compiler/ir/step/StepInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// A vector a token (decode: one token) on its way between phases; its element type is how it is stored.
def Step_Vector : Type<
    And<[TensorOf<[F32, BF16, F16]>.predicate, CPred<"::llvm::cast<::mlir::ShapedType>($_self).hasStaticShape()">,
         CPred<"::llvm::cast<::mlir::ShapedType>($_self).getRank() == 2">]>,
    "tokens x elements of f32, bf16 or f16", "::mlir::RankedTensorType">;

/// A value between the fusions of a graph: a tensor of any element type and rank.
def Step_Tensor : Type<And<[NN_Tensor.predicate, CPred<"::llvm::cast<::mlir::ShapedType>($_self).hasStaticShape()">]>,
                       "tensor of static shape and an element type of nn", "::mlir::RankedTensorType">;

def Step_FunctionArrayAttr : TypedArrayAttrBase<Step_FunctionAttrInterface, "functions in order">;

class Step_Op<string mnemonic, list<Trait> traits = []> : Op<Step_Dialect, mnemonic, traits>;
class Step_PhaseOp<string mnemonic, list<Trait> traits = [], list<string> methods = []>
    : Step_Op<mnemonic, traits # [DeclareOpInterfaceMethods<Step_PhaseOpInterface, methods>,
                                  DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Step_TableOp : Step_Op<"table", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "one weight, cache or scalar for each layer";
  let description = [{
    Phases inside `step.layers` name the table; iteration i uses entry i. All entries have one type. An entry may occur more
    than once: layers that alternate between two RoPE tables, or two windows, have one body.

    ```mlir
    step.table @layers.attention.query.weight [@layers.0.attention.query.weight, @layers.1.attention.query.weight]
    step.table @rope [@rope.local, @rope.global]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypedArrayAttrBase<FlatSymbolRefAttr, "symbols">:$entries);
  let assemblyFormat = "$sym_name $entries attr-dict";
}

def Step_LayersOp : Step_Op<"layers", [SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects]> {
  let summary = "runs its body `count` times, carrying the residual stream";
  let description = [{
    ```mlir
    %y = step.layers count 28 (%h = %x) : tensor<1x1024xf32> {
      ...
      step.yield %next : tensor<1x1024xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Step_Vector>:$inits, I64Attr:$count);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Step_Vector>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Step_YieldOp : Step_Op<"yield", [Pure, Terminator, ParentOneOf<["LayersOp", "FusionOp"]>]> {
  let summary = "the values that the next iteration of `step.layers` starts with, or the results of a `step.fusion`";
  let arguments = (ins Variadic<Step_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ }]>];
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

/// A token id of each row: tensor<tokens x i32>. The syntax leaves it out, as the result says it.
def Step_Tokens : Type<And<[TensorOf<[I32]>.predicate, CPred<"::llvm::cast<::mlir::ShapedType>($_self).hasStaticShape()">,
                            CPred<"::llvm::cast<::mlir::ShapedType>($_self).getRank() == 1">]>,
                       "token ids (tensor<Txi32>)", "::mlir::RankedTensorType">;

def Step_EmbedOp : Step_PhaseOp<"embed", [Pure, TypesMatchWith<"a token id a row", "result", "token",
      "::mlir::RankedTensorType::get({::cadenza::nn::rowCount($_self)}, ::mlir::IntegerType::get($_self.getContext(), 32))">],
    ["getMatrixSymbols"]> {
  let summary = "the embedding of the current token; advances the position";
  let description = [{
    Row `token` of the matrix times `scale`, plus row `position` of `positions`, if there is such a matrix; in fp32. Of a
    tile, each token's, of which the first is at `position`.

    ```mlir
    %x = step.embed %token, @embedding.weight : tensor<1x1024xf32>
    %y = step.embed %token, @embedding.weight positions @positions.weight at %position : tensor<1x1024xf32>
    %z = step.embed %tokens, @embedding.weight : tensor<128x1024xf32>
    ```
  }];
  let arguments = (ins Step_Tokens:$token, Optional<NN_Index>:$position, FlatSymbolRefAttr:$matrix,
                       OptionalAttr<FlatSymbolRefAttr>:$positions, DefaultValuedAttr<F64Attr, "1.0">:$scale);
  let results = (outs Step_Vector:$result);
  let assemblyFormat = [{
    $token `,` $matrix (`positions` $positions^ `at` $position)? attr-dict `:` type($result)
  }];
}

def Step_ProjectOp : Step_PhaseOp<"project", [AttrSizedOperandSegments], ["getMatrixSymbols", "getFunctions"]> {
  let summary = "one or more matrices times a vector, with a prologue and epilogues";
  let description = [{
    Slot i is the product with matrix i. The matrices are packed into one, their rows one after the other, or, if
    `interleaved`, eight rows of each in turn, so that a block holds the same rows of all of them (gate and up).
    `k_groups` and `k_ways` fix the order of a row's sum; a schedule chooses placement, never order. K is walked in steps
    of 32 columns. Groups of steps start at the steps `k_groups` and are added in order. The steps of a group are dealt in
    turn to `k_ways` partial sums, a power of two up to 32, which are added as a balanced tree: ((w0+w1)+(w2+w3))+...
    A prologue that sums over the input (a norm) does so in chunks of `norm_chunk` elements, a power of two from 16 to
    128, each a tree; the chunks' sums are added in an order of their own.

    ```mlir
    %q = step.project %x matrices [@layers.query, @layers.key, @layers.value]
           prologue #step.rms_norm<segment = 0, weight = @layers.attention_norm, eps = 1.0e-6, group_size = 1024>
           epilogues [#step.rope<segment = 0, table = @rope, head_dim = 128, rotary_dim = 128>,
                      #step.kv_append<key = 1, value = 2, cache = @layers.cache, kv_heads = 8, head_dim = 128>]
           : (tensor<1x1024xf32>) -> tensor<1x2048xf32>
    ```

    After a prologue `epilogues` is written also if there are none: `epilogues []`.
  }];
  let arguments = (ins Step_Vector:$input, Variadic<Step_Vector>:$side_inputs, Optional<NN_Index>:$position,
                       TypedArrayAttrBase<FlatSymbolRefAttr, "matrices">:$matrices,
                       OptionalAttr<Step_FunctionAttrInterface>:$prologue,
                       DefaultValuedAttr<Step_FunctionArrayAttr, "{}">:$epilogues, UnitAttr:$interleaved,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{0}">:$k_groups,
                       DefaultValuedAttr<I64Attr, "1">:$k_ways, DefaultValuedAttr<I64Attr, "128">:$norm_chunk);
  let results = (outs Variadic<AnyTypeOf<[Step_Vector, NN_Index]>>:$results);
  let assemblyFormat = [{
    $input (`with` `(` $side_inputs^ `)`)? (`at` $position^)?
    custom<Products>($matrices, $prologue, $epilogues) attr-dict `:` functional-type(operands, results)
  }];
}

def Step_AttendOp : Step_PhaseOp<"attend"> {
  let summary = "causal attention of a query token over the cache, or of each of a tile's";
  let description = [{
    Token i of a tile is at `position` + i. The cache has the keys and values of the tile already.
    The context is cut into `splits` equal runs, a function of the position only; partial results are merged in order.
    In a split, up to `warps` warps take 16 positions of a query head in turn. Both are part of the order of sums. With a `window`, an nn.scalar w > 0 or a table of such, the
    context is the last w positions; positions before it are neither read nor counted. With a `cap`, a score s becomes
    cap * tanh(s / cap).

    ```mlir
    %o = step.attend %q at %position, @layers.cache heads 16 scale 0.088 : tensor<1x2048xf32> -> tensor<1x2048xbf16>
    %p = step.attend %q at %position, @layers.cache heads 16 scale 0.088 window @layers.attention.window
           cap 50.0 : tensor<1x2048xf32> -> tensor<1x2048xbf16>
    ```
  }];
  let arguments = (ins Step_Vector:$query, NN_Index:$position, FlatSymbolRefAttr:$cache, I64Attr:$heads, F64Attr:$scale,
                       OptionalAttr<FlatSymbolRefAttr>:$window, OptionalAttr<F64Attr>:$cap,
                       DefaultValuedAttr<I64Attr, "1">:$splits, DefaultValuedAttr<I64Attr, "8">:$warps);
  let results = (outs Step_Vector:$result);
  let assemblyFormat = [{
    $query `at` $position `,` $cache `heads` $heads `scale` $scale (`window` $window^)? (`cap` $cap^)? attr-dict
    `:` type($query) `->` type($result)
  }];
}

def Step_MapOp : Step_PhaseOp<"map", [AttrSizedOperandSegments], ["getFunctions"]> {
  let summary = "functions that no product absorbed";
  let description = [{
    ```mlir
    %a = step.map %g, %u epilogues [#step.silu<segment = 0>, #step.mul<lhs = 0, rhs = 1>]
           : (tensor<1x3072xf32>, tensor<1x3072xf32>) -> tensor<1x3072xf32>
    ```
    A function over the whole vector sums in chunks of `norm_chunk` elements, as the prologue of a `step.project` does.
  }];
  let arguments = (ins Variadic<Step_Vector>:$inputs, Variadic<Step_Vector>:$side_inputs, Optional<NN_Index>:$position,
                       Step_FunctionArrayAttr:$epilogues, DefaultValuedAttr<I64Attr, "128">:$norm_chunk);
  let results = (outs Variadic<Step_Vector>:$results);
  let assemblyFormat = [{
    $inputs (`with` `(` $side_inputs^ `)`)? (`at` $position^)? `epilogues` $epilogues attr-dict
    `:` functional-type(operands, results)
  }];
}

def Step_FusionOp : Step_Op<"fusion", [Pure, IsolatedFromAbove, SingleBlock,
                                       DeclareOpInterfaceMethods<Step_PhaseOpInterface>]> {
  let summary = "ops on tensors that are computed together: the phase of a graph";
  let description = [{
    The body is a block of `nn` ops on tensors, weights and constants among them. Shapes are static and extents positive. The
    meaning of a fusion is that of its ops, one after the other: each result is rounded to its element type, and sums are of f32
    or wider. A program therefore means the same however its ops are distributed over fusions.

    ```mlir
    %y = step.fusion (%i = %x) : (tensor<1x128xi64>) -> tensor<1x128x384xf32> {
      %w = nn.get_weight @embeddings : tensor<30522x384xf16>
      %r = nn.gather %w, %i axis 0 : (tensor<30522x384xf16>, tensor<1x128xi64>) -> tensor<1x128x384xf16>
      %f = nn.cast %r : tensor<1x128x384xf16> -> tensor<1x128x384xf32>
      step.yield %f : tensor<1x128x384xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Step_Tensor>:$inputs);
  let regions = (region SizedRegion<1>:$body);
  let results = (outs Variadic<Step_Tensor>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// The ops that compute, without the terminator.
    auto getOps() { return getBody().front().without_terminator(); }
    YieldOp getYield();
  }];
}

def Step_LastOp : Step_PhaseOp<"last"> {
  let summary = "the vector of a tile's last live token; ends the tile";
  let description = [{
    Tokens of a tile beyond the end of the prompt are not live. The position becomes that of the last live one, and what
    follows, the head, works on that token as in a step.

    ```mlir
    %h = step.last %x at %position : tensor<128x1024xf32> -> tensor<1x1024xf32>
    ```
  }];
  let arguments = (ins Step_Vector:$input, NN_Index:$position);
  let results = (outs Step_Vector:$result);
  let assemblyFormat = "$input `at` $position attr-dict `:` type($input) `->` type($result)";
}

def Step_SelectOp : Step_PhaseOp<"select", [], ["getFunctions"]> {
  let summary = "the next token: argmax of logits";
  let arguments = (ins Step_Vector:$logits);
  let results = (outs NN_Index:$token);
  let assemblyFormat = "$logits attr-dict `:` type($logits)";
}

#endif

#ifndef CADENZA_NN_ATTRS
#define CADENZA_NN_ATTRS

include "compiler/ir/nn/NNDialect.td"
include "mlir/IR/AttrTypeBase.td"

def NN_PortAttr : AttrDef<NN_Dialect, "Port"> {
  let mnemonic = "port";
  let summary = "what an argument or a result of an entry is";
  let description = [{
    A function whose arguments and results carry `nn.port` is an *entry*: something that a plan can run. Whoever wants
    to know which functions are entries, or what their values mean, asks ports, never names or argument numbers. Either
    all arguments and results of a function carry ports, or none does; ports of an entry are different from each other.

    | port | where | type |
    |---|---|---|
    | `token`, `position` | argument | i32 `[tokens]` |
    | `next` | result | i32 `[tokens]` |
    | `logits` | result | f32 |
    | `"x"`, a named tensor | both | f32, bf16 or f16, static |

    ```mlir
    func.func @decode(%token: tensor<1xi32> {nn.port = #nn.port<token>}, %position: tensor<1xi32> {nn.port = #nn.port<position>})
        -> (tensor<1xi32> {nn.port = #nn.port<next>})
    func.func @run(%x: tensor<2x64xf32> {nn.port = #nn.port<"x">}) -> (tensor<2x8xf32> {nn.port = #nn.port<"y">})
    ```

    `step` works on tokens x elements. Where the tensor that its user sees has another shape, the port says so:
    `#nn.port<"x" : [4, 3, 64]>` on a value of type `tensor<12x64xf32>`.
  }];
  let parameters = (ins "::cadenza::PortKind":$kind, StringRefParameter<"of a named tensor">:$name,
                        ArrayRefParameter<"int64_t", "of a named tensor; none: that of the value's type">:$shape);
  let hasCustomAssemblyFormat = 1;
}

def NN_LongAttr : AttrDef<NN_Dialect, "Long"> {
  let mnemonic = "long";
  let summary = "the inverse frequencies of a long sequence";
  let description = [{
    What nn.rope rotates by, at every position, in a sequence of more than `after` tokens (Ding et al. 2024,
    arXiv:2402.13753). A sequence that grows beyond that is computed again from its first token on.

    ```mlir
    nn.weight @rope.inverse_frequencies : tensor<2xf32> = dense<[1.0, 0.5]> : tensor<2xf32>
      long #nn.long<dense<[0.5, 0.1]> : tensor<2xf32>, after = 4096>
    ```
  }];
  let parameters = (ins "::mlir::ElementsAttr":$values, "int64_t":$after);
  let assemblyFormat = "`<` $values `,` `after` `=` $after `>`";
}

def NN_GrowthAttr : AttrDef<NN_Dialect, "Growth"> {
  let mnemonic = "growth";
  let summary = "how what is rotated grows with the position";
  let description = [{
    What nn.rope multiplies whole heads by, beside the weight's factor: 1 + rate * ln(1 + floor(position / every)). Of
    queries, it sharpens attention in texts that are longer than `every` positions (transformers, modeling_ministral3.py,
    get_llama_4_attn_scale).

    ```mlir
    nn.weight @rope.query_inverse_frequencies : tensor<2xf32> = dense<[1.0, 0.5]> : tensor<2xf32>
      growth #nn.growth<rate = 0.1, every = 16384>
    ```
  }];
  let parameters = (ins "::mlir::FloatAttr":$rate, "int64_t":$every);
  let assemblyFormat = "`<` `rate` `=` $rate `,` `every` `=` $every `>`";
  let extraClassDeclaration = [{
    /// At that position.
    double factorAt(int64_t position);
  }];
}

def NN_ViewAttr : AttrDef<NN_Dialect, "View"> {
  let mnemonic = "view";
  let summary = "which rows of a checkpoint's tensor a weight is";
  let description = [{
    The tensor has `rows` rows, of as many columns as the weight; if it is `transposed`, the checkpoint holds
    [columns][rows]. The weight is runs of `run` of these rows: the first begins at row `first`, each next one `stride` rows
    after the one before, as many as the weight has rows for. Without `run`, it is one run.

    ```mlir
    // the up half of a projection that makes gate and up
    nn.weight @up : tensor<3072x1024xbf16> from "gate_up_proj.weight" view #nn.view<rows = 6144, first = 3072>
    // the keys of a projection to query, key and value that is stored [768][2304]
    nn.weight @k : tensor<768x768xbf16> from "c_attn.weight" view #nn.view<rows = 2304, transposed = true, first = 768>
    // the keys of eight heads of 64 of a projection that is [head][query, key, value][64]
    nn.weight @h : tensor<512x512xbf16> from "query_key_value.weight"
      view #nn.view<rows = 1536, first = 64, run = 64, stride = 192>
    ```
  }];
  let parameters = (ins "int64_t":$rows, DefaultValuedParameter<"bool", "false">:$transposed,
                        DefaultValuedParameter<"int64_t", "0">:$first, DefaultValuedParameter<"int64_t", "0">:$run,
                        DefaultValuedParameter<"int64_t", "0">:$stride);
  let assemblyFormat = "`<` struct(params) `>`";
}

//===----------------------------------------------------------------------===//
// Functions of ops on tensors: enumerations of runtime/reference/functions.h, by their names
//===----------------------------------------------------------------------===//

class NN_FunctionParameter<string enumeration> : AttrParameter<enumeration, ""> {
  let parser = "::cadenza::nn::parseFunction<" # enumeration # ">($_parser)";
  let printer = "$_printer << ::llvm::StringRef(::cadenza::nn::name($_self))";
}

class NN_FunctionAttr<string enumeration, string name, string what> : AttrDef<NN_Dialect, enumeration> {
  let mnemonic = name;
  let summary = what;
  let parameters = (ins NN_FunctionParameter<"::cadenza::nn::" # enumeration>:$value);
  let assemblyFormat = "$value";
  // Accessors and builders of ops have the enumeration itself.
  let returnType = "::cadenza::nn::" # enumeration;
  let convertFromStorage = "$_self.getValue()";
  let constBuilderCall = "::cadenza::nn::" # cppClassName # "::get($_builder.getContext(), $0)";
}

def NN_UnaryFunctionAttr : NN_FunctionAttr<"UnaryFunction", "unary_function", "what nn.unary computes">;
def NN_BinaryFunctionAttr : NN_FunctionAttr<"BinaryFunction", "binary_function", "what nn.binary computes">;
def NN_ReduceFunctionAttr : NN_FunctionAttr<"ReduceFunction", "reduce_function", "what nn.reduce computes">;
def NN_ArgFunctionAttr : NN_FunctionAttr<"ArgFunction", "arg_function", "which element nn.arg_reduce looks for">;
def NN_ScatterFunctionAttr : NN_FunctionAttr<"ScatterFunction", "scatter_function",
                                             "what a scatter does with an element and its update">;
def NN_PadModeAttr : NN_FunctionAttr<"PadMode", "pad_mode", "what nn.pad adds">;

#endif

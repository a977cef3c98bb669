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

#endif

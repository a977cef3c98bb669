// The `nn` dialect: what one token step of a language model computes. See docs/ops (generated) and docs/architecture.md.
#ifndef CADENZA_NN_DIALECT
#define CADENZA_NN_DIALECT

include "mlir/IR/OpBase.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::cadenza::nn";
  let summary = "What a model computes, in the field's own terms";
  let description = [{
    A module holds the model's weights and KV caches as symbols, and functions. Those whose arguments and results carry
    `nn.port` are its *entries*: in a decoder one that computes the next token from the current one and its position, in
    other graphs functions of named tensors. Activations are fp32 tensors whose last dimension is a vector, the ones
    before it rows that are treated alike, in a decoder tokens (`tensor<1xNxf32>`). They carry no rounding promise,
    which is what makes fusing legal. There are no views: heads are consecutive runs of `head_dim` elements, and the ops
    that work on heads say so. The cache is explicit state: `nn.kv_append` writes it, `nn.attention` reads it, program
    order counts.

    There are two kinds of ops. Those of a decoder are the above. Those on tensors (NNTensorOps.td), named as in the ONNX
    specification, are what a graph is imported as: they take values of any element type and rank, whose extents may be
    open (`?`), weights among them (`nn.get_weight`), and round their results to their type. Passes raise what they
    recognise of the second kind to the first; a function may mix both.

    Every op has an executable reference (`evaluate`), so a pass can be checked by running the IR before and after it.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let extraClassDeclaration = [{
    void registerAttributes(); // with their definitions, in NNPorts.cpp
  }];
}

class NN_Op<string mnemonic, list<Trait> traits = []> : Op<NN_Dialect, mnemonic, traits>;

#endif

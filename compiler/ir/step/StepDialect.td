// The `step` dialect: how a token step is executed. See docs/ops (generated) and docs/architecture.md.
#ifndef CADENZA_STEP_DIALECT
#define CADENZA_STEP_DIALECT

include "mlir/IR/OpBase.td"

def Step_Dialect : Dialect {
  let name = "step";
  let cppNamespace = "::cadenza::step";
  let summary = "How a token step is executed: phases with a prologue and epilogues";
  let description = [{
    An op is a phase: one kernel of the `launch` schedule, and what every other schedule places. `nn` becomes `step` one op to
    one phase, so the unfused program exists and runs; fusing means that a phase absorbs a neighbour's functions into
    its prologue or its epilogues. A function is the same attribute, the same CPU reference and the same device functor
    whether it stands alone in a `step.map` or at the end of a `step.project`: a fusion moves it and computes nothing.

    A phase works on a list of vectors, its segments: `step.project` starts with one for each matrix, `step.map` with one
    for each input. Functions name segments by their index in that initial list (their slot), which does not shift when
    others are consumed. What is left at the end is the phase's results, in slot order.

    The phases of a graph, whose ops are on tensors of any type and rank, are `step.fusion`: a region of such ops.

    How a matrix is stored is the attribute `step.encoding` of its `nn.weight`; how many positions a cache keeps, if not
    all, `step.positions` of its `nn.cache`.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::cadenza::nn::NNDialect"];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Of an nn.weight: its encoding (WeightEncodingAttrInterface).
    static constexpr ::llvm::StringLiteral encodingName = "step.encoding";
    /// Of an nn.weight: the weight that it is a copy of, in another encoding.
    static constexpr ::llvm::StringLiteral copyOfName = "step.copy_of";
    /// Of an nn.cache: how many positions it keeps, the last ones; position p lies at p mod that.
    static constexpr ::llvm::StringLiteral positionsName = "step.positions";
    void registerAttributes(); // with their definitions, in StepFunctions.cpp
  }];
}

#endif

// The functions that phases are made of. Formulas and numerics: runtime/plan/program.h.
#ifndef CADENZA_STEP_ATTRS
#define CADENZA_STEP_ATTRS

include "compiler/ir/step/StepDialect.td"
include "compiler/ir/step/StepInterfaces.td"
include "mlir/IR/AttrTypeBase.td"

class Step_Function<string name, string attrMnemonic, list<string> methods>
    : AttrDef<Step_Dialect, name, [DeclareAttrInterfaceMethods<Step_FunctionAttrInterface, methods # ["getFunctionName"]>]> {
  let mnemonic = attrMnemonic;
  let assemblyFormat = "`<` struct(params) `>`";
}

def Step_RMSNormAttr : Step_Function<"RMSNorm", "rms_norm",
    ["getSymbols", "withSymbols", "getRowGroup", "getReduction", "canDeferScale", "defersScale", "withDeferredScale",
     "getPrologueParameters", "getFusion"]> {
  let summary = "root-mean-square normalisation of groups of `group_size` elements";
  let description = [{
    As a prologue (slot 0 is the phase's input) it normalises the whole vector, and with `defer_scale` leaves the
    factor 1/rms, by which the products are linear, to be applied to them. As an epilogue it normalises heads.

    ```mlir
    #step.rms_norm<segment = 0, weight = @layers.attention_norm.weight, eps = 1.0e-6, group_size = 1024, defer_scale = true>
    ```
  }];
  let parameters = (ins "int64_t":$segment, "::mlir::FlatSymbolRefAttr":$weight, "::mlir::FloatAttr":$eps, "int64_t":$group_size,
                        DefaultValuedParameter<"bool", "false">:$defer_scale);
}

def Step_BiasAttr : Step_Function<"Bias", "bias", ["getSymbols", "withSymbols", "isElementwise"]> {
  let summary = "adds a bias vector";
  let parameters = (ins "int64_t":$segment, "::mlir::FlatSymbolRefAttr":$weight);
}

def Step_RopeAttr : Step_Function<"Rope", "rope", ["getSymbols", "withSymbols", "hasRopeTable", "getRowGroup", "usesPosition", "getFusion"]> {
  let summary = "rotary position embedding of each head, half-split form";
  let parameters = (ins "int64_t":$segment, "::mlir::FlatSymbolRefAttr":$table, "int64_t":$head_dim, "int64_t":$rotary_dim);
}

def Step_KVAppendAttr : Step_Function<"KVAppend", "kv_append",
    ["getSymbols", "withSymbols", "getRowGroup", "usesPosition", "getConsumedSlots", "getSlotNames", "writesCache", "getFusion"]> {
  let summary = "stores key and value in the cache at this position; consumes both";
  let parameters = (ins "int64_t":$key, "int64_t":$value, "::mlir::FlatSymbolRefAttr":$cache, "int64_t":$kv_heads,
                        "int64_t":$head_dim);
}

def Step_SiluAttr : Step_Function<"Silu", "silu", ["isElementwise", "getFusion"]> {
  let summary = "x / (1 + exp(-x))";
  let parameters = (ins "int64_t":$segment);
}

def Step_GeluTanhAttr : Step_Function<"GeluTanh", "gelu_tanh", ["isElementwise", "getFusion"]> {
  let summary = "the tanh form of GELU";
  let parameters = (ins "int64_t":$segment);
}

def Step_MulAttr : Step_Function<"Mul", "mul", ["getConsumedSlots", "getSlotNames", "isElementwise", "getFusion"]> {
  let summary = "multiplies lhs by rhs; consumes rhs";
  let parameters = (ins "int64_t":$lhs, "int64_t":$rhs);
}

def Step_AddAttr : Step_Function<"Add", "add", ["getNumOperands", "addsOperand", "isElementwise", "getFusion"]> {
  let summary = "adds an operand of the phase: the residual";
  let parameters = (ins "int64_t":$segment);
}

def Step_ArgmaxAttr : Step_Function<"Argmax", "argmax",
    ["getConsumedSlots", "usesPosition", "getReduction", "selectsToken", "getFusion"]> {
  let summary = "selects the next token; consumes the logits";
  let parameters = (ins "int64_t":$segment);
}

#endif

// The functions that phases are made of (formulas and numerics: runtime/plan/program.h), and the encodings of weights.
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

def Step_LayerNormAttr : Step_Function<"LayerNorm", "layer_norm",
    ["getSymbols", "withSymbols", "getRowGroup", "getReduction", "getChunkSums", "getFusion"]> {
  let summary = "layer normalisation of groups of `group_size` elements, with an optional bias";
  let description = [{
    As a prologue it normalises the whole vector, as an epilogue heads. Its scale is not deferred: products would have to be
    corrected by mean and bias too, which takes the product of each matrix with gamma and with beta.

    ```mlir
    #step.layer_norm<segment = 0, weight = @layers.norm.weight, bias = @layers.norm.bias, eps = 1.0e-5, group_size = 1024>
    ```
  }];
  let parameters = (ins "int64_t":$segment, "::mlir::FlatSymbolRefAttr":$weight,
                        OptionalParameter<"::mlir::FlatSymbolRefAttr">:$bias, "::mlir::FloatAttr":$eps, "int64_t":$group_size);
}

def Step_BiasAttr : Step_Function<"Bias", "bias", ["getSymbols", "withSymbols", "addsWeight", "isElementwise"]> {
  let summary = "adds a bias vector";
  let parameters = (ins "int64_t":$segment, "::mlir::FlatSymbolRefAttr":$weight);
}

def Step_RopeAttr : Step_Function<"Rope", "rope", ["getSymbols", "withSymbols", "hasRopeTable", "getRowGroup", "usesPosition", "getFusion"]> {
  let summary = "rotary position embedding of the first `rotary_dim` elements of each head";
  let description = [{
    A pair is (x[i], x[i + rotary_dim/2]), or (x[2i], x[2i + 1]) if `interleaved`.
  }];
  let parameters = (ins "int64_t":$segment, "::mlir::FlatSymbolRefAttr":$table, "int64_t":$head_dim, "int64_t":$rotary_dim,
                        DefaultValuedParameter<"bool", "false">:$interleaved);
}

def Step_KVAppendAttr : Step_Function<"KVAppend", "kv_append",
    ["getSymbols", "withSymbols", "getRowGroup", "usesPosition", "getConsumedSlots", "getSlotNames", "writesCache", "getFusion"]> {
  let summary = "stores key and value in the cache at this position; consumes both";
  let parameters = (ins "int64_t":$key, "int64_t":$value, "::mlir::FlatSymbolRefAttr":$cache, "int64_t":$kv_heads,
                        "int64_t":$head_dim);
}

/// A function of each element of one segment, without parameters.
class Step_Activation<string name, string attrMnemonic>
    : Step_Function<name, attrMnemonic, ["isElementwise", "getFusion"]> {
  let parameters = (ins "int64_t":$segment);
  let extraClassDefinition = [{
    ::llvm::StringRef $cppClass::getFunctionName() const { return getMnemonic(); }
    ::llvm::SmallVector<int64_t> $cppClass::getSlots() const { return {getSegment()}; }
    ::cadenza::step::FunctionAttrInterface $cppClass::withSlots(::llvm::ArrayRef<int64_t> slots) const {
      return get(getContext(), slots[0]);
    }
    bool $cppClass::isElementwise() const { return true; }
    ::llvm::StringRef $cppClass::getFusion() const { return "fuse-activation-mul"; }
    ::mlir::DictionaryAttr $cppClass::getParameters() const { return ::mlir::DictionaryAttr::get(getContext()); }
    ::llvm::LogicalResult $cppClass::verifyUse(::llvm::MutableArrayRef<int64_t>, ::mlir::ValueRange,
                                               ::cadenza::step::SymbolLookup,
                                               ::llvm::function_ref<::mlir::InFlightDiagnostic()>) const {
      return ::mlir::success();
    }
  }];
}

def Step_SiluAttr : Step_Activation<"Silu", "silu"> {
  let summary = "x / (1 + exp(-x))";
}

def Step_GeluAttr : Step_Activation<"Gelu", "gelu"> {
  let summary = "the exact form of GELU, with erf";
}

def Step_GeluTanhAttr : Step_Activation<"GeluTanh", "gelu_tanh"> {
  let summary = "the tanh form of GELU";
}

def Step_ScaleAttr : Step_Function<"Scale", "scale", ["isElementwise", "getFusion"]> {
  let summary = "x times a constant";
  let parameters = (ins "int64_t":$segment, "::mlir::FloatAttr":$factor);
}

def Step_SoftcapAttr : Step_Function<"Softcap", "softcap", ["isElementwise", "getFusion"]> {
  let summary = "cap * tanh(x / cap)";
  let parameters = (ins "int64_t":$segment, "::mlir::FloatAttr":$cap);
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

//===----------------------------------------------------------------------===//
// Weight encodings: those of runtime/shared/encoding.h
//===----------------------------------------------------------------------===//

class Step_Encoding<string name, string attrMnemonic>
    : AttrDef<Step_Dialect, name, [DeclareAttrInterfaceMethods<Step_WeightEncodingAttrInterface, ["getEncoding"]>]> {
  let mnemonic = attrMnemonic;
}

def Step_Tiles16Attr : Step_Encoding<"Tiles16", "tiles16"> {
  let summary = "16-bit weights in tiles of 16 rows; what a matrix without the attribute is";
  let description = [{
    ```mlir
    nn.weight @embedding.weight : tensor<1000x64xbf16> from "model.embed_tokens.weight" {step.encoding = #step.tiles16}
    ```
  }];
  let extraClassDefinition = "::cadenza::Encoding $cppClass::getEncoding() const { return ::cadenza::Encoding::tiles16; }";
}

def Step_Int8Attr : Step_Encoding<"Int8", "int8"> {
  let summary = "8-bit integers in tiles of 16 rows, symmetric, with one f32 scale a row, or one a group of columns";
  let description = [{
    The scale is the largest magnitude of the row, or of `group` columns of it (32, 64 or 128), divided by 127. A weight is
    the integer nearest to its value divided by that, ties to even. Zeros have scale 0. `scale` is the type of groups'
    scales: f16, unless it is said to be bf16 or f32. `#step.int8<group = 32>` holds what GGUF calls Q8_0.
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "0">:$group, OptionalParameter<"::mlir::Type">:$scale);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
  let extraClassDefinition = [{
    ::cadenza::Encoding $cppClass::getEncoding() const { return encodingWith(::cadenza::Encoding::int8, getGroup(), false, getScale()); }
    ::llvm::LogicalResult $cppClass::verify(::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError, int64_t group, ::mlir::Type scale) {
      return verifyEncoding(emitError, ::cadenza::Encoding::int8, group, false, scale);
    }
  }];
}

def Step_Int4Attr : Step_Encoding<"Int4", "int4"> {
  let summary = "4-bit integers in tiles of 16 rows, with a scale, and perhaps a zero, a group of columns";
  let description = [{
    A weight is scale * code, codes being -8 to 7, or with `zeros` scale * (code - zero), both 0 to 15. `group` columns of
    a row (32, 64 or 128, the last ones possibly fewer) share scale and zero. `scale` is the type of scales: f16, unless it
    is said to be bf16 or f32. Rounded to it, the scale of a group is its largest magnitude / 7; with zeros, the
    range of its values and 0, divided by 15.

    ```mlir
    #step.int4
    #step.int4<group = 32, zeros = true, scale = bf16>
    ```
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "128">:$group, DefaultValuedParameter<"bool", "false">:$zeros,
                        OptionalParameter<"::mlir::Type">:$scale);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
  let extraClassDefinition = [{
    ::cadenza::Encoding $cppClass::getEncoding() const { return encodingWith(::cadenza::Encoding::int4, getGroup(), getZeros(), getScale()); }
    ::llvm::LogicalResult $cppClass::verify(::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError, int64_t group, bool zeros, ::mlir::Type scale) {
      return verifyEncoding(emitError, ::cadenza::Encoding::int4, group, zeros, scale);
    }
  }];
}

def Step_Fp8Attr : Step_Encoding<"Fp8", "fp8"> {
  let summary = "8-bit floats (e4m3) in tiles of 16 rows, with one f32 scale a row, or one a group of columns";
  let description = [{
    The scale is the largest magnitude of the row, or of `group` columns of it (32, 64 or 128), divided by 448. A weight is
    the float nearest to its value divided by that, ties to even. `scale` is the type of groups' scales: f32, unless it
    is said to be f16 or bf16. `#step.fp8<group = 128>` holds matrices with a scale a block of 128 x 128.
  }];
  let parameters = (ins DefaultValuedParameter<"int64_t", "0">:$group, OptionalParameter<"::mlir::Type">:$scale);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
  let extraClassDefinition = [{
    ::cadenza::Encoding $cppClass::getEncoding() const { return encodingWith(::cadenza::Encoding::fp8, getGroup(), false, getScale()); }
    ::llvm::LogicalResult $cppClass::verify(::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError, int64_t group, ::mlir::Type scale) {
      return verifyEncoding(emitError, ::cadenza::Encoding::fp8, group, false, scale);
    }
  }];
}

class Step_SuperBlocks<string name, string attrMnemonic> : Step_Encoding<name, attrMnemonic> {
  let extraClassDefinition = "::cadenza::Encoding $cppClass::getEncoding() const { return ::cadenza::Encoding::" # attrMnemonic # "; }";
}

def Step_Q4KAttr : Step_SuperBlocks<"Q4K", "q4_k"> {
  let summary = "GGUF's Q4_K in tiles of 16 rows: 4-bit integers, a scale and a minimum for 32 columns, of super-blocks";
  let description = [{
    A weight is d * scale * code - dmin * minimum. A super-block of 256 columns of a row has d and dmin, f16; 32 columns have a
    scale and a minimum, integers of 6 bits. `#step.q5_k` has codes of 5 bits. `#step.q6_k` has codes of 6 bits from -32 on,
    no minima, and scales of 8 bits for 16 columns. `#step.q6_k<minima = true>` has minima, too, and holds what any of the three
    holds.
  }];
}
def Step_Q5KAttr : Step_SuperBlocks<"Q5K", "q5_k"> {
  let summary = "GGUF's Q5_K, as q4_k with 5-bit integers";
}
def Step_Q6KAttr : Step_Encoding<"Q6K", "q6_k"> {
  let parameters = (ins DefaultValuedParameter<"bool", "false">:$minima);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let extraClassDefinition = [{
    ::cadenza::Encoding $cppClass::getEncoding() const { return {::cadenza::Encoding::q6_k, 16, getMinima(), ::cadenza::Encoding::f16}; }
  }];
  let summary = "GGUF's Q6_K in tiles of 16 rows: 6-bit integers, a scale for 16 columns, of super-blocks";
}

#endif

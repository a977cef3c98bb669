#ifndef CADENZA_STEP_INTERFACES
#define CADENZA_STEP_INTERFACES

include "mlir/IR/OpBase.td"

// Everything that passes, code generation, the plan and the CPU executor need to know of a function. Nobody switches over
// functions: a new one is one attribute here, one device functor (codegen/kernels), one CPU reference (runtime/cpu).
def Step_FunctionAttrInterface : AttrInterface<"FunctionAttrInterface"> {
  let cppNamespace = "::cadenza::step";
  let description = "A function in the prologue or the epilogues of a phase.";
  let methods = [
    InterfaceMethod<"The name in plans and of the CPU reference; in CamelCase, of the device functor.",
      "::llvm::StringRef", "getFunctionName", (ins)>,
    InterfaceMethod<"The slots it reads and writes, in the order of the functor's parameters; in a prologue {0}, the input.",
      "::llvm::SmallVector<int64_t>", "getSlots", (ins)>,
    InterfaceMethod<"The same function on other slots (as many as getSlots has).",
      "::cadenza::step::FunctionAttrInterface", "withSlots", (ins "::llvm::ArrayRef<int64_t>":$slots)>,
    InterfaceMethod<"The slots among getSlots that exist no more afterwards.",
      "::llvm::SmallVector<int64_t>", "getConsumedSlots", (ins), "", "return {};">,
    InterfaceMethod<"The weights, tables and caches it names, in the order of its kernel arguments.",
      "::llvm::SmallVector<::mlir::FlatSymbolRefAttr>", "getSymbols", (ins), "", "return {};">,
    InterfaceMethod<"Whether its weight is RoPE's inverse frequencies, which an executor expands to a table by position.",
      "bool", "hasRopeTable", (ins), "", "return false;">,
    InterfaceMethod<"The same function on other symbols (as many as getSymbols has).",
      "::cadenza::step::FunctionAttrInterface", "withSymbols",
      (ins "::llvm::ArrayRef<::mlir::FlatSymbolRefAttr>":$symbols), "",
      "return ::llvm::cast<::cadenza::step::FunctionAttrInterface>($_attr);">,
    InterfaceMethod<"Static parameters as the plan and the generated config struct name them, without slots and symbols.",
      "::mlir::DictionaryAttr", "getParameters", (ins)>,
    InterfaceMethod<"The same for the function as a prologue, which may have parameters of its own.",
      "::mlir::DictionaryAttr", "getPrologueParameters", (ins), "",
      "return ::llvm::cast<::cadenza::step::FunctionAttrInterface>($_attr).getParameters();">,
    InterfaceMethod<"The names of getSlots in the plan and in the config struct: 'segment', or 'lhs' and 'rhs'.",
      "::llvm::SmallVector<::llvm::StringRef>", "getSlotNames", (ins), "", "return {\"segment\"};">,
    InterfaceMethod<"How many SSA operands of the phase it takes: vectors beside its segments.",
      "unsigned", "getNumOperands", (ins), "", "return 0;">,
    InterfaceMethod<[{Whether all it does is to add its operand to its segment: a residual. What a schedule that divides
      a product's columns turns into an exchange.}],
      "bool", "addsOperand", (ins), "", "return false;">,
    InterfaceMethod<"Whether all it does is to add its weight to its segment: a bias.", "bool", "addsWeight", (ins), "",
      "return false;">,
    InterfaceMethod<"Whether it writes the cache among getSymbols.", "bool", "writesCache", (ins), "", "return false;">,
    InterfaceMethod<"Whether it selects the next token, an extra result of the phase after its vectors.",
      "bool", "selectsToken", (ins), "", "return false;">,
    InterfaceMethod<"Whether it reads the position (a kernel argument: the decode state).", "bool", "usesPosition", (ins), "",
      "return false;">,
    InterfaceMethod<"Rows of a segment that one block must hold together: head_dim for what works on heads, otherwise 1.",
      "int64_t", "getRowGroup", (ins), "", "return 1;">,
    InterfaceMethod<"What an element of the result depends on besides itself, on segments of `elements` elements.",
      "::cadenza::step::Reduction", "getReduction", (ins "int64_t":$elements), "",
      "return ::cadenza::step::Reduction::None;">,
    InterfaceMethod<"Sums that a reduction over the whole vector has of each chunk of it.",
      "int64_t", "getChunkSums", (ins), "", "return 1;">,
    InterfaceMethod<[{Whether an element of the result depends on nothing but the elements at its place, of its segments
      and operands, and so can be computed wherever those are.}],
      "bool", "isElementwise", (ins), "", "return false;">,
    InterfaceMethod<[{Whether, as a prologue, its reduction enters the products as one factor only, so that products may
      be computed without it and multiplied by it afterwards. True also of a function that defers it already.}],
      "bool", "canDeferScale", (ins), "", "return false;">,
    InterfaceMethod<"Whether that factor is left to be applied after the products.", "bool", "defersScale", (ins), "",
      "return false;">,
    InterfaceMethod<"The same function with the factor deferred; only if canDeferScale.",
      "::cadenza::step::FunctionAttrInterface", "withDeferredScale", (ins), "",
      "return ::llvm::cast<::cadenza::step::FunctionAttrInterface>($_attr);">,
    InterfaceMethod<"The name of the fusion that moves this function into a project's epilogue (a pass's argument).",
      "::llvm::StringRef", "getFusion", (ins), "", "return \"\";">,
    InterfaceMethod<"Checks slots' sizes (elements, by slot; -1: consumed), operand sizes and symbols.",
      "::llvm::LogicalResult", "verifyUse",
      (ins "::llvm::MutableArrayRef<int64_t>":$sizes, "::mlir::ValueRange":$operands,
           "::cadenza::step::SymbolLookup":$lookup,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
  ];
}

// How a matrix is stored. Its constants are those of runtime/shared/encoding.h: packer, executors, planner and kernels
// use the same ones.
def Step_WeightEncodingAttrInterface : AttrInterface<"WeightEncodingAttrInterface"> {
  let cppNamespace = "::cadenza::step";
  let description = "How a matrix is stored: the attribute `step.encoding` of its `nn.weight`.";
  let methods = [
    InterfaceMethod<"The encoding: what the attribute says.", "::cadenza::Encoding", "getEncoding">,
    InterfaceMethod<"Its name, as plans spell it.", "std::string", "getName", (ins), "",
      "return ::cadenza::encodingName(::llvm::cast<::cadenza::step::WeightEncodingAttrInterface>($_attr).getEncoding());">,
    InterfaceMethod<"Bytes of a unit (8 x 32 weights), of a row's scale and of a group's record, error bound.",
      "::cadenza::EncodingFormat", "getFormat", (ins), "",
      "return ::cadenza::format_of(::llvm::cast<::cadenza::step::WeightEncodingAttrInterface>($_attr).getEncoding());">,
    InterfaceMethod<"Rows and columns of a tile, of which whole ones are stored.",
      "std::pair<int64_t, int64_t>", "getTile", (ins), "",
      "return {::cadenza::tile_rows, ::cadenza::step_columns};">,
    InterfaceMethod<"Bytes that a matrix of this type takes.", "uint64_t", "getStoredBytes",
      (ins "::mlir::RankedTensorType":$type), "", [{
        const auto rows = static_cast<uint64_t>(type.getDimSize(0)), columns = static_cast<uint64_t>(type.getDimSize(1));
        return ::cadenza::matrix_bytes(::llvm::cast<::cadenza::step::WeightEncodingAttrInterface>($_attr).getFormat(), rows, columns);
      }]>,
    InterfaceMethod<"The tensors of the checkpoint that the matrix is made of.",
      "::llvm::SmallVector<::mlir::StringAttr>", "getSources", (ins "::cadenza::nn::WeightOp":$weight), "",
      "return {weight.getSourceAttr()};">,
    InterfaceMethod<"The device functor (codegen/kernels/encodings.cuh), given the device's type of the vector.",
      "std::string", "getDeviceType", (ins "::llvm::StringRef":$operand), "",
      "return ::cadenza::step::deviceTypeOf(::llvm::cast<::cadenza::step::WeightEncodingAttrInterface>($_attr).getEncoding(), operand);">,
    InterfaceMethod<"What a stored weight is off at most, as a share of the largest magnitude of its row.",
      "double", "getErrorBound", (ins), "",
      "return ::llvm::cast<::cadenza::step::WeightEncodingAttrInterface>($_attr).getFormat().error_bound;">,
    InterfaceMethod<"Checks that a weight of this type can be stored so.", "::llvm::LogicalResult", "verifyWeight",
      (ins "::mlir::ShapedType":$type, "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError), "", [{
        if (type.getRank() == 2 && (type.getElementType().isBF16() || type.getElementType().isF16()))
          return ::mlir::success();
        return emitError() << "stores matrices of bf16 or f16, not " << type;
      }]>,
  ];
}

def Step_PhaseOpInterface : OpInterface<"PhaseOpInterface"> {
  let cppNamespace = "::cadenza::step";
  let description = "A phase: an op of the step program that executes as one kernel of the `launch` schedule.";
  let methods = [
    InterfaceMethod<"The matrices it reads, as packed together.", "::llvm::SmallVector<::mlir::FlatSymbolRefAttr>",
      "getMatrixSymbols", (ins), "", "return {};">,
    InterfaceMethod<"The prologue (none or one) and then the epilogues.",
      "::llvm::SmallVector<::cadenza::step::FunctionAttrInterface>", "getFunctions", (ins), "", "return {};">,
  ];
}

#endif

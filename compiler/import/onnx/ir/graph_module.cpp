#include "compiler/import/onnx/ir/graph_module.h"
#include "compiler/import/onnx/lower/graph_lowering.h"
#include "compiler/import/text.h"
#include "compiler/ir/nn/TensorValues.h"

#include "mlir/IR/Verifier.h"

#include "llvm/ADT/StringExtras.h"

namespace cadenza::onnx {
namespace {

/// Constants of floats up to so many elements stand in the program, where passes and code see what they are.
constexpr int64_t smallConstant = 16;

std::string text(const Analysis &analysis, ValueId value) {
  const Facts &facts = *analysis.facts[value];
  return std::string(elementTypeName(facts.type)) + " " + analysis.symbols->text(facts.shape);
}

/// Files the extents that nothing says, all in one finding: those of inputs, which can be given, or else what follows
/// from values.
void checkOpen(const Model &model, const Analysis &analysis, Findings &findings) {
  constexpr size_t shown = 20;
  std::set<std::string> names, origins; // names as --dim takes them: "batch", "input_ids[0]"
  for (const Port &input : model.graph.inputs)
    for (const auto &[axis, extent] : llvm::enumerate(analysis.facts[input.value]->shape))
      for (SymbolId leaf : analysis.symbols->leaves(extent)) {
        const Symbols::Symbol &symbol = (*analysis.symbols)[leaf];
        const bool isNamed = symbol.kind == Symbols::Kind::Named;
        names.insert(isNamed ? symbol.name : input.name + "[" + std::to_string(axis) + "]");
      }
  for (NodeId id = 0; names.empty() && id < model.graph.nodes.size(); ++id)
    for (ValueId output : model.graph.nodes[id].outputs)
      if (output != none && analysis.isLive(id))
        for (const Extent &extent : analysis.facts[output]->shape)
          for (SymbolId leaf : analysis.symbols->leaves(extent))
            origins.insert((*analysis.symbols)[leaf].origin);
  std::string message, option;
  for (const std::string &name : names) {
    message += (message.empty() ? "" : ", ") + quotedName(name);
    option += (option.empty() ? "" : ",") + escaped(name, 80) + "=N";
  }
  if (!names.empty())
    findings.unsupported(model.file + ": dimensions are open, and a graph has none: " + message +
                         "; say what they are, " + "--dim " + option);
  message.clear();
  size_t count = 0;
  for (const std::string &origin : origins)
    if (++count <= shown)
      message += (message.empty() ? "" : ", ") + origin;
  if (count > shown)
    message += " and " + std::to_string(count - shown) + " more";
  if (!origins.empty())
    findings.unsupported(model.file +
                         ": extents follow from values and not from shapes, which a graph cannot have: " + message);
}

/// Files inputs and outputs that no plan can take or give.
void checkPorts(const Model &model, const Analysis &analysis, Findings &findings) {
  const Graph &graph = model.graph;
  const auto check = [&](const Port &port, const char *kind) {
    const Facts &facts = *analysis.facts[port.value];
    const std::string where = model.file + ": " + kind + " " + quotedName(port.name) + " is ";
    if (!isComputable(facts.type))
      findings.unsupported(where + text(analysis, port.value) + ", a type that no op computes with");
    else if (std::ranges::any_of(facts.shape, [](const Extent &extent) { return extent.is(0); }))
      findings.unsupported(where + "empty: " + text(analysis, port.value));
    else if (!std::ranges::all_of(port.name, [](char c) { return llvm::isPrint(c); }))
      findings.unsupported(where + "of a name that has more than printable ASCII characters; give it another one");
  };
  for (const Port &input : graph.inputs)
    check(input, "input");
  for (const Port &output : graph.outputs) {
    check(output, "output");
    const auto named = [&](const Port &port) { return port.name == output.name; };
    if (std::ranges::any_of(graph.inputs, named))
      findings.unsupported(model.file + ": output " + quotedName(output.name) + " is the input of that name");
    else if (std::ranges::count_if(graph.outputs, named) > 1)
      findings.unsupported(model.file + ": output " + quotedName(output.name) + " is there twice");
  }
  if (graph.outputs.empty())
    findings.unsupported(model.file + ": has no outputs");
}

class GraphBuilder {
public:
  GraphBuilder(mlir::MLIRContext &context, const Model &model, const std::vector<GraphEntry> &entries,
               Findings &findings)
      : model(model), entries(entries), findings(findings),
        module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context))), ops(&context), symbols(&context) {
    context.loadDialect<nn::NNDialect, mlir::func::FuncDialect>();
    for (const GraphEntry &entry : entries)
      table.taken.insert({entry.name, entry.name + ".launch"}); // the function, and its schedule
  }

  StatusOr<GraphModule> run() {
    for (const GraphEntry &entry : entries)
      CADENZA_RETURN_IF_ERROR(add(entry));
    if (mlir::failed(mlir::verify(*module)))
      return Status(StatusCode::Internal, "the importer built IR that does not verify");
    return GraphModule{std::move(module), std::move(table.weights)};
  }

private:
  mlir::Location location(llvm::StringRef name) { return mlir::NameLoc::get(ops.getStringAttr(name)); }
  nn::PortAttr port(llvm::StringRef name) { return nn::PortAttr::get(ops.getContext(), PortKind::Tensor, name, {}); }

  Status add(const GraphEntry &entry) {
    mlir::func::FuncOp function = declare(entry);
    if (entries.front().name == entry.name)
      symbols.setInsertionPoint(function);
    IrEmitter emitter(ops, symbols, table, *entry.analysis.symbols,
                      {.extent = [](const std::string &) { return mlir::Value(); },
                       .isTable = [](const std::string &) { return false; },
                       .smallFloats = smallConstant});
    GraphLowering lowering(model, entry.analysis, emitter, findings);
    for (const auto &[index, input] : llvm::enumerate(model.graph.inputs))
      lowering.bind(input.value, emitter.add(function.getArgument(index)));
    if (!lowering.run())
      return findings.toStatus();
    llvm::SmallVector<mlir::Value> results;
    for (const Port &output : model.graph.outputs) {
      const Operand operand = lowering.get(output.value);
      CADENZA_RETURN_IF_ERROR(emitter.status().withPrefix(model.file + ": output " + quotedName(output.name)));
      if (!operand.isThere())
        return {StatusCode::Unsupported,
                model.file + ": output " + quotedName(output.name) + " is what no node makes and no input is"};
      results.push_back(emitter.value(operand));
      if (!llvm::cast<mlir::RankedTensorType>(results.back().getType()).hasStaticShape())
        findings.unsupported(model.file + ": output " + quotedName(output.name) + ": its extents follow from values " +
                             "and not from shapes, which a graph cannot have");
    }
    CADENZA_RETURN_IF_ERROR(findings.toStatus());
    finish(function, results);
    return Status::ok();
  }

  /// The function, still without results; the builder then stands in its body.
  mlir::func::FuncOp declare(const GraphEntry &entry) {
    llvm::SmallVector<mlir::Type> types;
    for (const Port &input : model.graph.inputs) {
      const Facts &facts = *entry.analysis.facts[input.value];
      types.push_back(nn::typeOf(ops.getContext(), {facts.type, *numbers(facts.shape)}));
    }
    ops.setInsertionPointToEnd(module->getBody());
    auto function = mlir::func::FuncOp::create(ops, location(entry.name), entry.name, ops.getFunctionType(types, {}));
    mlir::Block *body = function.addEntryBlock();
    for (const auto &[index, input] : llvm::enumerate(model.graph.inputs)) {
      function.setArgAttr(index, nn::portAttribute, port(input.name));
      body->getArgument(index).setLoc(location(input.name));
    }
    ops.setInsertionPointToEnd(body);
    return function;
  }

  void finish(mlir::func::FuncOp function, mlir::ValueRange results) {
    mlir::func::ReturnOp::create(ops, function.getLoc(), results);
    function.setFunctionType(ops.getFunctionType(function.getArgumentTypes(), results.getTypes()));
    for (const auto &[index, output] : llvm::enumerate(model.graph.outputs))
      function.setResultAttr(index, nn::portAttribute, port(output.name));
  }

  const Model &model;
  const std::vector<GraphEntry> &entries;
  Findings &findings;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder ops, symbols;
  IrEmitter::Table table;
};

} // namespace

StatusOr<GraphModule> makeGraphModule(mlir::MLIRContext &context, const Model &model,
                                      const std::vector<GraphEntry> &entries, Findings &findings) {
  for (const GraphEntry &entry : entries) {
    checkOpen(model, entry.analysis, findings);
    if (!findings.hasErrors())
      checkPorts(model, entry.analysis, findings);
    CADENZA_RETURN_IF_ERROR(findings.toStatus());
  }
  return GraphBuilder(context, model, entries, findings).run();
}

} // namespace cadenza::onnx

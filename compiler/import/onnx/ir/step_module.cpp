#include "compiler/import/onnx/ir/step_module.h"
#include "compiler/import/onnx/decoder/data_flow.h"
#include "compiler/import/onnx/lower/graph_lowering.h"
#include "compiler/ir/nn/TensorValues.h"

#include "mlir/IR/Verifier.h"

namespace cadenza::onnx {
namespace {

/// Whether values depend on the tokens, rather than on their positions alone.
std::vector<bool> dependentOnTokens(const DecoderStep &step) {
  const Graph &graph = step.model.graph;
  std::vector<bool> depends(graph.values.size());
  for (const DecoderInput &input : step.inputs)
    depends[input.value] = input.feed == Feed::Token;
  for (const DecoderLayer &layer : step.layers)
    depends[layer.pastKey] = depends[layer.pastValue] = true;
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    const Node &node = graph.nodes[id];
    bool any = false;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      any |= node.inputs[i] != none && !step.analysis.isParameter(id, i) && depends[node.inputs[i]];
    for (ValueId output : node.outputs)
      if (output != none)
        depends[output] = any && !(step.analysis.facts[output] && step.analysis.facts[output]->isKnown());
  }
  return depends;
}

/// Whether values are constants, or constants moved and converted by nodes that stay.
std::vector<bool> madeOfConstants(const DecoderStep &step) {
  const Graph &graph = step.model.graph;
  std::vector<bool> constants(graph.values.size());
  for (ValueId id = 0; id < graph.values.size(); ++id)
    constants[id] = graph.values[id].constant != nullptr;
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    const Node &node = graph.nodes[id];
    bool all = !node.inputs.empty();
    for (size_t i = 0; i < node.inputs.size(); ++i)
      all &= node.inputs[i] == none || step.analysis.isParameter(id, i) || constants[node.inputs[i]];
    for (ValueId output : node.outputs)
      if (output != none)
        constants[output] = all;
  }
  return constants;
}

/// Names of constants that meet nothing but positions, lengths and one another; but for those that rows are taken of,
/// which may be learned positions, or the rotation of long texts.
std::set<std::string> tablesOf(const DecoderStep &step) {
  const Graph &graph = step.model.graph;
  const std::vector<bool> depends = dependentOnTokens(step), constants = madeOfConstants(step);
  std::vector<bool> meetsTokens(graph.values.size());
  const auto any = [](const Node &node, const std::vector<bool> &values) {
    return std::ranges::any_of(node.outputs, [&](ValueId output) { return output != none && values[output]; });
  };
  for (NodeId id = static_cast<NodeId>(graph.nodes.size()); id-- > 0;) {
    const Node &node = graph.nodes[id];
    if (!step.analysis.isLive(id))
      continue;
    if (node.op == "Gather" && node.inputs[0] != none && step.analysis.facts[node.inputs[0]]->shape.size() > 1)
      meetsTokens[node.inputs[0]] = true;
    if (any(node, depends) || (any(node, constants) && any(node, meetsTokens)))
      for (ValueId input : node.inputs)
        if (input != none)
          meetsTokens[input] = true;
  }
  std::set<std::string> tables;
  for (ValueId id = 0; id < graph.values.size(); ++id)
    if (graph.values[id].constant && !meetsTokens[id])
      tables.insert(graph.values[id].name);
  return tables;
}

/// Names of constants that are integers, scales or zero points of quantised matrices.
std::set<std::string> partsOfQuantised(const Graph &graph) {
  std::set<std::string> parts;
  const DataFlow flow(graph);
  const auto add = [&](const Node &node, std::initializer_list<size_t> inputs) {
    for (size_t i : inputs)
      if (i < node.inputs.size() && node.inputs[i] != none)
        if (const Value &value = graph.values[flow.source(node.inputs[i])]; value.constant)
          parts.insert(value.name);
  };
  for (const Node &node : graph.nodes) {
    if (isMicrosoft(node, "MatMulNBits"))
      add(node, {1, 2, 3});
    else if (isMicrosoft(node, "GatherBlockQuantized"))
      add(node, {0, 2, 3});
  }
  return parts;
}

class StepBuilder {
public:
  StepBuilder(mlir::MLIRContext &context, const DecoderStep &step, Findings &findings)
      : step(step), findings(findings), module(mlir::ModuleOp::create(mlir::UnknownLoc::get(&context))), ops(&context),
        symbols(&context) {
    context.loadDialect<nn::NNDialect, mlir::func::FuncDialect>();
  }

  StatusOr<StepModule> run() {
    declare();
    const std::set<std::string> tables = tablesOf(step), quantised = partsOfQuantised(step.model.graph);
    IrEmitter::Table table{.weights = {}, .symbols = {}, .taken = {"decode"}};
    IrEmitter emitter(ops, symbols, table, *step.analysis.symbols,
                      {.extent = [&](const std::string &name) { return name == step.past ? past : mlir::Value(); },
                       .isTable = [&](const std::string &name) { return tables.contains(name); },
                       .isQuantised = [&](const std::string &name) { return quantised.contains(name); }});
    GraphLowering lowering(step.model, step.analysis, emitter, findings);
    for (const DecoderInput &input : step.inputs)
      lowering.bind(input.value, feed(emitter, input));
    for (size_t i = 0; i < step.layers.size(); ++i) {
      lowering.bind(step.layers[i].pastKey, read(emitter, i, step.layers[i].pastKey));
      lowering.bind(step.layers[i].pastValue, read(emitter, i, step.layers[i].pastValue));
    }
    if (!emitter.status().isOk())
      return emitter.status();
    if (!lowering.run())
      return findings.toStatus();
    headsFirst();
    const Operand logits = emitter.cast(lowering.get(step.logits), ElementType::f32);
    CADENZA_RETURN_IF_ERROR(emitter.status());
    finish(emitter.value(logits));
    dropUnused();
    if (mlir::failed(mlir::verify(*module)))
      return Status(StatusCode::Internal, "the importer built IR that does not verify");
    return StepModule{std::move(module), std::move(table.weights)};
  }

private:
  mlir::Location location(llvm::StringRef name) { return mlir::NameLoc::get(ops.getStringAttr(name)); }
  nn::PortAttr port(PortKind kind) { return nn::PortAttr::get(ops.getContext(), kind, "", {}); }

  /// The function, still without a result, and the caches before it.
  void declare() {
    const auto index = mlir::RankedTensorType::get({1}, ops.getI32Type());
    ops.setInsertionPointToEnd(module->getBody());
    function = mlir::func::FuncOp::create(ops, location("decode"), "decode", ops.getFunctionType({index, index}, {}));
    function.setArgAttr(0, nn::portAttribute, port(PortKind::Token));
    function.setArgAttr(1, nn::portAttribute, port(PortKind::Position));
    symbols.setInsertionPoint(function);
    for (const auto &[i, layer] : llvm::enumerate(step.layers)) {
      const bool isHalf = step.analysis.facts[layer.pastKey]->type == ElementType::f16;
      nn::CacheOp::create(symbols, location(step.model.graph.values[layer.pastKey].name), cacheName(i), layer.kvHeads,
                          layer.headDim, isHalf ? mlir::Type(ops.getF16Type()) : ops.getBF16Type());
    }
    mlir::Block *body = function.addEntryBlock();
    body->getArgument(0).setLoc(location("token"));
    body->getArgument(1).setLoc(location("position"));
    ops.setInsertionPointToEnd(body);
    past = nn::PastLengthOp::create(ops, location("position"), body->getArgument(1));
  }

  static std::string cacheName(size_t layer) { return "layers." + std::to_string(layer) + ".cache"; }

  /// An input that is not in the cache, in the type and shape that the graph wants.
  Operand feed(IrEmitter &emitter, const DecoderInput &input) {
    const Facts &facts = *step.analysis.facts[input.value];
    const Shape ones(facts.shape.size(), 1);
    Operand operand = emitter.constant(nn::scalar(1));
    if (input.feed == Feed::Token)
      operand = emitter.add(function.getArgument(0));
    else if (input.feed == Feed::Past)
      operand = emitter.add(past);
    else if (input.feed == Feed::Total)
      operand = emitter.binary(nn::BinaryFunction::Add, emitter.add(past), operand);
    operand = emitter.cast(emitter.reshape(operand, ones), facts.type);
    return emitter.expand(operand, facts.shape);
  }

  /// Past keys or values, in the layout of the graph.
  Operand read(IrEmitter &emitter, size_t i, ValueId input) {
    const DecoderLayer &layer = step.layers[i];
    const Facts &facts = *step.analysis.facts[input];
    const nn::TensorSpec type{facts.type, {1, layer.kvHeads, nn::unknownExtent, layer.headDim}};
    const mlir::Location place = location(step.model.graph.values[input].name);
    const Operand operand = emitter.add(nn::ReadCacheOp::create(
        ops, place, nn::typeOf(ops.getContext(), type), mlir::FlatSymbolRefAttr::get(ops.getContext(), cacheName(i)),
        input == layer.pastValue ? ops.getUnitAttr() : mlir::UnitAttr(), function.getArgument(1)));
    if (layer.layout == CacheLayout::HeadsFirst)
      return operand;
    const Operand rows = emitter.transpose(operand, std::vector<int64_t>{0, 2, 1, 3});
    return layer.layout == CacheLayout::Flat ? emitter.reshape(rows, facts.shape) : rows;
  }

  /// Caches of other layouts are appended to in their own: their keys and values become [1, K, past + 1, D], as
  /// nn.cache has them, that is brought into the layout of the graph. So every cache is one nn.concat of what was read.
  void headsFirst() {
    for (auto read : llvm::to_vector(function.getOps<nn::ReadCacheOp>())) {
      mlir::Operation *user = read->hasOneUse() ? *read->user_begin() : nullptr;
      while (user && !llvm::isa<nn::ConcatOp>(user) && user->hasOneUse()) // transpose, reshape
        user = *user->user_begin();
      auto concat = llvm::dyn_cast_if_present<nn::ConcatOp>(user);
      if (!concat || concat.getParts()[0] == read.getResult())
        continue;
      mlir::OpBuilder builder(concat);
      const llvm::ArrayRef<int64_t> past = read.getResult().getType().getShape(); // [1, K, past, D]
      const mlir::Type element = read.getResult().getType().getElementType();
      const mlir::Location place = concat.getLoc();
      const auto reshape = [&](mlir::Value value, llvm::ArrayRef<int64_t> shape) -> mlir::Value {
        return nn::ReshapeOp::create(builder, place, mlir::RankedTensorType::get(shape, element), value);
      };
      const llvm::SmallVector<int64_t> exchanged = {0, 2, 1, 3};
      const mlir::Value added = nn::TransposeOp::create(
          builder, place, mlir::RankedTensorType::get({1, past[1], 1, past[3]}, element),
          reshape(concat.getParts()[1], {1, 1, past[1], past[3]}), builder.getDenseI64ArrayAttr(exchanged));
      const mlir::Value grown =
          nn::ConcatOp::create(builder, place, read.getResult().getType(), mlir::ValueRange{read.getResult(), added},
                               builder.getI64IntegerAttr(2));
      const llvm::SmallVector<int64_t> rows = {1, mlir::ShapedType::kDynamic, past[1], past[3]};
      const mlir::Value back = nn::TransposeOp::create(builder, place, mlir::RankedTensorType::get(rows, element),
                                                       grown, builder.getDenseI64ArrayAttr(exchanged));
      concat.replaceAllUsesWith(reshape(back, concat.getResult().getType().getShape()));
      for (mlir::Value dead = concat.getResult(); dead != read.getResult();) {
        mlir::Operation *op = dead.getDefiningOp();
        dead = op->getOperand(0);
        op->erase();
      }
    }
  }

  void finish(mlir::Value logits) {
    mlir::func::ReturnOp::create(ops, location("decode"), logits);
    function.setFunctionType(ops.getFunctionType(function.getArgumentTypes(), {logits.getType()}));
    function.setResultAttr(0, nn::portAttribute, port(PortKind::Logits));
  }

  /// Drops what only quantised matrices are made of: their weights name the tensors.
  void dropUnused() {
    mlir::Block &body = function.getBody().front();
    for (mlir::Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
      if (llvm::isa<nn::GetWeightOp, nn::ReshapeOp>(op) && op.use_empty())
        op.erase();
    llvm::DenseSet<llvm::StringRef> used;
    for (auto get : body.getOps<nn::GetWeightOp>())
      used.insert(get.getWeight());
    for (auto weight : llvm::make_early_inc_range(module->getOps<nn::WeightOp>()))
      if (!used.contains(weight.getSymName()))
        weight.erase();
  }

  const DecoderStep &step;
  Findings &findings;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::OpBuilder ops, symbols;
  mlir::func::FuncOp function;
  mlir::Value past;
};

} // namespace

StatusOr<StepModule> makeStepModule(mlir::MLIRContext &context, const DecoderStep &step, Findings &findings) {
  return StepBuilder(context, step, findings).run();
}

} // namespace cadenza::onnx

#include "compiler/plan/program_builder.h"

#include "compiler/ir/sched/Sched.h"
#include "compiler/plan/fusion_body.h"
#include "compiler/schedule/order.h"
#include "compiler/schedule/phase_names.h"
#include "runtime/support/checked.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cadenza;

namespace {

nlohmann::json toJsonValue(Attribute attribute) {
  return llvm::TypeSwitch<Attribute, nlohmann::json>(attribute)
      .Case([](BoolAttr boolean) { return boolean.getValue(); })
      .Case([](IntegerAttr integer) { return integer.getInt(); })
      .Default([](Attribute number) { return cast<FloatAttr>(number).getValueAsDouble(); });
}

class ProgramBuilder {
public:
  ProgramBuilder(ModuleOp module, const GeneratedCode *code) : module(module), code(code), symbols(module, built) {}

  FailureOr<BuiltProgram> build(const ModelInfo &model, const std::optional<Decoder> &decoder) {
    program.model = model;
    if (code)
      program.kernels = code->source.kernels;
    for (func::FuncOp function : nn::entriesOf(module)) {
      if (nn::isDecodeEntry(function)) {
        if (!decoder || program.decoder)
          return function.emitError() << (decoder
                                              ? "is a second decode entry; a program has one"
                                              : "takes a token, but what the model is as a decoder (its context, its "
                                                "stop tokens) is not known");
        program.decoder = decoder;
        program.decoder->entry = program.entries.size();
      }
      addEntry(function);
    }
    if (program.entries.empty() || (decoder && !program.decoder))
      return module.emitError() << (decoder ? "has no decode entry" : "has no entry")
                                << ": a function whose arguments and results carry ports (nn.port)";
    if (code)
      for (const GeneratedCode::Divided &divided : code->divisions)
        addDivision(divided);
    uint64_t offset = 0;
    for (Weight &weight : program.weights) {
      weight.offset = offset;
      auto end = checked::add(offset, weight.bytes);
      auto aligned = end ? checked::alignUp(*end, weightAlignment) : std::nullopt;
      if (!aligned)
        return module.emitError() << "the weights are larger than a plan can be";
      offset = *aligned;
    }
    return std::move(built);
  }

private:
  //===--------------------------------------------------------------------===//
  // Entries
  //===--------------------------------------------------------------------===//

  /// Entries run one at a time: they share the arena.
  void addEntry(func::FuncOp function) {
    inHead = false;
    isDecoder = nn::isDecodeEntry(function);
    isGraph = !function.getBody().front().getOps<step::FusionOp>().empty();
    program.arenaBytes =
        std::max<uint64_t>(program.arenaBytes, function->getAttrOfType<IntegerAttr>("arena_bytes").getInt());
    program.entries.push_back({.name = function.getSymName().str(), .inputs = {}, .outputs = {}, .blocks = {}});
    auto offsets = function->getAttrOfType<DenseI64ArrayAttr>("input_offsets");
    size_t vectors = 0;
    for (BlockArgument argument : function.getArguments()) {
      nn::PortAttr port = nn::argumentPort(function, argument.getArgNumber());
      if (isStored(argument))
        addEdge(argument, "in." + port.getName().str(), offsets[vectors++]);
      program.entries.back().inputs.push_back(makePort(port, argument));
    }
    splitIntoBlocks(function);
    for (OpOperand &returned : function.getBody().front().getTerminator()->getOpOperands())
      program.entries.back().outputs.push_back(
          makePort(nn::resultPort(function, returned.getOperandNumber()), returned.get()));
  }

  Port makePort(nn::PortAttr attribute, Value value) {
    Port port;
    port.kind = attribute.getKind();
    port.name = attribute.getName().str();
    port.shape = nn::shapeAt(attribute, value.getType()).vec();
    if (isStored(value))
      port.edge = edgeOf(value);
    return port;
  }

  /// Whether a value lies in the arena: vectors, and all tensors of a graph. Tokens and positions are in the decode
  /// state.
  bool isStored(Value value) const {
    return isGraph || isa<FloatType>(cast<ShapedType>(value.getType()).getElementType());
  }

  //===--------------------------------------------------------------------===//
  // Blocks and phases
  //===--------------------------------------------------------------------===//

  static bool touchesCache(Operation &op) {
    bool touches = isa<step::LayersOp, step::AttendOp>(op);
    if (auto phase = dyn_cast<step::PhaseOpInterface>(op)) {
      for (step::FunctionAttrInterface function : phase.getFunctions())
        touches |= function.writesCache();
    }
    return touches;
  }

  /// Layers are a block each; what lies between them is one. What follows the last use of a cache, in a prefill its
  /// last phase, is the head: a step whose token nobody needs leaves it out.
  void splitIntoBlocks(func::FuncOp function) {
    mlir::Block &body = function.getBody().front();
    Operation *lastCacheOp = nullptr;
    for (Operation &op : body) {
      if (isDecoder && touchesCache(op))
        lastCacheOp = &op;
    }
    std::vector<cadenza::Block> &blocks = program.entries.back().blocks;
    bool open = false; // whether the last block takes further phases
    for (Operation &op : body) {
      if (auto layers = dyn_cast<step::LayersOp>(op)) {
        addLayers(layers, blocks);
        open = false;
      } else if (isa<step::PhaseOpInterface>(op)) {
        const bool isLast = isa<step::LastOp>(op);
        if (!open)
          blocks.push_back({.name = inHead           ? "head"
                                    : isLast         ? "last"
                                    : blocks.empty() ? "start"
                                                     : "rest",
                            .count = 1,
                            .phases = {}});
        open = true;
        addPhase(&op, blocks.back());
        if (isLast) {
          inHead = true;
          open = false;
        }
      }
      if (&op == lastCacheOp) {
        inHead = true;
        open = false;
        program.decoder->headBlock = blocks.size();
      }
    }
  }

  void addLayers(step::LayersOp layers, std::vector<cadenza::Block> &blocks) {
    auto yield = cast<step::YieldOp>(layers.getBody().front().getTerminator());
    for (auto [init, argument, value, result] :
         llvm::zip_equal(layers.getInits(), layers.getBody().getArguments(), yield.getValues(), layers.getResults())) {
      uint32_t edge = edges.lookup(init);
      edges[argument] = edges[value] = edges[result] = edge;
    }
    iterations = layers.getCount();
    blocks.push_back({.name = "layers", .count = iterations, .phases = {}});
    for (Operation &op : layers.getBody().front().without_terminator())
      addPhase(&op, blocks.back());
    iterations = 1;
  }

  uint32_t edgeOf(Value value) {
    auto entry = edges.find(value);
    assert(entry != edges.end() && "a vector is used before the phase that makes it");
    return entry->second;
  }

  void addPhase(Operation *op, cadenza::Block &block) {
    Phase phase;
    phase.name = sched::phaseName(op).str();
    auto interface = cast<step::PhaseOpInterface>(op);
    addResults(op, phase);

    SmallVector<FlatSymbolRefAttr> matrices = interface.getMatrixSymbols();
    auto project = dyn_cast<step::ProjectOp>(op);
    if (!matrices.empty())
      phase.matrix = symbols.matrixRef(matrices, project && project.getInterleaved(), iterations);
    ValueRange sideInputs;
    if (auto embed = dyn_cast<step::EmbedOp>(op)) {
      phase.kind = PhaseKind::Embed;
      if (FlatSymbolRefAttr positions = embed.getPositionsAttr())
        phase.positions = symbols.matrixRef(positions, /*interleaved=*/false, iterations);
      phase.parameters["scale"] = embed.getScale().convertToDouble();
    } else if (project) {
      phase.kind = PhaseKind::Project;
      phase.inputs = {edgeOf(project.getInput())};
      phase.interleaved = project.getInterleaved();
      phase.kGroups.assign(project.getKGroups().begin(), project.getKGroups().end());
      phase.kWays = project.getKWays();
      phase.normChunk = project.getNormChunk();
      for (FlatSymbolRefAttr matrix : matrices)
        phase.segmentRows.push_back(cast<ShapedType>(symbols.weightsOf(matrix)[0].getType()).getDimSize(0));
      if (auto prologue = project.getPrologueAttr())
        phase.prologue.push_back(makeFunction(prologue, {}, /*isPrologue=*/true));
      sideInputs = project.getSideInputs();
    } else if (auto attend = dyn_cast<step::AttendOp>(op)) {
      phase.kind = PhaseKind::Attend;
      phase.inputs = {edgeOf(attend.getQuery())};
      nn::CacheOp cache = symbols.cachesOf(attend.getCacheAttr())[0];
      phase.caches.push_back(symbols.cacheRef(attend.getCacheAttr()));
      if (FlatSymbolRefAttr window = attend.getWindowAttr())
        phase.scalars.push_back(symbols.scalarRef(window));
      phase.parameters = {{"heads", attend.getHeads()},     {"kv_heads", cache.getKvHeads()},
                          {"head_dim", cache.getHeadDim()}, {"scale", attend.getScale().convertToDouble()},
                          {"splits", attend.getSplits()},   {"warps", attend.getWarps()}};
      if (attend.getCap())
        phase.parameters["cap"] = attend.getCap()->convertToDouble();
    } else if (auto map = dyn_cast<step::MapOp>(op)) {
      phase.kind = PhaseKind::Map;
      phase.normChunk = map.getNormChunk();
      for (Value input : map.getInputs())
        phase.inputs.push_back(edgeOf(input));
      sideInputs = map.getSideInputs();
    } else if (auto fusion = dyn_cast<step::FusionOp>(op)) {
      phase.kind = PhaseKind::Fusion;
      for (Value input : fusion.getInputs())
        phase.inputs.push_back(edgeOf(input));
      addBody(fusion, symbols, phase);
    } else if (auto last = dyn_cast<step::LastOp>(op)) {
      phase.kind = PhaseKind::Last;
      phase.inputs = {edgeOf(last.getInput())};
    } else {
      phase.kind = PhaseKind::Select;
      phase.inputs = {edgeOf(cast<step::SelectOp>(op).getLogits())};
    }
    SmallVector<step::FunctionAttrInterface> functions = interface.getFunctions();
    // By position: an epilogue may be the same attribute as the prologue.
    bool hasPrologue = project && project.getPrologueAttr();
    for (step::FunctionAttrInterface function : ArrayRef(functions).drop_front(hasPrologue ? 1 : 0)) {
      phase.epilogues.push_back(makeFunction(function, sideInputs.take_front(function.getNumOperands())));
      sideInputs = sideInputs.drop_front(function.getNumOperands());
    }
    if (code)
      phase.launch = makeLaunch(op, code->launches.find(op)->second, phase);
    if (code && code->prepares.contains(op))
      phase.prepare = makeLaunch(op, code->prepares.find(op)->second, phase);
    if (code && code->variants.contains(op)) {
      const PhaseLaunch &variant = code->variants.find(op)->second;
      const auto kernel =
          llvm::find_if(code->source.kernels, [&](const Kernel &each) { return each.name == variant.kernel; });
      phase.variants.push_back({kernel->targets, makeLaunch(op, variant, phase)});
    }
    if (isDecoder)
      places[op] = {static_cast<uint32_t>(program.entries.back().blocks.size() - 1),
                    static_cast<uint32_t>(block.phases.size())};
    block.phases.push_back(std::move(phase));
  }

  void addResults(Operation *op, Phase &phase) {
    auto offsets = op->getAttrOfType<DenseI64ArrayAttr>("offsets");
    std::vector<std::string> names = fusedNames(op->getLoc());
    for (auto [index, result] : llvm::enumerate(op->getResults())) {
      if (!isStored(result))
        continue;
      phase.outputs.push_back(addEdge(result, phase.name + "." + std::to_string(index), offsets[index]));
      bool oneNameEach = names.size() == op->getNumResults();
      phase.outputNames.push_back(oneNameEach                ? names[index]
                                  : op->getNumResults() == 1 ? moduleName(op)
                                                             : moduleName(op) + "." + std::to_string(index));
    }
    if (phase.outputNames.empty())
      phase.outputNames.push_back(moduleName(op));
  }

  /// The edge of `value`, at `offset`; a carried value has one already.
  uint32_t addEdge(Value value, std::string name, int64_t offset) {
    auto [entry, isNew] = edges.insert({value, static_cast<uint32_t>(program.edges.size())});
    if (!isNew)
      return entry->second;
    auto type = cast<RankedTensorType>(value.getType());
    Edge edge;
    edge.name = std::move(name);
    edge.offset = static_cast<uint64_t>(offset);
    if (isGraph) {
      const nn::TensorSpec spec = tensorSpecOf(value);
      edge.dtype = spec.element;
      edge.shape = spec.shape;
      edge.elements = type.getNumElements();
    } else {
      edge.dtype = dtypeOf(type.getElementType());
      edge.elements = nn::rowElements(type);
      edge.tokens = nn::rowCount(type);
    }
    program.edges.push_back(std::move(edge));
    return entry->second;
  }

  Function makeFunction(step::FunctionAttrInterface attribute, ValueRange sideInputs, bool isPrologue = false) {
    Function result;
    result.name = attribute.getFunctionName().str();
    for (NamedAttribute parameter : isPrologue ? attribute.getPrologueParameters() : attribute.getParameters())
      result.parameters[parameter.getName().str()] = toJsonValue(parameter.getValue());
    if (!isPrologue) { // a prologue works on the input, which is no segment
      for (auto [name, slot] : llvm::zip_equal(attribute.getSlotNames(), attribute.getSlots()))
        result.parameters[name.str()] = slot;
    }
    for (Value sideInput : sideInputs)
      result.operands.push_back(edgeOf(sideInput));
    for (FlatSymbolRefAttr symbol : attribute.getSymbols()) {
      if (symbols.isCache(symbol))
        result.caches.push_back(symbols.cacheRef(symbol));
      else
        result.weights.push_back(symbols.vectorRef(symbol, attribute.hasRopeTable()));
    }
    return result;
  }

  void addDivision(const GeneratedCode::Divided &divided) {
    Division division = divided.division;
    func::FuncOp decode = nn::decodeEntryOf(module);
    decode.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
      const auto launch = divided.launches.find(phase);
      if (launch == divided.launches.end())
        return;
      const auto [block, index] = places.lookup(phase);
      const SumOrder order = orderOf(phase, divided.grid);
      const Phase &made = program.entries[program.decoder->entry].blocks[block].phases[index];
      division.orders.push_back({block,
                                 index,
                                 {order.kGroups.begin(), order.kGroups.end()},
                                 order.kWays,
                                 order.normChunk,
                                 order.splits,
                                 order.warps,
                                 makeLaunch(phase, launch->second, made)});
    });
    program.divisions.push_back(std::move(division));
  }

  /// `phase` is what has been made of `op`: its matrices are among the arguments.
  Launch makeLaunch(Operation *op, const PhaseLaunch &launch, const Phase &phase) {
    Launch result{launch.kernel, {}, launch.blocks};
    for (const PhaseArgument &argument : launch.arguments) {
      Argument word;
      word.kind = argument.kind;
      word.map = argument.map;
      if (argument.kind == ArgumentKind::Edge)
        word.index = edgeOf(argument.edge);
      else if (argument.kind == ArgumentKind::Number)
        word.index = argument.number;
      else if (argument.kind == ArgumentKind::Scratch)
        word.index =
            scratchOf(argument.scratch.empty() ? launch.kernel : argument.scratch.str(), argument.scratchBytes);
      else if (argument.kind == ArgumentKind::Weight && argument.matrix)
        word.ref = phase.matrix;
      else if (argument.kind == ArgumentKind::Weight && argument.positions)
        word.ref = *phase.positions;
      else if (argument.kind == ArgumentKind::Weight && isa<step::FusionOp>(op))
        word.ref = {.perLayer = false, .index = symbols.tensorIndex(argument.symbol)};
      else if (argument.kind == ArgumentKind::Weight)
        word.ref = symbols.vectorRef(argument.symbol, hasRopeTable(op, argument.symbol));
      else if (argument.kind == ArgumentKind::CacheKey || argument.kind == ArgumentKind::CacheValue ||
               argument.kind == ArgumentKind::CachePositions)
        word.ref = symbols.cacheRef(argument.symbol);
      else if (argument.kind == ArgumentKind::Scalar)
        word.ref = symbols.scalarRef(argument.symbol);
      result.arguments.push_back(word);
    }
    return result;
  }

  /// Launches of one kernel follow each other and leave their scratch as they found it, so they share it. What a
  /// launch leaves for the next one has a name of its own, and is as large as the largest.
  uint32_t scratchOf(const std::string &name, uint64_t bytes) {
    auto entry = llvm::find_if(program.scratch, [&](const Scratch &scratch) { return scratch.name == name; });
    if (entry == program.scratch.end())
      entry = program.scratch.insert(entry, {name, bytes});
    entry->bytes = std::max(entry->bytes, bytes);
    return static_cast<uint32_t>(entry - program.scratch.begin());
  }

  static bool hasRopeTable(Operation *op, FlatSymbolRefAttr symbol) {
    return llvm::any_of(cast<step::PhaseOpInterface>(op).getFunctions(), [&](step::FunctionAttrInterface function) {
      return function.hasRopeTable() && llvm::is_contained(function.getSymbols(), symbol);
    });
  }

  ModuleOp module;
  const GeneratedCode *code;
  BuiltProgram built;
  Program &program = built.program;
  ProgramSymbols symbols;
  llvm::DenseMap<Value, uint32_t> edges;
  llvm::DenseMap<Operation *, std::pair<uint32_t, uint32_t>> places; // of the decode entry's phases: block, phase
  int64_t iterations = 1;                                            // of the block being built
  bool isDecoder = false;                                            // the entry being built decodes
  bool isGraph = false;                                              // the entry being built is of fusions
  bool inHead = false;
};

} // namespace

FailureOr<BuiltProgram> cadenza::buildProgram(ModuleOp module, const ModelInfo &model,
                                              const std::optional<Decoder> &decoder, const GeneratedCode *code) {
  return ProgramBuilder(module, code).build(model, decoder);
}

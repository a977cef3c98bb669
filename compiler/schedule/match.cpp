#include "compiler/schedule/match.h"

using namespace mlir;

namespace cadenza {
namespace {

constexpr llvm::StringLiteral attributeName = "persistent";

SmallVector<step::FunctionAttrInterface> epilogues(step::ProjectOp project) {
  return llvm::to_vector(project.getEpilogues().getAsRange<step::FunctionAttrInterface>());
}

step::WeightEncodingAttrInterface encodingOf(step::ProjectOp project) {
  SymbolTableCollection symbols;
  return step::SymbolLookup(project, symbols).encoding(project.getMatrixSymbols()[0]);
}

bool isF32(Value value) { return cast<RankedTensorType>(value.getType()).getElementType().isF32(); }

/// Emits what the schedule would need instead of `op`.
LogicalResult needs(Operation *op, const Twine &what) {
  return op->emitOpError() << "does not fit the persistent schedule, which needs " << what;
}

LogicalResult checkKept(step::ProjectOp project) {
  for (step::FunctionAttrInterface function : keptFunctions(project))
    if (function.getNumOperands() > 0)
      return needs(project, "no function that reads another vector here, but has " + function.getFunctionName());
  return success();
}

/// A product whose sums are added to the residual stream `residual`.
LogicalResult checkExit(step::ProjectOp project, Value input, Value residual) {
  SmallVector<step::FunctionAttrInterface> functions = epilogues(project);
  if (project.getInput() != input || project.getPrologueAttr() || project.getMatrices().size() != 1)
    return needs(project, "the product of one matrix and the result of the phase before it");
  const size_t biases = !functions.empty() && isa<step::BiasAttr>(functions[0]) ? 1 : 0;
  if (functions.size() != biases + 1 || !isa<step::AddAttr>(functions[biases]) ||
      project.getSideInputs()[0] != residual || !isF32(residual) || !isF32(project.getResult(0)))
    return needs(project,
                 "the addition to the residual stream, in f32, as its only function but a bias before it (pass "
                 "fuse-residual)");
  return success();
}

} // namespace

step::ProjectOp PersistentPhases::project(Product product) const {
  switch (product) {
  case Product::QueryKeyValue:
    return queryKeyValue;
  case Product::Output:
    return output;
  case Product::GateUp:
    return gateUp;
  case Product::Down:
    return down;
  case Product::Head:
    return head;
  }
  return nullptr;
}

SmallVector<step::FunctionAttrInterface> keptFunctions(step::ProjectOp project) {
  SmallVector<step::FunctionAttrInterface> functions = epilogues(project);
  llvm::erase_if(functions,
                 [](auto function) { return isa<step::KVAppendAttr, step::AddAttr, step::ArgmaxAttr>(function); });
  return functions;
}

FailureOr<PersistentPhases> matchPersistent(func::FuncOp function) {
  PersistentPhases p;
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (auto embed = dyn_cast<step::EmbedOp>(op); embed && !p.embed)
      p.embed = embed;
    else if (auto layers = dyn_cast<step::LayersOp>(op); layers && p.embed && !p.layers)
      p.layers = layers;
    else if (auto project = dyn_cast<step::ProjectOp>(op); project && p.layers && !p.head)
      p.head = project;
    else
      return needs(&op, "an embedding, the layers as one loop (pass roll-layers) and the head, and nothing between");
  }
  if (!p.head)
    return needs(function, "an embedding, the layers as one loop (pass roll-layers) and the head");

  mlir::Block &body = p.layers.getBody().front();
  SmallVector<Operation *> phases;
  for (Operation &op : body.without_terminator())
    phases.push_back(&op);
  if (phases.size() == 5) {
    p.queryKeyValue = dyn_cast<step::ProjectOp>(phases[0]);
    p.attend = dyn_cast<step::AttendOp>(phases[1]);
    p.output = dyn_cast<step::ProjectOp>(phases[2]);
    p.gateUp = dyn_cast<step::ProjectOp>(phases[3]);
    p.down = dyn_cast<step::ProjectOp>(phases[4]);
  }
  if (!p.queryKeyValue || !p.attend || !p.output || !p.gateUp || !p.down || body.getNumArguments() != 1)
    return needs(p.layers, "layers of five phases (query, key and value; attention; output; gate and up; down) that "
                           "carry one vector: all fusion passes must have matched. This one has " +
                               Twine(phases.size()) + " phases (merged matrices have multiples of 16 rows)");

  Value x = body.getArgument(0);
  SmallVector<step::FunctionAttrInterface> functions = epilogues(p.queryKeyValue);
  auto append = functions.empty() ? nullptr : dyn_cast<step::KVAppendAttr>(functions.back());
  if (p.queryKeyValue.getInput() != x || p.queryKeyValue.getMatrices().size() != 3 || !append || append.getKey() != 1 ||
      append.getValue() != 2 || p.queryKeyValue.getNumResults() != 1 || !isF32(p.queryKeyValue.getResult(0)) ||
      p.attend.getQuery() != p.queryKeyValue.getResult(0))
    return needs(p.queryKeyValue, "query, key and value of the residual stream in this order, with the KV append as "
                                  "the last function (passes merge-projections, fuse-query-key-value)");
  if (failed(checkKept(p.queryKeyValue)) || failed(checkExit(p.output, p.attend.getResult(), x)))
    return failure();
  if (p.gateUp.getInput() != p.output.getResult(0) || !p.gateUp.getInterleaved() ||
      p.gateUp.getMatrices().size() != 2 || p.gateUp.getNumResults() != 1)
    return needs(p.gateUp, "gate and up, interleaved, with one result (passes merge-projections, fuse-activation-mul)");
  if (failed(checkKept(p.gateUp)) || failed(checkExit(p.down, p.gateUp.getResult(0), p.output.getResult(0))))
    return failure();
  if (cast<step::YieldOp>(body.getTerminator()).getValues()[0] != p.down.getResult(0))
    return needs(p.down, "to be what the next layer begins with");
  functions = epilogues(p.head);
  if (p.head.getInput() != p.layers.getResult(0) || p.head.getMatrices().size() != 1 || functions.size() != 1 ||
      !isa<step::ArgmaxAttr>(functions[0]))
    return needs(p.head, "the selection as the head's only function (pass fuse-head-select)");
  for (step::ProjectOp project : {p.output, p.gateUp, p.down, p.head})
    if (encodingOf(project) != encodingOf(p.queryKeyValue))
      return needs(project, "all matrices in one encoding (pass encode-weights): here one is stored as " +
                                Twine(encodingOf(project).getFormat().name) + ", another as " +
                                encodingOf(p.queryKeyValue).getFormat().name);
  return p;
}

PersistentModel modelOf(PersistentPhases p) {
  SymbolTableCollection symbols;
  step::SymbolLookup lookup(p.attend, symbols);
  nn::CacheOp cache = lookup.cache(p.attend.getCacheAttr());
  PersistentModel model;
  model.layers = p.layers.getCount();
  model.hidden = nn::rowElements(p.output.getResult(0));
  model.heads = static_cast<int64_t>(p.attend.getHeads());
  model.kvHeads = static_cast<int64_t>(cache.getKvHeads());
  model.headDim = static_cast<int64_t>(cache.getHeadDim());
  model.units = nn::rowElements(p.gateUp.getResult(0));
  for (step::ProjectOp project : {p.queryKeyValue, p.gateUp, p.head})
    if (auto norm = dyn_cast_if_present<step::RMSNormAttr>(project.getPrologueAttr()); norm && !norm.getDeferScale())
      model.sumsFirst = true;
  model.encoding = encodingOf(p.queryKeyValue).getEncoding();
  model.vocabulary = lookup.weightType(p.head.getMatrixSymbols()[0]).getDimSize(0);
  return model;
}

void setPersistentDevice(func::FuncOp function, const PersistentDevice &device) {
  Builder builder(function.getContext());
  const auto entry = [&](StringRef name, int64_t value) {
    return builder.getNamedAttr(name, builder.getI64IntegerAttr(value));
  };
  function->setAttr(attributeName,
                    builder.getDictionaryAttr({entry("clusters", device.clusters), entry("groups", device.groups),
                                               entry("ranks", device.ranks), entry("shared_bytes", device.sharedBytes),
                                               entry("traced", device.traced), entry("warps", device.warps)}));
}

std::optional<PersistentDevice> persistentDeviceOf(func::FuncOp function) {
  auto attribute = function->getAttrOfType<DictionaryAttr>(attributeName);
  if (!attribute)
    return std::nullopt;
  const auto value = [&](StringRef name) { return static_cast<int>(cast<IntegerAttr>(attribute.get(name)).getInt()); };
  return PersistentDevice{value("groups"),       value("ranks"),         value("warps"),
                          value("shared_bytes"), value("clusters") != 0, value("traced") != 0};
}

} // namespace cadenza

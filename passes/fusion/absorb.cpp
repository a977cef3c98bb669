#include "passes/fusion/absorb.h"

#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace cadenza;

namespace {

/// The slots, of `count` initial ones, that `epilogues` leave.
SmallVector<int64_t> remainingSlots(size_t count, ArrayRef<Attribute> epilogues) {
  SmallVector<int64_t> slots = llvm::to_vector(llvm::seq<int64_t>(0, count));
  for (Attribute epilogue : epilogues) {
    for (int64_t consumed : cast<step::FunctionAttrInterface>(epilogue).getConsumedSlots())
      llvm::erase(slots, consumed);
  }
  return slots;
}

} // namespace

SmallVector<int64_t> cadenza::remainingSlots(step::ProjectOp project) {
  return ::remainingSlots(project.getMatrices().size(), project.getEpilogues().getValue());
}

SmallVector<int64_t> cadenza::remainingSlots(step::MapOp map) {
  return ::remainingSlots(map.getInputs().size(), map.getEpilogues().getValue());
}

bool cadenza::isResidual(step::MapOp map) {
  return map.getFunctions().size() == 1 && map.getFunctions()[0].addsOperand() && map.getInputs().size() == 1;
}

void cadenza::swapAddends(step::MapOp map, PatternRewriter &rewriter) {
  const Value input = map.getInputs()[0], sideInput = map.getSideInputs()[0];
  rewriter.modifyOpInPlace(map, [&] {
    map.getInputsMutable()[0].set(sideInput);
    map.getSideInputsMutable()[0].set(input);
  });
}

void cadenza::recordPass(Operation *op, StringRef pass) {
  Builder builder(op->getContext());
  SmallVector<Attribute> passes;
  if (auto recorded = op->getAttrOfType<ArrayAttr>("passes"))
    llvm::append_range(passes, recorded);
  Attribute name = builder.getStringAttr(pass);
  if (!llvm::is_contained(passes, name))
    passes.push_back(name);
  op->setAttr("passes", builder.getArrayAttr(passes));
}

void cadenza::inheritPasses(Operation *op, Operation *part) {
  if (auto recorded = part->getAttrOfType<ArrayAttr>("passes")) {
    for (auto pass : recorded.getAsRange<StringAttr>())
      recordPass(op, pass);
  }
}

step::ProjectOp cadenza::producingProject(step::MapOp map, PatternRewriter &rewriter) {
  step::ProjectOp project;
  for (Value input : map.getInputs()) {
    auto producer = input.getDefiningOp<step::ProjectOp>();
    if (!producer || (project && producer != project)) {
      (void)rewriter.notifyMatchFailure(map, "its inputs are not all results of one projection");
      return nullptr;
    }
    if (!input.hasOneUse()) {
      (void)rewriter.notifyMatchFailure(map, "an input has another use, which needs it in memory");
      return nullptr;
    }
    if (producer->getBlock() != map->getBlock()) {
      (void)rewriter.notifyMatchFailure(map, "the projection is outside the layers, the map inside");
      return nullptr;
    }
    project = producer;
  }
  return project;
}

step::ProjectOp cadenza::rebuildProject(step::ProjectOp project, ArrayRef<Attribute> epilogues, ValueRange sideInputs,
                                        Value position, Location location, PatternRewriter &rewriter) {
  const int64_t tokens = project.getInput().getType().getDimSize(0);
  SmallVector<Type> types;
  SymbolTableCollection symbols;
  step::SymbolLookup lookup(project, symbols);
  for (int64_t slot : ::remainingSlots(project.getMatrices().size(), epilogues)) {
    RankedTensorType matrix = lookup.weightType(project.getMatrixSymbols()[slot]);
    types.push_back(RankedTensorType::get({tokens, matrix.getDimSize(0)}, rewriter.getF32Type()));
  }
  for (Attribute epilogue : epilogues) {
    if (cast<step::FunctionAttrInterface>(epilogue).selectsToken())
      types.push_back(RankedTensorType::get({tokens}, rewriter.getI32Type()));
  }
  auto result =
      step::ProjectOp::create(rewriter, location, types, project.getInput(), sideInputs, position,
                              project.getMatrices(), project.getPrologueAttr(), rewriter.getArrayAttr(epilogues),
                              project.getInterleaved(), project.getKGroups(), project.getKWays());
  inheritPasses(result, project);
  return result;
}

LogicalResult cadenza::checkAbsorb(step::MapOp map, step::ProjectOp project, PatternRewriter &rewriter) {
  DominanceInfo dominance;
  for (Value sideInput : map.getSideInputs()) {
    if (!dominance.properlyDominates(sideInput, project))
      return rewriter.notifyMatchFailure(map, "a side input is computed after the projection");
  }
  if (Value position = map.getPosition()) {
    if (project.getPosition() && project.getPosition() != position)
      return rewriter.notifyMatchFailure(map, "the projection works at another position");
    if (!dominance.properlyDominates(position, project))
      return rewriter.notifyMatchFailure(map, "the position is computed after the projection");
  }

  // The functions happen earlier than before. A cache that they write must not be touched in between.
  SmallVector<FlatSymbolRefAttr> symbols;
  for (step::FunctionAttrInterface function : map.getFunctions())
    llvm::append_range(symbols, function.getSymbols());
  SymbolTableCollection collection;
  if (llvm::none_of(symbols, [&](auto symbol) { return step::SymbolLookup(map, collection).cache(symbol); }))
    return success();
  for (Operation *op = project->getNextNode(); op != map; op = op->getNextNode()) {
    auto phase = dyn_cast<step::PhaseOpInterface>(op);
    bool touches = isa<step::AttendOp, step::LayersOp>(op);
    for (step::FunctionAttrInterface function :
         phase ? phase.getFunctions() : SmallVector<step::FunctionAttrInterface>())
      touches |= llvm::any_of(function.getSymbols(),
                              [&](auto symbol) { return step::SymbolLookup(op, collection).cache(symbol); });
    if (touches)
      return rewriter.notifyMatchFailure(map, "a cache is used between the projection and the map");
  }
  return success();
}

void cadenza::absorb(step::MapOp map, step::ProjectOp project, StringRef fusion, PatternRewriter &rewriter) {
  SmallVector<Value> sideInputs = llvm::to_vector(project.getSideInputs());
  llvm::append_range(sideInputs, map.getSideInputs());

  // Slots of the map are its inputs; those are results of the project, which stand for the project's remaining slots.
  SmallVector<int64_t> slots = remainingSlots(project);
  SmallVector<Attribute> epilogues = llvm::to_vector(project.getEpilogues().getValue());
  for (step::FunctionAttrInterface function : map.getFunctions()) {
    SmallVector<int64_t> moved = llvm::map_to_vector(function.getSlots(), [&](int64_t slot) {
      return slots[cast<OpResult>(map.getInputs()[slot]).getResultNumber()];
    });
    epilogues.push_back(function.withSlots(moved));
  }
  Value position = project.getPosition() ? project.getPosition() : map.getPosition();
  rewriter.setInsertionPoint(project);
  auto fused = rebuildProject(project, epilogues, sideInputs, position,
                              rewriter.getFusedLoc({project.getLoc(), map.getLoc()}), rewriter);
  inheritPasses(fused, map);
  recordPass(fused, fusion);

  // A remaining slot was either untouched by the map, or is one of its results.
  SmallVector<int64_t> mapSlots; // the project's slots behind the map's results, in order
  SmallVector<int64_t> consumed;
  for (step::FunctionAttrInterface function : map.getFunctions())
    llvm::append_range(consumed, function.getConsumedSlots());
  for (auto [index, input] : llvm::enumerate(map.getInputs())) {
    if (!llvm::is_contained(consumed, static_cast<int64_t>(index)))
      mapSlots.push_back(slots[cast<OpResult>(input).getResultNumber()]);
  }
  SmallVector<int64_t> newSlots = remainingSlots(fused);
  auto resultFor = [&](int64_t slot) -> Value {
    return fused.getResult(llvm::find(newSlots, slot) - newSlots.begin());
  };
  for (auto [result, slot] : llvm::zip_equal(map.getResults(), mapSlots)) {
    resultFor(slot).setType(result.getType());
    rewriter.replaceAllUsesWith(result, resultFor(slot));
  }
  rewriter.eraseOp(map);
  for (auto [result, slot] : llvm::zip_equal(project.getResults(), slots)) {
    if (result.use_empty())
      continue;
    resultFor(slot).setType(result.getType());
    rewriter.replaceAllUsesWith(result, resultFor(slot));
  }
  rewriter.eraseOp(project);
}

LogicalResult AbsorbPattern::matchAndRewrite(step::MapOp map, PatternRewriter &rewriter) const {
  step::ProjectOp project = producingProject(map, rewriter);
  if (!project)
    return failure();
  if (!llvm::all_of(map.getFunctions(), [&](auto function) { return function.getFusion() == fusion; }))
    return rewriter.notifyMatchFailure(map, "a function belongs to another fusion");
  if (failed(checkAbsorb(map, project, rewriter)) || (accepts && failed(accepts(map, project, rewriter))))
    return failure();
  absorb(map, project, fusion, rewriter);
  return success();
}

LogicalResult cadenza::runAbsorb(ModuleOp module, StringRef fusion, AbsorbPattern::Accepts accepts) {
  RewritePatternSet patterns(module.getContext());
  patterns.add<AbsorbPattern>(module.getContext(), fusion, accepts);
  return applyInProgramOrder(module, std::move(patterns));
}

LogicalResult cadenza::applyInProgramOrder(ModuleOp module, RewritePatternSet patterns) {
  GreedyRewriteConfig config;
  config.setUseTopDownTraversal(true);
  return applyPatternsGreedily(module, std::move(patterns), config);
}

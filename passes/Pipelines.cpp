// The pipeline, and why each pass stands where it does.
#include "passes/Passes.h"

#include "mlir/Transforms/Passes.h"

using namespace cadenza;

namespace {

// sink-movement: on the ops of graphs, before they are fusions of one op each.
// 1. convert-nn-to-step: from what is computed to how. Everything after it works on phases.
//    encode-weights, if another encoding than tiles16 is asked for: while every product still names its own weights.
//    Of graphs: fuse-attention, before its products are taken for themselves; fuse-products; fuse-rows;
//    fuse-elementwise, on what none of them took; merge-products, once products are what they will be.
// 2. roll-layers: before all fusion, so that fusion sees one body and compile time is flat in depth.
// 3. merge-projections: before the fusions, because some need their operands in one phase: kv_append needs key and
//    value, mul needs gate and up.
// 4. fuse-norm-project, then
// 5. defer-norm-scale, which changes the prologue that 4 made.
// 6. fuse-query-key-value, 7. fuse-activation-mul, 8. fuse-residual, 9. fuse-head-select: independent of each other; in
//    the order of a layer.
// 10. fuse-maps: on the maps that no product has absorbed. Before, it would tie functions together that products want.
// 11. narrow-edges: once it is settled which vectors still travel through memory and who reads them.
// 12. order-sums: the ways of a product depend on the functions it absorbed.
//     wrap-layers, if there may be a persistent schedule: it needs a loop, and buffers need to know.
//     derive-prefill, if there are to be tiles: on the step as it will be.
// 13. bound-caches: how many positions a window's cache keeps depends on the tiles.
// 14. assign-buffers: on the vectors that are left; it may add copies.
// 15. name-phases: once all phases are there. Schedules and plans know them by their names.
constexpr PipelinePass passes[] = {
    {"sink-movement", true, createSinkMovement},
    {"convert-nn-to-step", false, createConvertNNToStep},
    {"fuse-attention", true, createFuseAttention},
    {"fuse-products", true, createFuseProducts},
    {"fuse-rows", true, createFuseRows},
    {"fuse-elementwise", true, createFuseElementwise},
    {"merge-products", true, createMergeProducts},
    {"roll-layers", true, createRollLayers},
    {"merge-projections", true, createMergeProjections},
    {"fuse-norm-project", true, createFuseNormProject},
    {"defer-norm-scale", true, createDeferNormScale},
    {"fuse-query-key-value", true, createFuseQueryKeyValue},
    {"fuse-activation-mul", true, createFuseActivationMul},
    {"fuse-residual", true, createFuseResidual},
    {"fuse-head-select", true, createFuseHeadSelect},
    {"fuse-maps", true, createFuseMaps},
    {"narrow-edges", true, createNarrowEdges},
    {"order-sums", false, createOrderSums},
    {"bound-caches", true, createBoundCaches},
    {"assign-buffers", false, createAssignBuffers},
    {"name-phases", false, createNamePhases},
};

} // namespace

llvm::ArrayRef<PipelinePass> cadenza::pipelinePasses() { return passes; }

llvm::Error cadenza::buildPipeline(mlir::OpPassManager &manager, const PipelineOptions &options) {
  for (const std::string &name : options.disabled) {
    const PipelinePass *pass = llvm::find_if(passes, [&](const PipelinePass &pass) { return pass.name == name; });
    if (pass == std::end(passes))
      return llvm::createStringError("there is no pass '" + name + "'");
    if (!pass->optional)
      return llvm::createStringError("pass '" + name + "' cannot be disabled: a plan needs it");
  }
  for (const PipelinePass &pass : passes) {
    if (!pass.optional || (!options.none && !llvm::is_contained(options.disabled, pass.name)))
      manager.addPass(pass.create());
    if (pass.name == "convert-nn-to-step" && (options.encoding != "tiles16" || !options.headEncoding.empty()))
      manager.addPass(createEncodeWeights({options.encoding, options.headEncoding}));
    if (pass.name == "order-sums" && !options.persistent.empty())
      manager.addPass(createWrapLayers());
    if (pass.name == "order-sums" && !options.tiles.empty())
      manager.addPass(createDerivePrefill({options.tiles}));
  }
  return llvm::Error::success();
}

//    canonicalize and cse: one form of what means the same. An axis of extent 1 moves by reshapes, equal constants and
//    weights are one value.
// 1. raise-types: casts stand between all that is looked for below.
// 2. raise-norms, raise-linear: what rotation and attention work on.
// 3. raise-rope, raise-attention. Then split-linear: rotation takes parts of a product's result, too.
// 4. raise-embedding, before raise-activations: its scale is a scale, its positions are a sum.
// 5. raise-activations: last of those that recognise something. Rotation and attention have sums, products and scales.
// 6. flatten-rows: once all ops are there, whose reshapes then fold.
// 7. raise-decoder, 8. narrow-weights, 9. name-weights: on what is a decoder now.
void cadenza::buildRaising(mlir::OpPassManager &manager, nn::EvaluationState::TensorReader tables,
                           WeightRowReader reader) {
  manager.addPass(mlir::createCanonicalizerPass());
  manager.addPass(mlir::createCSEPass());
  manager.addPass(createRaiseTypes());
  manager.addPass(createRaiseNorms());
  manager.addPass(createRaiseLinear());
  manager.addPass(createRaiseRope(tables));
  manager.addPass(createRaiseAttention(std::move(tables)));
  manager.addPass(createSplitLinear());
  manager.addPass(createRaiseEmbedding());
  manager.addPass(createRaiseActivations());
  manager.addPass(createFlattenRows());
  manager.addPass(createRaiseDecoder());
  manager.addPass(createNarrowWeights(std::move(reader)));
  manager.addPass(createNameWeights());
}

// 1. lower-to-persistent, once a division: before lower-to-launch, because the order of sums follows the division, and
//    how many threads a product has follows from its order.
// 2. lower-to-launch.
void cadenza::buildSchedules(mlir::OpPassManager &manager, const PipelineOptions &options) {
  for (const PersistentDevice &device : options.persistent) {
    LowerToPersistentOptions pass{device.groups,
                                  device.ranks,
                                  device.warps,
                                  device.sharedBytes,
                                  device.clusters,
                                  device.subgroups,
                                  device.shareFrom,
                                  device.groupsWithoutClusters,
                                  options.context,
                                  device.traced,
                                  {},
                                  options.persistentOptional};
    pass.targets.assign(device.targets.begin(), device.targets.end());
    manager.addPass(createLowerToPersistent(pass));
  }
  manager.addPass(createLowerToLaunch({options.clusters, options.wgmma}));
}

std::vector<std::string> cadenza::enabledPasses(const PipelineOptions &options) {
  std::vector<std::string> names;
  for (const PipelinePass &pass : pipelinePasses())
    if (!pass.optional || (!options.none && !llvm::is_contained(options.disabled, pass.name)))
      names.push_back(pass.name.str());
  return names;
}

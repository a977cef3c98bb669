// Chooses how the matrices of products are stored. See Passes.td.
#include "passes/Passes.h"

#include "mlir/AsmParser/AsmParser.h"

namespace cadenza {
#define GEN_PASS_DEF_ENCODEWEIGHTS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

struct EncodeWeightsPass : cadenza::impl::EncodeWeightsBase<EncodeWeightsPass> {
  using EncodeWeightsBase::EncodeWeightsBase;

  void runOnOperation() final {
    // An encoding of the table is an attribute of that name.
    Attribute attribute = step::findEncoding(encoding) ? parseAttribute("#step." + encoding, &getContext()) : nullptr;
    auto chosen = dyn_cast_if_present<step::WeightEncodingAttrInterface>(attribute);
    if (!chosen) {
      getOperation().emitError() << "there is no encoding of matrices '" << encoding << "'";
      return signalPassFailure();
    }
    SymbolTable symbols(getOperation());
    DenseSet<StringRef> embeddings;
    getOperation().walk([&](step::EmbedOp embed) {
      embeddings.insert(embed.getMatrix());
      if (embed.getPositionsAttr())
        embeddings.insert(*embed.getPositions());
    });
    WalkResult result = getOperation().walk([&](step::ProjectOp project) {
      SmallVector<Attribute> matrices;
      for (FlatSymbolRefAttr matrix : project.getMatrixSymbols()) {
        FailureOr<FlatSymbolRefAttr> encoded = encode(project, matrix, chosen, symbols, embeddings);
        if (failed(encoded))
          return WalkResult::interrupt();
        matrices.push_back(*encoded);
      }
      project.setMatricesAttr(ArrayAttr::get(&getContext(), matrices));
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

private:
  /// The weight that `project` is to name instead of `matrix`: the same one, with the encoding; or a copy, if the
  /// embedding reads it, too, whose rows are read as tiles16.
  FailureOr<FlatSymbolRefAttr> encode(step::ProjectOp project, FlatSymbolRefAttr matrix,
                                      step::WeightEncodingAttrInterface chosen, SymbolTable &symbols,
                                      const DenseSet<StringRef> &embeddings) {
    auto weight = symbols.lookup<nn::WeightOp>(matrix.getValue());
    if (!weight)
      return project.emitOpError() << "names " << matrix << ", which is no weight: encode-weights comes before "
                                   << "roll-layers";
    auto emitError = [&] { return weight.emitOpError() << "encoding " << encoding << " "; };
    if (failed(chosen.verifyWeight(cast<ShapedType>(weight.getType()), emitError)))
      return failure();
    if (step::encodingOf(weight) == chosen)
      return matrix;
    if (embeddings.contains(matrix.getValue())) {
      const std::string name = encoding + "." + matrix.getValue().str();
      auto copy = symbols.lookup<nn::WeightOp>(name);
      if (!copy) {
        copy = weight.clone();
        copy.setSymName(name);
        copy->setAttr(step::StepDialect::copyOfName, matrix);
        symbols.insert(copy, std::next(weight->getIterator()));
      }
      weight = copy;
    }
    weight->setAttr(step::StepDialect::encodingName, chosen);
    return FlatSymbolRefAttr::get(weight.getSymNameAttr());
  }
};

} // namespace

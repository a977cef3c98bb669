// Chooses how the matrices of products are stored. See Passes.td.
#include "passes/Passes.h"

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
    const auto ofAll = named(encoding), ofHead = head.empty() ? ofAll : named(head);
    if (!ofAll || !ofHead)
      return signalPassFailure();
    SymbolTable symbols(getOperation());
    takeChosen();
    DenseSet<StringRef> embeddings;
    getOperation().walk([&](step::EmbedOp embed) {
      embeddings.insert(embed.getMatrix());
      if (embed.getPositionsAttr())
        embeddings.insert(*embed.getPositions());
    });
    const step::ProjectOp headProduct = lastProduct();
    WalkResult result = getOperation().walk([&](step::ProjectOp project) {
      const step::WeightEncodingAttrInterface ofOthers = project == headProduct ? ofHead : ofAll;
      SmallVector<Attribute> matrices;
      for (FlatSymbolRefAttr matrix : project.getMatrixSymbols()) {
        const auto own = chosenOf.find(matrix.getValue());
        const step::WeightEncodingAttrInterface chosen = own == chosenOf.end() ? ofOthers : own->second;
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
  /// Notes the encodings that weights have by now: they are chosen.
  void takeChosen() {
    chosenOf.clear();
    for (nn::WeightOp weight : getOperation().getOps<nn::WeightOp>())
      if (auto encoding = weight->getAttrOfType<step::WeightEncodingAttrInterface>(step::StepDialect::encodingName))
        chosenOf[weight.getSymName()] = encoding;
  }

  /// The encoding of that name; null, and an error, if there is none.
  step::WeightEncodingAttrInterface named(const std::string &name) {
    if (const std::optional<Encoding> found = step::findEncoding(name))
      return step::encodingAttr(&getContext(), *found);
    getOperation().emitError() << "there is no encoding of matrices '" << name << "'";
    return {};
  }

  /// The product whose result the token is selected from: the last one of a decoder.
  step::ProjectOp lastProduct() {
    step::ProjectOp last;
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (nn::isDecodeEntry(function))
        function.walk([&](step::ProjectOp project) { last = project; });
    return last;
  }

  /// The weight that `project` is to name instead of `matrix`: the same one, with the encoding; or a copy, if the
  /// embedding reads it, too, whose rows are read as tiles16.
  FailureOr<FlatSymbolRefAttr> encode(step::ProjectOp project, FlatSymbolRefAttr matrix,
                                      step::WeightEncodingAttrInterface chosen, SymbolTable &symbols,
                                      const DenseSet<StringRef> &embeddings) {
    auto weight = symbols.lookup<nn::WeightOp>(matrix.getValue());
    if (!weight)
      return project.emitOpError() << "names " << matrix << ", which is no weight: encode-weights comes before "
                                   << "roll-layers";
    auto emitError = [&] { return weight.emitOpError() << "encoding " << chosen.getName() << " "; };
    if (failed(chosen.verifyWeight(cast<ShapedType>(weight.getType()), emitError)))
      return failure();
    if (step::encodingOf(weight) == chosen)
      return matrix;
    if (embeddings.contains(matrix.getValue())) {
      const std::string name = chosen.getName() + "." + matrix.getValue().str();
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

  llvm::StringMap<step::WeightEncodingAttrInterface> chosenOf; // by name of the weight
};

} // namespace

// Matrices that a graph stores in fp32 become those of 16 bits that kernels take. See Passes.td.
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"

namespace cadenza {
#define GEN_PASS_DEF_NARROWWEIGHTS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// Elements of a matrix that say which type it was widened from.
constexpr int64_t sampled = 4096;

RankedTensorType typeOf(nn::WeightOp weight) { return cast<RankedTensorType>(weight.getType()); }

/// Whether each of `values` is one of `type`.
bool areExact(ArrayRef<float> values, const llvm::fltSemantics &type) {
  return llvm::all_of(values, [&](float value) {
    APFloat rounded(value);
    bool losesInfo;
    rounded.convert(type, APFloat::rmNearestTiesToEven, &losesInfo);
    return !losesInfo;
  });
}

struct NarrowWeightsPass : cadenza::impl::NarrowWeightsBase<NarrowWeightsPass> {
  using NarrowWeightsBase::NarrowWeightsBase;
  explicit NarrowWeightsPass(WeightRowReader reader) : reader(std::move(reader)) {}

  void runOnOperation() final {
    collect();
    if (matrices.empty())
      return;
    Builder builder(&getContext());
    Type narrow = builder.getBF16Type();
    if (type == "f16" || (type.empty() && reader && wasF16()))
      narrow = builder.getF16Type();
    else if (!type.empty() && type != "bf16") {
      getOperation().emitError() << "narrow-weights: there is no type '" << type << "' of 16 bits: bf16 and f16 are";
      return signalPassFailure();
    }
    for (nn::WeightOp matrix : matrices)
      matrix.setType(typeOf(matrix).clone(narrow));
    for (nn::WeightOp vector : vectors) {
      const auto values = read(vector, typeOf(vector).getDimSize(0));
      if (values && areExact(*values, cast<FloatType>(narrow).getFloatSemantics()))
        vector.setType(typeOf(vector).clone(narrow));
    }
    for (auto cache : getOperation().getOps<nn::CacheOp>())
      cache.setType(narrow);
  }

private:
  /// The weights in fp32 that the step of a decoder names. A matrix in 16 bits among them means that there is nothing
  /// to choose: what is in fp32 beside it takes its type.
  void collect() {
    func::FuncOp function = nn::decodeEntryOf(getOperation());
    if (!function)
      return;
    llvm::SetVector<Operation *> named;
    const auto add = [&](Operation *user, FlatSymbolRefAttr symbol) {
      if (symbol)
        named.insert(SymbolTable::lookupNearestSymbolFrom(user, symbol));
    };
    function.walk([&](Operation *op) {
      if (auto linear = dyn_cast<nn::LinearOp>(op)) {
        add(op, linear.getWeightAttr());
        add(op, linear.getBiasAttr());
      } else if (auto embedding = dyn_cast<nn::EmbeddingOp>(op)) {
        add(op, embedding.getWeightAttr());
        add(op, embedding.getPositionsAttr());
      } else if (auto norm = dyn_cast<nn::RMSNormOp>(op)) {
        add(op, norm.getWeightAttr());
      } else if (auto norm = dyn_cast<nn::LayerNormOp>(op)) {
        add(op, norm.getWeightAttr());
        add(op, norm.getBiasAttr());
      }
    });
    for (Operation *op : named) {
      auto weight = dyn_cast_or_null<nn::WeightOp>(op);
      if (weight && weight.getSource() && typeOf(weight).getElementType().isF32())
        (typeOf(weight).getRank() == 2 ? matrices : vectors).push_back(weight);
      else if (weight && typeOf(weight).getRank() == 2 && type.empty())
        type = typeOf(weight).getElementType().isF16() ? "f16" : "bf16";
    }
  }

  std::optional<nn::Vector> read(nn::WeightOp weight, int64_t rows) {
    if (!reader)
      return std::nullopt;
    return reader(weight, rows); // a failure is nothing
  }

  /// Whether all matrices hold numbers of f16, but not of bf16.
  bool wasF16() {
    bool isBF16 = true;
    for (nn::WeightOp matrix : matrices) {
      const int64_t columns = std::max<int64_t>(typeOf(matrix).getDimSize(1), 1);
      const int64_t rows = std::clamp<int64_t>(sampled / columns, 1, typeOf(matrix).getDimSize(0));
      const auto values = read(matrix, rows);
      if (!values || !areExact(*values, APFloat::IEEEhalf()))
        return false;
      isBF16 &= areExact(*values, APFloat::BFloat());
    }
    return !isBF16;
  }

  WeightRowReader reader;
  SmallVector<nn::WeightOp> matrices, vectors; // in fp32
};

} // namespace

std::unique_ptr<Pass> cadenza::createNarrowWeights(WeightRowReader reader) {
  return std::make_unique<NarrowWeightsPass>(std::move(reader));
}

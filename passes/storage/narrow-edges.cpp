// Vectors that all readers round anyway are stored in 16 bits. See Passes.td.
#include "passes/fusion/absorb.h"

namespace cadenza {
#define GEN_PASS_DEF_NARROWEDGES
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// The one type that all readers of `value` round it to, or null.
Type roundedType(Value value, SymbolTableCollection &symbols) {
  Type type;
  for (OpOperand &use : value.getUses()) {
    auto project = dyn_cast<step::ProjectOp>(use.getOwner());
    if (!project || &use != &project.getInputMutable() || project.getPrologueAttr())
      return nullptr;
    Type rounded = step::SymbolLookup(project, symbols).weightType(project.getMatrixSymbols()[0]).getElementType();
    if (type && type != rounded)
      return nullptr;
    type = rounded;
  }
  return type;
}

struct NarrowEdgesPass : cadenza::impl::NarrowEdgesBase<NarrowEdgesPass> {
  void runOnOperation() final {
    SymbolTableCollection symbols;
    getOperation().walk([&](step::PhaseOpInterface phase) {
      if (isa<step::EmbedOp>(phase))
        return;
      for (Value result : phase->getResults()) {
        auto type = cast<RankedTensorType>(result.getType());
        Type rounded = type.getElementType().isF32() ? roundedType(result, symbols) : Type();
        if (!rounded || rounded == type.getElementType())
          continue;
        result.setType(RankedTensorType::get(type.getShape(), rounded));
        recordPass(phase, getArgument());
      }
    });
  }
};

} // namespace

#include "compiler/schedule/phase_names.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace cadenza;

namespace {

void collectNames(Location location, std::vector<std::string> &names) {
  if (auto fused = dyn_cast<FusedLoc>(location)) {
    for (Location part : fused.getLocations())
      collectNames(part, names);
  } else if (auto name = dyn_cast<NameLoc>(location)) {
    names.push_back(name.getName().str());
  }
}

/// "layers.attention.query.weight" gives "query": the last part that is not "weight".
StringRef roleName(StringRef symbol) {
  symbol.consume_back(".weight");
  return symbol.substr(symbol.rfind('.') + 1);
}

/// The function of an op that has one ("add" of nn.binary), or the op: "matmul".
std::string tensorOpName(Operation &op) {
  return llvm::TypeSwitch<Operation *, std::string>(&op)
      .Case<nn::UnaryOp, nn::BinaryOp>([](auto elementwise) { return std::string(name(elementwise.getFunction())); })
      .Case([](nn::ReduceOp reduce) { return "reduce_" + std::string(name(reduce.getFunction())); })
      .Default([](Operation *other) { return other->getName().stripDialect().str(); });
}

/// Of the op that decides what kind of kernel a fusion is; of a map of several ops, of the last.
std::string fusionName(step::FusionOp fusion) {
  std::string name = "copy";
  for (Operation &op : fusion.getOps()) {
    if (isa<nn::MatMulOp, nn::SoftmaxOp, nn::LayerNormalizationOp, nn::RMSNormalizationOp>(op))
      return tensorOpName(op);
    if (!isa<nn::GetWeightOp, nn::ConstantOp>(op))
      name = tensorOpName(op);
    else if (name == "copy")
      name = "constant";
  }
  return name;
}

std::string baseName(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case([](step::EmbedOp) { return "embed"; })
      .Case([](step::AttendOp) { return "attend"; })
      .Case([](step::SelectOp) { return "select"; })
      .Case([](step::FusionOp fusion) { return fusionName(fusion); })
      .Case([](step::ProjectOp project) {
        // The head may share its matrix with the embedding: its name says what it is for.
        if (llvm::any_of(project.getFunctions(), [](auto function) { return function.selectsToken(); }))
          return std::string("head");
        return llvm::join(
            llvm::map_range(project.getMatrixSymbols(), [](auto symbol) { return roleName(symbol.getValue()); }), "_");
      })
      .Case([](step::MapOp map) {
        if (map.getFunctions().empty())
          return std::string("copy");
        return llvm::join(llvm::map_range(map.getFunctions(), [](auto function) { return function.getFunctionName(); }),
                          "_");
      })
      .Default([](Operation *op) { return op->getName().stripDialect().str(); });
}

} // namespace

std::vector<std::string> cadenza::fusedNames(Location location) {
  std::vector<std::string> names;
  collectNames(location, names);
  return names;
}

std::string cadenza::moduleName(Operation *op) {
  std::vector<std::string> names = fusedNames(op->getLoc());
  return names.empty() ? "" : names.back();
}

llvm::DenseMap<Operation *, std::string> cadenza::namePhases(func::FuncOp function) {
  llvm::DenseMap<Operation *, std::string> result;
  llvm::StringSet<> taken;
  function.walk<WalkOrder::PreOrder>([&](step::PhaseOpInterface phase) {
    std::string base = phase->getParentOfType<step::LayersOp>() ? "layer_" : "";
    for (char c : baseName(phase))
      base += llvm::isAlnum(c) ? llvm::toLower(c) : '_';
    std::string name = base;
    for (int n = 2; !taken.insert(name).second; ++n)
      name = base + "_" + std::to_string(n);
    result[phase] = name;
  });
  return result;
}

// Isomorphic layers become one body with per-layer tables. See Passes.td.
//
// 1. Every op gets a signature: its name, types and attributes with all symbols blanked (but for the type of what they
//    name). 2. The longest periodic stretch of signatures is where the layers are. 3. The data flow decides whether that
//    stretch is a loop: an operand comes from before the stretch, from the same iteration, or from the one before
//    (a carried value, whose first value comes from before the stretch). 4. Iteration 0 becomes the body; symbols that
//    differ between iterations become tables.
#include "passes/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringExtras.h"

namespace cadenza {
#define GEN_PASS_DEF_ROLLLAYERS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

/// All symbols in the attributes of `op`, in a fixed order.
SmallVector<FlatSymbolRefAttr> symbolsOf(Operation *op) {
  SmallVector<FlatSymbolRefAttr> symbols;
  op->getAttrDictionary().walk([&](FlatSymbolRefAttr symbol) { symbols.push_back(symbol); });
  return symbols;
}

/// "layers.0.mlp" and "layers.1.mlp" give "layers" + separator + "mlp": parts in which the names differ are replaced.
std::string commonName(ArrayRef<StringRef> names, StringRef replacement) {
  SmallVector<StringRef> common;
  names[0].split(common, '.');
  for (StringRef name : names) {
    SmallVector<StringRef> parts;
    name.split(parts, '.');
    if (parts.size() != common.size())
      return names[0].str();
    for (auto [part, other] : llvm::zip_equal(common, parts)) {
      if (part != other)
        part = replacement;
    }
  }
  llvm::erase(common, StringRef());
  return llvm::join(common, ".");
}

/// A stretch of `count` iterations of `period` ops, from op `begin`.
struct Stretch {
  size_t begin = 0, period = 0, count = 0;
  size_t ops() const { return period * count; }
};

/// The periodic stretch that covers most ops; of those, the one with the shortest period.
Stretch findStretch(ArrayRef<unsigned> signatures) {
  Stretch best;
  for (size_t period = 1; period <= signatures.size() / 2; ++period) {
    size_t run = 0; // ops up to here that equal the one a period later
    for (size_t i = 0; i + period <= signatures.size(); ++i) {
      if (i + period < signatures.size() && signatures[i] == signatures[i + period]) {
        ++run;
        continue;
      }
      Stretch stretch{i - run, period, run / period + 1};
      if (stretch.count >= 2 && stretch.ops() > best.ops())
        best = stretch;
      run = 0;
    }
  }
  return best;
}

class Roller {
public:
  Roller(func::FuncOp function, ModuleOp module) : function(function), module(module) {
    for (Operation &op : function.getBody().front().without_terminator()) {
      position[&op] = ops.size();
      ops.push_back(&op);
    }
  }

  /// Rolls the layers of the function; returns how many (0: there are none).
  int64_t roll() {
    stretch = findStretch(signatures());
    if (stretch.count < 2 || !findCarried() || !findTables())
      return 0;
    build();
    return static_cast<int64_t>(stretch.count);
  }

private:
  SmallVector<unsigned> signatures() {
    AttrTypeReplacer blank;
    blank.addReplacement([&](FlatSymbolRefAttr symbol) -> std::optional<std::pair<Attribute, WalkResult>> {
      // What a table's entries must agree on stays visible.
      Operation *op = SymbolTable::lookupSymbolIn(module, symbol);
      std::string kind;
      llvm::raw_string_ostream(kind) << op->getName();
      if (auto weight = dyn_cast<nn::WeightOp>(op))
        llvm::raw_string_ostream(kind) << weight.getType();
      return std::make_pair(Attribute(FlatSymbolRefAttr::get(op->getContext(), kind)), WalkResult::skip());
    });
    llvm::StringMap<unsigned> numbers;
    return llvm::map_to_vector(ops, [&](Operation *op) {
      std::string text;
      llvm::raw_string_ostream stream(text);
      stream << op->getName() << blank.replace(op->getAttrDictionary());
      llvm::interleaveComma(op->getOperandTypes(), stream << " ");
      llvm::interleaveComma(op->getResultTypes(), stream << " -> ");
      return numbers.try_emplace(text, numbers.size()).first->second;
    });
  }

  Operation *opAt(size_t iteration, size_t index) { return ops[stretch.begin + iteration * stretch.period + index]; }

  /// The iteration that defines `value`: -1 before the stretch, `count` after it.
  int64_t iterationOf(Value value) {
    Operation *op = value.getDefiningOp();
    size_t at = op ? position.lookup(op) : 0;
    if (!op || at < stretch.begin)
      return -1;
    return std::min((at - stretch.begin) / stretch.period, stretch.count);
  }
  /// The value of iteration 0 that `value` corresponds to.
  Value inFirst(Value value) {
    auto result = cast<OpResult>(value);
    return opAt(0, (position.lookup(result.getOwner()) - stretch.begin) % stretch.period)
        ->getResult(result.getResultNumber());
  }

  /// Checks that the stretch is a loop and finds what it carries.
  bool findCarried() {
    for (size_t index = 0; index < stretch.period; ++index) {
      for (size_t operand = 0; operand < opAt(0, index)->getNumOperands(); ++operand) {
        Value first = opAt(0, index)->getOperand(operand);
        for (int64_t iteration = 1; iteration < static_cast<int64_t>(stretch.count); ++iteration) {
          Value value = opAt(iteration, index)->getOperand(operand);
          int64_t source = iterationOf(value);
          if (source == iteration && iterationOf(first) == 0 && inFirst(value) == first)
            continue; // local to the iteration
          if (source == -1 && value == first)
            continue; // the same value from outside for all
          if (source != iteration - 1 || iterationOf(first) != -1)
            return false;
          auto [entry, isNew] = carried.insert({inFirst(value), first});
          if (!isNew && entry->second != first)
            return false;
        }
      }
    }
    // Outside, only the last iteration's carried values may be seen.
    for (size_t i = 0; i < stretch.ops(); ++i) {
      for (Value result : ops[stretch.begin + i]->getResults()) {
        for (Operation *user : result.getUsers()) {
          auto at = position.find(user);
          if (at != position.end() && at->second < stretch.begin + stretch.ops())
            continue;
          if (iterationOf(result) + 1 != static_cast<int64_t>(stretch.count) || !carried.contains(inFirst(result)))
            return false;
        }
      }
    }
    return true;
  }

  /// Finds, for each symbol that iteration 0 names, what the other iterations name in its place.
  bool findTables() {
    for (size_t index = 0; index < stretch.period; ++index) {
      SmallVector<FlatSymbolRefAttr> first = symbolsOf(opAt(0, index));
      for (size_t i = 0; i < first.size(); ++i) {
        SmallVector<Attribute> entries;
        for (size_t iteration = 0; iteration < stretch.count; ++iteration)
          entries.push_back(symbolsOf(opAt(iteration, index))[i]);
        auto [entry, isNew] = tables.insert({first[i], entries});
        if (!isNew && entry->second != entries)
          return false; // one name stands for different things in later iterations
      }
    }
    return true;
  }

  void build() {
    AttrTypeReplacer toTables;
    DenseMap<Attribute, Attribute> tableNames = buildTables();
    toTables.addReplacement([&](FlatSymbolRefAttr symbol) -> std::optional<std::pair<Attribute, WalkResult>> {
      Attribute table = tableNames.lookup(symbol);
      return std::make_pair(table ? table : Attribute(symbol), WalkResult::skip());
    });

    OpBuilder builder(opAt(0, 0));
    SmallVector<Value> inits, yielded;
    for (auto [value, init] : carried) {
      yielded.push_back(value);
      inits.push_back(init);
    }
    auto layers = step::LayersOp::create(builder, function.getLoc(), TypeRange(inits), inits,
                                         builder.getI64IntegerAttr(stretch.count));
    Block *body = builder.createBlock(&layers.getBody());
    IRMapping mapping;
    for (Value init : inits)
      mapping.map(init, body->addArgument(init.getType(), init.getLoc()));
    for (size_t index = 0; index < stretch.period; ++index) {
      Operation *clone = builder.clone(*opAt(0, index), mapping);
      clone->setAttrs(cast<DictionaryAttr>(toTables.replace(clone->getAttrDictionary())));
      clone->setLoc(commonLocation(opAt(0, index)->getLoc(), opAt(1, index)->getLoc()));
    }
    step::YieldOp::create(builder, function.getLoc(),
                          llvm::map_to_vector(yielded, [&](Value value) { return mapping.lookup(value); }));

    for (auto [value, result] : llvm::zip_equal(yielded, layers.getResults())) {
      auto first = cast<OpResult>(value);
      size_t index = position.lookup(first.getOwner()) - stretch.begin;
      opAt(stretch.count - 1, index)->getResult(first.getResultNumber()).replaceAllUsesWith(result);
    }
    for (size_t i = stretch.ops(); i-- > 0;)
      ops[stretch.begin + i]->erase();
  }

  /// Makes a step.table for each name that differs between iterations; maps iteration 0's name to the table's.
  DenseMap<Attribute, Attribute> buildTables() {
    DenseMap<Attribute, Attribute> names;
    SymbolTable symbolTable(module);
    OpBuilder builder(function);
    for (auto &[first, entries] : tables) {
      if (llvm::all_equal(entries))
        continue;
      SmallVector<StringRef> entryNames =
          llvm::map_to_vector(entries, [](Attribute entry) { return cast<FlatSymbolRefAttr>(entry).getValue(); });
      auto table = step::TableOp::create(builder, function.getLoc(), commonName(entryNames, ""),
                                         builder.getArrayAttr(entries));
      symbolTable.insert(table); // renames it if the name is taken
      names[first] = FlatSymbolRefAttr::get(table);
    }
    return names;
  }

  /// The location of an op of the body: "model.layers.0.mlp" and "model.layers.1.mlp" give "model.layers.*.mlp".
  static Location commonLocation(Location first, Location second) {
    auto a = dyn_cast<NameLoc>(first), b = dyn_cast<NameLoc>(second);
    if (!a || !b)
      return first;
    return NameLoc::get(StringAttr::get(first.getContext(), commonName({a.getName(), b.getName()}, "*")));
  }

  func::FuncOp function;
  ModuleOp module;
  SmallVector<Operation *> ops;
  DenseMap<Operation *, size_t> position;
  Stretch stretch;
  llvm::MapVector<Value, Value> carried;                      // value of iteration 0 -> its value before the stretch
  llvm::MapVector<Attribute, SmallVector<Attribute>> tables;  // name in iteration 0 -> names in all iterations
};

struct RollLayersPass : cadenza::impl::RollLayersBase<RollLayersPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>())
      layers += Roller(function, getOperation()).roll();
  }
};

} // namespace

// Isomorphic layers become one body with per-layer tables. See Passes.td.
//
// 1. Every op gets a signature: its name, types and attributes with each symbol replaced by the type of what it names
// and
//    by its number among the op's symbols. 2. The longest periodic stretch of signatures is where the layers are. 3.
//    The data flow decides whether that stretch is a loop: in all iterations, an operand is one value from before the
//    stretch, or comes from the same iteration, or from the one before (a carried value, whose first value comes from
//    before the stretch). Where the stretch leaves a choice of the first op, the one with the fewest carried values
//    is. 4. Iteration 0 becomes the body; symbols that differ between iterations become tables.
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

/// The different symbols in the attributes of `op`, in the order in which they first occur. (The walk visits equal
/// attributes once.) Ops of one signature have as many, and they correspond.
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
  return common.empty() ? names[0].str() : llvm::join(common, ".");
}

/// A stretch of `count` iterations of `period` ops, from op `begin` or one of the `slack` ops after it.
struct Stretch {
  size_t begin = 0, period = 0, count = 0, slack = 0;
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
      Stretch stretch{i - run, period, run / period + 1, run % period};
      if (stretch.count >= 2 && stretch.ops() > best.ops())
        best = stretch;
      run = 0;
    }
  }
  return best;
}

class Roller {
public:
  Roller(func::FuncOp function, ModuleOp module) : function(function), symbols(module) {
    for (Operation &op : function.getBody().front().without_terminator()) {
      position[&op] = ops.size();
      ops.push_back(&op);
    }
  }

  /// Rolls the layers of the function; returns how many (0: there are none).
  int64_t roll() {
    stretch = findStretch(signatures());
    if (stretch.count < 2)
      return 0;
    const size_t begin = stretch.begin;
    std::optional<std::pair<size_t, size_t>> best; // carried values, first op
    for (size_t shift = 0; shift <= stretch.slack; ++shift) {
      stretch.begin = begin + shift;
      if (findCarried() && findTables() && (!best || carried.size() < best->first))
        best = {carried.size(), stretch.begin};
    }
    if (!best)
      return 0;
    stretch.begin = best->second;
    findCarried();
    findTables();
    build();
    return static_cast<int64_t>(stretch.count);
  }

private:
  SmallVector<unsigned> signatures() {
    llvm::StringMap<unsigned> numbers;
    return llvm::map_to_vector(ops, [&](Operation *op) {
      std::string text;
      llvm::raw_string_ostream stream(text);
      stream << op->getName() << withoutNames(op);
      llvm::interleaveComma(op->getOperandTypes(), stream << " ");
      llvm::interleaveComma(op->getResultTypes(), stream << " -> ");
      return numbers.try_emplace(text, numbers.size()).first->second;
    });
  }

  /// The attributes of `op`, without the names of symbols. What a table's entries must agree on stays visible, and so
  /// does which symbols are the same one: an op that names one twice is no model for one that names two.
  DictionaryAttr withoutNames(Operation *op) {
    SmallVector<FlatSymbolRefAttr> names = symbolsOf(op);
    AttrTypeReplacer replacer; // keeps what it replaced, so each op, which has its own numbers, needs its own
    replacer.addReplacement([&](FlatSymbolRefAttr symbol) -> std::optional<std::pair<Attribute, WalkResult>> {
      Operation *named = symbols.lookup(symbol.getValue());
      std::string kind;
      llvm::raw_string_ostream stream(kind);
      stream << llvm::find(names, symbol) - names.begin() << ' ' << named->getName();
      if (auto weight = dyn_cast<nn::WeightOp>(named))
        stream << weight.getType() << step::encodingOf(weight);
      if (auto cache = dyn_cast<nn::CacheOp>(named))
        stream << cache.getKvHeads() << 'x' << cache.getHeadDim() << 'x' << cache.getType();
      return std::make_pair(Attribute(FlatSymbolRefAttr::get(op->getContext(), kind)), WalkResult::skip());
    });
    return cast<DictionaryAttr>(replacer.replace(op->getAttrDictionary()));
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
    carried.clear();
    carriedOperands.clear();
    for (size_t index = 0; index < stretch.period; ++index) {
      for (size_t operand = 0; operand < opAt(0, index)->getNumOperands(); ++operand) {
        auto in = [&](size_t iteration) { return opAt(iteration, index)->getOperand(operand); };
        auto inAll = [&](llvm::function_ref<bool(int64_t iteration)> holds) {
          return llvm::all_of(llvm::seq<int64_t>(1, stretch.count), holds);
        };
        if (iterationOf(in(0)) == 0) { // local to the iteration
          if (!inAll([&](int64_t i) { return iterationOf(in(i)) == i && inFirst(in(i)) == in(0); }))
            return false;
          continue;
        }
        if (inAll([&](int64_t i) { return in(i) == in(0); })) // the same value from outside
          continue;
        if (iterationOf(in(1)) != 0 ||
            !inAll([&](int64_t i) { return iterationOf(in(i)) == i - 1 && inFirst(in(i)) == in(1); }))
          return false;
        if (!isa<FloatType>(cast<RankedTensorType>(in(0).getType()).getElementType()))
          return false; // layers carry vectors, no tokens
        auto [entry, isNew] = carried.insert({in(1), in(0)});
        if (!isNew && entry->second != in(0))
          return false; // one carried value that starts as two different ones
        carriedOperands[&opAt(0, index)->getOpOperand(operand)] = in(1);
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
    tables.clear();
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
    // Operand by operand, because a start value may be read as itself too, and start two carried values.
    IRMapping mapping;
    DenseMap<Value, Value> arguments; // carried value of iteration 0 -> what it is at the start of an iteration
    for (auto [value, init] : carried)
      arguments[value] = body->addArgument(init.getType(), init.getLoc());
    for (size_t index = 0; index < stretch.period; ++index) {
      Operation *op = opAt(0, index);
      Operation *clone = builder.clone(*op, mapping);
      for (OpOperand &operand : op->getOpOperands()) {
        if (auto entry = carriedOperands.find(&operand); entry != carriedOperands.end())
          clone->setOperand(operand.getOperandNumber(), arguments.lookup(entry->second));
      }
      clone->setAttrs(cast<DictionaryAttr>(toTables.replace(clone->getAttrDictionary())));
      clone->setLoc(commonLocation(op->getLoc(), opAt(1, index)->getLoc()));
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
    OpBuilder builder(function);
    for (auto &[first, entries] : tables) {
      if (llvm::all_equal(entries))
        continue;
      SmallVector<StringRef> entryNames =
          llvm::map_to_vector(entries, [](Attribute entry) { return cast<FlatSymbolRefAttr>(entry).getValue(); });
      auto table =
          step::TableOp::create(builder, function.getLoc(), commonName(entryNames, ""), builder.getArrayAttr(entries));
      symbols.insert(table); // renames it if the name is taken
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
  SymbolTable symbols;
  SmallVector<Operation *> ops;
  DenseMap<Operation *, size_t> position;
  Stretch stretch;
  llvm::MapVector<Value, Value> carried;                     // value of iteration 0 -> its value before the stretch
  DenseMap<OpOperand *, Value> carriedOperands;              // operand in iteration 0 -> the carried value it reads
  llvm::MapVector<Attribute, SmallVector<Attribute>> tables; // name in iteration 0 -> names in all iterations
};

struct RollLayersPass : cadenza::impl::RollLayersBase<RollLayersPass> {
  void runOnOperation() final {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      // The fusions of a graph name their weights inside of their bodies, where no table can take the name's place.
      if (!function.isExternal() && function.getBody().front().getOps<step::FusionOp>().empty())
        layers += Roller(function, getOperation()).roll();
    }
  }
};

} // namespace

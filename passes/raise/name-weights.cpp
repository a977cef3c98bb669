// Weights, caches and numbers under their canonical roles, ops and symbols in the order of a layer. See Passes.td.
#include "passes/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

namespace cadenza {
#define GEN_PASS_DEF_NAMEWEIGHTS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

bool isNorm(Operation *op) { return isa_and_nonnull<nn::RMSNormOp, nn::LayerNormOp>(op); }
bool isActivation(Operation *op) { return isa_and_nonnull<nn::SiluOp, nn::GeluOp, nn::GeluTanhOp>(op); }

/// The op of type OpT among the users of `value`; null.
template <typename OpT> OpT userOf(Value value) {
  for (Operation *user : value.getUsers())
    if (auto op = dyn_cast<OpT>(user))
      return op;
  return nullptr;
}

/// What an op names, in the order in which importers declare it.
SmallVector<FlatSymbolRefAttr> symbolsOf(Operation *op) {
  SmallVector<FlatSymbolRefAttr> symbols;
  const auto add = [&](FlatSymbolRefAttr symbol) {
    if (symbol)
      symbols.push_back(symbol);
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](nn::EmbeddingOp embedding) {
        add(embedding.getWeightAttr());
        add(embedding.getPositionsAttr());
      })
      .Case([&](nn::RMSNormOp norm) { add(norm.getWeightAttr()); })
      .Case([&](nn::LayerNormOp norm) {
        add(norm.getBiasAttr());
        add(norm.getWeightAttr());
      })
      .Case([&](nn::LinearOp linear) {
        add(linear.getWeightAttr());
        add(linear.getBiasAttr());
      })
      .Case([&](nn::RopeOp rope) { add(rope.getInverseFrequenciesAttr()); })
      .Case([&](nn::KVAppendOp append) { add(append.getCacheAttr()); })
      .Case([&](nn::AttentionOp attention) {
        add(attention.getCacheAttr());
        add(attention.getWindowAttr());
      })
      .Case([&](nn::GetWeightOp get) { add(get.getWeightAttr()); });
  return symbols;
}

/// Finds out what the ops of a decoder's step are for.
class Roles {
public:
  explicit Roles(func::FuncOp function) : body(function.getBody().front()) {
    numberLayers();
    for (auto embedding : body.getOps<nn::EmbeddingOp>()) {
      name(embedding.getWeightAttr(), "embedding.weight");
      name(embedding.getPositionsAttr(), "positions.weight");
    }
    for (auto [layer, attention] : llvm::enumerate(attentions))
      nameAttention(static_cast<int64_t>(layer), attention);
    for (auto linear : body.getOps<nn::LinearOp>())
      nameMlp(linear);
    for (auto linear : body.getOps<nn::LinearOp>())
      nameHead(linear);
    nameTables();
  }

  /// New symbols by old ones.
  const llvm::MapVector<StringAttr, std::string> &names() const { return renamed; }

  /// Puts the ops of the step in the order of layers.
  void order();

private:
  void numberLayers();
  void nameAttention(int64_t layer, nn::AttentionOp attention);
  /// Of the projection that `value` comes from, under rotation and norms; `part` is one of three.
  void nameProjection(const std::string &layer, StringRef role, int part, int block, Value value);
  void nameMlp(nn::LinearOp down);
  void nameHead(nn::LinearOp head);
  void nameTables();

  /// The first role that a symbol is given stays.
  void name(FlatSymbolRefAttr symbol, const std::string &role) {
    if (symbol)
      renamed.insert({symbol.getAttr(), role});
  }
  void name(nn::LinearOp linear, const std::string &role) {
    name(linear.getWeightAttr(), role + ".weight");
    name(linear.getBiasAttr(), role + ".bias");
  }
  void nameNorm(Operation *op, const std::string &role) {
    if (auto norm = dyn_cast_or_null<nn::RMSNormOp>(op))
      name(norm.getWeightAttr(), role + ".weight");
    if (auto norm = dyn_cast_or_null<nn::LayerNormOp>(op)) {
      name(norm.getWeightAttr(), role + ".weight");
      name(norm.getBiasAttr(), role + ".bias");
    }
  }
  /// The branch's part in the residual stream from `result` on: names a norm in between.
  nn::AddOp finishBranch(Value result, const std::string &norm);
  /// Where an op stands: in the attention (2 i) or the MLP (2 i + 1) of layer i, and as which of the ops beside it.
  void place(Operation *op, int64_t block, int part = 0) { places.insert({op, {block, part}}); }

  Block &body;
  SmallVector<nn::AttentionOp> attentions;           // by layer
  llvm::DenseMap<Attribute, nn::KVAppendOp> appends; // by cache
  llvm::DenseMap<Value, int64_t> lastLayer;          // whose attention a value depends on; -1: on none
  llvm::DenseMap<Operation *, std::pair<int64_t, int>> places;
  llvm::MapVector<StringAttr, std::string> renamed;
};

void Roles::numberLayers() {
  for (Operation &op : body) {
    int64_t last = -1;
    for (Value operand : op.getOperands())
      if (auto found = lastLayer.find(operand); found != lastLayer.end())
        last = std::max(last, found->second);
    if (auto attention = dyn_cast<nn::AttentionOp>(op)) {
      last = static_cast<int64_t>(attentions.size());
      attentions.push_back(attention);
    }
    if (auto append = dyn_cast<nn::KVAppendOp>(op))
      appends[append.getCacheAttr()] = append;
    for (Value result : op.getResults())
      lastLayer[result] = last;
  }
}

void Roles::nameProjection(const std::string &layer, StringRef role, int part, int block, Value value) {
  const std::string name = layer + "attention." + role.str();
  for (Operation *op = value.getDefiningOp(); op && op->getNumOperands() > 0; op = op->getOperand(0).getDefiningOp()) {
    if (!isa<nn::RopeOp, nn::ScaleOp, nn::LinearOp>(op) && !isNorm(op))
      return;
    place(op, block, part);
    nameNorm(op, name + "_norm");
    if (auto linear = dyn_cast<nn::LinearOp>(op)) {
      this->name(linear, name);
      nameNorm(linear.getInput().getDefiningOp(), layer + "attention_norm");
      return;
    }
  }
}

nn::AddOp Roles::finishBranch(Value result, const std::string &norm) {
  while (result.hasOneUse()) {
    Operation *user = *result.user_begin();
    if (auto add = dyn_cast<nn::AddOp>(user))
      return add;
    if (!isNorm(user) && !isa<nn::ScaleOp>(user))
      return nullptr;
    nameNorm(user, norm);
    result = user->getResult(0);
  }
  return nullptr;
}

void Roles::nameAttention(int64_t layer, nn::AttentionOp attention) {
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const int block = static_cast<int>(2 * layer);
  name(attention.getCacheAttr(), prefix + "cache");
  name(attention.getWindowAttr(), prefix + "attention.window");
  place(attention, block);
  nameProjection(prefix, "query", 0, block, attention.getQuery());
  if (nn::KVAppendOp append = appends.lookup(attention.getCacheAttr())) {
    place(append, block);
    nameProjection(prefix, "key", 1, block, append.getKey());
    nameProjection(prefix, "value", 2, block, append.getValue());
  }
  if (auto output = userOf<nn::LinearOp>(attention.getResult())) {
    place(output, block);
    name(output, prefix + "attention.output");
    finishBranch(output, prefix + "attention_post_norm");
  }
}

/// `down` may be the last product of an MLP: down(activation(gate) * up), or down(activation(up)).
void Roles::nameMlp(nn::LinearOp down) {
  Operation *inner = down.getInput().getDefiningOp();
  auto product = dyn_cast_or_null<nn::MulOp>(inner);
  Operation *activation = product ? product.getLhs().getDefiningOp() : inner;
  Value other = product ? product.getRhs() : Value();
  if (product && !isActivation(activation)) {
    activation = product.getRhs().getDefiningOp();
    other = product.getLhs();
  }
  if (!isActivation(activation))
    return;
  auto first = activation->getOperand(0).getDefiningOp<nn::LinearOp>();
  auto second = other ? other.getDefiningOp<nn::LinearOp>() : nn::LinearOp();
  if (!first || (product && !second))
    return;
  // The layer is that of the attention in the residual stream that the branch joins, also where both branches begin
  // at the same point of it.
  Value end = down;
  while (end.hasOneUse() && (isNorm(*end.user_begin()) || isa<nn::ScaleOp>(*end.user_begin())))
    end = (*end.user_begin())->getResult(0);
  auto sum = userOf<nn::AddOp>(end);
  const int64_t layer = sum ? lastLayer.lookup(sum.getResult()) : -1;
  if (layer < 0)
    return;
  const std::string prefix = "layers." + std::to_string(layer) + ".";
  const int64_t block = 2 * layer + 1;
  name(first, prefix + (product ? "mlp.gate" : "mlp.up"));
  place(first, block, 0);
  place(activation, block, 0);
  if (second) {
    name(second, prefix + "mlp.up");
    place(second, block, 1);
    place(product, block);
  }
  name(down, prefix + "mlp.down");
  place(down, block);
  finishBranch(down, prefix + "mlp_post_norm");
  Operation *norm = first.getInput().getDefiningOp();
  nameNorm(norm, prefix + "mlp_norm");
  if (isNorm(norm) && llvm::all_of(norm->getUsers(), [&](Operation *user) { return user == first || user == second; }))
    place(norm, block);
}

void Roles::nameHead(nn::LinearOp head) {
  Value logits = head;
  while (logits.hasOneUse() && isa<nn::ScaleOp, nn::SoftcapOp>(*logits.user_begin()))
    logits = (*logits.user_begin())->getResult(0);
  if (!userOf<nn::ArgmaxOp>(logits))
    return;
  name(head, "head");
  nameNorm(head.getInput().getDefiningOp(), "final_norm");
}

/// The tables of rotations: that of zeros, by which layers without rotation rotate; of others, if layers with a window
/// and those without have different ones, the one of layers with a window.
void Roles::nameTables() {
  struct Rotation {
    nn::RopeOp rope;
    bool slides;
  };
  SmallVector<Rotation> rotations;
  for (nn::AttentionOp attention : attentions) {
    auto window = attention.getWindowAttr()
                      ? SymbolTable::lookupNearestSymbolFrom<nn::ScalarOp>(attention, attention.getWindowAttr())
                      : nn::ScalarOp();
    const bool slides = window && window.getValue() != 0;
    nn::KVAppendOp append = appends.lookup(attention.getCacheAttr());
    const Value query = attention.getQuery(), key = append ? Value(append.getKey()) : query;
    for (Value rotated : {query, key})
      if (auto rope = rotated.getDefiningOp<nn::RopeOp>())
        rotations.push_back({rope, slides});
  }
  const auto tableOf = [](nn::RopeOp rope) {
    return SymbolTable::lookupNearestSymbolFrom<nn::WeightOp>(rope, rope.getInverseFrequenciesAttr());
  };
  const auto isZero = [](nn::WeightOp table) {
    auto values = dyn_cast_or_null<DenseFPElementsAttr>(table.getValueAttr());
    return values && llvm::all_of(values.getValues<APFloat>(), [](const APFloat &value) { return value.isZero(); });
  };
  llvm::DenseSet<StringAttr> whole; // tables by which layers without a window rotate
  for (Rotation &rotation : rotations)
    if (!rotation.slides && !isZero(tableOf(rotation.rope)))
      whole.insert(rotation.rope.getInverseFrequenciesAttr().getAttr());
  for (Rotation &rotation : rotations) {
    FlatSymbolRefAttr symbol = rotation.rope.getInverseFrequenciesAttr();
    nn::WeightOp table = tableOf(rotation.rope);
    const std::string prefix = table.getGrowth() ? "rope.query_" : "rope.";
    const bool isSliding = rotation.slides && !whole.empty() && !whole.contains(symbol.getAttr());
    name(symbol, prefix + (isZero(table) ? "zeros"
                           : isSliding   ? "sliding_inverse_frequencies"
                                         : "inverse_frequencies"));
  }
}

void Roles::order() {
  struct Key {
    int64_t block, level, part, index;
    auto operator<=>(const Key &) const = default;
  };
  llvm::DenseMap<Operation *, Key> keys;
  llvm::DenseMap<Attribute, Key> cacheKeys;
  SmallVector<Operation *> ops;
  for (Operation &op : body.without_terminator()) {
    const auto [block, part] = places.lookup(&op);
    Key key{block, 0, part, static_cast<int64_t>(ops.size())};
    const auto follow = [&](const Key &before) {
      key.block = std::max(key.block, before.block);
      key.level = std::max(key.level, before.level + 1);
    };
    for (Value operand : op.getOperands())
      if (auto found = keys.find(operand.getDefiningOp()); found != keys.end())
        follow(found->second);
    if (auto attention = dyn_cast<nn::AttentionOp>(op))
      if (auto found = cacheKeys.find(attention.getCacheAttr()); found != cacheKeys.end())
        follow(found->second);
    if (auto append = dyn_cast<nn::KVAppendOp>(op))
      cacheKeys[append.getCacheAttr()] = key;
    keys[&op] = key;
    ops.push_back(&op);
  }
  llvm::sort(ops, [&](Operation *a, Operation *b) { return keys[a] < keys[b]; });
  for (Operation *op : ops)
    op->moveBefore(body.getTerminator());
}

/// Gives symbols their new names, all at once: a new one may be another's old one.
void rename(ModuleOp module, const llvm::MapVector<StringAttr, std::string> &names) {
  llvm::DenseMap<StringAttr, StringAttr> renamed;
  llvm::DenseSet<StringAttr> taken;
  for (const auto &[from, to] : names) {
    StringAttr symbol = StringAttr::get(module.getContext(), to);
    for (int i = 1; !taken.insert(symbol).second; ++i) // two in one role: the other one with a number
      symbol = StringAttr::get(module.getContext(), to + "_" + std::to_string(i));
    renamed[from] = symbol;
  }
  for (Operation &op : *module.getBody()) {
    auto symbol = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName());
    if (!symbol || renamed.contains(symbol) || !taken.contains(symbol))
      continue;
    StringAttr other = symbol;
    for (int i = 1; !taken.insert(other).second; ++i)
      other = StringAttr::get(module.getContext(), symbol.str() + "_" + std::to_string(i));
    renamed[symbol] = other;
  }
  for (Operation &op : *module.getBody())
    if (auto symbol = op.getAttrOfType<StringAttr>(SymbolTable::getSymbolAttrName()))
      if (auto found = renamed.find(symbol); found != renamed.end())
        SymbolTable::setSymbolName(&op, found->second);
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](FlatSymbolRefAttr reference) -> std::optional<Attribute> {
    auto found = renamed.find(reference.getAttr());
    return found == renamed.end() ? std::nullopt : std::optional<Attribute>(FlatSymbolRefAttr::get(found->second));
  });
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    replacer.recursivelyReplaceElementsIn(function, /*replaceAttrs=*/true);
}

/// Declares what `function` names before it, in the order of first use.
void orderSymbols(func::FuncOp function) {
  llvm::SetVector<Operation *> declarations;
  SymbolTable table(function->getParentOfType<ModuleOp>());
  for (Operation &op : function.getBody().front())
    for (FlatSymbolRefAttr symbol : symbolsOf(&op))
      if (Operation *declaration = table.lookup(symbol.getValue()))
        declarations.insert(declaration);
  for (Operation *declaration : declarations)
    declaration->moveBefore(function);
}

struct NameWeightsPass : cadenza::impl::NameWeightsBase<NameWeightsPass> {
  void runOnOperation() final {
    func::FuncOp function = nn::decodeEntryOf(getOperation());
    if (!function)
      return;
    Roles roles(function);
    roles.order();
    rename(getOperation(), roles.names());
    orderSymbols(function);
  }
};

} // namespace

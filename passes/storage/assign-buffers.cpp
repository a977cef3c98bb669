// Vectors get their bytes in the activation arena. See Passes.td.
//
// The phases of a function, with the body of step.layers in its place, are numbered in order. A buffer is live from the
// phase that first writes it to the last that reads it; what the layers carry, and what they read from outside, is live
// throughout them. Buffers are placed first fit, in the order of their first write.
#include "passes/Passes.h"

#include "llvm/ADT/EquivalenceClasses.h"

namespace cadenza {
#define GEN_PASS_DEF_ASSIGNBUFFERS
#include "passes/Passes.h.inc"
} // namespace cadenza

using namespace mlir;
using namespace cadenza;

namespace {

constexpr int64_t alignment = 256; // bytes, of every vector and tensor

/// Whether a value lies in the arena: vectors do, and all tensors of a graph. Tokens and positions are in the decode
/// state.
bool isStored(Value value) {
  if (value.getDefiningOp<step::FusionOp>())
    return true;
  auto argument = dyn_cast<BlockArgument>(value);
  auto function = argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp()) : func::FuncOp();
  if (nn::PortAttr port = function ? nn::argumentPort(function, argument.getArgNumber()) : nn::PortAttr())
    return port.getKind() == PortKind::Tensor;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<FloatType>(type.getElementType());
}

/// Bytes of an element; a boolean takes one.
int64_t elementBytes(RankedTensorType type) { return llvm::divideCeil(type.getElementTypeBitWidth(), 8); }

/// A tensor of a graph is contiguous. Rows of several tokens each begin at a multiple of the alignment (edgeStride in
/// runtime/plan/program.h).
int64_t bytes(Value value, bool isGraph) {
  auto type = cast<RankedTensorType>(value.getType());
  if (isGraph)
    return llvm::alignTo(type.getNumElements() * elementBytes(type), alignment);
  return nn::rowCount(type) * llvm::alignTo(nn::rowElements(type) * elementBytes(type), alignment);
}

Value copyOf(Value value, OpBuilder &builder) {
  return step::MapOp::create(builder, value.getLoc(), value.getType(), value, ValueRange(), Value(),
                             builder.getArrayAttr({}))
      .getResult(0);
}

/// The op in `block` that is `user` or contains it.
Operation *userIn(Block *block, Operation *user) { return block->findAncestorOpInBlock(*user); }

/// The layers overwrite what they start with. A start value that is needed otherwise, there or later, is copied.
void copyStartValues(step::LayersOp layers) {
  OpBuilder builder(layers);
  llvm::SmallDenseSet<Value> seen;
  for (OpOperand &init : layers.getInitsMutable()) {
    Operation *producer = init.get().getDefiningOp();
    bool ours = producer && producer->getBlock() == layers->getBlock() && seen.insert(init.get()).second;
    if (!ours || llvm::any_of(init.get().getUsers(), [&](Operation *user) {
          Operation *at = userIn(layers->getBlock(), user);
          return at == layers ? user != layers : layers->isBeforeInBlock(at);
        }))
      init.set(copyOf(init.get(), builder));
  }
}

/// A carried value's new version goes where the old one is. That is no place for it while the old one is still read by
/// the phase that makes the new one, or later: then a copy at the end of the body makes the new version, as it does
/// where the new one is not made in the body, or becomes two carried values. What such a copy reads must not have been
/// overwritten by another: the old versions that are carried over into other places are saved first.
void copyNewValues(step::LayersOp layers) {
  Block &body = layers.getBody().front();
  auto yield = cast<step::YieldOp>(body.getTerminator());
  OpBuilder builder(yield);
  llvm::SmallDenseSet<Value> seen;
  SmallVector<OpOperand *> copied;
  for (auto [argument, value] : llvm::zip_equal(body.getArguments(), yield.getValuesMutable())) {
    if (value.get() == argument)
      continue; // stays where and what it is
    Operation *producer = value.get().getDefiningOp();
    bool local = producer && producer->getBlock() == &body && seen.insert(value.get()).second;
    if (!local || llvm::any_of(argument.getUsers(), [&](Operation *user) {
          Operation *at = userIn(&body, user);
          return at == producer || producer->isBeforeInBlock(at); // the yield is such a user, too
        }))
      copied.push_back(&value);
  }
  llvm::SmallDenseMap<Value, Value> saved;
  for (OpOperand *value : copied) {
    auto argument = dyn_cast<BlockArgument>(value->get());
    if (argument && argument.getOwner() == &body && !saved.contains(argument))
      saved[argument] = copyOf(argument, builder);
  }
  for (OpOperand *value : copied) {
    Value from = saved.lookup(value->get());
    value->set(copyOf(from ? from : value->get(), builder));
  }
}

struct Buffer {
  int64_t begin, end; // first and last phase that touch it
  int64_t bytes;
  int64_t offset = 0;
};

class Assignment {
public:
  explicit Assignment(func::FuncOp function) : isGraph(!function.getBody().front().getOps<step::FusionOp>().empty()) {
    // Whoever runs an entry writes its arguments before its first phase.
    for (BlockArgument argument : nn::isEntry(function) ? function.getArguments() : mlir::Block::BlockArgListType()) {
      if (!isStored(argument))
        continue;
      classes.insert(argument);
      definitions.push_back({argument, 0});
    }
    number(function.getBody().front());
    for (auto &[value, at] : definitions)
      measure(value, at);
    place();
  }

  int64_t arenaBytes() const { return arena; }
  int64_t offset(Value value) const { return buffers.lookup(classes.getLeaderValue(value)).offset; }

private:
  /// Numbers the ops of `block`, and of the bodies in it, and finds which values share a buffer.
  void number(Block &block) {
    for (Operation &op : block) {
      first[&op] = next++;
      if (auto layers = dyn_cast<step::LayersOp>(op)) {
        number(layers.getBody().front());
        auto yield = cast<step::YieldOp>(layers.getBody().front().getTerminator());
        for (auto [init, argument, value, result] : llvm::zip_equal(layers.getInits(), layers.getBody().getArguments(),
                                                                    yield.getValues(), layers.getResults())) {
          for (Value other : {Value(argument), value, Value(result)})
            classes.unionSets(init, other);
          definitions.push_back({argument, first[&op]});
        }
      }
      last[&op] = next++;
      for (Value result : op.getResults()) {
        if (!isStored(result))
          continue;
        classes.insert(result);
        definitions.push_back({result, first[&op]});
      }
    }
  }

  /// Extends the buffer of `value`, defined at `at`, over all its uses.
  void measure(Value value, int64_t at) {
    auto [entry, isNew] = buffers.insert({classes.getLeaderValue(value), Buffer{at, at, bytes(value, isGraph)}});
    Buffer &buffer = entry->second;
    buffer.begin = std::min(buffer.begin, at);
    buffer.end = std::max(buffer.end, at);
    for (Operation *user : value.getUsers()) {
      // A use inside a body that the value comes into from outside lasts as long as the body.
      while (user->getBlock() != value.getParentBlock())
        user = user->getParentOp();
      buffer.end = std::max(buffer.end, last.lookup(user));
    }
    auto argument = dyn_cast<BlockArgument>(value);
    if (argument && isGraph) // of the entry: it can run again on what is there
      buffer.end = next;
    else if (argument) // of layers, carried: throughout them
      buffer.end = std::max(buffer.end, last.lookup(argument.getOwner()->getParentOp()));
  }

  void place() {
    SmallVector<Buffer *> placed;
    SmallVector<Buffer *> order;
    for (auto &[leader, buffer] : buffers)
      order.push_back(&buffer);
    llvm::stable_sort(order, [](Buffer *a, Buffer *b) { return a->begin < b->begin; });
    for (Buffer *buffer : order) {
      SmallVector<Buffer *> live;
      llvm::copy_if(placed, std::back_inserter(live),
                    [&](Buffer *other) { return other->end >= buffer->begin && buffer->end >= other->begin; });
      llvm::sort(live, [](Buffer *a, Buffer *b) { return a->offset < b->offset; });
      for (Buffer *other : live) {
        if (buffer->offset + buffer->bytes <= other->offset)
          break;
        buffer->offset = std::max(buffer->offset, other->offset + other->bytes);
      }
      arena = std::max(arena, buffer->offset + buffer->bytes);
      placed.push_back(buffer);
    }
  }

  struct Classes {
    llvm::EquivalenceClasses<const void *> sets;
    void insert(Value value) { sets.insert(value.getAsOpaquePointer()); }
    void unionSets(Value a, Value b) { sets.unionSets(a.getAsOpaquePointer(), b.getAsOpaquePointer()); }
    const void *getLeaderValue(Value value) const { return sets.getLeaderValue(value.getAsOpaquePointer()); }
  } classes;
  const bool isGraph;
  DenseMap<Operation *, int64_t> first, last;
  int64_t next = 0;
  SmallVector<std::pair<Value, int64_t>> definitions;
  llvm::MapVector<const void *, Buffer> buffers;
  int64_t arena = 0;
};

struct AssignBuffersPass : cadenza::impl::AssignBuffersBase<AssignBuffersPass> {
  void runOnOperation() final {
    Builder builder(&getContext());
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (function.isExternal())
        continue;
      function.walk([](step::LayersOp layers) {
        copyStartValues(layers);
        copyNewValues(layers);
      });
      Assignment assignment(function);
      function.walk([&](step::PhaseOpInterface phase) {
        SmallVector<int64_t> offsets;
        for (Value result : phase->getResults()) {
          if (isStored(result))
            offsets.push_back(assignment.offset(result));
        }
        phase->setAttr("offsets", builder.getDenseI64ArrayAttr(offsets));
      });
      SmallVector<int64_t> inputs;
      for (BlockArgument argument : function.getArguments()) {
        if (nn::isEntry(function) && isStored(argument))
          inputs.push_back(assignment.offset(argument));
      }
      if (!inputs.empty())
        function->setAttr("input_offsets", builder.getDenseI64ArrayAttr(inputs));
      function->setAttr("arena_bytes", builder.getI64IntegerAttr(assignment.arenaBytes()));
    }
  }
};

} // namespace

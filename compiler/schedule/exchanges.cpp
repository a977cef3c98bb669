#include "compiler/schedule/exchanges.h"

#include "compiler/schedule/work.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <map>

using namespace mlir;

namespace cadenza {
namespace {

StringRef nameOf(sched::Hop hop) {
  switch (hop) {
  case sched::Hop::residual:
    return "residual stream";
  case sched::Hop::squares:
    return "sums of squares";
  case sched::Hop::rows:
    return "rows of query, key, value";
  case sched::Hop::parts:
    return "parts of the context";
  case sched::Hop::units:
    return "units";
  }
  return "";
}

/// Builds the lists by walking the ops once for every block. A buffer is known by what it holds, its writer and its
/// reader (a block, or a rank of every group).
class Walker {
public:
  Walker(sched::GridOp grid, int64_t layers, int64_t parts, bool caches, int64_t sharing)
      : grid(grid), layers(layers), parts(parts), caches(caches), sharing(sharing),
        ranks(static_cast<int64_t>(grid.getRanks())), groups(static_cast<int64_t>(grid.getGroups())) {
    result.blocks.resize(grid.getBlocks());
    int index = 0;
    for (sched::PartOp part : grid.getLayers().getBody().getOps<sched::PartOp>())
      partIndex[part] = index++;
  }

  void step(bool head, int64_t number) {
    for (group = 0; group < groups; ++group)
      for (rank = 0; rank < ranks; ++rank) {
        for (layer = 0; layer < layers; ++layer) {
          set = (number * layers + layer) % 2;
          walk(grid.getLayers().getBody());
        }
        if (!head)
          continue;
        layer = layers - 1;
        set = number % 2;
        walk(grid.getBody());
      }
  }

  Exchanges result;

private:
  int64_t block(int64_t group, int64_t rank) const { return group * ranks + rank; }
  int64_t mine() const { return block(group, rank); }

  void walk(Region &region) {
    for (Operation &op : region.front()) {
      llvm::TypeSwitch<Operation *>(&op)
          .Case([&](sched::PartOp part) {
            if (group < static_cast<int64_t>(part.getGroups()))
              walk(part.getBody());
          })
          .Case([&](sched::HopOp hop) { exchange(hop); })
          .Case([&](sched::FinishOp finish) { exchangeSquares(finish); })
          .Case([&](sched::ComputeOp compute) {
            if (caches && compute.getSplit() == sched::Split::context)
              attend(compute);
            if (compute.getSharing() && sharing > 0 && (layer + 1) % sharing == 0)
              shareContext(compute);
          })
          .Case([&](sched::PublishOp) {
            if (sends(&op, rank))
              add(ExchangeOp::Write, sumsName(op.getParentOp()), mine(), everyone);
          })
          .Case([&](sched::CollectOp collect) { this->collect(collect); })
          .Case([&](sched::SelectOp) { select(); });
      // What this op was the last one to need. A block's own ops end in their order.
      for (Value operand : op.getOperands())
        if (auto hop = operand.getDefiningOp<sched::HopOp>(); hop && isLastUse(&op, operand))
          receive(ExchangeOp::Finish, hop);
    }
  }

  static bool isLastUse(Operation *op, Value vector) {
    return llvm::all_of(vector.getUsers(), [&](Operation *user) { return user == op || user->isBeforeInBlock(op); });
  }

  /// The computation whose rows a rank has of the residual stream: all have the same division.
  sched::ComputeOp residualRows() {
    sched::PartOp part = *grid.getLayers().getBody().getOps<sched::PartOp>().begin();
    return part.getComputations().back();
  }

  /// Whether `ofRank` of this group has something to send by `op`. One that has not is not known to have read anything,
  /// either.
  bool sends(Operation *op, int64_t ofRank) {
    auto compute = op->getNumOperands() > 0 ? op->getOperand(0).getDefiningOp<sched::ComputeOp>() : sched::ComputeOp();
    if (!compute) // what a rank has of the residual stream
      return residualTiles(ofRank) > 0;
    if (compute.getSplit() == sched::Split::context)
      return ofRank < parts;
    return workOf(compute, group, ofRank, layer).tiles > 0;
  }
  int64_t residualTiles(int64_t ofRank) {
    // Group 0 takes part in every part; ranks of all groups have the same rows.
    return workOf(residualRows(), 0, ofRank, layer).tiles;
  }

  /// From the ranks that have something to all in a group.
  void exchange(sched::HopOp hop) {
    if (sends(hop, rank))
      for (int64_t peer = 0; peer < ranks; ++peer)
        add(ExchangeOp::Write, nameOf(hop.getKind()), mine(), block(group, peer));
    receive(ExchangeOp::Read, hop);
  }
  void receive(ExchangeOp::Kind kind, sched::HopOp hop) {
    for (int64_t peer = 0; peer < ranks; ++peer)
      if (sends(hop, peer))
        add(kind, nameOf(hop.getKind()), block(group, peer), mine());
  }

  /// Sums of squares of the rows of all groups of a part, of the same rank of each. The ranks of a group have the same
  /// rows. Query and key are normalised at the same time, by different warps.
  void exchangeSquares(sched::FinishOp op) {
    auto part = cast<sched::PartOp>(op->getParentOp());
    const auto sharing = static_cast<int64_t>(op.getSharing());
    const auto publishes = [&](int64_t ofGroup, int64_t segment) { return segment == 0 || ofGroup % sharing == 0; };
    const auto what = [&](int64_t segment) {
      return std::string("sums of squares of all ") + (segment == 0 ? "queries" : "keys") + " (part " +
             std::to_string(partIndex.lookup(part)) + ")";
    };
    for (int64_t segment : op.getNorms())
      if (publishes(group, segment))
        add(ExchangeOp::Write, what(segment), mine(), everyone);
    for (int64_t segment : op.getNorms())
      for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
        for (int64_t source = 0; source < static_cast<int64_t>(part.getGroups()); ++source)
          if (publishes(source, segment))
            add(kind, what(segment), block(source, rank), everyone);
  }

  std::string sumsName(Operation *part) const {
    return "partial sums (part " + std::to_string(partIndex.lookup(part)) + ", set " + std::to_string(set) + ")";
  }
  /// Of the same rank of the groups of a part: the same rows. Their norm needs the sums of squares of all ranks' rows.
  void collect(sched::CollectOp op) {
    Operation *part = op.getSums().getDefiningOp();
    collectSums(part);
    if (!op.getNorm())
      return;
    const std::string what = "sums of squares of what part " + std::to_string(partIndex.lookup(part)) + " adds";
    if (residualTiles(rank) > 0)
      for (int64_t peer = 0; peer < ranks; ++peer)
        add(ExchangeOp::Write, what, mine(), block(group, peer));
    for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
      for (int64_t peer = 0; peer < ranks; ++peer)
        if (residualTiles(peer) > 0)
          add(kind, what, block(group, peer), mine());
  }
  void collectSums(Operation *part) {
    if (residualTiles(rank) == 0)
      return;
    const auto sources = static_cast<int64_t>(cast<sched::PartOp>(part).getGroups());
    for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
      for (int64_t source = 0; source < sources; ++source)
        add(kind, sumsName(part), block(source, rank), everyone);
  }

  /// The rank that has the newest position appends it, which may overwrite the oldest one of the step before: in a
  /// cache that keeps a window, every step does. Who shares a KV head is not looked at: no group may be so far ahead of
  /// any.
  void attend(sched::ComputeOp compute) {
    if (rank >= parts)
      return;
    auto part = compute->getParentOfType<sched::PartOp>();
    const std::string what =
        "oldest position (part " + std::to_string(partIndex.lookup(part)) + ", layer " + std::to_string(layer) + ")";
    for (int64_t writer = 0; writer < static_cast<int64_t>(part.getGroups()); ++writer)
      add(ExchangeOp::Finish, what, block(writer, parts - 1), everyone);
    if (rank == parts - 1)
      add(ExchangeOp::Write, what, mine(), everyone);
  }

  /// The same ranks of groups that share a context exchange their queries, then what each has of the others' heads.
  void shareContext(sched::ComputeOp compute) {
    if (rank >= parts)
      return;
    const std::string ofPart =
        " (part " + std::to_string(partIndex.lookup(compute->getParentOfType<sched::PartOp>())) + ")";
    const std::string queries = "queries of a shared context" + ofPart, heads = "heads over a shared context" + ofPart;
    const auto groupsOfHead = static_cast<int64_t>(*compute.getSharing()), first = group - group % groupsOfHead;
    SmallVector<int64_t> others;
    for (int64_t other = first; other < first + groupsOfHead; ++other)
      if (other != group)
        others.push_back(block(other, rank));
    add(ExchangeOp::Write, queries, mine(), everyone);
    for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
      for (int64_t other : others)
        add(kind, queries, other, everyone);
    for (int64_t other : others)
      add(ExchangeOp::Write, heads, mine(), other);
    for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
      for (int64_t other : others)
        add(kind, heads, other, mine());
  }

  void select() {
    const std::string what = "candidates (set " + std::to_string(set) + ")";
    add(ExchangeOp::Write, what, mine(), everyone);
    for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
      for (int64_t other = 0; other < grid.getBlocks(); ++other)
        add(kind, what, other, everyone);
  }

  /// By the block whose list is being built.
  void add(ExchangeOp::Kind kind, StringRef what, int64_t writer, int64_t reader) {
    std::vector<uint32_t> &ofWhat = ids[what];
    const auto blocks = static_cast<size_t>(grid.getBlocks());
    if (ofWhat.empty())
      ofWhat.assign(blocks * (blocks + 1), none);
    uint32_t &id = ofWhat[static_cast<size_t>(writer) * (blocks + 1) + static_cast<size_t>(reader + 1)];
    if (id == none) {
      id = static_cast<uint32_t>(result.buffers.size());
      result.buffers.push_back({what.str(), writer, reader});
    }
    result.blocks[mine()].push_back({kind, id});
  }

  sched::GridOp grid;
  const int64_t layers, parts;
  const bool caches;
  const int64_t sharing;
  const int64_t ranks, groups;
  llvm::DenseMap<Operation *, int> partIndex;
  int64_t group = 0, rank = 0, layer = 0, set = 0; // of the block whose list is being built
  static constexpr int64_t everyone = -1;
  static constexpr uint32_t none = UINT32_MAX;
  llvm::StringMap<std::vector<uint32_t>> ids; // by what it holds: [writer][reader + 1]
};

using Clock = std::vector<uint32_t>; // of each block, how many of its operations are known to have happened

struct Buffer {
  std::vector<Clock> writes; // what each one proves
  std::vector<int> readers;
  std::map<int, std::vector<uint32_t>> finished; // by reader: when it finished with each contents
  std::map<int, size_t> reads;                   // by reader
};

class Verifier {
public:
  explicit Verifier(const Exchanges &exchanges)
      : exchanges(exchanges), buffers(exchanges.buffers.size()), next(exchanges.blocks.size()),
        clocks(exchanges.blocks.size(), Clock(exchanges.blocks.size())) {
    for (size_t block = 0; block < exchanges.blocks.size(); ++block)
      for (const ExchangeOp &op : exchanges.blocks[block])
        if (std::vector<int> &readers = buffers[op.buffer].readers;
            op.kind == ExchangeOp::Finish && std::ranges::find(readers, static_cast<int>(block)) == readers.end())
          readers.push_back(static_cast<int>(block));
  }

  Status run() {
    bool moved = true;
    while (moved) {
      moved = false;
      for (size_t block = 0; block < next.size(); ++block)
        while (next[block] < exchanges.blocks[block].size()) {
          CADENZA_ASSIGN_OR_RETURN(bool done, execute(static_cast<int>(block)));
          if (!done)
            break;
          moved = true;
        }
    }
    for (size_t block = 0; block < next.size(); ++block)
      if (next[block] < exchanges.blocks[block].size())
        return failure("block " + std::to_string(block) + " waits for ever for " +
                       exchanges.buffers[exchanges.blocks[block][next[block]].buffer].name());
    return Status::ok();
  }

private:
  static Status failure(const std::string &what) { return {StatusCode::Internal, "the schedule is wrong: " + what}; }

  /// The next operation of a block; false if it has to wait.
  StatusOr<bool> execute(int block) {
    const ExchangeOp op = exchanges.blocks[block][next[block]];
    Buffer &buffer = buffers[op.buffer];
    Clock &clock = clocks[block];
    if (op.kind == ExchangeOp::Read) {
      size_t &reads = buffer.reads[block];
      if (reads == buffer.writes.size())
        return false;
      const Clock &seen = buffer.writes[reads++];
      for (size_t i = 0; i < clock.size(); ++i)
        clock[i] = std::max(clock[i], seen[i]);
    }
    clock[block] = static_cast<uint32_t>(++next[block]);
    if (op.kind == ExchangeOp::Finish)
      buffer.finished[block].push_back(clock[block]);
    if (op.kind == ExchangeOp::Write) {
      if (const size_t earlier = buffer.writes.size(); earlier > 0)
        for (int reader : buffer.readers) {
          const std::vector<uint32_t> &finished = buffer.finished[reader];
          if (finished.size() < earlier || finished[earlier - 1] > clock[reader])
            return failure("block " + std::to_string(block) + " may overwrite " + exchanges.buffers[op.buffer].name() +
                           " before block " + std::to_string(reader) + " has read it");
        }
      buffer.writes.push_back(clock);
    }
    return true;
  }

  const Exchanges &exchanges;
  std::vector<Buffer> buffers;
  std::vector<size_t> next;
  std::vector<Clock> clocks;
};

} // namespace

std::string ExchangeBuffer::name() const {
  return what + " of block " + std::to_string(writer) + (reader < 0 ? "" : " for block " + std::to_string(reader));
}

Exchanges exchangesOf(sched::GridOp grid, int64_t layers, int64_t steps, int64_t headless, int64_t parts, bool caches,
                      int64_t sharing) {
  Walker walker(grid, layers, parts, caches, sharing);
  for (int64_t step = 0; step < steps; ++step)
    walker.step(step >= headless, step);
  return std::move(walker.result);
}

Status verify(const Exchanges &exchanges) { return Verifier(exchanges).run(); }

Status verifyExchanges(sched::GridOp grid) {
  const int64_t layers = std::min<int64_t>(static_cast<int64_t>(grid.getLayers().getCount()), 3); // the pattern repeats
  // Three heads, because every other one writes the same slots; three steps without a head, if each is but one layer.
  const int64_t headless = layers == 1 ? 3 : 1;
  // Where groups share contexts, a layer with a window does not, and no layer has to.
  const int64_t mostApart = grid.getSharingCompute() ? 2 : 0;
  for (int64_t parts : {int64_t{1}, static_cast<int64_t>(grid.getRanks())})
    for (int64_t sharing = 0; sharing <= mostApart; ++sharing)
      CADENZA_RETURN_IF_ERROR(
          verify(exchangesOf(grid, layers, /*steps=*/headless + 3, headless, parts, /*caches=*/true, sharing)));
  return Status::ok();
}

} // namespace cadenza

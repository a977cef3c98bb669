#include "compiler/schedule/exchanges.h"

#include <algorithm>
#include <array>
#include <map>

namespace cadenza {
namespace {

/// What a buffer holds. Sets follow each other: the second one of X is X + 1.
enum What {
  QueryKeyValueRows,
  ContextParts,
  SumsOfSquares,
  ResidualStream,
  Units,
  AttentionSums,
  FeedForwardSums = AttentionSums + 2,
  Candidates = FeedForwardSums + 2,
  whats = Candidates + 2,
};
constexpr std::array<const char *, whats> names = {
    "rows of query, key, value",
    "parts of the context",
    "sums of squares",
    "residual stream",
    "units",
    "partial sums (attention, set 0)",
    "partial sums (attention, set 1)",
    "partial sums (feed-forward, set 0)",
    "partial sums (feed-forward, set 1)",
    "candidates (set 0)",
    "candidates (set 1)",
};

/// Builds the lists. A buffer is known by what it holds, its writer and its reader (a block, or a rank of every group).
class Builder {
public:
  Builder(const PersistentSchedule &schedule, int64_t parts)
      : schedule(schedule), parts(parts),
        ids(static_cast<size_t>(whats) * schedule.blocks() * (schedule.blocks() + 1), none) {
    result.blocks.resize(schedule.blocks());
  }

  void step(bool head, int64_t number) {
    const int64_t layers = schedule.model.layers;
    int set = 0;
    for (int64_t layer = 0; layer < layers; ++layer) {
      const int before = set;
      set = static_cast<int>((number * layers + layer) % 2);
      for (int group = 0; group < schedule.device.groups; ++group)
        for (int rank = 0; rank < schedule.device.ranks; ++rank) {
          if (layer > 0)
            collect(FeedForwardSums + before, schedule.device.groups, group, rank);
          if (group < schedule.attentionGroups()) {
            spread(group, rank, layer);
            hop(QueryKeyValueRows, group, rank, layer);
            hop(ContextParts, group, rank, layer);
            finish(QueryKeyValueRows, group, rank, layer); // the newest key and value are read until here
            finish(ContextParts, group, rank, layer);
            publish(AttentionSums + set, group, rank);
          }
          collect(AttentionSums + set, schedule.attentionGroups(), group, rank);
          spread(group, rank, layer);
          hop(Units, group, rank, layer);
          finish(Units, group, rank, layer);
          publish(FeedForwardSums + set, group, rank);
        }
    }
    for (int group = 0; group < schedule.device.groups; ++group)
      for (int rank = 0; rank < schedule.device.ranks; ++rank) {
        collect(FeedForwardSums + set, schedule.device.groups, group, rank);
        if (head)
          spread(group, rank, layers - 1);
      }
    if (head)
      select(Candidates + static_cast<int>(number % 2));
  }

  Exchanges result;

private:
  int block(int group, int rank) const { return group * schedule.device.ranks + rank; }

  void add(int block, ExchangeOp::Kind kind, int what, int writer, int reader) {
    const size_t blocks = schedule.blocks();
    uint32_t &id = ids[(static_cast<size_t>(what) * blocks + writer) * (blocks + 1) + (reader + 1)];
    if (id == none) {
      id = static_cast<uint32_t>(result.buffers.size());
      result.buffers.push_back(std::string(names[what]) + " of block " + std::to_string(writer) +
                               (reader < 0 ? "" : " for block " + std::to_string(reader)));
    }
    result.blocks[block].push_back({kind, id});
  }

  /// Whether a rank has something to send. One that has not is not known to have read anything, either.
  bool sends(int what, int group, int rank, int64_t layer) const {
    switch (what) {
    case QueryKeyValueRows:
      return schedule.work(Product::QueryKeyValue, group, rank, layer).tiles > 0;
    case ContextParts:
      return rank < parts;
    case Units:
      return schedule.work(Product::GateUp, group, rank, layer).tiles > 0;
    default: // what comes with rows of the residual stream
      return schedule.work(Product::Down, group, rank, layer).tiles > 0;
    }
  }

  /// From the ranks that have something to all in a group; the caller finishes.
  void hop(int what, int group, int rank, int64_t layer) {
    const int mine = block(group, rank);
    if (sends(what, group, rank, layer))
      for (int peer = 0; peer < schedule.device.ranks; ++peer)
        add(mine, ExchangeOp::Write, what, mine, block(group, peer));
    receive(ExchangeOp::Read, what, group, rank, layer);
  }
  void finish(int what, int group, int rank, int64_t layer) { receive(ExchangeOp::Finish, what, group, rank, layer); }
  void receive(ExchangeOp::Kind kind, int what, int group, int rank, int64_t layer) {
    for (int peer = 0; peer < schedule.device.ranks; ++peer)
      if (sends(what, group, peer, layer))
        add(block(group, rank), kind, what, block(group, peer), block(group, rank));
  }

  /// Rows of the residual stream, with or after the sums of their squares.
  void spread(int group, int rank, int64_t layer) {
    if (schedule.model.sumsFirst)
      hop(SumsOfSquares, group, rank, layer);
    hop(ResidualStream, group, rank, layer);
    if (schedule.model.sumsFirst)
      finish(SumsOfSquares, group, rank, layer);
    finish(ResidualStream, group, rank, layer);
  }

  void publish(int what, int group, int rank) {
    if (sends(what, group, rank, 0))
      add(block(group, rank), ExchangeOp::Write, what, block(group, rank), -1);
  }
  /// Of the same rank of the groups: the same rows.
  void collect(int what, int sources, int group, int rank) {
    if (!sends(what, group, rank, 0))
      return;
    for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
      for (int source = 0; source < sources; ++source)
        add(block(group, rank), kind, what, block(source, rank), -1);
  }

  void select(int what) {
    for (int mine = 0; mine < schedule.blocks(); ++mine) {
      add(mine, ExchangeOp::Write, what, mine, -1);
      for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
        for (int other = 0; other < schedule.blocks(); ++other)
          add(mine, kind, what, other, -1);
    }
  }

  const PersistentSchedule &schedule;
  const int64_t parts; // of the context: so many ranks have one
  static constexpr uint32_t none = UINT32_MAX;
  std::vector<uint32_t> ids; // [whats][writer][reader + 1]
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
            op.kind == ExchangeOp::Read && std::ranges::find(readers, static_cast<int>(block)) == readers.end())
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
                       exchanges.buffers[exchanges.blocks[block][next[block]].buffer]);
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
            return failure("block " + std::to_string(block) + " may overwrite " + exchanges.buffers[op.buffer] +
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

Exchanges exchangesOf(const PersistentSchedule &schedule, int64_t steps, int64_t headless, int64_t parts) {
  Builder builder(schedule, parts);
  for (int64_t step = 0; step < steps; ++step)
    builder.step(step >= headless, step);
  return std::move(builder.result);
}

Status verify(const Exchanges &exchanges) { return Verifier(exchanges).run(); }

Status verifyExchanges(PersistentSchedule schedule) {
  schedule.model.layers = std::min<int64_t>(schedule.model.layers, 3); // the pattern repeats
  // Three heads, because every other one writes the same slots; three steps without a head, if each is but one layer.
  const int64_t headless = schedule.model.layers == 1 ? 3 : 1;
  for (int64_t parts : {int64_t{1}, int64_t{schedule.device.ranks}})
    CADENZA_RETURN_IF_ERROR(verify(exchangesOf(schedule, /*steps=*/headless + 3, headless, parts)));
  return Status::ok();
}

} // namespace cadenza

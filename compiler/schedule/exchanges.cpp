#include "compiler/schedule/exchanges.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace cadenza {
namespace {

/// Builds the lists. A buffer is known by its kind, its writer and its reader (a block, or a rank of every group).
class Builder {
public:
  explicit Builder(const PersistentSchedule &schedule) : schedule(schedule) { result.blocks.resize(schedule.blocks()); }

  void step(bool head, int64_t number) {
    const int64_t layers = schedule.model.layers;
    for (int64_t layer = 0; layer < layers; ++layer) {
      const int set = static_cast<int>((number * layers + layer) % 2);
      const bool last = layer == layers - 1;
      for (int group = 0; group < schedule.device.groups; ++group)
        for (int rank = 0; rank < schedule.device.ranks; ++rank) {
          const bool attends = group < schedule.model.kvHeads;
          if (attends) {
            hop("rows of query, key, value", group, rank);
            hop("parts of the context", group, rank);
            finish("rows of query, key, value", group, rank); // the newest key and value are read until here
            finish("parts of the context", group, rank);
            publish(set, "attention", group, rank);
          }
          collect(set, "attention", static_cast<int>(schedule.model.kvHeads), group, rank);
          hop("residual stream, middle", group, rank);
          finish("residual stream, middle", group, rank);
          hop("units", group, rank);
          finish("units", group, rank);
          publish(set, "feed-forward", group, rank);
          collect(set, "feed-forward", schedule.device.groups, group, rank);
          if (last ? head : attends) {
            hop("residual stream, end", group, rank);
            finish("residual stream, end", group, rank);
          }
        }
    }
    if (head)
      select(static_cast<int>(number % 2));
  }

  Exchanges result;

private:
  int block(int group, int rank) const { return group * schedule.device.ranks + rank; }

  void add(int block, ExchangeOp::Kind kind, const std::string &what, int writer, int reader) {
    auto [entry, isNew] = ids.try_emplace({what, writer, reader}, static_cast<uint32_t>(result.buffers.size()));
    if (isNew)
      result.buffers.push_back(what + " of block " + std::to_string(writer) +
                               (reader < 0 ? "" : " for block " + std::to_string(reader)));
    result.blocks[block].push_back({kind, entry->second});
  }

  /// All to all in a group; the caller finishes.
  void hop(const std::string &what, int group, int rank) {
    const int mine = block(group, rank);
    for (int peer = 0; peer < schedule.device.ranks; ++peer)
      add(mine, ExchangeOp::Write, what, mine, block(group, peer));
    for (int peer = 0; peer < schedule.device.ranks; ++peer)
      add(mine, ExchangeOp::Read, what, block(group, peer), mine);
  }
  void finish(const std::string &what, int group, int rank) {
    for (int peer = 0; peer < schedule.device.ranks; ++peer)
      add(block(group, rank), ExchangeOp::Finish, what, block(group, peer), block(group, rank));
  }

  static std::string slots(int set, const std::string &half) {
    return "partial sums (" + half + ", set " + std::to_string(set) + ")";
  }
  void publish(int set, const std::string &half, int group, int rank) {
    add(block(group, rank), ExchangeOp::Write, slots(set, half), block(group, rank), -1);
  }
  void collect(int set, const std::string &half, int sources, int group, int rank) {
    for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
      for (int source = 0; source < sources; ++source)
        add(block(group, rank), kind, slots(set, half), block(source, rank), -1);
  }

  void select(int set) {
    const std::string what = "candidates (set " + std::to_string(set) + ")";
    for (int mine = 0; mine < schedule.blocks(); ++mine) {
      add(mine, ExchangeOp::Write, what, mine, -1);
      for (ExchangeOp::Kind kind : {ExchangeOp::Read, ExchangeOp::Finish})
        for (int other = 0; other < schedule.blocks(); ++other)
          add(mine, kind, what, other, -1);
    }
  }

  const PersistentSchedule &schedule;
  std::map<std::tuple<std::string, int, int>, uint32_t> ids;
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

Exchanges exchangesOf(const PersistentSchedule &schedule, int64_t steps, int64_t headless) {
  Builder builder(schedule);
  for (int64_t step = 0; step < steps; ++step)
    builder.step(step >= headless, step);
  return std::move(builder.result);
}

Status verify(const Exchanges &exchanges) { return Verifier(exchanges).run(); }

} // namespace cadenza

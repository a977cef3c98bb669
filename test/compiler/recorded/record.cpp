#include "test/compiler/recorded/record.h"

#include "compiler/schedule/exchanges.h"
#include "runtime/shared/shares.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

namespace cadenza::test {
namespace {

constexpr const char *residualStream = "residual stream", *sumsOfSquares = "sums of squares",
                     *headRows = "rows of query, key, value", *contextParts = "parts of the context", *units = "units";

std::string squaresOf(int64_t part) { return "sums of squares of what part " + std::to_string(part) + " adds"; }

/// Who wrote or read what, from where it lies.
class Layout {
public:
  Layout(sched::GridOp grid, const LayerShape &shape)
      : blocks(grid.getBlocks()), ranks(static_cast<int64_t>(grid.getRanks())) {
    parts = std::distance(grid.getLayers().getBody().op_begin<sched::PartOp>(),
                          grid.getLayers().getBody().op_end<sched::PartOp>());
    const int64_t hiddenTiles = shape.hidden / tile_rows;
    rankPackets = tile_rows * ((hiddenTiles + ranks - 1) / ranks) / stripe_rows * stripe_packets;
    const auto groups = static_cast<int64_t>(grid.getGroups());
    const int64_t attend = std::min(shape.queryGroups(), groups),
                  groupHeads = (shape.queryGroups() + attend - 1) / attend;
    const int64_t partFloats = (shape.headDim + 2 + 3) / 4 * 4;
    hopEnds = {{shape.hidden / 4, residualStream},
               {residual_packets_for(static_cast<int>(shape.hidden), static_cast<int>(shape.normSums)),
                sumsFirst(grid) ? sumsOfSquares : residualStream},
               {groupHeads * shape.headRows() / 2, headRows},
               {ranks * groupHeads * (shape.heads / shape.queryGroups()) * partFloats / 2, contextParts}};
    const int64_t chunk = headNormChunk(shape.headDim), queryRows = shape.heads * shape.headDim,
                  headRowsOf[] = {queryRows, shape.kvHeads * shape.headDim};
    grid.walk([&](sched::FinishOp finish) {
      for (int64_t segment : finish.getNorms())
        for (int64_t row = 0; row < headRowsOf[segment]; row += chunk) {
          const int64_t queryGroup =
              segment == 0 ? row / shape.queryRows() : row / shape.headDim * static_cast<int64_t>(finish.getSharing());
          // The first groups have one query group more, if those are more than groups.
          const int64_t more = shape.queryGroups() % attend, each = shape.queryGroups() / attend;
          const int64_t group =
              queryGroup < more * (each + 1) ? queryGroup / (each + 1) : more + (queryGroup - more * (each + 1)) / each;
          headSums.emplace_back(segment == 0 ? "queries" : "keys", group);
        }
    });
    if (sched::ComputeOp compute = grid.getSharingCompute()) {
      sharing = static_cast<int64_t>(*compute.getSharing());
      queryPackets = shape.queryRows() / 2;
      headPackets = (shape.headDim + 2) / 2;
      shareGroups = attend;
    }
    const int64_t exchange = 16 * (2 * parts * blocks * rankPackets + 2 * blocks +
                                   parts * ranks * static_cast<int64_t>(headSums.size())),
                  shared = parts * shareGroups * ranks * sharePackets();
    sharedFrom = static_cast<int64_t>(grid.getPackets()) / 16 - shared; // behind all others
    hopPackets = grid.getClusters()
                     ? 0
                     : (static_cast<int64_t>(grid.getPackets()) - 16 * shared - exchange - 4 * blocks) / 16 / groups;
    hopEnds[2].first += hopEnds[1].first;
    hopEnds[3].first += hopEnds[2].first;
    hopEnds.emplace_back(hopPackets - shape.partNorms * norm_packets_for(static_cast<int>(shape.hidden)), units);
    normPackets = norm_packets_for(static_cast<int>(shape.hidden));
    hopBarriers = 7 + shape.partNorms;
  }

  struct Slot {
    std::string what;
    int64_t writer;      // -1: a rank of the block's group
    int64_t reader = -1; // -1: everyone, or a rank of the block's group
  };
  /// The packet of that number in the memory of packets.
  Slot packet(int64_t number) const {
    if (number >= sharedFrom)
      return shared(number - sharedFrom);
    const int64_t sums = 2 * parts * blocks * rankPackets;
    if (number < sums) {
      const int64_t set = number / (blocks * rankPackets);
      return {"partial sums (part " + std::to_string(set % parts) + ", set " + std::to_string(set / parts) + ")",
              number / rankPackets % blocks};
    }
    number -= sums;
    if (number < 2 * blocks)
      return {"candidates (set " + std::to_string(number / blocks) + ")", number % blocks};
    number -= 2 * blocks;
    const auto sumsOfRank = static_cast<int64_t>(headSums.size());
    if (number < parts * ranks * sumsOfRank) {
      const auto &[what, group] = headSums[number % sumsOfRank];
      return {std::string("sums of squares of all ") + what + " (part " + std::to_string(number / sumsOfRank / ranks) +
                  ")",
              group * ranks + number / sumsOfRank % ranks};
    }
    number = (number - parts * ranks * sumsOfRank) % hopPackets;
    for (const auto &[end, what] : hopEnds)
      if (number < end)
        return {what, -1};
    return {squaresOf((number - hopEnds.back().first) / normPackets), -1};
  }

  /// What the barrier counts that was the index-th to be initialised among those of the hops; "" for others.
  static std::string barrier(int64_t index) {
    constexpr const char *names[] = {headRows, contextParts, sumsOfSquares, residualStream, units};
    return index < 0 ? "" : index < 5 ? names[index] : index < 7 ? "" : squaresOf(index - 7);
  }
  int64_t hopBarriers = 0; // of a block

private:
  int64_t sharePackets() const { return queryPackets + sharing * headPackets; }
  /// Of what groups that share a context send.
  Slot shared(int64_t number) const {
    const int64_t writer = number / sharePackets(), inBlock = number % sharePackets();
    const std::string part = " (part " + std::to_string(writer / (shareGroups * ranks)) + ")";
    const int64_t block = writer % (shareGroups * ranks);
    if (inBlock < queryPackets)
      return {"queries of a shared context" + part, block};
    const int64_t group = block / ranks;
    return {"heads over a shared context" + part, block,
            (group - group % sharing + (inBlock - queryPackets) / headPackets) * ranks + block % ranks};
  }

  /// Whether sums of squares hop on their own, or with the residual stream.
  static bool sumsFirst(sched::GridOp grid) {
    return grid
        .walk([](sched::HopOp hop) {
          return hop.getKind() == sched::Hop::squares ? mlir::WalkResult::interrupt() : mlir::WalkResult::advance();
        })
        .wasInterrupted();
  }

  int64_t blocks, ranks, parts = 0, rankPackets = 0, hopPackets = 0, normPackets = 0;
  int64_t sharing = 0, queryPackets = 0, headPackets = 0, shareGroups = 0, sharedFrom = 0; // of a context
  std::vector<std::pair<const char *, int64_t>> headSums; // of a rank: whose, and of which group
  std::vector<std::pair<int64_t, const char *>> hopEnds;  // in the order in which they lie
};

std::string describe(bool write, const std::string &what) { return (write ? "writes " : "reads ") + what; }

/// A stretch of a block's list that is one exchange: all buffers of one kind that it writes, or reads, one after the
/// other.
struct Run {
  bool write;
  std::string what;
  std::set<int64_t> peers; // readers of what it writes, writers of what it reads
  std::set<int64_t> seen;
};

std::vector<Run> runsOf(const Exchanges &exchanges, size_t block) {
  std::vector<Run> runs;
  for (const ExchangeOp &op : exchanges.blocks[block]) {
    if (op.kind == ExchangeOp::Finish) // no thread does anything
      continue;
    const ExchangeBuffer &buffer = exchanges.buffers[op.buffer];
    const bool write = op.kind == ExchangeOp::Write;
    const int64_t peer = write ? buffer.reader : buffer.writer;
    // The same peer again is the next exchange.
    if (runs.empty() || runs.back().write != write || runs.back().what != buffer.what ||
        runs.back().peers.contains(peer))
      runs.push_back({write, buffer.what, {}, {}});
    runs.back().peers.insert(peer);
  }
  return runs;
}

} // namespace

std::vector<RecordedEvent> readRecord(const std::string &path, sched::GridOp grid, const LayerShape &shape) {
  struct Line {
    std::string kind;
    int64_t block, thread, a, b;
  };
  std::vector<Line> lines;
  std::map<int64_t, std::vector<int64_t>> barriers; // of a block, in the order of their initialisation
  std::optional<int64_t> base;                      // of all packets: somebody writes the first one
  std::ifstream file(path);
  bool ours = false;
  for (std::string text; std::getline(file, text);) {
    std::istringstream words(text);
    Line line{};
    words >> line.kind;
    if (line.kind == "launch") {
      std::string kernel;
      words >> kernel;
      ours = kernel == (grid.getContinues() ? "decode_steps_long" : "decode_steps");
      continue;
    }
    if (!ours)
      continue;
    words >> line.block;
    if (line.kind == "init") {
      words >> line.a;
      barriers[line.block].push_back(line.a);
      continue;
    }
    words >> line.thread >> line.a >> line.b;
    if (line.kind == "store")
      base = std::min(base.value_or(line.a), line.a);
    lines.push_back(line);
  }
  const Layout layout(grid, shape);
  const auto barrierAt = [&](int64_t block, int64_t offset) {
    const std::vector<int64_t> &all = barriers[block];
    const auto at = std::find(all.begin(), all.end(), offset) - all.begin();
    return Layout::barrier(at - (static_cast<int64_t>(all.size()) - layout.hopBarriers));
  };
  std::vector<RecordedEvent> events;
  for (const Line &line : lines) {
    RecordedEvent event{line.block, line.thread, line.kind == "send" || line.kind == "store", {}};
    if (line.kind == "send") {
      event.what = barrierAt(line.a, line.b);
      event.reader = line.a;
    } else if (line.kind == "wait") {
      event.what = barrierAt(line.block, line.a);
    } else if (line.kind == "store" || line.b != 0) { // nobody has written epoch 0
      const Layout::Slot slot = layout.packet((line.a - *base) / 16);
      event.what = slot.what;
      (event.write ? event.reader : event.writer) = event.write ? slot.reader : slot.writer;
    }
    if (!event.what.empty())
      events.push_back(std::move(event));
  }
  return events;
}

std::string compareRecord(const std::vector<RecordedEvent> &events, sched::GridOp grid, int64_t steps, int64_t headless,
                          int64_t parts, int64_t sharing) {
  const auto layers = static_cast<int64_t>(grid.getLayers().getCount());
  const Exchanges exchanges = exchangesOf(grid, layers, steps, headless, parts, /*caches=*/false, sharing);
  std::vector<std::vector<Run>> runs;
  for (size_t block = 0; block < exchanges.blocks.size(); ++block)
    runs.push_back(runsOf(exchanges, block));
  std::map<std::pair<int64_t, int64_t>, size_t> at; // of each thread: the run that it is in
  for (const RecordedEvent &event : events) {
    std::vector<Run> &list = runs[event.block];
    size_t &position = at[{event.block, event.thread}];
    const int64_t peer = event.write ? event.reader : event.writer;
    const auto fits = [&](const Run &run) {
      return run.write == event.write && run.what == event.what && (peer < 0 || run.peers.contains(peer));
    };
    const auto found = std::find_if(list.begin() + static_cast<ptrdiff_t>(position), list.end(), fits);
    if (found == list.end())
      return "block " + std::to_string(event.block) + ", thread " + std::to_string(event.thread) + " " +
             describe(event.write, event.what) + " after it " + describe(list[position].write, list[position].what) +
             " (" + std::to_string(position) + "), which the schedule does not";
    position = found - list.begin();
    if (peer < 0)
      found->seen = found->peers; // of which ones, the record does not say
    else
      found->seen.insert(peer);
  }
  for (size_t block = 0; block < runs.size(); ++block)
    for (const Run &run : runs[block])
      if (run.seen != run.peers)
        return "no thread of block " + std::to_string(block) + " " + describe(run.write, run.what) +
               ", which the schedule does";
  return "";
}

} // namespace cadenza::test

// The persistent schedule (codegen/kernels/persistent.cuh explains it): what is decided at compile time. Everything
// else follows from it by the formulas of runtime/shared/shares.h.
#pragma once

#include "runtime/shared/encoding.h"
#include "runtime/shared/shares.h"
#include "runtime/support/status.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace cadenza {

/// What a schedule is made for: groups of ranks (blocks, one a multiprocessor).
struct PersistentDevice {
  int groups = 0, ranks = 0;
  int warps = 8;        // that consume, in a block; one more produces
  int sharedBytes = 0;  // of a block
  bool clusters = true; // groups are clusters of the GPU; without them, they exchange values through global memory
  bool traced = false;  // the kernel is instrumented
};

/// What matters of a model: its dimensions.
struct PersistentModel {
  int64_t layers = 0, hidden = 0, heads = 0, kvHeads = 0, headDim = 0, units = 0, vocabulary = 0;
  Encoding encoding = Encoding::tiles16; // of all matrices but the embedding
  bool sumsFirst = false; // a norm's factor is applied before rounding: sums of squares hop before the rows do
};

/// What one rank does of one product: tiles x steps of the packed matrix.
struct BlockWork {
  int64_t firstTile = 0, tiles = 0, firstStep = 0, steps = 0;
  int64_t bytes(const EncodingFormat &format) const { return tiles * steps * format.tile_step_bytes(); }
};

/// The products of a layer, and the head.
enum class Product { QueryKeyValue, Output, GateUp, Down, Head };

/// Bytes that a producer has in flight, one copy at least; a copy is begun as long as all in flight are less. The
/// memory serves blocks in proportion to that, but with more than two stages each, some multiprocessors far better than
/// others.
struct InFlight {
  int attention = 0;           // in the attention half of a layer
  int kvGroup = 0, others = 0; // in the feed-forward half: groups that have a KV head, the others
  int context = 0;             // in a long context
  int head = 0;
  // While the ring fills ahead of a layer or of the head, at most: groups that have a KV head, the others.
  int kvGroupAhead = 0, othersAhead = 0;
};

struct PersistentSchedule {
  PersistentDevice device; // with fewer groups, if there are not units enough for all
  PersistentModel model;
  std::vector<int64_t> unitStarts; // of each group's feed-forward units, in steps of 32
  InFlight inFlight;

  /// Of a stage of the ring: two turns of a stripe for each warp (stream_project.cuh), and room for the keys and values
  /// of 16 positions.
  int stageBytes() const {
    return std::max(2 * turn_steps * format_of(model.encoding).unit_bytes * device.warps,
                    static_cast<int>(4 * attend_positions * model.headDim));
  }

  /// Whether a layer takes as long as the memory needs for it; else it takes as long as its chain of exchanges and
  /// products.
  bool memoryBound() const;
  int blocks() const { return device.groups * device.ranks; }
  /// Those that have KV heads, one or more each.
  int attentionGroups() const { return static_cast<int>(std::min<int64_t>(model.kvHeads, device.groups)); }
  Range headsOf(int group) const {
    return group < attentionGroups() ? share(static_cast<int>(model.kvHeads), attentionGroups(), group) : Range{0, 0};
  }
  /// Starts of the k_groups of a product, in steps: its columns are divided over groups, or not.
  std::vector<int64_t> columnGroups(Product product) const;
  /// What `rank` of `group` does of a product in a layer. Tiles of query, key, value and of gate, up count from the
  /// group's first.
  BlockWork work(Product product, int group, int rank, int64_t layer) const;
  /// Bytes of packets, as the device code lays them out.
  uint64_t packetBytes() const;
};

/// Divides the work: if a layer takes as long as the memory needs for it, so that all groups need as long for the
/// feed-forward half, of which those without a KV head have filled their rings before; if it takes as long as its chain
/// of exchanges and products, so that the last half of the chain, the feed-forward units, is spread as evenly as the
/// stream allows. Each rank has something of each product that its group has a part in: what it sends proves that it
/// has read what it was sent (exchanges.h). Errors (Unsupported) say which dimension does not fit, and what would.
StatusOr<PersistentSchedule> planPersistent(const PersistentModel &model, const PersistentDevice &device);

/// Elements of a chunk of a norm's sum of squares over `hidden` elements: each rank adds those of its own rows, so a
/// chunk lies in the rows of one rank. A power of two from 16 to 128.
int64_t normChunk(int64_t hidden, int64_t ranks);

/// The block table for people: --emit=schedule.
std::string describe(const PersistentSchedule &schedule);

} // namespace cadenza

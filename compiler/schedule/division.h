// The division of a step over the blocks of one persistent kernel (codegen/kernels/persistent.cuh explains it): what is
// decided with a model's dimensions and a GPU's. lower-to-persistent asks for it, once a division; from then on a
// schedule is its ops (compiler/ir/sched).
#pragma once

#include "runtime/shared/encoding.h"
#include "runtime/support/status.h"

#include <cstdint>
#include <optional>
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
  std::vector<std::string> targets = {}; // that it is for (compiler/support/device_table.h); none: any
  int64_t subgroups = 0;         // into which the query heads of a KV head are divided; 0: as the model of cost says
  int64_t shareFrom = 0;         // positions from which on groups with the same KV head share them; 0: the same
  int groupsWithoutClusters = 0; // that the same GPU holds if groups are no clusters; 0: no more
};

/// The dimensions of a layer: those of its attention, and those of its feed-forward.
struct LayerShape {
  int64_t hidden = 0, heads = 0, kvHeads = 0, headDim = 0, units = 0;
  /// A query group is query heads that share a KV head and are computed together: all of them, or one of the
  /// `subgroups` into which they are divided (LayerDivision).
  int64_t subgroups = 1;
  int64_t unitRows = 2; // of a feed-forward unit: of gate and of up, or one without a gate
  /// Of the matrices: query, key and value; output; gate and up; down; and the head.
  Encoding encoding = Encoding::tiles16, outputEncoding = Encoding::tiles16, unitEncoding = Encoding::tiles16,
           downEncoding = Encoding::tiles16, headEncoding = Encoding::tiles16;
  int64_t normSums = 1;        // that a norm has of a chunk of the residual stream, at most
  int64_t partNorms = 0;       // parts, if any has a norm of what it adds to the residual stream
  int64_t normedRows = 0;      // of query and key that norms of all heads together take
  int64_t tableWords = 0;      // of 8 bytes: the arguments of a step's phases, which each block has (layer.h)
  int64_t longest = INT64_MAX; // positions that a layer attends to at most

  int64_t queryGroups() const { return kvHeads * subgroups; }
  /// Of a query group: rows of its queries; of these, its key and its value.
  int64_t queryRows() const { return heads / queryGroups() * headDim; }
  int64_t headRows() const { return queryRows() + 2 * headDim; }
  /// Feed-forward units of a tile of their rows.
  int64_t tileUnits() const { return tile_rows / unitRows; }
};

/// Bytes that a producer has in flight, one copy at least; a copy is begun as long as all in flight are less. The
/// memory serves blocks in proportion to that, but with more than two stages each, some multiprocessors far better than
/// others.
struct InFlight {
  int attention = 0;           // in an attention part
  int kvGroup = 0, others = 0; // in a feed-forward part: groups that have a KV head, the others
  int context = 0;             // in a long context
  int head = 0;
  // While the ring fills ahead of a layer or of the head, at most: groups that have a KV head, the others.
  int kvGroupAhead = 0, othersAhead = 0;
};

/// How the weights of a layer, and of the head, are divided over groups, and what their streams have in flight.
struct LayerDivision {
  int groups = 0;                  // fewer than the device has, if there are not units enough for all
  int64_t subgroups = 1;           // of the query heads of a KV head
  int64_t shareFrom = 0;           // positions, from which on groups with the same KV head share them; 0: they do not
  std::vector<int64_t> headStarts; // the first query group of each group that has one
  std::vector<int64_t> unitStarts; // of each group's feed-forward units, in steps of 32
  /// Whether a layer takes as long as the memory needs for it; else it takes as long as its chain of exchanges and
  /// products.
  bool memoryBound = false;
  /// Of a stage of the ring: two turns of a stripe for each warp (stream_project.cuh), and room for the keys and values
  /// that a warp takes at once. The ring has as many stages as fit behind what else a block has in shared memory.
  int stageBytes = 0, stages = 0;
  InFlight inFlight;
};

/// Divides the work: if a layer takes as long as the memory needs for it, so that all groups need as long for the
/// feed-forward half, of which those without a KV head have filled their rings before; if it takes as long as its chain
/// of exchanges and products, so that the last half of the chain, the feed-forward units, is spread as evenly as the
/// stream allows. Each rank has something of each product that its group has a part in: what it sends proves that it
/// has read what it was sent (exchanges.h). Errors (Unsupported) say what the schedule needs, "needs a head_dim that
/// ...".
StatusOr<LayerDivision> divide(const LayerShape &shape, const PersistentDevice &device);

/// The device, or the same one without clusters, which then has more groups (groupsWithoutClusters), if a model of cost
/// says that a layer gains more by them than it loses by exchanges through global memory.
PersistentDevice chooseClusters(const LayerShape &shape, const PersistentDevice &device);

/// The same division for long contexts, in which groups share them: the same work in the same order of sums, with other
/// uses of shared memory and more packets. None if it would not pay. `shape` has the division's subgroups. Errors
/// (Unsupported): somebody asked for it (PersistentDevice::shareFrom), and the shape has no place in it.
StatusOr<std::optional<LayerDivision>> shareContext(const LayerShape &shape, const LayerDivision &division,
                                                    const PersistentDevice &device);

/// Elements of a chunk of a norm's sum of squares over `hidden` elements: each rank adds those of its own rows, so a
/// chunk lies in the rows of one rank. A power of two from 16 to 128.
int64_t normChunk(int64_t hidden, int64_t ranks);
/// The same for norms of all query heads or all key heads together: each group adds those of its heads.
int64_t headNormChunk(int64_t headDim);

/// Bytes of a block's shared memory before its ring, as the device code (persistent_block.cuh) lays them out. The
/// generated source asserts that the number of stages that follows is its own.
int64_t ringOffset(const LayerShape &shape, const LayerDivision &division, const PersistentDevice &device);

/// Bytes of packets, as the device code lays them out, for layers of so many parts.
uint64_t packetBytes(const LayerShape &shape, const LayerDivision &division, const PersistentDevice &device,
                     int64_t parts);

} // namespace cadenza

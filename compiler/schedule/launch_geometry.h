// How a phase becomes a grid: blocks, threads, shared memory. Placement only: nothing here changes the order of a sum
// (k_groups, k_ways and those of step.attend are attributes of the step program). The formulas for shared memory are
// those of the device code; the generated source asserts that they agree.
#pragma once

#include "runtime/support/status.h"

#include <cstdint>
#include <span>

namespace cadenza {

struct LaunchGeometry {
  int blocks = 1;
  int threads = 32;  // a multiple of 32
  int minBlocks = 1; // that must fit on one multiprocessor: bounds the registers
  int sharedBytes = 0;
  int cluster = 1; // blocks of a thread block cluster; divides `blocks`
};

/// One warp takes a tile of 16 rows and a part of K, one way of one group, at a time.
struct ProjectGeometry : LaunchGeometry {
  int tilesPerBlock = 1;
  int stepsInFlight = 1; // 32-column steps that a warp requests ahead
};

/// `normSums`: sums of a chunk of the prologue. The smallest block that holds whole groups of `rowGroup` rows (of each
/// segment), grown to 128 threads where there are blocks to spare, and to 512 for matrices so tall that more than 1,024
/// blocks remain: fewer prologues. At most 1,024 threads; with more tiles and parts than warps, warps take several. 64
/// registers a thread: 4 steps of weights in flight (3 in blocks of more than 512 threads, whose chains are the
/// longest). Fails if the rows of a segment do not begin at a whole block.
StatusOr<ProjectGeometry> projectGeometry(std::span<const int64_t> segmentRows, bool interleaved, int64_t columns,
                                          std::span<const int64_t> kGroups, int64_t kWays, int64_t rowGroup,
                                          int64_t normSums = 1);

struct MapGeometry : LaunchGeometry {
  int blockRows = 1;
};

/// Blocks of at least 256 rows in whole groups, of up to four rows a thread where a group needs that. `blockRows` > 0
/// asks for that many rows a block instead.
StatusOr<MapGeometry> mapGeometry(int64_t rows, int64_t slots, int64_t rowGroup, int64_t blockRows = 0);

struct AttendGeometry : LaunchGeometry {
  int splitMultiple = 16;    // positions; a split is a multiple of it
  int subgroups = 1;         // into which the query heads of a KV head are divided
  uint64_t scratchBytes = 0; // 0: needs none
};

/// A block for the query heads of a KV head and a split, with `warps` warps for each set of at most four of them. If
/// those are more than eight, the heads are divided over as many blocks as it takes.
StatusOr<AttendGeometry> attendGeometry(int64_t heads, int64_t kvHeads, int64_t headDim, int64_t splits, int64_t warps);

/// One block with a thread for every 8 columns.
LaunchGeometry embedGeometry(int64_t columns);

/// Scratch of an argmax over `blocks` blocks.
uint64_t argmaxScratchBytes(int blocks);

} // namespace cadenza

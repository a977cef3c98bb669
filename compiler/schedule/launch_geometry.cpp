#include "compiler/schedule/launch_geometry.h"

#include "runtime/shared/encoding.h"
#include "runtime/shared/shares.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace cadenza {
namespace {

constexpr int64_t tileRows = tile_rows, stepColumns = step_columns; // in 64 bits
constexpr int64_t normChunk = 128, smallestNormChunk = 16, maxThreads = 1024;
constexpr int64_t maxShared = 99 * 1024; // what a block may have on the smallest target

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t a, int64_t b) { return ceilDiv(a, b) * b; }

/// Tile (codegen/kernels/tile.cuh): values and scratch.
int64_t tileBytes(int64_t rows, int64_t slots) { return 4 * (rows * slots + roundUp(rows / 8, 4) + 72); }

Status unsupported(const std::string &what) { return Status(StatusCode::Unsupported, what); }

Status checkShared(int64_t bytes) {
  if (bytes <= maxShared)
    return Status::ok();
  return unsupported("needs " + std::to_string(bytes) + " bytes of shared memory in a block, more than " +
                     std::to_string(maxShared));
}

} // namespace

StatusOr<ProjectGeometry> projectGeometry(std::span<const int64_t> segmentRows, bool interleaved, int64_t columns,
                                          std::span<const int64_t> kGroups, int64_t kWays, int64_t rowGroup,
                                          int64_t normSums) {
  const int64_t segments = static_cast<int64_t>(segmentRows.size());
  const int64_t total = std::accumulate(segmentRows.begin(), segmentRows.end(), int64_t{0});
  const int64_t steps = steps_of(columns);
  const int64_t parts = static_cast<int64_t>(kGroups.size()) * kWays;
  int64_t partSteps = 0; // the most
  for (size_t group = 0; group < kGroups.size(); ++group) {
    const int64_t end = group + 1 < kGroups.size() ? kGroups[group + 1] : steps;
    partSteps = std::max(partSteps, ceilDiv(end - kGroups[group], kWays));
  }
  if (interleaved && total % tileRows != 0)
    return unsupported("interleaves matrices whose rows are no multiple of 8");

  // Tiles that a block must hold together, and whether segments begin where blocks of so many tiles do.
  const int64_t live = interleaved ? segments : 1; // slots in a block
  const int64_t together = std::lcm(tileRows, rowGroup * live) / tileRows;
  const auto fits = [&](int64_t tiles) {
    int64_t begin = 0;
    bool whole = true;
    for (int64_t rows : segmentRows) {
      whole = whole && (interleaved || begin % (tiles * tileRows) == 0);
      begin += rows;
    }
    return whole && (!interleaved || 2 * tiles % segments == 0);
  };
  if (together > 64)
    return unsupported("has functions over groups of " + std::to_string(rowGroup) + " rows, too many for one block");
  int64_t tiles = together;
  if (interleaved)
    while (!fits(tiles) && tiles <= 64)
      tiles += together;
  if (!fits(tiles))
    return unsupported("has segments that do not begin at a multiple of the " + std::to_string(tiles * tileRows) +
                       " rows that a block holds");

  const int64_t allTiles = tiles_of(total);
  const auto blocks = [&](int64_t tiles) { return ceilDiv(allTiles, tiles); };
  const auto threads = [&](int64_t tiles) { return std::min(maxThreads, tiles * parts * 32); };
  const auto shared = [&](int64_t tiles) {
    const int64_t rows = tiles * tileRows;
    return 2 * steps * stepColumns + 4 * normSums * roundUp(ceilDiv(columns, smallestNormChunk), 4) + 4 * parts * rows +
           tileBytes(rows / live, live);
  };
  while (fits(2 * tiles) && shared(2 * tiles) <= maxShared &&
         ((threads(tiles) < 128 && blocks(2 * tiles) >= 128) || (threads(2 * tiles) <= 512 && blocks(tiles) > 1024)))
    tiles *= 2;

  ProjectGeometry geometry;
  geometry.tilesPerBlock = static_cast<int>(tiles);
  geometry.blocks = static_cast<int>(blocks(tiles));
  geometry.threads = static_cast<int>(threads(tiles));
  geometry.stepsInFlight = static_cast<int>(std::min<int64_t>(geometry.threads > 512 ? 3 : 4, partSteps));
  // Blocks that fill 1,024 threads of a multiprocessor have 64 registers a thread; a warp that prepares more than two
  // chunks of a long activation needs more.
  const int64_t chunksPerWarp = ceilDiv(ceilDiv(columns, normChunk), geometry.threads / 32);
  geometry.minBlocks = std::clamp(static_cast<int>(maxThreads / geometry.threads / (chunksPerWarp > 2 ? 2 : 1)), 1, 8);
  CADENZA_RETURN_IF_ERROR(checkShared(shared(tiles)));
  geometry.sharedBytes = static_cast<int>(shared(tiles));
  return geometry;
}

StatusOr<MapGeometry> mapGeometry(int64_t rows, int64_t slots, int64_t rowGroup, int64_t blockRows) {
  if (blockRows == 0)
    blockRows = roundUp(std::min<int64_t>(rows, 256), rowGroup);
  MapGeometry geometry;
  geometry.blockRows = static_cast<int>(blockRows);
  geometry.blocks = static_cast<int>(ceilDiv(rows, blockRows));
  geometry.threads = static_cast<int>(std::min(
      maxThreads, std::max(std::min<int64_t>(256, roundUp(blockRows, 32)), roundUp(ceilDiv(blockRows, 4), 32))));
  CADENZA_RETURN_IF_ERROR(checkShared(tileBytes(blockRows, slots)));
  geometry.sharedBytes = static_cast<int>(tileBytes(blockRows, slots));
  return geometry;
}

StatusOr<AttendGeometry> attendGeometry(int64_t heads, int64_t kvHeads, int64_t headDim, int64_t splits,
                                        int64_t warps) {
  if (headDim % 8 != 0 || headDim > 256)
    return unsupported("has a head_dim of " + std::to_string(headDim) + "; multiples of 8 up to 256 are supported");
  const int64_t sharing = heads / kvHeads;
  const int dim = static_cast<int>(headDim), slices = attend_slices(dim);
  const auto threads = [&](int64_t subgroups) {
    return attend_sets(static_cast<int>(sharing / subgroups)) * slices * warps * 32;
  };
  int64_t subgroups = 1;
  while (sharing % subgroups != 0 || (threads(subgroups) > 256 && subgroups < sharing))
    ++subgroups;
  const int64_t group = sharing / subgroups, queryGroups = kvHeads * subgroups;
  AttendGeometry geometry;
  geometry.subgroups = static_cast<int>(subgroups);
  geometry.blocks = static_cast<int>(queryGroups * splits);
  geometry.threads = static_cast<int>(threads(subgroups));
  const int64_t partial = headDim + 2;                                                 // o, m, l
  const int64_t chunks = warps * attend_sets(static_cast<int>(group)), mostChunks = 8; // attend.cuh
  if (slices > 1 && chunks > mostChunks)
    return unsupported("works on " + std::to_string(chunks) + " chunks of positions at once; with a head_dim of " +
                       std::to_string(headDim) + ", a block has barriers for " + std::to_string(mostChunks));
  const int64_t shared =
      4 * std::max<int64_t>(attend_floats(static_cast<int>(warps), static_cast<int>(group), dim), splits * group * 2) +
      16;
  CADENZA_RETURN_IF_ERROR(checkShared(shared));
  geometry.sharedBytes = static_cast<int>(shared);
  if (splits > 1)
    geometry.scratchBytes =
        static_cast<uint64_t>(roundUp(4 * queryGroups, 16) + 4 * queryGroups * splits * group * partial);
  return geometry;
}

LaunchGeometry embedGeometry(int64_t columns) {
  LaunchGeometry geometry;
  geometry.threads = static_cast<int>(std::clamp<int64_t>(roundUp(ceilDiv(columns, 8), 32), 32, maxThreads));
  return geometry;
}

uint64_t argmaxScratchBytes(int blocks) { return 16 + 8 * static_cast<uint64_t>(blocks); }

} // namespace cadenza

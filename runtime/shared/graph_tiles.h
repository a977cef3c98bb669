// How the products and the attention of a graph are divided (codegen/kernels/matmul.cuh, attend_sequence.cuh): the
// choice, which the compiler makes, and what follows from it for the launch, the same formulas there and in the kernel.
// Nothing but plain constexpr functions, in integers: every compiler makes the same choice.
#pragma once

#include "everywhere.h"

namespace cadenza {

namespace division {
template <class A, class B> CADENZA_EVERYWHERE constexpr decltype(A() + B()) ceil_div(A a, B b) {
  return (a + b - 1) / b;
}
CADENZA_EVERYWHERE constexpr long larger(long a, long b) { return a > b ? a : b; }
CADENZA_EVERYWHERE constexpr long smaller(long a, long b) { return a < b ? a : b; }
} // namespace division

/// Shared memory of a block that every target has.
constexpr int tiles_shared_limit = 99 * 1024;

/// Bytes in shared memory of a tile of an operand (operand_tile.cuh): `lines` x `depth` elements; along_k: those of a
/// line are neighbours.
CADENZA_EVERYWHERE constexpr int operand_row_pieces(int pieces, int element_bytes, bool along_k) {
  return element_bytes == 4 && !along_k ? pieces + (6 - pieces % 4) % 4 : pieces | 1;
}
CADENZA_EVERYWHERE constexpr int operand_tile_bytes(int lines, int depth, int element_bytes, bool along_k) {
  const int rows = along_k ? lines : depth, pieces = (along_k ? depth : lines) * element_bytes / 16;
  return rows * 16 * operand_row_pieces(pieces, element_bytes, along_k);
}

// Products ------------------------------------------------------------------------------------------------------------

/// A block computes `rows` x `columns` of C over its share of K, `depth` of K at a time, of which `stages` are in
/// shared memory. Its warps divide rows, columns and each `depth`; the blocks of a cluster divide K. The sum of an
/// element is that of its parts: blocks of the cluster in order, of each the warps of `depth` in order.
struct MatmulTiles {
  int rows, columns, depth;
  int row_warps, column_warps, depth_warps;
  int stages;
  int cluster;

  CADENZA_EVERYWHERE constexpr int threads() const { return 32 * row_warps * column_warps * depth_warps; }
  constexpr bool operator==(const MatmulTiles &) const = default;
};

/// A product C[batch][rows][columns] of operands of depth K and its operands' element size. along_k: whether elements
/// along K are neighbours in A's rows, in B's columns.
struct MatmulShape {
  int batch, rows, columns, depth;
  int element_bytes;
  bool a_along_k, b_along_k;
};

/// From the strides of A [M][K] and of B [K][N].
CADENZA_EVERYWHERE constexpr bool a_is_along_k(long row_stride, long column_stride) {
  return column_stride == 1 || row_stride != 1;
}
CADENZA_EVERYWHERE constexpr bool b_is_along_k(long row_stride, long column_stride) {
  return row_stride == 1 && column_stride != 1;
}

/// What a launch has, from a division of a product.
struct MatmulLaunch {
  int blocks, threads, shared_bytes, cluster;
  int stages;          // that are kept: those that a block has use for
  int received_offset; // in shared memory: behind the stages, or the partial sums that take their place
};
CADENZA_EVERYWHERE constexpr MatmulLaunch matmul_launch(const MatmulTiles &tiles, const MatmulShape &shape) {
  const int steps = division::ceil_div(division::ceil_div(shape.depth, tiles.depth), tiles.cluster);
  const int stages = tiles.stages < steps ? tiles.stages : steps;
  const int ring = stages * (operand_tile_bytes(tiles.rows, tiles.depth, shape.element_bytes, shape.a_along_k) +
                             operand_tile_bytes(tiles.columns, tiles.depth, shape.element_bytes, shape.b_along_k));
  const bool gathers = tiles.depth_warps > 1 || tiles.cluster > 1;
  const int partial = gathers ? 4 * tiles.depth_warps * tiles.rows * (tiles.columns + 8) : 0;
  const int first = ring > partial ? ring : partial;
  const int received = tiles.cluster > 1 ? 4 * tiles.rows * tiles.columns + 16 : 0;
  return {division::ceil_div(shape.rows, tiles.rows) * division::ceil_div(shape.columns, tiles.columns) * shape.batch *
              tiles.cluster,
          tiles.threads(),
          first + received,
          tiles.cluster,
          stages,
          first};
}

/// The largest integer whose square is at most `n`.
CADENZA_EVERYWHERE constexpr long square_root(long n) {
  long root = 0;
  while ((root + 1) * (root + 1) <= n)
    ++root;
  return root;
}

/// What the model below knows of a multiprocessor of an H200, fitted to 264 measurements (test/gpu/graph_kernels/
/// matmul.cu), most of M = 128. Of fits that are as good, this one's choices are the fastest one after the other: many
/// blocks that hold much shared memory keep the next launch waiting, which the measurements of one kernel do not show.
struct MatmulRates {
  long copied;           // bytes a nanosecond from the L2 cache
  long multiplied;       // operations a nanosecond of all its warps
  long multiplied_alone; // of a warp whose instructions wait for each other
  long step;             // nanoseconds of a step beside its products
  long gather[4];        // nanoseconds that blocks of a cluster of 1, 2, 4, 8 take to put their sums together
};

/// Nanoseconds that a division is expected to take, but for what all take: enough to tell a good one from a bad one. A
/// multiprocessor takes as long as its blocks copy, or multiply together, or as one of them multiplies step after step.
/// The gathering of sums of 16-bit operands grows as the root of the blocks that gather at the same time.
CADENZA_EVERYWHERE constexpr long matmul_cost(const MatmulTiles &tiles, const MatmulShape &shape, int multiprocessors) {
  const MatmulLaunch launch = matmul_launch(tiles, shape);
  const bool wide = shape.element_bytes == 4;
  const MatmulRates rates =
      wide ? MatmulRates{37, 371, 76, 164, {0, 370, 690, 1000}} : MatmulRates{34, 1080, 729, 174, {0, 550, 1020, 1400}};
  const long resident =
      division::larger(1, division::smaller(228 * 1024 / (launch.shared_bytes + 1024), 1024 / launch.threads));
  const long waves = division::ceil_div(launch.blocks, resident * multiprocessors);
  // Blocks of a wave on a multiprocessor, in sixteenths: of all, or of the one with most.
  const long load = wide ? 16 * division::ceil_div(launch.blocks, waves * multiprocessors)
                         : division::larger(16, 16L * launch.blocks / (waves * multiprocessors));
  const long steps = division::ceil_div(division::ceil_div(shape.depth, tiles.depth), tiles.cluster);
  const long flops = 2L * tiles.rows * tiles.columns * tiles.depth; // of a step
  const long copy =
      load * steps * (tiles.rows + tiles.columns) * tiles.depth * shape.element_bytes / (16 * rates.copied);
  const long multiply = load * steps * flops / (16 * rates.multiplied);
  const long chain = steps * (rates.step + flops / (launch.threads / 32) / rates.multiplied_alone);
  const long gather = rates.gather[tiles.cluster == 8 ? 3 : tiles.cluster / 2];
  return waves * (division::larger(division::larger(copy, multiply), chain) +
                  (wide ? gather : gather * square_root(16 * load) / 16));
}

/// `tiles` with as many stages as shared memory has room for; none if it has none for two, or for what a block needs.
CADENZA_EVERYWHERE constexpr MatmulTiles matmul_fit(MatmulTiles tiles, const MatmulShape &shape) {
  while (tiles.stages > 0 && matmul_launch(tiles, shape).shared_bytes > tiles_shared_limit)
    --tiles.stages;
  const int steps = ((shape.depth + tiles.depth - 1) / tiles.depth + tiles.cluster - 1) / tiles.cluster;
  if (tiles.stages < 2 && tiles.stages < steps)
    tiles.stages = 0;
  return tiles;
}

/// The division of a product for a GPU of so many multiprocessors; `clusters`: whether it has them (sm_90). One of
/// those that were measured; a large tile, if there are enough of those for two thirds of the multiprocessors; or one
/// of 16 rows, if there are no more (neither of the last two was measured).
CADENZA_EVERYWHERE constexpr MatmulTiles matmul_tiles(const MatmulShape &shape, int multiprocessors, bool clusters) {
  const bool wide = shape.element_bytes == 4;
  const MatmulTiles large = wide ? MatmulTiles{128, 64, 32, 4, 2, 1, 3, 1} : MatmulTiles{128, 128, 32, 2, 4, 1, 4, 1};
  if (3 * matmul_launch(large, shape).blocks >= 2 * multiprocessors &&
      matmul_fit(large, shape).stages == large.stages && shape.rows >= large.rows && shape.columns >= large.columns)
    return large;
  struct Candidate {
    bool few_rows; // for 16 rows and fewer
    int element_bytes;
    MatmulTiles tiles;
  };
  constexpr Candidate candidates[] = {{false, 2, {32, 32, 64, 1, 1, 4, 6, 1}}, {false, 2, {32, 32, 128, 1, 1, 8, 6, 1}},
                                      {false, 2, {64, 32, 64, 2, 1, 4, 6, 1}}, {false, 2, {64, 64, 64, 2, 2, 1, 5, 1}},
                                      {false, 2, {32, 32, 64, 1, 1, 4, 8, 2}}, {false, 2, {64, 32, 64, 2, 1, 2, 6, 2}},
                                      {false, 2, {32, 64, 64, 1, 2, 4, 6, 2}}, {false, 2, {64, 32, 64, 2, 1, 4, 6, 2}},
                                      {false, 2, {64, 64, 64, 2, 2, 1, 5, 2}}, {false, 2, {64, 64, 64, 2, 2, 2, 5, 2}},
                                      {false, 2, {64, 64, 64, 2, 2, 1, 4, 4}}, {false, 2, {64, 64, 64, 2, 2, 2, 4, 4}},
                                      {false, 2, {64, 64, 64, 2, 2, 2, 3, 8}}, {false, 2, {16, 32, 128, 1, 1, 4, 6, 1}},
                                      {false, 4, {32, 32, 32, 2, 2, 1, 6, 1}}, {false, 4, {32, 32, 64, 2, 1, 4, 4, 1}},
                                      {false, 4, {64, 32, 32, 2, 1, 2, 5, 1}}, {false, 4, {32, 32, 32, 1, 1, 4, 6, 2}},
                                      {false, 4, {64, 32, 32, 2, 1, 4, 4, 2}}, {false, 4, {64, 64, 32, 2, 2, 2, 3, 2}},
                                      {false, 4, {64, 64, 32, 2, 2, 2, 3, 4}}, {true, 2, {16, 32, 128, 1, 1, 4, 6, 1}},
                                      {true, 2, {16, 32, 64, 1, 1, 4, 6, 2}},  {true, 2, {16, 32, 64, 1, 1, 4, 6, 4}},
                                      {true, 4, {16, 32, 64, 1, 1, 4, 6, 1}},  {true, 4, {16, 32, 32, 1, 1, 4, 6, 2}},
                                      {true, 4, {16, 32, 32, 1, 1, 4, 6, 4}}};
  MatmulTiles best{};
  long best_cost = -1;
  for (const Candidate &candidate : candidates) {
    const MatmulTiles fit = matmul_fit(candidate.tiles, shape);
    if (candidate.few_rows != (shape.rows <= 16) || candidate.element_bytes != shape.element_bytes ||
        (fit.cluster > 1 && !clusters) || fit.stages == 0)
      continue;
    const long cost = matmul_cost(fit, shape, multiprocessors);
    if (best_cost < 0 || cost < best_cost) {
      best = fit;
      best_cost = cost;
    }
  }
  return best;
}

// Attention -----------------------------------------------------------------------------------------------------------

/// A block computes 16 queries for each of `query_warps`, of one head. Keys come `keys` for each of `key_warps` at a
/// time, of which `stages` are in shared memory. The warps of the same queries are put together in order.
struct AttendTiles {
  int query_warps, key_warps, keys;
  int stages;

  CADENZA_EVERYWHERE constexpr int threads() const { return 32 * query_warps * key_warps; }
  constexpr bool operator==(const AttendTiles &) const = default;
};

struct AttendShape {
  int heads; // of all batches
  int queries, keys, head_dim;
  int element_bytes;
};

struct AttendLaunch {
  int blocks, threads, shared_bytes;
  int stages; // that are kept
};
CADENZA_EVERYWHERE constexpr AttendLaunch attend_launch(const AttendTiles &tiles, const AttendShape &shape) {
  const int padded = division::ceil_div(shape.head_dim, 16) * 16, queries = 16 * tiles.query_warps;
  const int keys = tiles.keys * tiles.key_warps, steps = division::ceil_div(shape.keys, keys);
  const int stages = tiles.stages < steps ? tiles.stages : steps;
  const int ring = operand_tile_bytes(queries, padded, shape.element_bytes, true) +
                   2 * stages * operand_tile_bytes(keys, padded, shape.element_bytes, true);
  const int merged = tiles.key_warps > 1 ? tiles.key_warps * queries * (4 * (padded + 8) + 8) : 0;
  return {division::ceil_div(shape.queries, queries) * shape.heads, tiles.threads(), ring > merged ? ring : merged,
          stages};
}

/// As matmul_cost, fitted to 90 measurements on an H200 (test/gpu/graph_kernels/attention.cu).
CADENZA_EVERYWHERE constexpr long attend_cost(const AttendTiles &tiles, const AttendShape &shape, int multiprocessors) {
  const AttendLaunch launch = attend_launch(tiles, shape);
  const bool wide = shape.element_bytes == 4;
  const long resident = division::larger(1, division::smaller(200 * 1024 / launch.shared_bytes, 256 / launch.threads));
  const long waves = division::ceil_div(launch.blocks, resident * multiprocessors);
  const long together = division::ceil_div(launch.blocks, waves * multiprocessors); // blocks on a multiprocessor
  const long steps = division::ceil_div(shape.keys, tiles.keys * tiles.key_warps),
             flops = 64L * tiles.keys * shape.head_dim;
  const long chain = steps * (190 + flops / (wide ? 40 : 284));
  const long multiply = together * steps * (launch.threads / 32) * flops / (wide ? 200 : 942);
  const long copy = 2L * together * steps * tiles.keys * tiles.key_warps * shape.head_dim * shape.element_bytes / 39;
  return waves * (470 + division::larger(division::larger(chain, multiply), copy) + (tiles.key_warps > 1 ? 342 : 0));
}

/// The division of an attention for a GPU of so many multiprocessors: one of those that were measured. The longer heads
/// are, the fewer keys a warp has registers for; the last two are for heads that leave no shared memory for more.
CADENZA_EVERYWHERE constexpr AttendTiles attend_tiles(const AttendShape &shape, int multiprocessors) {
  const int most_keys = shape.element_bytes == 4 ? (shape.head_dim <= 64 ? 32 : 16) : (shape.head_dim <= 128 ? 64 : 32);
  constexpr AttendTiles measured[] = {{1, 4, 32, 2}, {1, 8, 16, 2}, {1, 2, 64, 2}, {2, 4, 32, 2}, {2, 2, 64, 2},
                                      {2, 2, 32, 2}, {4, 1, 32, 2}, {4, 1, 64, 2}, {4, 2, 32, 2}, {4, 2, 64, 2},
                                      {8, 1, 32, 2}, {8, 1, 64, 2}, {2, 1, 16, 2}, {1, 1, 16, 2}};
  AttendTiles best{};
  long best_cost = -1;
  for (AttendTiles tiles : measured) {
    if (tiles.keys > most_keys)
      tiles.keys = most_keys;
    if (attend_launch(tiles, shape).shared_bytes > tiles_shared_limit)
      continue;
    if (tiles.query_warps * tiles.key_warps <= 2 && tiles.keys == 16 && best_cost >= 0)
      continue;
    const long cost = attend_cost(tiles, shape, multiprocessors);
    if (best_cost < 0 || cost < best_cost) {
      best = tiles;
      best_cost = cost;
    }
  }
  return best;
}

} // namespace cadenza

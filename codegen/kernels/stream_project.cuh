// Products of the persistent kernel: the same packed matrices, mma and order of sums as project.cuh, with the weights
// coming through the ring.
//
// A stage of the ring has one 16-row tile x 32-column step for each consumer warp: tiles_at_once = warps / ways tiles,
// and of each of them `ways` steps. Warp w takes step w % ways of tile w / ways of every stage, so a way's steps come
// to one warp in ascending order, and its two chains of sums stay in registers until the tiles are done.
#pragma once

#include "arch.cuh"
#include "ring.cuh"
#include "tile.cuh"

namespace cadenza {

constexpr int stage_tile_bytes = 1024; // a warp's part of a stage: 16 rows x 32 columns of two bytes

/// Element type, ways and padded columns of a product by `warps` warps.
template <class Weight, int way_count, int padded_columns, int warps> struct StreamProject {
  static constexpr int ways = way_count, padded = padded_columns;
  static_assert(ways >= 1 && warps % ways == 0, "ways divide the consumer warps");
  static constexpr int tiles_at_once = warps / ways;
  static constexpr int batch_tiles = larger(8, tiles_at_once); // whose sums are held in shared memory at a time
  static constexpr int batch_rows = 16 * batch_tiles;
  // Rows are a multiple of four floats apart, for wide loads, but not of 32: no bank conflict between rows.
  static constexpr int row_floats = ways < 4 ? ways : ways + 4;
  static constexpr int partial_floats = batch_rows * row_floats;

  /// The producer's side: tile i is tile tile_of(i) of the matrix. begin(bytes) gives a buffer, or null to end here.
  template <class Producer, class TileOf, class Begin>
  CADENZA_DEVICE static void produce(Producer &producer, const Weight *matrix, int tiles, int first_step, int steps,
                                     TileOf tile_of, Begin begin) {
    for (int tile = 0; tile < tiles; tile += tiles_at_once)
      for (int step = 0; step < steps; step += ways) {
        const int tile_count = smaller(tiles_at_once, tiles - tile);
        const uint32_t piece = static_cast<uint32_t>(smaller(ways, steps - step)) * 512;
        unsigned char *to = begin(2 * static_cast<uint32_t>(tile_count) * piece);
        if (!to)
          return;
        for (int i = 0; i < tile_count; ++i) {
          const Weight *upper =
              matrix + static_cast<uint64_t>(tile_of(tile + i)) * (16 * padded) + (first_step + step) * 256;
          producer.piece(to, upper, piece);
          producer.piece(to + piece, upper + 8 * padded, piece);
          to += 2 * piece;
        }
        producer.end();
      }
  }

  /// The consumers' side. activation: [steps * 32], 16-byte aligned. take(row, sum) gets every row once, from the
  /// thread row % batch_rows % Team::threads of its team. partial: [partial_floats]; nobody may still read it. After
  /// the last take no barrier has been issued.
  template <class Team, class Ring, class Wait, class Take>
  CADENZA_DEVICE static void consume(const Ring &ring, typename Ring::Cursor &cursor, const Weight *activation,
                                     int tiles, int steps, float *partial, Wait wait, Take take) {
    const int lane = static_cast<int>(arch::lane());
    const int my_tile = Team::warp() / ways, way = Team::warp() % ways;
    const Weight *x = activation + way * 32 + lane % 4 * 8;
    for (int batch = 0; batch < tiles; batch += batch_tiles) {
      const int batch_end = smaller(batch + batch_tiles, tiles);
      for (int tile = batch; tile < batch_end; tile += tiles_at_once) {
        const bool live_tile = tile + my_tile < tiles;
        float first[4] = {}, second[4] = {};
        for (int step = 0; step < steps; step += ways) {
          const int stage_steps = smaller(ways, steps - step);
          ring.await(cursor, wait);
          Vec16 u{}, l{}, b{};
          const bool live = live_tile && way < stage_steps;
          if (live) { // the whole warp
            const unsigned char *upper = ring.buffer(cursor) + (2 * my_tile * stage_steps + way) * 512 + lane * 16;
            u = arch::load16(upper);
            l = arch::load16(upper + stage_steps * 512);
            b = arch::load16(x + step * 32);
          }
          ring.release(cursor);
          cursor.advance();
          if (live) {
            arch::mma_m16n8k16<Weight>(first, {u.x, l.x, u.y, l.y}, {b.x, b.y});
            arch::mma_m16n8k16<Weight>(second, {u.z, l.z, u.w, l.w}, {b.z, b.w});
          }
        }
        if (live_tile && lane % 4 == 0) {
          float *row = partial + ((tile - batch + my_tile) * 16 + lane / 4) * row_floats + way;
          row[0] = first[0] + second[0];
          row[8 * row_floats] = first[2] + second[2];
        }
      }
      Team::barrier();
      const int rows = 16 * (batch_end - batch);
      // Whole warps stay together: take may shuffle.
      for (int row = Team::thread(); row < round_up(rows, 32); row += Team::threads)
        take(16 * batch + row, row < rows ? add_ways(partial + row * row_floats) : 0.0f);
      if (batch_end < tiles)
        Team::barrier(); // all sums are read before they are overwritten
    }
  }

private:
  /// A balanced binary tree, neighbours first.
  CADENZA_DEVICE static float add_ways(const float *row) {
    float sum[ways];
    if constexpr (ways < 4) {
#pragma unroll
      for (int i = 0; i < ways; ++i)
        sum[i] = row[i];
    } else {
#pragma unroll
      for (int i = 0; i < ways; i += 4) {
        const Vec16 four = arch::load16(row + i);
        sum[i] = arch::as_float(four.x);
        sum[i + 1] = arch::as_float(four.y);
        sum[i + 2] = arch::as_float(four.z);
        sum[i + 3] = arch::as_float(four.w);
      }
    }
#pragma unroll
    for (int width = 1; width < ways; width *= 2)
#pragma unroll
      for (int i = 0; i < ways; i += 2 * width)
        sum[i] += sum[i + width];
    return sum[0];
  }
};

} // namespace cadenza

// Products of the persistent kernel: the same packed matrices, mma and order of sums as project.cuh, with the weights
// coming through the ring.
//
// A stage of the ring has two items, 16-row tile x 32-column step, for each consumer warp: tiles_at_once tiles, and of
// each of them `ways` steps. Warp w takes the items w and w + warps of every stage; item i is step i % ways of tile
// i / ways. So a way's steps come to one warp in ascending order, and its chains of sums stay in registers until the
// tiles are done. Two items a warp, because half of the warps have twice the registers, and one item's latencies hide
// behind the other's.
#pragma once

#include "arch.cuh"
#include "ring.cuh"
#include "sum_order.cuh"

namespace cadenza {

constexpr int item_bytes = 1024; // 16 rows x 32 columns of two bytes
constexpr int warp_items = 2;    // of a stage

/// Element type, ways and padded columns of a product by `warps` warps.
template <class Weight, int way_count, int padded_columns, int warps> struct StreamProject {
  static constexpr int ways = way_count, padded = padded_columns;
  static constexpr int items = warp_items * warps;
  static_assert(ways >= 1 && items % ways == 0, "ways divide the items of a stage");
  static constexpr int tiles_at_once = items / ways;
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
    int my_tile[warp_items], way[warp_items];
#pragma unroll
    for (int i = 0; i < warp_items; ++i) {
      my_tile[i] = (Team::warp() + i * warps) / ways;
      way[i] = (Team::warp() + i * warps) % ways;
    }
    const Weight *x = activation + lane % 4 * 8;
#pragma unroll 1
    for (int batch = 0; batch < tiles; batch += batch_tiles) {
      const int batch_end = smaller(batch + batch_tiles, tiles);
#pragma unroll 1
      for (int tile = batch; tile < batch_end; tile += tiles_at_once) {
        float first[warp_items][4] = {}, second[warp_items][4] = {};
#pragma unroll 1
        for (int step = 0; step < steps; step += ways) {
          const int stage_steps = smaller(ways, steps - step);
          ring.await(cursor, wait);
          Vec16 u[warp_items], l[warp_items], b[warp_items];
          bool live[warp_items];
#pragma unroll
          for (int i = 0; i < warp_items; ++i) {
            live[i] = tile + my_tile[i] < tiles && way[i] < stage_steps; // the same in the whole warp
            if (!live[i])
              continue;
            const unsigned char *upper =
                ring.buffer(cursor) + (2 * my_tile[i] * stage_steps + way[i]) * (item_bytes / 2) + lane * 16;
            u[i] = arch::load16(upper);
            l[i] = arch::load16(upper + stage_steps * (item_bytes / 2));
            b[i] = arch::load16(x + (step + way[i]) * 32);
          }
          ring.release(cursor);
          cursor.advance();
#pragma unroll
          for (int i = 0; i < warp_items; ++i)
            if (live[i]) {
              arch::mma_m16n8k16<Weight>(first[i], {u[i].x, l[i].x, u[i].y, l[i].y}, {b[i].x, b[i].y});
              arch::mma_m16n8k16<Weight>(second[i], {u[i].z, l[i].z, u[i].w, l[i].w}, {b[i].z, b[i].w});
            }
        }
#pragma unroll
        for (int i = 0; i < warp_items; ++i)
          if (tile + my_tile[i] < tiles && lane % 4 == 0) {
            float *row = partial + ((tile - batch + my_tile[i]) * 16 + lane / 4) * row_floats + way[i];
            row[0] = first[i][0] + second[i][0];
            row[8 * row_floats] = first[i][2] + second[i][2];
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
  /// The sum of a row from its ways, by wide loads.
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
    return SumOrder<Steps<0>, ways, padded / 32>::template add_ways<1>(sum);
  }
};

} // namespace cadenza

// Products of the persistent kernel: the same packed matrices, mma and order of sums as project.cuh, with the weights
// coming through the ring.
//
// A stage of the ring has two items, 16-row tile x 32-column step, for each consumer warp: `wave_tiles` tiles, and of
// each of them `ways` steps. Warp w takes the items w and w + warps of every stage; item i is step i % ways of tile
// i / ways. So a way's steps come to one warp in ascending order, and its sums stay in registers until the tiles are
// done.
//
// Weights are loaded `depth` stages before they are multiplied, from the ring into registers. The first ones are loaded
// (`start`) while the activation is still on its way: when it has come, there is only arithmetic left to wait for, and
// the buffers that they came from are already being filled again.
#pragma once

#include "arch.cuh"
#include "ring.cuh"
#include "sum_order.cuh"
#include "unit_product.cuh"

namespace cadenza {

constexpr int item_bytes = 1024; // 16 rows x 32 columns of two bytes
constexpr int warp_items = 2;    // of a stage

/// Element type, ways and padded columns of a product by `warps` warps. A block has `most_steps` of the steps, all
/// blocks as many (same_steps), or as its consumer is told.
template <class Weight, int way_count, int padded_columns, int most_steps, bool same_steps, int warps>
struct StreamProject {
  static constexpr int ways = way_count, padded = padded_columns;
  static constexpr int items = warp_items * warps;
  static_assert(ways >= 1 && items % ways == 0, "ways divide the items of a stage");
  static constexpr int wave_tiles = items / ways; // whose sums a block has in registers at a time
  static constexpr int wave_stages = ceil_div(most_steps, ways);

  // Stages in registers: `slots` of them, which are those of some waves, or some of a wave's.
  static constexpr int depth = 2;
  static constexpr int slot_stages = smaller(depth, wave_stages); // of a wave
  static constexpr int slot_waves = depth / slot_stages;
  static constexpr int slots = slot_waves * slot_stages;
  static constexpr int wave_turns = ceil_div(wave_stages, depth); // of the slots, until a wave is done
  static_assert(wave_turns == 1 || slot_waves == 1);

  static constexpr int batch_tiles = larger(8, slot_waves *wave_tiles); // whose sums are in shared memory at a time
  static constexpr int batch_rows = 16 * batch_tiles;
  static_assert(batch_tiles % (slot_waves * wave_tiles) == 0, "a batch ends with a wave");
  // Rows are a multiple of four floats apart, for wide loads, but not of 32: no bank conflict between rows.
  static constexpr int row_floats = ways < 4 ? ways : ways + 4;
  static constexpr int partial_floats = batch_rows * row_floats;

  static constexpr bool two_ways = ways > warps; // a warp's items are of one tile; otherwise they share their columns
  static constexpr int vectors = wave_stages * (two_ways ? 2 : 1);
  static constexpr bool keeps_vectors = vectors <= 4; // of the activation, in registers: more would be spilled

  /// The producer's side: tile i is tile tile_of(i) of the matrix. begin(bytes) gives a buffer, or null to end here.
  template <class Producer, class TileOf, class Begin>
  CADENZA_DEVICE static void produce(Producer &producer, const Weight *matrix, int tiles, int first_step, int steps,
                                     TileOf tile_of, Begin begin) {
    for (int tile = 0; tile < tiles; tile += wave_tiles)
      for (int step = 0; step < steps; step += ways) {
        const int tile_count = smaller(wave_tiles, tiles - tile);
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

  /// The consumers' side of one product of `tiles` tiles, in each thread of Team. wait: as in Ring::await.
  template <class Team, class Ring, class Wait> class Consumer {
  public:
    CADENZA_DEVICE Consumer(const Ring &ring, typename Ring::Cursor &cursor, int tiles, int steps, Wait wait)
        : ring(ring), cursor(cursor), wait(wait), tiles(tiles), block_steps(steps) {}

    /// Takes the first weights out of the ring; what comes before them there has been consumed.
    CADENZA_DEVICE void start() {
#pragma unroll
      for (int slot = 0; slot < slots; ++slot)
        load(slot, slot / slot_stages, slot % slot_stages);
    }

    /// activation: [steps * 32]. take(row, sum) gets every row once, from the thread row % batch_rows % Team::threads;
    /// whole warps call it, also for up to 31 rows that do not exist. partial: [partial_floats]; nobody may still read
    /// it. After the last take no barrier has been issued.
    template <class Take> CADENZA_DEVICE void run(const Weight *activation, float *partial, Take take) {
      UnitVector x[keeps_vectors ? wave_stages : 1][two_ways ? 2 : 1];
      if constexpr (keeps_vectors) {
#pragma unroll
        for (int stage = 0; stage < wave_stages; ++stage)
          if (stage * ways < steps())
            load_vectors(x[stage], activation, stage);
      }

      UnitProduct<Weight> products[warp_items][2];
#pragma unroll 1
      for (int wave = 0; wave * wave_tiles < tiles; wave += slot_waves) {
#pragma unroll
        for (int turn = 0; turn < wave_turns; ++turn) {
#pragma unroll
          for (int slot = 0; slot < slots; ++slot) {
            const int now = wave + slot / slot_stages, stage = turn * depth + slot % slot_stages;
            if (stage < wave_stages && exists(now, stage)) {
              if constexpr (!keeps_vectors)
                load_vectors(x[0], activation, stage);
              multiply(products, slot, now, stage, x[keeps_vectors ? stage : 0]);
              if ((stage + 1) * ways >= steps())
                store(products, now, partial);
            }
            const bool same_wave = turn + 1 < wave_turns;
            const int next = same_wave ? now : now + slot_waves;
            const int next_stage = same_wave ? stage + depth : slot % slot_stages;
            if (next_stage < wave_stages)
              load(slot, next, next_stage);
          }
        }
        const int end = smaller((wave + slot_waves) * wave_tiles, tiles);
        if (end % batch_tiles == 0 || end == tiles)
          finish_batch(end, partial, take);
      }
    }

  private:
    const Ring ring;
    typename Ring::Cursor &cursor;
    const Wait wait;
    const int tiles, block_steps;
    Vec16 units[slots][warp_items][2];

    CADENZA_DEVICE int steps() const { return same_steps ? most_steps : block_steps; }
    CADENZA_DEVICE static int item_tile(int i) { return (Team::warp() + i * warps) / ways; }
    CADENZA_DEVICE static int item_way(int i) {
      return two_ways ? Team::warp() + i * warps : Team::warp() % ways; // the latter is the same for both
    }
    // These are the same in a whole warp.
    CADENZA_DEVICE bool exists(int wave, int stage) const {
      return wave * wave_tiles < tiles && stage * ways < steps();
    }
    CADENZA_DEVICE bool exists(int wave, int stage, int item) const {
      return (wave_tiles == 1 || wave * wave_tiles + item_tile(item) < tiles) &&
             ((same_steps && most_steps % ways == 0) || stage * ways + item_way(item) < steps());
    }

    /// Registers are loaded whether the stage exists or not: values that are there on some paths only cost copies of
    /// all of them, and so spills. What nobody awaited nobody multiplies.
    CADENZA_DEVICE void load(int slot, int wave, int stage) {
      const bool there = exists(wave, stage);
      if (there)
        ring.await(cursor, wait);
      const int stage_steps = smaller(ways, steps() - stage * ways);
      const unsigned char *buffer = ring.buffer(cursor) + arch::lane() * 16;
#pragma unroll
      for (int i = 0; i < warp_items; ++i) {
        const unsigned char *upper =
            buffer + (there ? (2 * item_tile(i) * stage_steps + item_way(i)) * (item_bytes / 2) : 0);
        units[slot][i][0] = arch::load16(upper);
        units[slot][i][1] = arch::load16(upper + (there ? stage_steps * (item_bytes / 2) : 0));
      }
      if (there) {
        ring.release(cursor);
        cursor.advance();
      }
    }
    CADENZA_DEVICE void load_vectors(UnitVector (&x)[two_ways ? 2 : 1], const Weight *activation, int stage) const {
#pragma unroll
      for (int i = 0; i < (two_ways ? 2 : 1); ++i)
        if (const int step = stage * ways + item_way(i); step < steps())
          x[i] = unit_vector(activation + step * 32);
    }
    CADENZA_DEVICE void multiply(UnitProduct<Weight> (&products)[warp_items][2], int slot, int wave, int stage,
                                 const UnitVector (&x)[two_ways ? 2 : 1]) const {
#pragma unroll
      for (int i = 0; i < warp_items; ++i) {
        if (stage == 0)
          products[i][0] = products[i][1] = {};
        if (exists(wave, stage, i)) {
          products[i][0].add(units[slot][i][0], x[two_ways ? i : 0]);
          products[i][1].add(units[slot][i][1], x[two_ways ? i : 0]);
        }
      }
    }
    /// The sums of a wave, a row's ways side by side.
    CADENZA_DEVICE void store(const UnitProduct<Weight> (&products)[warp_items][2], int wave, float *partial) const {
      const int lane = static_cast<int>(arch::lane());
      if (lane % 4 != 0)
        return;
#pragma unroll
      for (int i = 0; i < warp_items; ++i) {
        const int tile = wave * wave_tiles + item_tile(i);
        if (wave_tiles > 1 && tile >= tiles)
          continue;
        float *row = partial + (tile % batch_tiles * 16 + lane / 4) * row_floats + item_way(i);
        row[0] = products[i][0].row();
        row[8 * row_floats] = products[i][1].row();
      }
    }
    template <class Take> CADENZA_DEVICE void finish_batch(int end_tile, const float *partial, Take take) const {
      Team::barrier();
      const int first_tile = (end_tile - 1) / batch_tiles * batch_tiles, rows = 16 * (end_tile - first_tile);
      for (int row = Team::thread(); row < round_up(rows, 32); row += Team::threads)
        take(16 * first_tile + row, row < rows ? add_ways(partial + row * row_floats) : 0.0f);
      if (end_tile < tiles)
        Team::barrier(); // all sums are read before they are overwritten
    }
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
};

} // namespace cadenza

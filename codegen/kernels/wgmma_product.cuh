// The product of a packed matrix with the activations of many tokens on Hopper (sm_90a): D[rows][tokens] = W · Xᵀ, then
// a function of each token's rows.
//
// Cost: that of the tensor cores, as long as shared memory is filled in time. So one thread of an extra warpgroup does
// nothing but copy, by tensor maps, through a ring of stages of 64 columns; the other warpgroups do nothing but
// multiply, and keep one step's products in flight while they wait for the next step. W's tiles (shared/encoding.h) are
// A's operand as they lie: rows of 32 columns, 64 bytes, which the copy swizzles. Two blocks of a cluster have the same
// tokens and share what they fetch of them. Blocks stay for many tiles: the next one is on its way while one is stored.
//
// A sum is that of the steps in ascending order, by one warpgroup: its bits depend neither on how the product is
// divided nor on where a token is.
//
// Storing a tile takes as long as a good part of its products. With two turns, half of the warpgroups multiply
// meanwhile. A half begins when the other one has had all of its stages: a wait for a barrier two phases ahead would
// take the phase before for it.
#pragma once

#include "arch_wgmma.cuh"
#include "shared/wgmma_tiles.h"
#include "tile.cuh"

namespace cadenza {

/// T: bf16 or f16. Launch: tiles.threads() threads, tiles.shared_bytes(), clusters of tiles.cluster blocks, any
/// multiple of that many blocks.
template <class T, WgmmaTiles how> struct WgmmaProduct {
  static constexpr WgmmaTiles tiles = how;
  static constexpr int threads = tiles.threads(), consumers = tiles.consumers(), stages = tiles.stages;
  static constexpr int groups = tiles.row_groups * tiles.token_groups; // warpgroups of a tile
  // A warpgroup's part: blocks of 64 rows, by `columns` tokens.
  static constexpr int group_rows = tiles.rows / tiles.row_groups, row_blocks = group_rows / 64;
  static constexpr int columns = tiles.tokens / tiles.token_groups, chunk_tokens = tiles.chunk_tokens(),
                       chunks = columns / chunk_tokens;
  static_assert(row_blocks * 64 * tiles.row_groups == tiles.rows && columns * tiles.token_groups == tiles.tokens,
                "warpgroups have equal parts, of multiples of 64 rows");
  static_assert(columns % chunk_tokens == 0 && row_blocks * columns <= 256, "sums fit in registers");
  static_assert(tiles.tokens % (8 * tiles.cluster) == 0, "each block of a cluster fetches whole groups of 8 tokens");

  struct Maps {
    const arch::TensorMap *weights;     // weights_map
    const arch::TensorMap *activations; // activations_map
  };
  struct Extent {
    int rows, columns, tokens; // tokens: those that are alive
  };

  /// Makes the block's barriers, and meets the blocks of the cluster. Before the grid dependency wait.
  CADENZA_DEVICE static void begin() {
    const Ring ring;
    if (arch::thread_index() == 0) {
      for (int i = 0; i < stages; ++i) {
        arch::mbarrier_init(ring.full + i, 1);
        arch::mbarrier_init(ring.empty + i, 4 * groups * tiles.cluster);
      }
      for (int i = 0; i < 2 && tiles.turns == 2; ++i)
        arch::mbarrier_init(ring.turns + i, 4 * groups);
      arch::fence_mbarrier_init();
    }
    meet();
  }

  /// All threads, once, after begin() and the grid dependency wait. Contract of Store, whose functions the 32 lanes of
  /// a warp call together, for `together` tokens, of which each of as many runs of neighbouring lanes has one:
  ///   Store::together          up to 32, a power of two
  ///   Store::place_of(row)     where in a token's values a row of the tile stands
  ///   with_place(first_row, body)    body(place) once, of any type: what is the same for all tokens of a tile of rows
  ///   Store::Loaded<Place>     registers, {} at first, that load fills and apply uses
  ///   load(place, token, exists, loaded)    runs some time before, so that the latency of operands hides
  ///   apply(place, token, exists, values, loaded)    values [tiles.rows] in shared memory, nobody else's: the sums of
  ///                            the rows from first_row on. Those from extent.rows on do not exist, and of a token that
  ///                            does not exist, nothing.
  /// Other warps compute meanwhile: neither may meet them at a barrier.
  template <class Store> CADENZA_DEVICE static void run(const Maps &maps, const Extent &extent, Store store) {
    const Ring ring;
    const Work work(extent);
    if (arch::warp() / 4 == consumers) {
      if constexpr (consumers > 1)
        arch::give_registers<producer_registers>();
      if (arch::thread_index() == 128 * consumers)
        fetch(maps, work, ring);
    } else {
      if constexpr (consumers > 1)
        arch::take_registers<consumer_registers>();
      multiply(extent, work, ring, store);
    }
    if constexpr (tiles.cluster > 1)
      meet(); // no block exits while another still sends to it, or signals its barriers
  }

private:
  static constexpr int chunks_offset = stages * tiles.stage_bytes();
  static constexpr int barriers_offset = chunks_offset + 2 * tiles.token_groups * tiles.turns * tiles.chunk_bytes();
  static_assert(tiles.turns == 1 || tiles.turns == 2);
  static_assert(16 * (stages + tiles.turns - 1) <= WgmmaTiles::barriers_bytes);
  // Of 168 that 384 threads have each; with two warpgroups there is no need.
  static constexpr int producer_registers = tiles.turns == 1 ? 40 : 24,
                       consumer_registers = tiles.turns == 1 ? 232 : 240;
  static_assert(consumers <= 2, "more warpgroups have fewer registers");
  static constexpr uint64_t limit_ns = 4'000'000'000;

  /// The tiles of this block: those of a cluster are neighbours along the rows, and clusters take turns. Tokens go
  /// first: what W's rows are multiplied by next to each other is read from the L2 cache.
  struct Work {
    int token_tiles, items, steps, first, stride, rank;
    CADENZA_DEVICE explicit Work(const Extent &extent)
        : token_tiles(ceil_div(extent.tokens, tiles.tokens)),
          items(token_tiles * ceil_div(extent.rows, tiles.rows * tiles.cluster)),
          steps(ceil_div(extent.columns, WgmmaTiles::depth)),
          first(static_cast<int>(arch::block_index()) / tiles.cluster),
          stride(static_cast<int>(arch::block_count()) / tiles.cluster),
          rank(static_cast<int>(arch::block_index()) % tiles.cluster) {}
    CADENZA_DEVICE int first_row(int item) const { return (item / token_tiles * tiles.cluster + rank) * tiles.rows; }
    CADENZA_DEVICE int first_token(int item) const { return item % token_tiles * tiles.tokens; }
  };

  /// A place in the ring, and the parity of which time round it is.
  struct Cursor {
    int stage = 0;
    uint32_t parity = 0;
    CADENZA_DEVICE void advance() {
      const bool wraps = ++stage == stages;
      stage = wraps ? 0 : stage;
      parity ^= wraps;
    }
    CADENZA_DEVICE void advance(int steps) {
      stage += steps;
      parity ^= static_cast<uint32_t>(stage / stages % 2);
      stage %= stages;
    }
  };

  struct Ring {
    unsigned char *buffers; // [stages]: W's part, then X's
    arch::Mbarrier *full;   // [stages]: the copies of both have arrived
    arch::Mbarrier *empty;  // [stages]: the warps of all blocks of the cluster are done with it
    arch::Mbarrier *turns;  // [2], with two turns: the warps of the other half have had all stages of a tile

    CADENZA_DEVICE Ring()
        : buffers(arch::swizzled_shared_memory()), full(reinterpret_cast<arch::Mbarrier *>(buffers + barriers_offset)),
          empty(full + stages), turns(empty + stages) {}
    CADENZA_DEVICE unsigned char *weights(int stage) const { return buffers + stage * tiles.stage_bytes(); }
    CADENZA_DEVICE unsigned char *activations(int stage) const { return weights(stage) + tiles.weights_bytes(); }
    /// By a warp that is done with a stage.
    CADENZA_DEVICE void release(int stage) const {
      if constexpr (tiles.cluster == 1) {
        if (arch::lane() == 0)
          arch::mbarrier_arrive(empty + stage);
      } else {
        if (arch::lane() < tiles.cluster) // to each, because each sends to all
          arch::mbarrier_arrive_read(arch::remote(empty + stage, arch::lane()));
      }
    }
  };

  CADENZA_DEVICE static void meet() {
    if constexpr (tiles.cluster > 1)
      arch::cluster_barrier();
    else
      arch::block_barrier();
  }

  /// The producer, one thread.
  CADENZA_DEVICE static void fetch(const Maps &maps, const Work &work, const Ring &ring) {
    constexpr int own_tokens = tiles.tokens / tiles.cluster;
    arch::acquire_tensor_map(maps.weights);
    arch::acquire_tensor_map(maps.activations);
    Cursor at;
    at.parity = 1; // the phase before the first: all stages are free
    for (int item = work.first; item < work.items; item += work.stride) {
      const int first_tile = work.first_row(item) / tile_rows;
      const int first_token = work.first_token(item) + work.rank * own_tokens;
#pragma unroll 1
      for (int step = 0; step < work.steps; ++step, at.advance()) {
        arch::mbarrier_wait(ring.empty + at.stage, at.parity, limit_ns, [] {});
        arch::Mbarrier *full = ring.full + at.stage;
        arch::mbarrier_arrive_expect_tx(full, tiles.stage_bytes());
        arch::copy_tensor(ring.weights(at.stage), maps.weights, 0, 0, first_tile, 2 * step, full);
        unsigned char *to = ring.activations(at.stage) + work.rank * own_tokens * (WgmmaTiles::depth * 2);
        if constexpr (tiles.cluster == 1)
          arch::copy_tensor(to, maps.activations, step * WgmmaTiles::depth, first_token, full);
        else
          arch::copy_tensor_multicast(to, maps.activations, step * WgmmaTiles::depth, first_token, full,
                                      (1u << tiles.cluster) - 1);
      }
    }
  }

  /// Waits until the other half is done with the tensor unit.
  CADENZA_DEVICE static void take_turn(arch::Mbarrier *turn, uint32_t &parity) {
    arch::mbarrier_wait(turn, parity, limit_ns, [] {});
    parity ^= 1;
  }

  /// A consumer warpgroup.
  template <class Store>
  CADENZA_DEVICE static void multiply(const Extent &extent, const Work &work, const Ring &ring, Store &store) {
    const int group = static_cast<int>(arch::warp()) / 4;
    const Part part{group % tiles.row_groups, group / tiles.row_groups % tiles.token_groups, group / groups};
    // Rows of W are 64 bytes in each of the two steps of 32 columns, those of X 128 bytes.
    const arch::MatrixDescriptor weights =
        arch::matrix_descriptor(ring.weights(0), arch::Swizzle::rows_of_64) + part.row * group_rows * 64;
    const arch::MatrixDescriptor activations =
        arch::matrix_descriptor(ring.activations(0), arch::Swizzle::rows_of_128) + part.token * columns * 128;
    float sums[row_blocks][columns / 2];
    Cursor at;
    at.advance(part.turn * work.steps); // past the tiles of the others
    int buffer = 0;
    uint32_t turn_parity = 0;
    for (int item = work.first + part.turn * work.stride; item < work.items; item += tiles.turns * work.stride) {
      int previous = 0;
      if (tiles.turns > 1 && item != work.first)
        take_turn(ring.turns + part.turn, turn_parity);
#pragma unroll 1
      for (int step = 0; step < work.steps; ++step) {
        arch::mbarrier_wait(ring.full + at.stage, at.parity, limit_ns, [] {});
        add_step(sums, weights + at.stage * tiles.stage_bytes(), activations + at.stage * tiles.stage_bytes(),
                 step > 0);
        arch::wgmma_wait<1>();
        if (step > 0)
          ring.release(previous);
        previous = at.stage;
        at.advance();
      }
      if (tiles.turns > 1 && item + work.stride < work.items && arch::lane() == 0)
        arch::mbarrier_arrive(ring.turns + 1 - part.turn);
      arch::wgmma_wait<0>();
#pragma unroll
      for (int i = 0; i < row_blocks; ++i)
        arch::pin_sums(sums[i]);
      ring.release(previous);
      store_tile(extent, work.first_row(item), work.first_token(item), part, sums, buffer, store);
      at.advance((tiles.turns - 1) * work.steps);
    }
  }

  /// Which of the warpgroups that divide the rows, the tokens, and the tiles, this one is.
  struct Part {
    int row, token, turn;
    CADENZA_DEVICE int store() const { return token + tiles.token_groups * turn; } // which of those that store together
  };

  CADENZA_DEVICE static void add_step(float (&sums)[row_blocks][columns / 2], arch::MatrixDescriptor weights,
                                      arch::MatrixDescriptor activations, bool accumulate) {
#pragma unroll
    for (int i = 0; i < row_blocks; ++i)
      arch::pin_sums(sums[i]);
    arch::wgmma_fence();
#pragma unroll
    for (int k = 0; k < WgmmaTiles::depth / 16; ++k)
#pragma unroll
      for (int i = 0; i < row_blocks; ++i)
        arch::wgmma<T>(sums[i], weights + (k / 2 * tiles.rows * 64 + i * 64 * 64 + k % 2 * 32), activations + k * 32,
                       accumulate || k > 0);
    arch::wgmma_commit();
  }

  /// Through shared memory, a chunk of tokens at a time: the warpgroups of the same tokens write their rows of each
  /// token, then each of their warps stores some of the tokens. Two buffers take turns, from tile to tile, too, so one
  /// barrier a chunk is enough: who meets there is done with the buffer before. `buffer`: which one is next. What
  /// stores is there once, not once a chunk: a tile has up to 16 of them, and the instruction cache and compiler
  /// suffer.
  template <class Store>
  CADENZA_DEVICE static void store_tile(const Extent &extent, int first_row, int first_token, const Part &part,
                                        const float (&sums)[row_blocks][columns / 2], int &buffer, Store &store) {
    store.with_place(first_row, StoreTile<Store>{extent, first_row, first_token, part, sums, buffer, store});
  }
  /// That for all rows of a slot.
  template <class Store> struct StoreTile {
    const Extent &extent;
    int first_row, first_token;
    const Part &part;
    const float (&sums)[row_blocks][columns / 2];
    int &buffer;
    Store &store;

    static constexpr int warps = 4 * tiles.row_groups, own = 32 / Store::together; // lanes that have a token

    template <class Place> CADENZA_DEVICE void operator()(const Place &place) const {
      using Loaded = typename Store::template Loaded<Place>;
      constexpr int step = warps * Store::together; // tokens that all warps store at a time
      // Few operands are on their way a chunk ahead; for many there are no registers.
      constexpr bool ahead = step >= chunk_tokens && sizeof(Loaded) <= 80;
      const int warp = static_cast<int>(arch::warp()) % 4 + 4 * part.row;
      const int mine = warp * Store::together + static_cast<int>(arch::lane()) / own;
      const int first = first_token + part.token * columns; // of the warpgroups' tokens
      unsigned char *buffers = arch::swizzled_shared_memory() + chunks_offset + 2 * part.store() * tiles.chunk_bytes();
      const auto load = [&](int chunk, int i, Loaded &loaded) {
        const int token = first + chunk * chunk_tokens + i;
        store.load(place, token, i < chunk_tokens && token < extent.tokens && first_row < extent.rows, loaded);
      };
      Loaded next = {};
      if (ahead)
        load(0, mine, next);
#pragma unroll 1
      for (int chunk = 0; chunk < chunks && first + chunk * chunk_tokens < extent.tokens; ++chunk, buffer ^= 1) {
        float *values = reinterpret_cast<float *>(buffers + buffer * tiles.chunk_bytes());
        const int chunk_first = first + chunk * chunk_tokens;
        const int live = first_row < extent.rows ? smaller(chunk_tokens, extent.tokens - chunk_first) : 0;
        Loaded loaded = next;
        if (ahead && chunk + 1 < chunks)
          load(chunk + 1, mine, next);
        if (!ahead)
          load(chunk, mine, loaded);
#pragma unroll
        for (int c = 0; c < chunks; ++c)
          if (c == chunk)
            write_chunk<Store>(sums, c, part, values);
        arch::named_barrier(static_cast<uint32_t>(1 + part.store()), 32 * warps);
#pragma unroll 1
        for (int turn = 0; turn * step + warp * Store::together < chunk_tokens; ++turn) {
          const int i = mine + turn * step;
          if (step < chunk_tokens && turn > 0) {
            loaded = {};
            load(chunk, i, loaded);
          }
          store.apply(place, chunk_first + i, i < live, values + (i < live ? i : 0) * tiles.value_stride(), loaded);
        }
      }
    }
  };

  /// This warp's rows of a chunk of tokens.
  template <class Store>
  CADENZA_DEVICE static void write_chunk(const float (&sums)[row_blocks][columns / 2], int chunk, const Part &part,
                                         float *values) {
    constexpr int stride = tiles.value_stride();
    const int lane = static_cast<int>(arch::lane()), warp = static_cast<int>(arch::warp()) % 4;
    const int row = part.row * group_rows + 16 * warp + lane / 4, column = 2 * (lane % 4);
#pragma unroll
    for (int i = 0; i < row_blocks; ++i)
#pragma unroll
      for (int j = 0; j < chunk_tokens / 2; ++j)
        values[(8 * (j / 4) + column + j % 2) * stride + Store::place_of(row + 64 * i + 8 * (j / 2 % 2))] =
            sums[i][chunk_tokens / 2 * chunk + j];
  }
};

/// Stores the sums as Out [tokens][stride].
template <class Out, int tile_row_count> struct StoreTokens {
  Out *to;
  int rows, stride; // stride: a multiple of 4 elements, as `to` is aligned

  static constexpr int together = 1;
  template <class> struct Loaded {};
  CADENZA_DEVICE static int place_of(int row) { return row; }
  template <class Body> CADENZA_DEVICE void with_place(int first_row, Body body) const { body(first_row); }
  CADENZA_DEVICE void load(int, int, bool, Loaded<int> &) const {}
  CADENZA_DEVICE void apply(int first_row, int token, bool exists, const float *values, const Loaded<int> &) const {
    if (!exists)
      return;
    Out *row = to + static_cast<uint64_t>(token) * static_cast<uint64_t>(stride) + first_row;
    const int live = smaller(tile_row_count, rows - first_row);
#pragma unroll
    for (int i = 4 * static_cast<int>(arch::lane()); i < tile_row_count; i += 128) {
      if (i + 4 <= live) {
        store4(row + i, values + i);
      } else {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          if (i + j < live)
            row[i + j] = arch::from_float<Out>(values[i + j]);
      }
    }
  }
};

} // namespace cadenza

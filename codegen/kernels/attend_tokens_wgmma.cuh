// Attention of a tile of tokens on Hopper (sm_90a): that of attend_tokens.cuh, with the same bits, by products of
// warpgroups.
//
// A warpgroup has 64 rows of a KV head. Queries stay in registers; keys and values come through a ring of stages, which
// one more warpgroup fills. While the tensor unit adds the weighted values of some positions and multiplies queries
// with the keys of those behind them, the warpgroup takes exponentials:
//
//   wait for keys and values of block j + 1;  scores(j + 1) = Q Kᵀ,  sums += weights(j) V     both asynchronous
//   wait for the scores:  weights(j + 1), from the maximum so far
//   wait for the sums:    sums are rescaled
//
// Products ascend along K in steps of 16 with fp32 sums, as those of mma.sync do, positions are taken as many at a time
// as there, and what a row does not see changes nothing: so the bits are the same (Shah et al. 2024 overlap alike).
#pragma once

#include "arch_wgmma.cuh"
#include "attend_tokens_parts.cuh"

namespace cadenza {

/// Rows of a head's elements in shared memory as a wgmma reads them: 64 elements of all rows, then the next 64; the
/// 16-byte pieces of a row change places with its number (a swizzle of 128 bytes).
template <int head_dim, int keys> struct SwizzledHeadRows {
  static constexpr int pieces = head_dim / 8, live_pieces = pieces;
  static constexpr int columns_bytes = keys * 128; // of 64 elements of all rows
  template <int> static constexpr int bytes = attend_wgmma_tile_bytes(head_dim);
  CADENZA_DEVICE static int place(int row, int row_of_8, int piece) {
    return piece / 8 * columns_bytes + row * 128 + 16 * (piece % 8 ^ row_of_8);
  }
};

/// Config: as in attend_tokens_parts.cuh, and tiles, a constexpr AttendWgmmaTiles that fits (attend_wgmma_fits). Grid:
/// attend_wgmma_launch(tiles, {T, ...}).blocks.
template <class Config>
struct AttendTokensWgmma : AttendTokenParts<Config, Config::tiles.rows(), 16, 32,
                                            SwizzledHeadRows<Config::head_dim, attend_token_keys(Config::head_dim)>> {
  static constexpr AttendWgmmaTiles tiles = Config::tiles;
  using Layout = SwizzledHeadRows<Config::head_dim, attend_token_keys(Config::head_dim)>;
  using Parts = AttendTokenParts<Config, tiles.rows(), 16, 32, Layout>;
  using Args = typename Parts::Args;
  using Parts::keys, Parts::head_dim, Parts::kv_heads, Parts::group, Parts::steps_of_k;
  static constexpr int threads = tiles.threads(), groups = tiles.groups, stages = tiles.stages;
  static_assert(attend_wgmma_fits(head_dim) && keys == 64 && (groups == 1 || groups == 2) && stages >= 2 &&
                stages <= 4);

  // Shared memory: stages of keys and values | barriers
  static constexpr int tile_bytes = attend_wgmma_tile_bytes(head_dim), stage_bytes = 2 * tile_bytes;
  static constexpr int barriers_offset = stages * stage_bytes;
  static constexpr int shared_bytes = attend_wgmma_launch(tiles, {64, Config::heads, kv_heads, head_dim}).shared_bytes;
  static_assert(shared_bytes >= barriers_offset + 16 * stages);

  CADENZA_DEVICE static void run(const Args &args) {
    const Ring ring;
    if (arch::thread_index() == 0) {
      for (int stage = 0; stage < stages; ++stage) {
        arch::mbarrier_init(ring.full + stage, 32);
        arch::mbarrier_init(ring.empty + stage, 4 * groups);
      }
      arch::fence_mbarrier_init();
    }
    arch::block_barrier();
    // First of all: what is computed before, ptxas would keep in the registers that all threads have.
    if (arch::warp() / 4 == groups) {
      if constexpr (groups > 1)
        arch::give_registers<producer_registers>();
      with_place(args, [&](const Place &place) { fetch(args, place, ring); });
    } else {
      if constexpr (groups > 1)
        arch::take_registers<consumer_registers>();
      with_place(args, [&](const Place &place) { attend(args, place, ring); });
    }
  }

private:
  using Cache = typename Parts::Cache;
  using Place = typename Parts::Place;
  using Span = typename Parts::Span;
  using Warp = typename Parts::Warp;
  using Copies = typename Parts::Copies;
  using Softmax = typename Parts::Softmax;
  // Of 168 that 384 threads have each; with two warpgroups there is no need.
  static constexpr int producer_registers = 56, consumer_registers = 224;
  static constexpr uint64_t limit_ns = 4'000'000'000;

  /// Not for a block without live rows.
  template <class Body> CADENZA_DEVICE static void with_place(const Args &args, Body body) {
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const Place place = Place::of(args);
    if (place.first_row < place.live_rows)
      body(place);
  }

  struct Ring {
    unsigned char *buffers; // [stages]: keys, then values
    arch::Mbarrier *full;   // [stages]: the copies of all lanes have arrived
    arch::Mbarrier *empty;  // [stages]: every warp is done with it

    CADENZA_DEVICE Ring()
        : buffers(arch::swizzled_shared_memory()), full(reinterpret_cast<arch::Mbarrier *>(buffers + barriers_offset)),
          empty(full + stages) {}
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
  };

  CADENZA_DEVICE static int first_key(const Place &place) { return place.begin - place.begin % keys; }

  /// A warp of the warpgroup that copies: all that comes into one stage. So its wait for those copies delays no others,
  /// and it waits for the stage each time round: parities do not tell a barrier's phase from the one after the next.
  CADENZA_DEVICE static void fetch(const Args &args, const Place &place, const Ring &ring) {
    const Copies copies = Copies::of(args, place);
    const int warp = static_cast<int>(arch::warp()) % 4;
    Cursor at;
    at.parity = 1; // the phase before the first: all stages are free
    for (int key = first_key(place); key < place.end; key += keys, at.advance()) {
      if (at.stage != warp)
        continue;
      arch::mbarrier_wait(ring.empty + at.stage, at.parity, limit_ns, [] {});
      copies.start(ring.buffers + at.stage * stage_bytes, key, static_cast<int>(arch::lane()));
      arch::copy_async_wait<0>();
      arch::fence_proxy_async_shared(); // wgmma reads by another proxy than these copies write
      arch::mbarrier_arrive(ring.full + at.stage);
    }
  }

  /// A warpgroup that computes.
  CADENZA_DEVICE static void attend(const Args &args, const Place &place, const Ring &ring) {
    const Warp warp = Warp::of(place);
    const int group_index = static_cast<int>(arch::warp()) / 4;
    const Span span = Span::of(place, place.first_row + 64 * group_index, 64);
    uint32_t queries[steps_of_k][4], weights[keys / 16][4];
    Parts::load_queries(args, place, warp, 0, queries);
    Softmax softmax;
    float scores[keys / 2], sums[head_dim / 2];
#pragma unroll
    for (int i = 0; i < head_dim / 2; ++i)
      sums[i] = 0.0f;
    Cursor at;
    int weighted = none; // the stage whose positions have weights that are in no sum yet
#pragma unroll 1
    for (int key = first_key(place); key < place.end; key += keys, at.advance()) {
      arch::mbarrier_wait(ring.full + at.stage, at.parity, limit_ns, [] {});
      if (!span.sees(place, key)) { // others of the block do
        flush(ring, weights, sums, weighted);
        release(ring, at.stage);
        continue;
      }
      multiply_keys(ring, at.stage, queries, scores);
      if (weighted != none)
        add_values(ring, weighted, weights, sums);
      if (weighted != none)
        arch::wgmma_wait<1>();
      else
        arch::wgmma_wait<0>();
      arch::pin_sums(scores);
      Parts::mask(place, warp, 0, key, scores);
      float correction[2];
      const bool changes = softmax.weigh(scores, correction);
      arch::wgmma_wait<0>();
      arch::pin_sums(sums);
      if (weighted != none)
        release(ring, weighted);
      if (changes) {
#pragma unroll
        for (int i = 0; i < head_dim / 2; ++i)
          sums[i] *= correction[i % 4 / 2];
      }
#pragma unroll
      for (int i = 0; i < keys / 16; ++i)
        Parts::pack(weights[i], scores, i);
      weighted = at.stage;
    }
    flush(ring, weights, sums, weighted);
    softmax.finish();
    Parts::store(args, place, warp, 0, softmax, sums);
  }

  static constexpr int none = -1;
  /// What is weighted goes into the sums. Its stage is not kept: the copies of a later one may need the room.
  CADENZA_DEVICE static void flush(const Ring &ring, const uint32_t (&weights)[keys / 16][4],
                                   float (&sums)[head_dim / 2], int &weighted) {
    if (weighted == none)
      return;
    add_values(ring, weighted, weights, sums);
    arch::wgmma_wait<0>();
    arch::pin_sums(sums);
    release(ring, weighted);
    weighted = none;
  }

  /// By a warp that is done with a stage.
  CADENZA_DEVICE static void release(const Ring &ring, int stage) {
    if (arch::lane() == 0)
      arch::mbarrier_arrive(ring.empty + stage);
  }

  CADENZA_DEVICE static void multiply_keys(const Ring &ring, int stage, const uint32_t (&queries)[steps_of_k][4],
                                           float (&scores)[keys / 2]) {
    const arch::MatrixDescriptor keys_of =
        arch::matrix_descriptor(ring.buffers + stage * stage_bytes, arch::Swizzle::rows_of_128);
    arch::pin_sums(scores);
    arch::wgmma_fence();
#pragma unroll
    for (int step = 0; step < steps_of_k; ++step)
      arch::wgmma<Cache>(scores, queries[step], keys_of + (step / 4 * Layout::columns_bytes + step % 4 * 32), step > 0);
    arch::wgmma_commit();
  }

  CADENZA_DEVICE static void add_values(const Ring &ring, int stage, const uint32_t (&weights)[keys / 16][4],
                                        float (&sums)[head_dim / 2]) {
    const arch::MatrixDescriptor values =
        arch::transposed_descriptor(ring.buffers + stage * stage_bytes + tile_bytes, Layout::columns_bytes);
    arch::pin_sums(sums);
    arch::wgmma_fence();
#pragma unroll
    for (int i = 0; i < keys / 16; ++i)
      arch::wgmma_transposed<Cache>(sums, weights[i], values + i * 16 * 128, true);
    arch::wgmma_commit();
  }
};

} // namespace cadenza

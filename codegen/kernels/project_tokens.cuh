// One or more matrices times the vectors of a tile of tokens, on tensor cores, then the epilogue chain of each token:
// y[token] = chain(W · activation[token]). (Of one token: project.cuh.)
//
// A block has some tokens and some rows, for all of K. Units of both operands come through a ring of stages in shared
// memory, copied asynchronously: those of the packed matrix as they lie (shared/encoding.h), those of the activation, 8
// tokens x 32 columns, in the same order. So both operands are read alike: a lane's part of a unit, 16 bytes of 16-bit
// elements, all lanes' parts one after the other in the banks. It is eight columns of a row, which serve two products:
// a product of 16 columns takes four of each lane's eight, in both operands the same ones, and what it sums over is
// those.
//
// Sums. An element is the sum, on tensor cores, over K in ascending units of 32 columns, of each first the even halves
// (columns 8t .. 8t+3), then the odd ones (8t+4 .. 8t+7). K is never divided, so a token's bits depend neither on the
// tiles nor on its place in one.
//
// Epilogue. The sums of a pass, of all of the block's tokens or of a part of them, go to shared memory, which the ring
// has left. Then a token is a warp's, and its rows are a tile (tile.cuh) of a team of that warp.
#pragma once

#include "arch_mma.cuh"
#include "encodings.cuh"
#include "epilogue.cuh"
#include "prepare_tokens.cuh"
#include "project.cuh"

namespace cadenza {

/// Config: weight_type, encoding, input_type, columns, segment_rows (Rows<..>), interleaved, prologue, epilogue, as
/// Project's; threads, norm_chunk and norm_sums, which are PrepareTokens'; tiles, a constexpr TokenTiles that fits
/// (token_tiles_fit in shared/token_tiles.h). Arguments: [activation, (factors), matrix, state, epilogue's]. The
/// activation is the scratch that PrepareTokens wrote, or the input edge if there is no PrepareTokens (needs_prepare);
/// there are factors if the prologue defers its scale. Launch: blocks(T) of `threads`, shared_bytes; T is a multiple of
/// tiles.tokens. A row of an edge that the epilogue adds may be the one that it writes. There is no Argmax here.
template <class Config> struct ProjectTokens {
  using Weight = typename Config::weight_type;
  using Encoded = typename Config::encoding;
  using Format = FormatOf<Encoded>;
  using Segments = typename Config::segment_rows;
  using Epilogue = typename Config::epilogue;
  using A = TokenActivation<Config>;
  static constexpr TokenTiles tiles = Config::tiles;
  static constexpr int slots = Config::interleaved ? Segments::segments : 1;
  static constexpr int row_blocks = ceil_div(Segments::total, tiles.rows);
  static constexpr int steps = A::padded / step_columns, stage_steps = tiles.depth / step_columns;
  static constexpr int all_stages = ceil_div(steps, stage_steps); // of K
  static constexpr int threads = tiles.threads(), warps = threads / 32;
  static constexpr int shared_bytes = token_shared_bytes(tiles, Format::unit_bytes, slots);
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens) { return tokens / tiles.tokens * row_blocks; }
  static_assert(Config::interleaved ? Segments::all_equal() && Segments::total % tile_rows == 0 &&
                                          tiles.rows % (stripe_rows * slots) == 0
                                    : Segments::start_at_multiples_of(tiles.rows),
                "a block's rows lie in one segment, or evenly in all");

  // A warp's part of the block: blocks of 16 tokens, stripes of 8 rows.
  static constexpr int warp_tokens = tiles.tokens / tiles.token_warps, warp_rows = tiles.rows / tiles.row_warps;
  static constexpr int token_blocks = warp_tokens / 16, stripes = warp_rows / stripe_rows;
  static_assert(token_blocks * 16 * tiles.token_warps == tiles.tokens &&
                    stripes * stripe_rows * tiles.row_warps == tiles.rows,
                "warps have multiples of 16 tokens and of 8 rows");
  static_assert(tiles.stages >= 2 && tiles.depth % step_columns == 0, "a ring of at least two stages of whole steps");
  static constexpr int ahead = tiles.stages - 1; // stages on their way while one is multiplied

  struct Shape {
    static constexpr int rows = tiles.rows / ProjectTokens::slots, slots = ProjectTokens::slots;
    using Team = TokenTeam<LaneTeam>;
    static constexpr bool holds_all = Config::interleaved || Segments::segments == 1;
    CADENZA_DEVICE static constexpr int elements(int slot) { return Segments::count(slot); }
  };
  using RowTile = Tile<Shape>;
  static constexpr int pass_tokens = tokens_a_pass(tiles, slots), passes = tiles.tokens / pass_tokens;
  static_assert(pass_tokens % 16 == 0 && scratch_floats_of(Shape::rows) == RowTile::scratch_floats);
  // Tokens of which a warp has the operands of the epilogue on their way at once.
  static constexpr int together = RowTile::owned <= 4 ? 4 : RowTile::owned <= 8 ? 2 : 1;

  struct Input {
    const Weight *activation;
  };
  struct Operands {
    const typename Encoded::Element *matrix; // packed [total rows][columns]
    const DecodeState *state;
  };
  struct Args : Input, A::template If<A::deferred, typename A::ReadFactors>::type, Operands, Epilogue::Args {};
  static constexpr int words = 3 + A::deferred + Epilogue::words;
  static_assert(sizeof(Args) == 8 * words, "arguments are 8-byte words");

  // A stage: units of the activation [tokens / 8][steps] | units of the matrix, two stripes of a step in turn.
  static constexpr int activation_unit = 2 * unit_weights; // bytes
  static constexpr int matrix_offset = tiles.tokens / stripe_rows * stage_steps * activation_unit;
  static constexpr int stage_bytes = token_stage_bytes(tiles, Format::unit_bytes);

  CADENZA_DEVICE static void run(const Args &args) {
    unsigned char *shared = arch::shared_memory();
    const int row_block = static_cast<int>(arch::block_index()) / token_block_count();
    const int first_token = static_cast<int>(arch::block_index()) % token_block_count() * tiles.tokens;
    const Ring ring{shared, args.Input::activation + static_cast<int64_t>(first_token) * A::stride,
                    args.Operands::matrix, row_block * (tiles.rows / stripe_rows)};
#pragma unroll
    for (int stage = 0; stage < ahead; ++stage)
      ring.fill_matrix(stage); // which no kernel writes
    arch::grid_dependency_wait();
    arch::grid_dependency_trigger();
    const int base = args.Operands::state->position;
    const int live = live_tokens(base, args.Operands::state->forced_tokens, token_block_count() * tiles.tokens);
    if (first_token >= live) {
      arch::copy_async_commit();
      arch::copy_async_wait<0>(); // a block exits without copies on their way
      return;
    }
    float sums[token_blocks][stripes][4] = {};
    multiply(ring, sums);
    RowTile tile = place(row_block);
    tile.team.token_position = base;
    finish(args, tile, first_token, live, sums);
  }

private:
  /// Blocks of neighbouring indices have the same rows: the matrix comes from memory once.
  CADENZA_DEVICE static int token_block_count() { return static_cast<int>(arch::block_count()) / row_blocks; }

  /// The ring of stages.
  struct Ring {
    unsigned char *shared;
    const Weight *activation; // of the block's first token
    const typename Encoded::Element *matrix;
    int first_stripe;

    CADENZA_DEVICE unsigned char *stage(int index) const { return shared + index % tiles.stages * stage_bytes; }

    /// Copies the units of the activation: a warp 8 tokens x 64 bytes at a time.
    CADENZA_DEVICE void fill_activation(int index) const {
      constexpr int pieces = tiles.tokens * 4 * stage_steps;
      if (index >= all_stages)
        return;
      const int thread = static_cast<int>(arch::thread_index());
      unsigned char *to = stage(index) + thread * 16;
#pragma unroll
      for (int i = 0; i < ceil_div(pieces, threads); ++i) {
        const int piece = thread + i * threads;
        if (pieces % threads != 0 && piece >= pieces)
          break;
        const int unit = piece / 32, step = index * stage_steps + unit % stage_steps;
        const int token = unit / stage_steps * stripe_rows + piece / 4 % stripe_rows;
        if (steps % stage_steps != 0 && step >= steps)
          continue;
        arch::copy_async16(to + i * threads * 16,
                           activation + static_cast<int64_t>(token) * A::stride + step * step_columns + piece % 4 * 8,
                           16);
      }
    }

    /// Copies the units of the matrix, in the order in which they lie in a block that begins with a tile.
    CADENZA_DEVICE void fill_matrix(int index) const {
      constexpr int unit_pieces = Format::unit_bytes / 16, block_stripes = tiles.rows / stripe_rows;
      constexpr int pieces = ceil_div(block_stripes, 2) * 2 * stage_steps * unit_pieces;
      constexpr int all_stripes = 2 * tiles_of(Segments::total);
      if (index >= all_stages)
        return;
      const int thread = static_cast<int>(arch::thread_index());
      unsigned char *to = stage(index) + matrix_offset + thread * 16;
      const auto *from = reinterpret_cast<const unsigned char *>(matrix);
#pragma unroll
      for (int i = 0; i < ceil_div(pieces, threads); ++i) {
        const int piece = thread + i * threads;
        if (pieces % threads != 0 && piece >= pieces)
          break;
        const int unit = piece / unit_pieces, step = index * stage_steps + unit / 2 % stage_steps;
        const int local = unit / (2 * stage_steps) * 2 + unit % 2, stripe = first_stripe + local;
        if ((steps % stage_steps != 0 && step >= steps) || (block_stripes % 2 != 0 && local >= block_stripes) ||
            (all_stripes % block_stripes != 0 && stripe >= all_stripes))
          continue;
        arch::copy_async16(to + i * threads * 16,
                           from +
                               (static_cast<int64_t>(stripe / 2 * steps + step) * 2 + stripe % 2) * Format::unit_bytes +
                               piece % unit_pieces * 16,
                           16);
      }
    }
  };

  /// Which part of the block this warp has.
  struct WarpPlace {
    int token, row;
    CADENZA_DEVICE static WarpPlace mine() {
      const int warp = static_cast<int>(arch::warp());
      return {warp % tiles.token_warps * warp_tokens, warp / tiles.token_warps * warp_rows};
    }
  };

  CADENZA_DEVICE static void multiply(const Ring &ring, float (&sums)[token_blocks][stripes][4]) {
    const WarpPlace warp = WarpPlace::mine();
#pragma unroll
    for (int stage = 0; stage < ahead; ++stage) {
      ring.fill_activation(stage);
      arch::copy_async_commit(); // of the first one: with all of the matrix that began before
    }
#pragma unroll 1
    for (int index = 0; index < all_stages; ++index) {
      arch::copy_async_wait<ahead - 1>();
      arch::block_barrier(); // everyone's copies are there, and everyone is done with the stage that is filled next
      ring.fill_matrix(index + ahead);
      ring.fill_activation(index + ahead);
      arch::copy_async_commit(); // perhaps an empty one, so that the count above stays right
      const unsigned char *stage = ring.stage(index);
#pragma unroll
      for (int step = 0; step < stage_steps; ++step) {
        if (steps % stage_steps != 0 && index * stage_steps + step >= steps)
          break;
        multiply_step(stage, warp, step, sums);
      }
    }
    arch::copy_async_wait<0>();
  }

  /// A step of 32 columns: two products of each 16 tokens and 8 rows.
  CADENZA_DEVICE static void multiply_step(const unsigned char *stage, const WarpPlace &warp, int step,
                                           float (&sums)[token_blocks][stripes][4]) {
    const int lane = static_cast<int>(arch::lane());
    const unsigned char *activation =
        stage + (warp.token / stripe_rows * stage_steps + step) * activation_unit + lane * 16;
    Vec16 upper[token_blocks], lower[token_blocks]; // tokens 0 .. 7 and 8 .. 15 of each block
#pragma unroll
    for (int i = 0; i < token_blocks; ++i) {
      upper[i] = arch::load16(activation + 2 * i * stage_steps * activation_unit);
      lower[i] = arch::load16(activation + (2 * i + 1) * stage_steps * activation_unit);
    }
#pragma unroll
    for (int j = 0; j < stripes; ++j) {
      const int stripe = warp.row / stripe_rows + j;
      const unsigned char *unit = stage + matrix_offset +
                                  ((stripe / 2 * stage_steps + step) * 2 + stripe % 2) * Format::unit_bytes +
                                  lane * Format::lane_bytes;
      const Vec16 b = Encoded::operand(load_part<typename Encoded::Unit>(unit));
#pragma unroll
      for (int i = 0; i < token_blocks; ++i)
        arch::mma_m16n8k16<Weight>(sums[i][j], {upper[i].x, lower[i].x, upper[i].y, lower[i].y}, {b.x, b.y});
#pragma unroll
      for (int i = 0; i < token_blocks; ++i)
        arch::mma_m16n8k16<Weight>(sums[i][j], {upper[i].z, lower[i].z, upper[i].w, lower[i].w}, {b.z, b.w});
    }
  }

  template <class Part> CADENZA_DEVICE static Part load_part(const unsigned char *from) {
    if constexpr (sizeof(Part) == 16)
      return arch::load16(from);
    else
      return *reinterpret_cast<const Part *>(from);
  }

  // Epilogue ----------------------------------------------------------------------------------------------------------

  CADENZA_DEVICE static RowTile place(int row_block) {
    RowTile tile;
    const int row = row_block * tiles.rows;
    if (Config::interleaved) {
      tile.slot = 0;
      tile.first_row = row / slots;
      tile.live_rows = smaller(RowTile::rows, Segments::total / slots - tile.first_row);
    } else {
      const typename Segments::Place segment = Segments::find(row);
      tile.slot = segment.slot;
      tile.first_row = row - segment.first;
      tile.live_rows = smaller(RowTile::rows, segment.rows - tile.first_row);
    }
    return tile;
  }

  CADENZA_DEVICE static void finish(const Args &args, RowTile &tile, int first_token, int live,
                                    const float (&sums)[token_blocks][stripes][4]) {
    float *values = reinterpret_cast<float *>(arch::shared_memory());
    tile.scratch =
        values + pass_tokens * sums_stride(tiles.rows) + static_cast<int>(arch::warp()) * RowTile::scratch_floats;
#pragma unroll
    for (int pass = 0; pass < passes; ++pass) {
      const int first = first_token + pass * pass_tokens;
      arch::block_barrier(); // all are done with the ring, or with the pass before
      write_sums(args, first_token, live, pass, tile, values, sums);
      arch::block_barrier();
      apply(args, tile, first, smaller(pass_tokens, live - first), values);
    }
  }

  /// Writes this warp's sums of the pass, times the row's scale and the token's deferred factor, as tiles have them:
  /// values[token of the pass][slot][row].
  CADENZA_DEVICE static void write_sums(const Args &args, int first_token, int live, int pass, const RowTile &tile,
                                        float *values, const float (&sums)[token_blocks][stripes][4]) {
    struct alignas(8) Pair {
      float x, y;
    };
    const WarpPlace warp = WarpPlace::mine();
    const RowScales<Encoded, Segments::total, Config::columns> scales(args.Operands::matrix);
    const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
    const int packed = packed_row(tile);
#pragma unroll
    for (int i = 0; i < token_blocks; ++i) {
      const int block = warp.token + 16 * i - pass * pass_tokens; // in the pass
      if (passes > 1 && (block < 0 || block >= pass_tokens))
        continue;
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int local = block + 8 * half + g, token = first_token + pass * pass_tokens + local;
        const float factor = factor_of(args, token, live);
#pragma unroll
        for (int j = 0; j < stripes; ++j) {
          const int row = warp.row + stripe_rows * j, stripe = row / stripe_rows;
          if (row >= tile.live_rows * slots)
            continue; // nor have those a scale
          float *to = values + local * sums_stride(tiles.rows) + stripe % slots * RowTile::rows +
                      stripe / slots * stripe_rows + 2 * t;
          *reinterpret_cast<Pair *>(to) = {scales.product(sums[i][j][2 * half], packed + row + 2 * t, factor),
                                           scales.product(sums[i][j][2 * half + 1], packed + row + 2 * t + 1, factor)};
        }
      }
    }
  }
  /// The first row of the block in the packed matrix.
  CADENZA_DEVICE static int packed_row(const RowTile &) {
    return static_cast<int>(arch::block_index()) / token_block_count() * tiles.rows;
  }
  CADENZA_DEVICE static float factor_of(const Args &args, int token, int live) {
    if constexpr (A::deferred)
      return token < live ? args.A::ReadFactors::factors[token] : 0.0f;
    else
      return 1.0f;
  }

  /// The chain, on `count` tokens from `first` on: a warp `together` of its tokens at a time.
  CADENZA_DEVICE static void apply(const Args &args, RowTile &tile, int first, int count, float *values) {
    const int base = tile.team.token_position;
#pragma unroll 1
    for (int token = static_cast<int>(arch::warp()); token < count; token += together * warps) {
      typename Epilogue::template Loaded<RowTile> loaded[together];
      const auto take = [&](int i) {
        RowTile mine = tile;
        mine.team.token = first + token + i * warps;
        mine.team.token_position = base + mine.team.token;
        mine.values = values + (token + i * warps) * sums_stride(tiles.rows);
        return mine;
      };
#pragma unroll
      for (int i = 0; i < together; ++i)
        if (token + i * warps < count)
          Epilogue::load(args, take(i), loaded[i]);
#pragma unroll
      for (int i = 0; i < together; ++i)
        if (token + i * warps < count) {
          RowTile mine = take(i);
          Epilogue::apply(args, loaded[i], mine);
        }
    }
  }
};

} // namespace cadenza

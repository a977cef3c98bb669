// One or more matrices times the vectors of a tile of tokens, on tensor cores, then the epilogue chain of each token:
// y[token] = chain(W · activation[token]). (Of one token: project.cuh.)
//
// A block has some tokens and some rows, for all of K. Units of both operands come through a ring of stages in shared
// memory, copied asynchronously: those of the packed matrix (shared/encoding.h), and of the activation, 8 tokens x 32
// columns. Of 16-bit elements, a row of a unit is four pieces of 16 bytes, which change places with the row so that the
// same piece of 8 rows lies in different banks (ldmatrix). Other elements lie as they are packed, and a lane reads two
// neighbours at a time.
//
// Sums. An element is the sum, on tensor cores, over K in ascending products of 16 columns, each of which is scaled if
// groups of columns have scales (token_groups.cuh). K is never divided, so a token's bits depend neither on the tiles
// nor on its place in one.
//
// Epilogue. The sums of a pass, of all of the block's tokens or of a part of them, go to shared memory, which the ring
// has left. Then each warp applies the chain to some of the tokens (token_epilogue.cuh).
#pragma once

#include "arch_mma.cuh"
#include "encodings.cuh"
#include "epilogue.cuh"
#include "prepare_tokens.cuh"
#include "token_epilogue.cuh"
#include "token_groups.cuh"

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
  using Finish = TokenEpilogue<Config, tiles.rows>;
  static constexpr int slots = Finish::slots;
  static constexpr int row_blocks = ceil_div(Segments::total, tiles.rows);
  static constexpr int steps = A::padded / step_columns, stage_steps = tiles.depth / step_columns;
  static constexpr int all_stages = ceil_div(steps, stage_steps); // of K
  static constexpr int threads = tiles.threads(), warps = threads / 32;
  static constexpr int shared_bytes = token_shared_bytes(tiles, Format::unit_bytes, slots);
  CADENZA_EVERYWHERE static constexpr int blocks(int tokens) { return tokens / tiles.tokens * row_blocks; }

  // A warp's part of the block: blocks of 16 tokens, stripes of 8 rows.
  static constexpr int warp_tokens = tiles.tokens / tiles.token_warps, warp_rows = tiles.rows / tiles.row_warps;
  static constexpr int token_blocks = warp_tokens / 16, stripes = warp_rows / stripe_rows;
  static_assert(token_blocks * 16 * tiles.token_warps == tiles.tokens &&
                    stripes * stripe_rows * tiles.row_warps == tiles.rows,
                "warps have multiples of 16 tokens and of 8 rows");
  static_assert(tiles.stages >= 2 && tiles.depth % step_columns == 0, "a ring of at least two stages of whole steps");

  static constexpr int pass_tokens = tokens_a_pass(tiles, slots), passes = tiles.tokens / pass_tokens;
  static_assert(pass_tokens % 16 == 0);

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
    const int row_block = static_cast<int>(arch::block_index()) / token_block_count();
    const int first_token = static_cast<int>(arch::block_index()) % token_block_count() * tiles.tokens;
    const Ring ring(args, first_token, row_block);
#pragma unroll
    for (int stage = 0; stage < tiles.stages; ++stage)
      ring.fill_matrix(stage, stage); // which no kernel writes
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
    multiply(ring, args, row_block, sums);
    Finish::with_place(row_block * tiles.rows, FinishTokens{args, base, first_token, live, sums});
  }

private:
  /// Blocks of neighbouring indices have the same rows: the matrix comes from memory once.
  CADENZA_DEVICE static int token_block_count() { return static_cast<int>(arch::block_count()) / row_blocks; }

  /// The ring of stages, as a thread fills it.
  struct Ring {
    unsigned char *shared;
    const unsigned char *activation, *matrix; // the thread's first piece of the first stage
    int first_stripe;

    CADENZA_DEVICE Ring(const Args &args, int first_token, int row_block)
        : shared(arch::shared_memory()), first_stripe(row_block * block_stripes) {
      activation = reinterpret_cast<const unsigned char *>(args.Input::activation +
                                                           static_cast<int64_t>(first_token) * A::stride) +
                   activation_offset(thread());
      matrix = reinterpret_cast<const unsigned char *>(args.Operands::matrix) + matrix_offset_of(thread());
    }
    CADENZA_DEVICE static int thread() { return static_cast<int>(arch::thread_index()); }
    CADENZA_DEVICE unsigned char *stage(int slot) const { return shared + slot * stage_bytes; }

    // Piece p of a stage of the activation: of unit p / 32, which is step unit % stage_steps of stripe unit /
    // stage_steps; a warp copies 8 tokens x 64 bytes at a time.
    static constexpr int activation_pieces = tiles.tokens * 4 * stage_steps;
    CADENZA_DEVICE static int activation_offset(int piece) {
      const int unit = piece / 32, token = unit / stage_steps * stripe_rows + piece / 4 % stripe_rows;
      return 2 * (token * A::stride + unit % stage_steps * step_columns + piece % 4 * 8);
    }
    // Of the matrix: of two stripes of a step in turn, in the order in which they are packed.
    static constexpr int block_stripes = tiles.rows / stripe_rows, all_stripes = 2 * tiles_of(Segments::total);
    static constexpr int unit_pieces = Format::unit_bytes / 16,
                         tile_records_bytes = groups_of(Format::format, steps) * Format::format.record_bytes();
    static constexpr int matrix_pieces = ceil_div(block_stripes, 2) * 2 * stage_steps * unit_pieces;
    CADENZA_DEVICE static int step_of(int piece) { return piece / (2 * unit_pieces) % stage_steps; }
    CADENZA_DEVICE static int stripe_of(int piece) {
      return piece / (2 * unit_pieces * stage_steps) * 2 + piece / unit_pieces % 2;
    }
    CADENZA_DEVICE int64_t matrix_offset_of(int piece) const {
      const int stripe = first_stripe + stripe_of(piece);
      return (static_cast<int64_t>(stripe / 2 * steps + step_of(piece)) * 2 + stripe % 2) * Format::unit_bytes +
             static_cast<int64_t>(stripe / 2) * tile_records_bytes + piece % unit_pieces * 16;
    }
    // Where a thread's pieces are a constant distance apart, one address leads to all.
    static constexpr bool activation_is_regular = warps % stage_steps == 0;
    static constexpr int activation_apart = 2 * (warps / stage_steps * stripe_rows) * A::stride;
    static constexpr bool matrix_is_regular = threads % (2 * unit_pieces * stage_steps) == 0 && block_stripes % 2 == 0;
    static constexpr int64_t matrix_apart =
        int64_t{threads / (2 * unit_pieces * stage_steps)} * (steps * Format::tile_step_bytes + tile_records_bytes);

    CADENZA_DEVICE void fill_activation(int index, int slot) const {
      if (index >= all_stages)
        return;
      unsigned char *to = stage(slot) + thread() / 32 * 512 + place_of(thread() / 4 % 8, thread() % 4);
      const unsigned char *from = activation + index * (stage_steps * step_columns * 2);
#pragma unroll
      for (int i = 0; i < ceil_div(activation_pieces, threads); ++i) {
        const int piece = thread() + i * threads;
        if ((activation_pieces % threads != 0 && piece >= activation_pieces) ||
            (steps % stage_steps != 0 && index * stage_steps + piece / 32 % stage_steps >= steps))
          continue;
        const int more =
            activation_is_regular ? i * activation_apart : activation_offset(piece) - activation_offset(thread());
        arch::copy_async16(to + i * threads * 16, from + more, 16);
      }
    }

    CADENZA_DEVICE void fill_matrix(int index, int slot) const {
      if (index >= all_stages)
        return;
      unsigned char *to = stage(slot) + matrix_offset +
                          (by_pieces ? thread() / 32 * 512 + place_of(thread() / 4 % 8, thread() % 4) : thread() * 16);
      const unsigned char *from = matrix + index * (stage_steps * Format::tile_step_bytes);
#pragma unroll
      for (int i = 0; i < ceil_div(matrix_pieces, threads); ++i) {
        const int piece = thread() + i * threads;
        if ((matrix_pieces % threads != 0 && piece >= matrix_pieces) ||
            (steps % stage_steps != 0 && index * stage_steps + step_of(piece) >= steps) ||
            (block_stripes % 2 != 0 && stripe_of(piece) >= block_stripes) ||
            (all_stripes % block_stripes != 0 && first_stripe + stripe_of(piece) >= all_stripes))
          continue;
        const int64_t more =
            matrix_is_regular ? i * matrix_apart : matrix_offset_of(piece) - matrix_offset_of(thread());
        arch::copy_async16(to + i * threads * 16, from + more, 16);
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

  using Groups = TokenGroups<Encoded, Segments::total, Config::columns, stripes>;

  CADENZA_DEVICE static void multiply(const Ring &ring, const Args &args, int row_block,
                                      float (&sums)[token_blocks][stripes][4]) {
    const WarpPlace warp = WarpPlace::mine();
    Groups groups(args.Operands::matrix, (row_block * tiles.rows + warp.row) / stripe_rows);
#pragma unroll
    for (int stage = 0; stage < tiles.stages; ++stage) {
      ring.fill_activation(stage, stage);
      arch::copy_async_commit(); // of the first one: with all of the matrix that began before
    }
    arch::copy_async_wait<tiles.stages - 1>();
    arch::block_barrier(); // everyone's copies of the first stage are there
    FragmentPair now, next;
    now.load(ring.stage(0), warp, 0, 0, groups);
    groups.take_scales(0);
    int slot = 0;
#pragma unroll 1
    for (int index = 0; index < all_stages; ++index) {
      const unsigned char *stage = ring.stage(slot);
#pragma unroll
      for (int half = 0; half < 2 * stage_steps; ++half) { // 16 columns each
        if (steps % stage_steps != 0 && index * stage_steps + half / 2 >= steps)
          break;
        // Codes are loaded before the products of those before them, which have the scales of their group.
        const int next_step = index * stage_steps + (half + 1) / 2;
        const bool next_group = half % 2 == 1 && Groups::begins(next_step) && next_step < steps;
        if (next_group)
          groups.take_zeros();
        if (half + 1 < 2 * stage_steps) {
          next.load(stage, warp, (half + 1) / 2, (half + 1) % 2, groups);
        } else { // of the stage behind the last one, what nobody uses
          arch::copy_async_wait<tiles.stages - 2>();
          arch::block_barrier(); // everyone's copies of the next stage are there, and everyone has read this one
          const int free = slot;
          slot = slot == tiles.stages - 1 ? 0 : slot + 1;
          next.load(ring.stage(slot), warp, 0, 0, groups);
          ring.fill_matrix(index + tiles.stages, free);
          ring.fill_activation(index + tiles.stages, free);
          arch::copy_async_commit(); // perhaps an empty one, so that the count above stays right
        }
#pragma unroll
        for (int i = 0; i < token_blocks; ++i) {
          const ElementSums elements = Groups::elements(now.tokens[i]);
#pragma unroll
          for (int j = 0; j < stripes; ++j)
            groups.multiply(sums[i][j], now.tokens[i], now.rows[j], j, half % 2, elements);
        }
        if (next_group)
          groups.take_scales(next_step);
        now = next;
      }
    }
    arch::copy_async_wait<0>();
  }

  /// A warp's operands of 16 columns, the first or second half of a step: of its tokens (A) and of its rows (B). Those
  /// of the next products are loaded before the products.
  struct FragmentPair {
    uint32_t tokens[token_blocks][4], rows[stripes][2];

    CADENZA_DEVICE void load(const unsigned char *stage, const WarpPlace &warp, int step, int half,
                             const Groups &groups) {
      const unsigned char *unit = stage + (warp.token / stripe_rows * stage_steps + step) * activation_unit;
#pragma unroll
      for (int i = 0; i < token_blocks; ++i)
        load_tokens(tokens[i], unit + 2 * i * stage_steps * activation_unit, half);
#pragma unroll
      for (int j = 0; j < stripes; j += 2) {
        // Constant distances from the warp's first stripe, where that is the first one of a tile.
        const int stripe = stripes % 2 == 0 ? warp.row / tile_rows * 2 : warp.row / stripe_rows + j;
        const unsigned char *first =
            unit_of(stage, stripe, step) + (stripes % 2 == 0 ? j * stage_steps * Format::unit_bytes : 0);
        if (j + 1 < stripes)
          load_two_stripes(rows[j], rows[j + 1], first,
                           stripes % 2 == 0 ? first + Format::unit_bytes : unit_of(stage, stripe + 1, step), half);
        else
          load_stripe(rows[j], first, half);
      }
#pragma unroll
      for (int j = 0; j < stripes; ++j)
        groups.shift(j, rows[j]);
    }
    CADENZA_DEVICE static const unsigned char *unit_of(const unsigned char *stage, int stripe, int step) {
      return stage + matrix_offset + ((stripe / 2 * stage_steps + step) * 2 + stripe % 2) * Format::unit_bytes;
    }
  };

  static constexpr bool by_pieces = sizeof(typename Encoded::Element) == 2; // 16-bit elements: by ldmatrix

  /// Operand A of 16 tokens.
  CADENZA_DEVICE static void load_tokens(uint32_t (&a)[4], const unsigned char *unit, int half) {
    const int matrix = static_cast<int>(arch::lane() / 8), row = static_cast<int>(arch::lane() % 8);
    arch::load_matrices(a, unit + matrix % 2 * stage_steps * activation_unit + place_of(row, 2 * half + matrix / 2));
  }
  /// Operands B of 8 rows each.
  CADENZA_DEVICE static void load_two_stripes(uint32_t (&b)[2], uint32_t (&c)[2], const unsigned char *unit,
                                              const unsigned char *other, int half) {
    if constexpr (by_pieces) {
      const int matrix = static_cast<int>(arch::lane() / 8), row = static_cast<int>(arch::lane() % 8);
      uint32_t both[4];
      arch::load_matrices(both, (matrix < 2 ? unit : other) + place_of(row, 2 * half + matrix % 2));
      b[0] = both[0];
      b[1] = both[1];
      c[0] = both[2];
      c[1] = both[3];
    } else {
      load_stripe(b, unit, half);
      load_stripe(c, other, half);
    }
  }
  CADENZA_DEVICE static void load_stripe(uint32_t (&b)[2], const unsigned char *unit, int half) {
    if constexpr (by_pieces) {
      uint32_t unused[2];
      load_two_stripes(b, unused, unit, unit, half);
    } else {
      const int row = static_cast<int>(arch::lane() / 4), column = static_cast<int>(arch::lane() % 4) * 2;
#pragma unroll
      for (int j = 0; j < 2; ++j)
        b[j] = Encoded::pair(unit, row, 16 * half + 8 * j + column);
    }
  }
  /// Where piece `piece` of a row lies in a unit of 16-bit elements.
  CADENZA_DEVICE static int place_of(int row, int piece) { return row * 64 + (piece ^ row / 2 % 4) * 16; }

  // Epilogue ----------------------------------------------------------------------------------------------------------

  struct FinishTokens {
    const Args &args;
    int base, first_token, live;
    const float (&sums)[token_blocks][stripes][4];
    template <class Place> CADENZA_DEVICE void operator()(const Place &place) const {
      finish(args, place, base, first_token, live, sums);
    }
  };

  template <class Place>
  CADENZA_DEVICE static void finish(const Args &args, const Place &place, int base, int first_token, int live,
                                    const float (&sums)[token_blocks][stripes][4]) {
    float *values = reinterpret_cast<float *>(arch::shared_memory());
    const Factors factors(args, place.live_rows, first_token, live);
#pragma unroll 1
    for (int pass = 0; pass < passes; ++pass) {
      const int first = first_token + pass * pass_tokens;
      Chained<Place> chained{args, place, base, first, smaller(pass_tokens, live - first), values};
      chained.load(chained.first_mine());
      arch::block_barrier(); // all are done with the ring, or with the pass before
      write_sums(factors, pass, values, sums);
      arch::block_barrier();
      chained.apply();
    }
  }

  /// What this lane's sums are multiplied by: the scales of its rows, the deferred factors of its tokens.
  struct Factors {
    float rows[stripes][2], tokens[token_blocks][2];

    CADENZA_DEVICE Factors(const Args &args, int live_rows, int first_token, int live) {
      const WarpPlace warp = WarpPlace::mine();
      const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
      const Scales scales(args.Operands::matrix);
      const int packed = static_cast<int>(arch::block_index()) / token_block_count() * tiles.rows; // of the block
#pragma unroll
      for (int j = 0; j < stripes; ++j)
#pragma unroll
        for (int i = 0; i < 2; ++i) {
          const int row = warp.row + stripe_rows * j + 2 * t + i;
          rows[j][i] = Scales::any && row / slots < live_rows ? scales.scale(packed + row) : 1.0f;
        }
#pragma unroll
      for (int i = 0; i < token_blocks; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int token = first_token + warp.token + 16 * i + 8 * half + g;
          tokens[i][half] = 1.0f;
          if constexpr (A::deferred)
            tokens[i][half] = token < live ? args.A::ReadFactors::factors[token] : 0.0f;
        }
    }
  };
  using Scales = RowScales<Encoded, Segments::total, Config::columns>;

  /// Writes this warp's sums of the pass as tiles have them: values[token of the pass][slot][row].
  CADENZA_DEVICE static void write_sums(const Factors &factors, int pass, float *values,
                                        const float (&sums)[token_blocks][stripes][4]) {
    struct alignas(8) Pair {
      float x, y;
    };
    const WarpPlace warp = WarpPlace::mine();
    const int g = static_cast<int>(arch::lane() / 4), t = static_cast<int>(arch::lane() % 4);
#pragma unroll
    for (int i = 0; i < token_blocks; ++i) {
      const int block = warp.token + 16 * i - pass * pass_tokens; // in the pass
      if (passes > 1 && (block < 0 || block >= pass_tokens))
        continue;
#pragma unroll
      for (int half = 0; half < 2; ++half)
#pragma unroll
        for (int j = 0; j < stripes; ++j) {
          const int stripe = warp.row / stripe_rows + j;
          float *to = values + (block + 8 * half + g) * sums_stride(tiles.rows) +
                      Finish::place_of(stripe * stripe_rows) + 2 * t;
          *reinterpret_cast<Pair *>(to) = {
              Scales::scaled(sums[i][j][2 * half], factors.rows[j][0], factors.tokens[i][half]),
              Scales::scaled(sums[i][j][2 * half + 1], factors.rows[j][1], factors.tokens[i][half])};
        }
    }
  }

  /// The chain, on the `count` tokens of a pass. Warps take turns, each with `together` neighbouring tokens.
  template <class Place> struct Chained {
    using Loaded = typename Finish::template Loaded<Place>;
    const Args &args;
    const Place &place;
    int base, first, count;
    float *values;
    Loaded next = {};

    CADENZA_DEVICE static int first_mine() { return static_cast<int>(arch::warp()) * Finish::together; }
    CADENZA_DEVICE typename Finish::Token token(int from) const {
      const int index = first + from + Finish::mine();
      return {index, base + index, from + Finish::mine() < count};
    }
    /// Requests what the chain needs of the tokens from the from-th of the pass on.
    CADENZA_DEVICE void load(int from) { Finish::load(args, place, token(from), next); }
    CADENZA_DEVICE void apply() {
      float *scratch = values + pass_tokens * sums_stride(tiles.rows) +
                       static_cast<int>(arch::warp()) * scratch_floats_of(Finish::Shape::rows);
#pragma unroll 1
      for (int from = first_mine(); from < count; from += Finish::together * warps) {
        Loaded loaded = next;
        const typename Finish::Token mine = token(from);
        load(from + Finish::together * warps);
        float *sums = values + (mine.exists ? from + Finish::mine() : from) * sums_stride(tiles.rows);
        Finish::apply(args, place, mine, sums, scratch, loaded);
      }
    }
  };
};

} // namespace cadenza

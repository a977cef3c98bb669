// The epilogue chain of a product of many tokens: what becomes of the sums of some packed rows of a token, which a
// block has left in shared memory. In registers (token_rows.cuh), several tokens a warp at the same time; if functions
// of the chain cannot work so, a warp has one token at a time in shared memory.
#pragma once

#include "chain.cuh"
#include "project.cuh"
#include "token_rows.cuh"

namespace cadenza {

/// Config: segment_rows, interleaved, epilogue, as Project's. block_rows: packed rows that are worked on together.
template <class Config, int block_rows> struct TokenEpilogue {
  using Segments = typename Config::segment_rows;
  using Functions = typename Config::epilogue;
  static constexpr int slots = Config::interleaved ? Segments::segments : 1;
  static_assert(Config::interleaved ? Segments::all_equal() && Segments::total % tile_rows == 0 &&
                                          block_rows % (stripe_rows * slots) == 0
                                    : Segments::start_at_multiples_of(block_rows),
                "a block's rows lie in one segment, or evenly in all");

  struct Shape {
    static constexpr int rows = block_rows / TokenEpilogue::slots, slots = TokenEpilogue::slots;
    using Team = TokenTeam<LaneTeam>;
    static constexpr bool holds_all = Config::interleaved || Segments::segments == 1;
    CADENZA_DEVICE static constexpr int elements(int slot) { return Segments::count(slot); }
  };
  struct WarpTile : Tile<Shape> {
    static constexpr int scratch_floats = scratch_floats_of(Shape::rows);
  };
  static constexpr int lanes = token_lanes(Shape::rows, slots, Functions::row_period);
  static constexpr bool in_registers = lanes > 0;
  static constexpr int together = in_registers ? 32 / lanes : 1; // tokens of a warp at the same time
  template <bool, int slot> struct Kind {
    using type = TokenRows<Shape, lanes, slot>;
  };
  template <int any> struct Kind<false, any> {
    using type = WarpTile;
  };
  template <class RowTile> using Loaded = typename Functions::template Loaded<RowTile>;

  /// body(place): the rows of a block that begin at packed row `row`, of no token yet. Its type is one of each slot,
  /// so that the functions of one slot have all registers.
  template <int slot = 0, class Body> CADENZA_DEVICE static void with_place(int row, Body body) {
    using RowTile = typename Kind<in_registers, slot>::type;
    constexpr bool any_slot = Shape::holds_all || !in_registers;
    RowTile place;
    typename Segments::Place segment{0, 0, Segments::total / slots};
    if constexpr (!Config::interleaved)
      segment = Segments::find(row);
    if constexpr (!any_slot && slot + 1 < Segments::segments)
      if (segment.slot != slot)
        return with_place<slot + 1>(row, body);
    place.first_row = row / slots - segment.first;
    place.live_rows = smaller(RowTile::rows, segment.rows - place.first_row);
    if constexpr (!in_registers)
      place.slot = segment.slot;
    body(place);
  }
  /// Where packed row `row` of a block stands among a token's sums, [slots][rows]: stripes of interleaved segments come
  /// in turn.
  CADENZA_DEVICE static int place_of(int row) {
    const int stripe = row / stripe_rows;
    return slots == 1 ? row : stripe % slots * Shape::rows + stripe / slots * stripe_rows + row % stripe_rows;
  }
  /// Which of `together` tokens this lane works on.
  CADENZA_DEVICE static int mine() { return in_registers ? static_cast<int>(arch::lane()) / (32 / together) : 0; }

  /// A token: its row of edges, its position. All lanes of a warp call what follows together; a token that does not
  /// exist is loaded and stored by nobody.
  struct Token {
    int index, position;
    bool exists;
  };

  /// Requests what the functions need of the token; `loaded` was {} before.
  template <class Args, class RowTile>
  CADENZA_DEVICE static void load(const Args &args, const RowTile &place, const Token &token, Loaded<RowTile> &loaded) {
    if (in_registers || token.exists)
      Functions::load(args, of(place, token), loaded);
  }
  /// sums: the token's, [slots][rows] in shared memory, with room that nobody else writes. scratch: the warp's, of
  /// scratch_floats_of(rows), unless in registers. factors: one or none, which all sums are multiplied by.
  template <class Args, class RowTile, class... Factors>
  CADENZA_DEVICE static void apply(const Args &args, const RowTile &place, const Token &token, float *sums,
                                   float *scratch, Loaded<RowTile> &loaded, Factors... factors) {
    RowTile tile = of(place, token);
    if constexpr (in_registers) {
      tile.take(sums);
      (tile.scale(factors), ...);
      Functions::apply(args, loaded, tile);
    } else if (token.exists) {
      tile.values = sums;
      tile.scratch = scratch;
      (scale(tile, factors), ...);
      Functions::apply(args, loaded, tile);
    }
  }

private:
  CADENZA_DEVICE static void scale(WarpTile &tile, float factor) {
#pragma unroll
    for (int slot = 0; slot < slots; ++slot)
      tile.for_owned([&](int, int row) {
        float &x = tile.values[slot * WarpTile::rows + row];
        x = arch::multiply(x, factor);
      });
  }
  template <class RowTile> CADENZA_DEVICE static RowTile of(const RowTile &place, const Token &token) {
    RowTile tile = place;
    tile.team.token = token.index;
    tile.team.token_position = token.position;
    if constexpr (in_registers)
      tile.exists = token.exists;
    return tile;
  }
};

} // namespace cadenza

// The ordered list of functions that follow the products of a phase (see tile.cuh for their contract), and Store, which
// ends it. Chain<Silu<..>, Mul<..>, Store<0, bf16>> reads as what it does.
#pragma once

#include "tile.cuh"

namespace cadenza {

/// Rows of which a tile in registers (token_rows.cuh) has a thread own the same ones of every `row_period`, so that a
/// function finds those that it works on together; 0: any, 1: a function cannot work there.
CADENZA_OPTIONAL(RowPeriodOf, row_period, 0);

/// The kernel arguments of a chain are those of its functions, in order.
template <class... Functions> struct Chain {
  struct Args {};
  static constexpr int words = 0;
  static constexpr bool is_empty = true;
  static constexpr int row_period = 0;
  template <class Tile> struct Loaded {};
  template <class Tile> CADENZA_DEVICE static void load(const Args &, const Tile &, Loaded<Tile> &) {}
  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &, Tile &) {}
};

template <class First, class... Rest> struct Chain<First, Rest...> {
  using Remaining = Chain<Rest...>;
  static constexpr int words = First::words + Remaining::words;
  static constexpr bool is_empty = false;
  static constexpr int row_period = greatest_divisor(RowPeriodOf<First>::value, Remaining::row_period);

  struct Args : First::Args, Remaining::Args {}; // bases lie in order; empty ones take no room
  static_assert(words == 0 || sizeof(Args) == 8 * words, "arguments are 8-byte words");

  template <class Tile> struct Loaded {
    typename First::template Loaded<Tile> first;
    typename Remaining::template Loaded<Tile> rest;
  };
  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    First::load(args, tile, loaded.first);
    Remaining::load(args, tile, loaded.rest);
  }
  template <class Tile> CADENZA_DEVICE static void apply(const Args &args, Loaded<Tile> &loaded, Tile &tile) {
    First::apply(args, loaded.first, tile);
    Remaining::apply(args, loaded.rest, tile);
  }
};

/// Writes segment `slot` to its edge, rounded to the edge's type. Arguments: [output].
template <int slot, class Type> struct Store {
  struct Args {
    Type *output; // [rows of the segment]
  };
  static constexpr int words = 1;
  template <class Tile> struct Loaded {};
  template <class Tile> CADENZA_DEVICE static void load(const Args &, const Tile &, Loaded<Tile> &) {}
  template <class Tile> CADENZA_DEVICE static void apply(const Args &args, Loaded<Tile> &, Tile &tile) {
    if (!tile.holds(slot))
      return;
    tile.template store_edge<slot>(args.output);
  }
};

} // namespace cadenza

// The tile: the fp32 values that one team of threads (team.cuh; mostly a whole block) computes, in shared memory, and
// the contract of the functions that transform it. A project block's tile holds the rows of its weight tiles, a map
// block's tile a range of each input.
//
// ## Slots
// Segments (runtime/plan/program.h) are numbered by slot. A tile either holds the same range of rows of every slot
// (interleaved matrices, maps), or rows of one slot only, the same for the whole block (concatenated matrices).
//
// ## Contract of an epilogue function F<Config>
//   F::Args                  its kernel arguments, 8-byte words only (possibly none); F::words, their number
//   F::Loaded<Tile>          registers it fills before the products and uses after them
//   F::load(args, tile, loaded)    runs after the grid dependency wait and before the products, so that the latency of
//                            operands hides behind them. Must not touch the tile's values or scratch, nor write.
//   F::apply(args, loaded, tile)   transforms the tile. All threads of the team call it.
// Thread t owns the rows t, t + threads, t + 2 * threads, ... of every slot. A function that reads and writes only its
// own elements issues no barrier. One that touches other elements, or the scratch, starts with a team.barrier() and
// leaves every element written by its owner, or issues another barrier after the last foreign access. Rows at or above
// live_rows do not exist: their values are undefined and must not be stored. Scratch contents do not survive a
// function.
// Some tiles are in registers (token_rows.cuh). A function that reads and writes only its own elements does so through
// value() and serves both kinds; others have another version for `in_registers`.
//
// Vectors of weights (a bias, a norm's gamma) are indexed by row alone; what lies in an edge, by edge_index.
#pragma once

#include "arch.cuh"
#include "shared/token_tiles.h"
#include "team.cuh"

namespace cadenza {

CADENZA_DEVICE constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }
CADENZA_DEVICE constexpr int round_up(int a, int b) { return ceil_div(a, b) * b; }
CADENZA_DEVICE constexpr int larger(int a, int b) { return a > b ? a : b; }
CADENZA_DEVICE constexpr int smaller(int a, int b) { return a < b ? a : b; }
/// Of both; of 0 and a number, that number.
CADENZA_DEVICE constexpr int greatest_divisor(int a, int b) {
  while (b != 0) {
    const int rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/// A trait of configurations: Trait<Config>::value is Config::member, if it has one, else `otherwise`.
#define CADENZA_OPTIONAL(Trait, member, otherwise)                                                                     \
  template <class Config> struct Trait {                                                                               \
    static constexpr auto value = otherwise;                                                                           \
  };                                                                                                                   \
  template <class Config>                                                                                              \
    requires requires { Config::member; }                                                                              \
  struct Trait<Config> {                                                                                               \
    static constexpr auto value = Config::member;                                                                      \
  }

constexpr int cache_line = 128; // bytes
/// Asks for `bytes` bytes from `first` on to be in the L2 cache, by all threads of a block. Of what no kernel writes
/// this may be asked before the grid dependency wait: the memory answers while the kernel before this one still works.
CADENZA_DEVICE void prefetch_all(const void *first, int bytes) {
  for (int i = static_cast<int>(arch::thread_index()) * cache_line; i < bytes;
       i += static_cast<int>(arch::block_threads()) * cache_line)
    arch::prefetch(static_cast<const unsigned char *>(first) + i);
}

/// Four consecutive elements in one access, as floats; `source` is aligned to four elements.
template <class T> CADENZA_DEVICE void load4(const T *source, float (&out)[4]) {
  struct alignas(4 * sizeof(T)) Four {
    T element[4];
  };
  const Four four = *reinterpret_cast<const Four *>(source);
#pragma unroll
  for (int j = 0; j < 4; ++j)
    out[j] = arch::to_float(four.element[j]);
}

/// Its counterpart.
template <class T> CADENZA_DEVICE void store4(T *to, const float *x) {
  if constexpr (sizeof(T) == 2) {
    struct alignas(8) Four {
      uint32_t low, high;
    };
    *reinterpret_cast<Four *>(to) = {arch::pack2<T>(x[0], x[1]), arch::pack2<T>(x[2], x[3])};
  } else {
    struct alignas(4 * sizeof(T)) Four {
      T element[4];
    };
    *reinterpret_cast<Four *>(to) = {arch::from_float<T>(x[0]), arch::from_float<T>(x[1]), arch::from_float<T>(x[2]),
                                     arch::from_float<T>(x[3])};
  }
}

/// Eight 16-bit elements of a 16-byte register quadruple, as floats.
template <class T> CADENZA_DEVICE void unpack8(Vec16 v, float (&out)[8]) {
  const uint32_t word[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    out[2 * j] = arch::low_float<T>(word[j]);
    out[2 * j + 1] = arch::high_float<T>(word[j]);
  }
}

/// Shape has: rows (of one slot), slots (that the tile holds at once), holds_all (whether those are all there are),
/// Team. If that is a TokenTeam, the tile is of the team's token, and Shape::elements(slot) says how many rows the
/// whole segment has, which are the elements of a token in an edge of that segment.
template <class Shape> struct Tile {
  static constexpr int rows = Shape::rows;
  static constexpr int slots = Shape::slots;
  using Team = typename Shape::Team;
  static constexpr int threads = Team::threads;
  static constexpr int warps = Team::warps;
  static constexpr bool holds_all = Shape::holds_all, in_registers = false;
  static constexpr int owned = ceil_div(rows, threads); // rows of a slot that a thread owns
  static constexpr int value_floats = slots * rows;
  static constexpr int scratch_floats = round_up(rows / 8, 4) + 72; // 72: two words a warp, a flag

  Team team;
  float *values;  // [slots][rows]
  float *scratch; // [scratch_floats]
  int slot;       // unless holds_all: the slot whose rows these are
  int first_row;  // row of the segment that row 0 of the tile is
  int live_rows;  // rows of the tile that exist

  /// Whether this tile holds rows of slot `s`. The same in all threads of the team.
  CADENZA_DEVICE bool holds(int s) const { return holds_all || s == slot; }
  CADENZA_DEVICE float *segment(int s) const { return values + (holds_all ? s * rows : 0); } // [rows]
  /// The j-th row that this thread owns, which is `row`, of slot s.
  template <int s> CADENZA_DEVICE float &value(int, int row) const { return segment(s)[row]; }

  /// Where row `row` of the tile lies in an edge with elements of T for the rows of slot `s`.
  template <class T, int s> CADENZA_DEVICE auto edge_index(int row) const {
    if constexpr (requires { team.token; })
      return static_cast<int64_t>(team.token) * token_stride(Shape::elements(s), sizeof(T)) + (first_row + row);
    else
      return first_row + row;
  }

  /// body(j, row) for the j-th row that this thread owns, if it exists.
  template <class Body> CADENZA_DEVICE void for_owned(Body body) const {
#pragma unroll
    for (int j = 0; j < owned; ++j) {
      const int row = team.thread() + j * threads;
      if (row < live_rows)
        body(j, row);
    }
  }

  /// The elements that this thread owns of slot s, rounded, to an edge.
  template <int s, class T> CADENZA_DEVICE void store_edge(T *edge) const {
    const float *from = segment(s);
    for_owned([&](int, int row) { edge[edge_index<T, s>(row)] = arch::from_float<T>(from[row]); });
  }
};

} // namespace cadenza

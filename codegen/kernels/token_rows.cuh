// The rows of a few tokens in registers: the tile (tile.cuh) of a product of many tokens. Some lanes of a warp have a
// token together, so that a warp works on several at once, and nothing waits for shared memory but the first access.
//
// A lane's rows come in quads, so that what it loads and stores has four elements. Of a token that `lanes` lanes have,
// lane l has the rows 4 * (l + q * lanes) .. + 3 of every slot, for q = 0 .. quads - 1. A function that needs other
// rows says so by its row_period (chain.cuh): rows whose distance is a multiple of it are the same lane's.
#pragma once

#include "tile.cuh"

namespace cadenza {

/// Lanes that have a token of `slots` x `rows` rows, or 0, if there is no good number: then a warp has a token, in
/// shared memory. row_period: a multiple of 4 * lanes; 0: any.
CADENZA_DEVICE constexpr int token_lanes(int rows, int slots, int row_period) {
  constexpr int most_owned = 32; // registers for the values of a lane
  const int period = greatest_divisor(rows, row_period);
  if (period % 4 != 0)
    return 0;
  int wanted = 8; // which access 128 bytes
  while (wanted < 32 && slots * rows / wanted > 16)
    wanted *= 2;
  int lanes = 1;
  while (lanes < wanted && period % (8 * lanes) == 0)
    lanes *= 2;
  return slots * rows / lanes > most_owned ? 0 : lanes;
}

/// Whose token it is, and where it is.
struct LanesTeam {
  int token, token_position;
  CADENZA_DEVICE int position(const DecodeState *) const { return token_position; }
};

/// Shape: as Tile's, with elements(slot). held: the slot whose rows these are, unless Shape::holds_all. All lanes of a
/// warp call a function together; those whose token does not exist compute something and store nothing. Rows at or
/// above live_rows have some value.
template <class Shape, int lane_count, int held> struct TokenRows {
  static constexpr int rows = Shape::rows, slots = Shape::slots, lanes = lane_count;
  static constexpr int quads = rows / 4 / lanes, owned = 4 * quads;
  static constexpr bool holds_all = Shape::holds_all, in_registers = true;
  static_assert(rows % (4 * lanes) == 0, "lanes have whole quads, all the same number");

  LanesTeam team;
  bool exists;              // the token
  int first_row, live_rows; // as Tile's
  float values[slots][owned];

  /// Known to the compiler, which leaves out what functions of other slots need.
  CADENZA_DEVICE static constexpr bool holds(int s) { return holds_all || s == held; }
  /// The lane's place among those of its token.
  CADENZA_DEVICE static int lane() { return static_cast<int>(arch::lane()) % lanes; }
  /// Of quad q of this lane.
  CADENZA_DEVICE static int row_of(int q) { return 4 * (lane() + q * lanes); }
  template <int s> CADENZA_DEVICE float *values_of() { return values[holds_all ? s : 0]; }
  template <int s> CADENZA_DEVICE float &value(int j, int) { return values_of<s>()[j]; }
  /// body(j, row) for each value of this lane, whether or not the row exists.
  template <class Body> CADENZA_DEVICE void for_owned(Body body) const {
#pragma unroll
    for (int j = 0; j < owned; ++j)
      body(j, row_of(j / 4) + j % 4);
  }

  /// From [slots][rows] in shared memory.
  CADENZA_DEVICE void take(const float *from) {
#pragma unroll
    for (int s = 0; s < slots; ++s)
#pragma unroll
      for (int q = 0; q < quads; ++q) {
        float four[4];
        load4(from + s * rows + row_of(q), four);
#pragma unroll
        for (int v = 0; v < 4; ++v)
          values[s][4 * q + v] = four[v];
      }
  }
  /// (A product that became one operation with an addition after it would have other bits than one in shared memory.)
  CADENZA_DEVICE void scale(float factor) {
#pragma unroll
    for (int s = 0; s < slots; ++s)
#pragma unroll
      for (int j = 0; j < owned; ++j)
        values[s][j] = arch::multiply(values[s][j], factor);
  }

  /// This lane's elements of a vector of the rows of slot s, or of the token's row of an edge. Others are left alone.
  template <int s, class T> CADENZA_DEVICE void load_vector(const T *vector, float (&out)[owned]) const {
#pragma unroll
    for (int q = 0; q < quads; ++q) {
      const int present = exists ? live_rows - row_of(q) : 0;
      const T *from = vector + (first_row + row_of(q));
      float four[4];
      if (Shape::elements(s) % 4 == 0 ? present > 0 : present >= 4) {
        load4(from, four);
#pragma unroll
        for (int v = 0; v < 4; ++v)
          out[4 * q + v] = four[v];
      } else if (Shape::elements(s) % 4 != 0) {
#pragma unroll
        for (int v = 0; v < 4; ++v)
          if (v < present)
            out[4 * q + v] = arch::to_float(from[v]);
      }
    }
  }
  template <int s, class T> CADENZA_DEVICE void load_edge(const T *edge, float (&out)[owned]) const {
    load_vector<s>(edge + edge_row<s, T>(), out);
  }
  template <int s, class T> CADENZA_DEVICE void store_edge(T *edge) const {
    store_rows<s>(edge, [&](int row) { return edge_row<s, T>() + first_row + row; });
  }
  /// Those of slot s, rounded, to to[index(row)], where four neighbouring rows lie side by side.
  template <int s, class T, class Index> CADENZA_DEVICE void store_rows(T *to, Index index) const {
#pragma unroll
    for (int q = 0; q < quads; ++q) {
      const int present = exists ? live_rows - row_of(q) : 0;
      const float *from = values[holds_all ? s : 0] + 4 * q;
      if (Shape::elements(s) % 4 == 0 ? present > 0 : present >= 4) {
        store4(to + index(row_of(q)), from);
      } else if (Shape::elements(s) % 4 != 0) {
#pragma unroll
        for (int v = 0; v < 4; ++v)
          if (v < present)
            to[index(row_of(q)) + v] = arch::from_float<T>(from[v]);
      }
    }
  }

private:
  template <int s, class T> CADENZA_DEVICE int64_t edge_row() const {
    return static_cast<int64_t>(team.token) * token_stride(Shape::elements(s), sizeof(T));
  }
};

} // namespace cadenza

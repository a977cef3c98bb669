// RMS norm: the one order of its sum, wherever it is computed, and the epilogue function.
//
// The sum of squares of a vector: chunks of 128 elements, or of a smaller power of two from 16 on; lane l adds the
// squares of elements 4l .. 4l+3 of a chunk in ascending order (absent ones are zero), the lanes of a chunk are added
// by an xor butterfly (16, 8, 4, 2, 1 for 128 elements), and the chunk sums in ascending order. Which warp takes which
// chunk, and so the number of threads, does not change the bits.
#pragma once

#include "tile.cuh"

namespace cadenza {

constexpr int norm_chunk = 128;         // of a warp; the usual chunk
constexpr int smallest_norm_chunk = 16; // shared memory has room for the sums of chunks of this size

/// The sum of squares of the chunk of which this lane has four elements, the same bits in every lane of the chunk.
template <int chunk = norm_chunk> CADENZA_DEVICE float chunk_sum_of_squares(const float (&x)[4]) {
  static_assert(chunk >= smallest_norm_chunk && chunk <= norm_chunk && (chunk & (chunk - 1)) == 0);
  float sum = arch::fma(x[3], x[3], arch::fma(x[2], x[2], arch::fma(x[1], x[1], x[0] * x[0])));
#pragma unroll
  for (int mask = chunk / 8; mask > 0; mask /= 2)
    sum += arch::shuffle_xor(sum, mask);
  return sum;
}

/// 1 / sqrt(mean of squares + eps) from the chunk sums of a vector of `size` elements.
template <int size, int chunk = norm_chunk> CADENZA_DEVICE float norm_factor(const float *chunk_sums, float eps) {
  float sum = chunk_sums[0];
#pragma unroll
  for (int i = 1; i < ceil_div(size, chunk); ++i)
    sum += chunk_sums[i];
  return arch::rsqrt(sum / static_cast<float>(size) + eps);
}

/// y[segment] = x * gamma / sqrt(mean(x^2) + eps) over groups of group_size rows. Arguments: [gamma], f32 [group_size].
/// A block's rows are whole groups. Barriers: one before foreign elements are read, one between sums and use.
template <class Config> struct RmsNorm {
  static constexpr int segment = Config::segment, group_size = Config::group_size;
  static constexpr int chunks = ceil_div(group_size, norm_chunk); // of a group

  struct Args {
    const float *gamma;
  };
  static constexpr int words = 1;
  template <class Tile> struct Loaded {
    float gamma[Tile::owned] = {};
  };

  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    if (tile.holds(segment))
      tile.for_owned([&](int j, int row) { loaded.gamma[j] = args.gamma[row % group_size]; });
  }

  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &loaded, Tile &tile) {
    static_assert(Tile::rows % group_size == 0, "a block's rows are whole groups");
    static_assert(Tile::rows / group_size * chunks <= Tile::scratch_floats, "groups have at least 8 rows");
    if (!tile.holds(segment))
      return;
    float *values = tile.segment(segment);
    float *chunk_sums = tile.scratch; // [groups][chunks]
    tile.team.barrier();
    const int lane = static_cast<int>(arch::lane());
    for (int i = tile.team.warp(); i < tile.live_rows / group_size * chunks; i += Tile::warps) {
      const int first = i % chunks * norm_chunk + 4 * lane;
      const float *group = values + i / chunks * group_size;
      float x[4];
#pragma unroll
      for (int j = 0; j < 4; ++j)
        x[j] = first + j < group_size ? group[first + j] : 0.0f;
      const float sum = chunk_sum_of_squares(x);
      if (lane == 0)
        chunk_sums[i] = sum;
    }
    tile.team.barrier();
    tile.for_owned([&](int j, int row) {
      const float factor = norm_factor<group_size>(chunk_sums + row / group_size * chunks, Config::eps);
      values[row] = values[row] * factor * loaded.gamma[j];
    });
  }
};

} // namespace cadenza

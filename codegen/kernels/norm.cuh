// RMS norm and layer norm: the one order of their sums, wherever they are computed, and the epilogue functions.
//
// The sum of squares of a vector: chunks of 128 elements, or of a smaller power of two from 16 on; lane l adds the
// squares of elements 4l .. 4l+3 of a chunk in ascending order (absent ones are zero), the lanes of a chunk are added
// by an xor butterfly (16, 8, 4, 2, 1 for 128 elements), and the chunk sums in ascending order. Which warp takes which
// chunk, and so the number of threads, does not change the bits. A layer norm has two sums a chunk: of its elements,
// and of the squares of their distances from the chunk's own mean, which are put together as Chan, Golub and LeVeque do
// (1983, "Algorithms for computing the sample variance").
#pragma once

#include "tile.cuh"

namespace cadenza {

constexpr int norm_chunk = 128;         // of a warp; the usual chunk
constexpr int smallest_norm_chunk = 16; // shared memory has room for the sums of chunks of this size

/// Elements a chunk of a sum over a whole vector: `norm_chunk`, if the configuration names it.
CADENZA_OPTIONAL(NormChunkOf, norm_chunk, cadenza::norm_chunk);

/// The sum over the lanes of a chunk of what each has, the same bits in every lane.
template <int chunk> CADENZA_DEVICE float add_lanes(float sum) {
#pragma unroll
  for (int mask = chunk / 8; mask > 0; mask /= 2)
    sum += arch::shuffle_xor(sum, mask);
  return sum;
}

CADENZA_DEVICE float sum_of_squares(const float (&x)[4]) {
  return arch::fma(x[3], x[3], arch::fma(x[2], x[2], arch::fma(x[1], x[1], x[0] * x[0])));
}

/// The sum of squares of the chunk of which this lane has four elements, the same bits in every lane of the chunk.
template <int chunk = norm_chunk> CADENZA_DEVICE float chunk_sum_of_squares(const float (&x)[4]) {
  static_assert(chunk >= smallest_norm_chunk && chunk <= norm_chunk && (chunk & (chunk - 1)) == 0);
  return add_lanes<chunk>(sum_of_squares(x));
}

/// The mean of a vector of `size` elements from its chunk sums.
template <int size, int chunk = norm_chunk> CADENZA_DEVICE float mean_of_chunks(const float *chunk_sums) {
  float sum = chunk_sums[0];
#pragma unroll
  for (int i = 1; i < ceil_div(size, chunk); ++i)
    sum += chunk_sums[i];
  return sum / static_cast<float>(size);
}

/// 1 / sqrt(mean of squares + eps) from the chunk sums of a vector of `size` elements.
template <int size, int chunk = norm_chunk> CADENZA_DEVICE float norm_factor(const float *chunk_sums, float eps) {
  return arch::rsqrt(mean_of_chunks<size, chunk>(chunk_sums) + eps);
}

/// What a layer norm needs to know of a vector: its mean, and 1 / sqrt(mean of the squares of distances from it + eps).
struct Moments {
  float mean, factor;
};

/// The sum of the `present` elements of a chunk, of which this lane has four (absent ones are zero), and the sum of the
/// squares of their distances from their mean; the same bits in every lane of the chunk.
template <int chunk = norm_chunk>
CADENZA_DEVICE void chunk_moments(const float (&x)[4], int present, float &sum, float &squares) {
  sum = add_lanes<chunk>(x[0] + x[1] + x[2] + x[3]);
  const float mean = sum / static_cast<float>(present);
  const int first = 4 * static_cast<int>(arch::lane()) % chunk;
  float distance[4];
#pragma unroll
  for (int j = 0; j < 4; ++j)
    distance[j] = first + j < present ? x[j] - mean : 0.0f;
  squares = chunk_sum_of_squares<chunk>(distance);
}

/// Of a vector of `size` elements, from the sums and squares of its chunks.
template <int size, int chunk = norm_chunk>
CADENZA_DEVICE Moments moments_of_chunks(const float *sums, const float *squares, float eps) {
  const float mean = mean_of_chunks<size, chunk>(sums);
  float total = 0.0f;
#pragma unroll 8
  for (int i = 0; i < ceil_div(size, chunk); ++i) {
    const float present = static_cast<float>(smaller(chunk, size - i * chunk)), distance = sums[i] / present - mean;
    total = arch::fma(present * distance, distance, total + squares[i]);
  }
  return {mean, arch::rsqrt(total / static_cast<float>(size) + eps)};
}

/// y[segment] = x * gamma / sqrt(mean(x^2) + eps) over groups of group_size rows. Arguments: [gamma], f32 [group_size].
/// A block's rows are whole groups. Barriers: one before foreign elements are read, one between sums and use.
template <class Config> struct RmsNorm {
  static constexpr int segment = Config::segment, group_size = Config::group_size;
  static constexpr float eps = Config::eps;
  static constexpr int chunk = NormChunkOf<Config>::value, chunks = ceil_div(group_size, chunk); // of a group
  static constexpr int spans = ceil_div(group_size, norm_chunk);                                 // that warps take
  static constexpr int row_period = chunk == norm_chunk ? group_size : 1;

  struct Args {
    const float *gamma;
  };
  static constexpr int words = 1;
  template <class Tile> struct Loaded {
    float gamma[Tile::owned] = {}; // unless in registers: there, many tokens have the same
  };

  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    if constexpr (!Tile::in_registers)
      if (tile.holds(segment))
        tile.for_owned([&](int j, int row) { loaded.gamma[j] = args.gamma[row % group_size]; });
  }

  template <class Tile> CADENZA_DEVICE static void apply(const Args &args, Loaded<Tile> &loaded, Tile &tile) {
    static_assert(Tile::rows % group_size == 0, "a block's rows are whole groups");
    if constexpr (Tile::in_registers) {
      if (tile.holds(segment))
        apply_in_registers(args, tile);
    } else {
      apply_in_shared(loaded, tile);
    }
  }

  /// One element. (A product that became one operation with an addition after it in one schedule would have other bits
  /// in another.)
  CADENZA_DEVICE static float of(float x, float factor, float gamma) { return arch::multiply(x * factor, gamma); }

private:
  template <class Tile> CADENZA_DEVICE static void apply_in_shared(Loaded<Tile> &loaded, Tile &tile) {
    static_assert(Tile::rows / group_size * chunks <= Tile::scratch_floats, "groups have at least 8 rows");
    if (!tile.holds(segment))
      return;
    float *values = tile.segment(segment);
    float *chunk_sums = tile.scratch; // [groups][chunks]
    tile.team.barrier();
    const int lane = static_cast<int>(arch::lane());
    for (int i = tile.team.warp(); i < tile.live_rows / group_size * spans; i += Tile::warps) {
      const int first = i % spans * norm_chunk + 4 * lane;
      const float *group = values + i / spans * group_size;
      float x[4];
#pragma unroll
      for (int j = 0; j < 4; ++j)
        x[j] = first + j < group_size ? group[first + j] : 0.0f;
      const float sum = chunk_sum_of_squares<chunk>(x);
      if (4 * lane % chunk == 0 && (spans * norm_chunk == group_size || first < group_size))
        chunk_sums[i / spans * chunks + first / chunk] = sum;
    }
    tile.team.barrier();
    tile.for_owned([&](int j, int row) {
      const float factor = norm_factor<group_size, chunk>(chunk_sums + row / group_size * chunks, Config::eps);
      values[row] = of(values[row], factor, loaded.gamma[j]);
    });
  }

  /// The lanes of a token have whole quads of a group, the same number each.
  template <class Tile> CADENZA_DEVICE static void apply_in_registers(const Args &args, Tile &tile) {
    constexpr int quads = group_size / 4 / Tile::lanes; // of a group that a lane has
    float gamma[quads][4];
#pragma unroll
    for (int q = 0; q < quads; ++q)
      load4(args.gamma + tile.row_of(q), gamma[q]);
#pragma unroll
    for (int group = 0; group < Tile::rows / group_size; ++group) {
      float *x = tile.template values_of<segment>() + group * 4 * quads;
      float sums[chunks];
      add_squares<Tile::lanes>(x, sums);
      const float factor = norm_factor<group_size>(sums, Config::eps);
#pragma unroll
      for (int q = 0; q < quads; ++q)
#pragma unroll
        for (int v = 0; v < 4; ++v)
          x[4 * q + v] = of(x[4 * q + v], factor, gamma[q][v]);
    }
  }

  /// The sums of squares of a group's chunks, in the order of chunk_sum_of_squares: of the xor butterfly, the first
  /// additions are of quads that the same lane has.
  template <int lanes> CADENZA_DEVICE static void add_squares(const float *x, float (&sums)[chunks]) {
    constexpr int chunk_quads = norm_chunk / 4 / lanes, quads = group_size / 4 / lanes;
#pragma unroll
    for (int c = 0; c < chunks; ++c) {
      float quad[chunk_quads] = {};
#pragma unroll
      for (int q = 0; q < smaller(chunk_quads, quads - c * chunk_quads); ++q) {
        const float *four = x + 4 * (c * chunk_quads + q);
        quad[q] = sum_of_squares({four[0], four[1], four[2], four[3]});
      }
#pragma unroll
      for (int half = chunk_quads / 2; half > 0; half /= 2)
#pragma unroll
        for (int q = 0; q < half; ++q)
          if (c * chunk_quads + q + half < quads) // the others are zero
            quad[q] += quad[q + half];
      sums[c] = add_lanes<4 * lanes>(quad[0]);
    }
  }
};

/// What a layer norm multiplies by and adds. Arguments: [gamma] or, with Norm::bias, [gamma, beta], each f32.
template <class Norm> struct LayerNormWeights {
  struct Gamma {
    const float *gamma;
  };
  template <bool bias, class = void> struct With : Gamma {
    const float *beta;
  };
  template <class Any> struct With<false, Any> : Gamma {};
  using Args = With<Norm::bias>;
  static constexpr int words = 1 + Norm::bias;
};

/// y[segment] = (x - mean) / sqrt(mean((x - mean)^2) + eps) * gamma + beta over groups of group_size rows. A block's
/// rows are whole groups. Barriers: one before foreign elements are read, one between sums and use.
template <class Config> struct LayerNorm {
  static constexpr int segment = Config::segment, group_size = Config::group_size;
  static constexpr int chunks = ceil_div(group_size, norm_chunk); // of a group
  static constexpr int row_period = 1;

  using Args = typename LayerNormWeights<Config>::Args;
  static constexpr int words = LayerNormWeights<Config>::words;
  template <class Tile> struct Loaded {
    float gamma[Tile::owned] = {}, beta[Tile::owned] = {};
  };

  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    if (!tile.holds(segment))
      return;
    tile.for_owned([&](int j, int row) {
      loaded.gamma[j] = args.gamma[row % group_size];
      if constexpr (Config::bias)
        loaded.beta[j] = args.beta[row % group_size];
    });
  }

  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &loaded, Tile &tile) {
    constexpr int most_sums = Tile::rows / group_size * chunks;
    static_assert(Tile::rows % group_size == 0, "a block's rows are whole groups");
    static_assert(2 * most_sums <= Tile::scratch_floats, "groups have at least 16 rows");
    static_assert(NormChunkOf<Config>::value == norm_chunk, "no schedule has other chunks for a layer norm in a map");
    if (!tile.holds(segment))
      return;
    float *values = tile.segment(segment);
    float *sums = tile.scratch, *squares = sums + most_sums; // [groups][chunks]
    tile.team.barrier();
    const int lane = static_cast<int>(arch::lane());
    for (int i = tile.team.warp(); i < tile.live_rows / group_size * chunks; i += Tile::warps) {
      const int first = i % chunks * norm_chunk, present = smaller(norm_chunk, group_size - first);
      const float *chunk = values + i / chunks * group_size + first;
      float x[4], sum, square;
#pragma unroll
      for (int j = 0; j < 4; ++j)
        x[j] = 4 * lane + j < present ? chunk[4 * lane + j] : 0.0f;
      chunk_moments(x, present, sum, square);
      if (lane == 0) {
        sums[i] = sum;
        squares[i] = square;
      }
    }
    tile.team.barrier();
    tile.for_owned([&](int j, int row) {
      const int group = row / group_size * chunks;
      const Moments moments = moments_of_chunks<group_size>(sums + group, squares + group, Config::eps);
      values[row] = of(values[row], moments, loaded.gamma[j], loaded.beta[j]);
    });
  }

  /// One element.
  CADENZA_DEVICE static float of(float x, const Moments &moments, float gamma, float beta) {
    const float scaled = (x - moments.mean) * moments.factor;
    return Config::bias ? arch::fma(scaled, gamma, beta) : scaled * gamma;
  }
};

} // namespace cadenza

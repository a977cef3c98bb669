// What happens to the input vector of a project phase before the products: it becomes the weight type's activation in
// shared memory, padded with zeros to whole steps (shared/encoding.h).
//
// Contract of a prologue P<Config>:
//   P::Args, P::words   its kernel arguments
//   load_weights(args)  before the grid dependency wait: may read weights only
//   load_input(input)   after it: requests this thread's part of the input, so that other loads can follow at once
//   apply(activation, sums)    all threads of the team; both are complete after the barrier that the caller issues
//   factor(sums)        what every row is multiplied by after the products
// and, for the persistent kernel, in which one lane has four consecutive elements of the residual stream:
//   P::chunk, P::sum_sets   elements a chunk, 0: no sums; sums a chunk, each in a run of its own
//   sums_of(x, take)    take(set, sum) for each sum of the chunk of which this lane has elements x
//   Statistics, statistics_of(sums)    what all sums amount to
//   Quad, load_quad(args, first, quad)    requests what transforms elements first .. first+3
//   transform(x, quad, statistics, y)     those elements as the products see them
//   P::defers           whether they are so without the statistics, which are then not looked at
#pragma once

#include "norm.cuh"
#include "shared/encoding.h"
#include "tile.cuh"

namespace cadenza {

/// Sums that a norm has of a chunk, at most.
CADENZA_OPTIONAL(NormSumsOf, norm_sums, 1);

/// Where a prologue leaves its result, and what it works on.
template <class Config> struct Activation {
  using Type = typename Config::weight_type;
  static constexpr int columns = Config::columns;
  static constexpr int padded = padded_columns(columns);
  static constexpr int chunks = ceil_div(columns, norm_chunk); // that warps take
  /// Room for the sums of chunks, `norm_sums` each, if the configuration says so.
  static constexpr int sums_floats = NormSumsOf<Config>::value * round_up(ceil_div(columns, smallest_norm_chunk), 4);
  using Team = typename TeamOf<Config>::type;

  /// Rounds four consecutive elements; `first` is a multiple of 4 below `padded`.
  CADENZA_DEVICE static void store4(Type *activation, int first, const float (&x)[4]) {
    struct alignas(8) Four {
      uint32_t low, high;
    };
    *reinterpret_cast<Four *>(activation + first) = {arch::pack2<Type>(x[0], x[1]), arch::pack2<Type>(x[2], x[3])};
  }

  /// Elements first .. first+3 of a vector of `columns`, zero beyond its end.
  template <class T> CADENZA_DEVICE static void load_padded(const T *vector, int first, float (&x)[4]) {
#pragma unroll
    for (int j = 0; j < 4; ++j)
      x[j] = columns % 4 != 0 && first + j < columns ? arch::to_float(vector[first + j]) : 0.0f;
    if (columns % 4 == 0 && first < columns)
      load4(vector + first, x);
  }
};

/// The input itself, rounded to the weight type. No arguments.
template <class Config> struct PlainPrologue {
  using A = Activation<Config>;
  static constexpr int quads = ceil_div(A::padded / 4, A::Team::threads); // of a thread
  static constexpr int early = smaller(quads, 2);                         // that load_input requests
  struct Args {};
  static constexpr int words = 0;
  const typename Config::input_type *rest;
  float x[early][4];

  CADENZA_DEVICE static int first(int q) { return 4 * (A::Team::thread() + q * A::Team::threads); }

  CADENZA_DEVICE void load_weights(const Args &) {}
  CADENZA_DEVICE void load_input(const typename Config::input_type *input) {
    rest = input;
#pragma unroll
    for (int q = 0; q < early; ++q)
      A::load_padded(input, first(q), x[q]);
  }
  CADENZA_DEVICE void apply(typename A::Type *activation, float *) {
#pragma unroll
    for (int q = 0; q < early; ++q)
      if (first(q) < A::padded)
        A::store4(activation, first(q), x[q]);
#pragma unroll 2
    for (int q = early; q < quads; ++q) {
      A::load_padded(rest, first(q), x[0]);
      if (first(q) < A::padded)
        A::store4(activation, first(q), x[0]);
    }
  }
  CADENZA_DEVICE static float factor(const float *) { return 1.0f; }

  static constexpr int chunk = 0, sum_sets = 0;
  template <class Take> CADENZA_DEVICE static void sums_of(const float (&)[4], Take) {}
  static constexpr bool defers = true;
  struct Statistics {};
  struct Quad {};
  CADENZA_DEVICE static void load_quad(const Args &, int, Quad &) {}
  CADENZA_DEVICE static void transform(const float (&x)[4], const Quad &, Statistics, float (&y)[4]) {
#pragma unroll
    for (int j = 0; j < 4; ++j)
      y[j] = x[j];
  }
};

/// x * gamma / sqrt(mean(x^2) + eps). With defer_scale the products see x * gamma, so that no barrier stands between
/// reading x and using it, and the factor is applied to the sums. Arguments: [gamma], f32 [columns]. Norm: group_size,
/// defer_scale, eps.
template <class Config, class Norm> struct RmsNormPrologue {
  using A = Activation<Config>;
  static_assert(Norm::group_size == A::columns, "the norm is over the whole vector");
  static constexpr int chunk = NormChunkOf<Config>::value;
  static constexpr int chunks_per_warp = ceil_div(A::chunks, A::Team::warps);

  struct Args {
    const float *gamma;
  };
  static constexpr int words = 1;
  float gamma[chunks_per_warp][4], x[chunks_per_warp][4];

  /// The c-th 128 elements of this warp, and this lane's first one of them.
  CADENZA_DEVICE static int index(int c) { return A::Team::warp() + c * A::Team::warps; }
  CADENZA_DEVICE static int first(int c) { return index(c) * norm_chunk + 4 * static_cast<int>(arch::lane()); }

  CADENZA_DEVICE void load_weights(const Args &args) {
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c)
      A::load_padded(args.gamma, first(c), gamma[c]);
  }

  CADENZA_DEVICE void load_input(const typename Config::input_type *input) {
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c)
      A::load_padded(input, first(c), x[c]);
  }

  CADENZA_DEVICE void apply(typename A::Type *activation, float *sums) {
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c) {
      if (index(c) >= A::chunks)
        break;
      const float sum = chunk_sum_of_squares<chunk>(x[c]);
      if (first(c) % chunk == 0 && first(c) < A::columns)
        sums[first(c) / chunk] = sum;
    }
    float factor = 1.0f;
    if (!Norm::defer_scale) {
      A::Team::barrier(); // all chunk sums are there
      factor = norm_factor<A::columns, chunk>(sums, Norm::eps);
    }
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c) {
      float y[4];
#pragma unroll
      for (int j = 0; j < 4; ++j)
        y[j] = x[c][j] * factor * gamma[c][j];
      if (first(c) < A::padded)
        A::store4(activation, first(c), y);
    }
  }

  CADENZA_DEVICE static float factor(const float *sums) { return Norm::defer_scale ? statistics_of(sums) : 1.0f; }

  static constexpr int sum_sets = 1;
  template <class Take> CADENZA_DEVICE static void sums_of(const float (&x)[4], Take take) {
    take(0, chunk_sum_of_squares<chunk>(x));
  }
  static constexpr bool defers = Norm::defer_scale;
  using Statistics = float; // the factor
  CADENZA_DEVICE static float statistics_of(const float *sums) {
    return norm_factor<A::columns, chunk>(sums, Norm::eps);
  }
  struct Quad {
    float gamma[4] = {};
  };
  CADENZA_DEVICE static void load_quad(const Args &args, int first, Quad &quad) {
    A::load_padded(args.gamma, first, quad.gamma);
  }
  CADENZA_DEVICE static void transform(const float (&x)[4], const Quad &quad, float factor, float (&y)[4]) {
#pragma unroll
    for (int j = 0; j < 4; ++j)
      y[j] = defers ? x[j] * quad.gamma[j] : x[j] * factor * quad.gamma[j];
  }
};

/// (x - mean) / sqrt(mean((x - mean)^2) + eps) * gamma + beta. Nothing is deferred: the mean's part and beta would take
/// a product of the matrix each. A barrier stands between reading x and using it. Norm: group_size, bias, eps.
template <class Config, class Norm> struct LayerNormPrologue {
  using A = Activation<Config>;
  static_assert(Norm::group_size == A::columns, "the norm is over the whole vector");
  static_assert(NormSumsOf<Config>::value == 2, "there is room for the sums of elements and of squares");
  static constexpr int chunk = NormChunkOf<Config>::value, all_chunks = ceil_div(A::columns, chunk);
  using Function = LayerNorm<Norm>;
  static constexpr int chunks_per_warp = ceil_div(A::chunks, A::Team::warps);

  using Args = typename LayerNormWeights<Norm>::Args;
  static constexpr int words = LayerNormWeights<Norm>::words;
  float gamma[chunks_per_warp][4], beta[chunks_per_warp][4], x[chunks_per_warp][4];

  /// The c-th 128 elements of this warp, and this lane's first one of them.
  CADENZA_DEVICE static int index(int c) { return A::Team::warp() + c * A::Team::warps; }
  CADENZA_DEVICE static int first(int c) { return index(c) * norm_chunk + 4 * static_cast<int>(arch::lane()); }

  CADENZA_DEVICE void load_weights(const Args &args) {
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c) {
      A::load_padded(args.gamma, first(c), gamma[c]);
      if constexpr (Norm::bias)
        A::load_padded(args.beta, first(c), beta[c]);
    }
  }

  CADENZA_DEVICE void load_input(const typename Config::input_type *input) {
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c)
      A::load_padded(input, first(c), x[c]);
  }

  CADENZA_DEVICE void apply(typename A::Type *activation, float *sums) {
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c) {
      if (index(c) >= A::chunks)
        break;
      float sum, square;
      chunk_moments<chunk>(x[c], smaller(chunk, A::columns - first(c) / chunk * chunk), sum, square);
      if (first(c) % chunk == 0 && first(c) < A::columns) {
        sums[first(c) / chunk] = sum;
        sums[all_chunks + first(c) / chunk] = square;
      }
    }
    A::Team::barrier(); // all sums are there
    const Moments moments = statistics_of(sums);
#pragma unroll
    for (int c = 0; c < chunks_per_warp; ++c) {
      float y[4];
#pragma unroll
      for (int j = 0; j < 4; ++j)
        y[j] = Function::of(x[c][j], moments, gamma[c][j], beta[c][j]); // 0 beyond the end
      if (first(c) < A::padded)
        A::store4(activation, first(c), y);
    }
  }

  CADENZA_DEVICE static float factor(const float *) { return 1.0f; }

  static constexpr int sum_sets = 2;
  template <class Take> CADENZA_DEVICE static void sums_of(const float (&x)[4], Take take) {
    static_assert(A::columns % chunk == 0, "ranks have whole chunks");
    float sum, squares;
    chunk_moments<chunk>(x, chunk, sum, squares);
    take(0, sum);
    take(1, squares);
  }
  static constexpr bool defers = false;
  using Statistics = Moments;
  CADENZA_DEVICE static Moments statistics_of(const float *sums) {
    return moments_of_chunks<A::columns, chunk>(sums, sums + all_chunks, Norm::eps);
  }
  struct Quad {
    float gamma[4] = {}, beta[4] = {};
  };
  CADENZA_DEVICE static void load_quad(const Args &args, int first, Quad &quad) {
    A::load_padded(args.gamma, first, quad.gamma);
    if constexpr (Norm::bias)
      A::load_padded(args.beta, first, quad.beta);
  }
  CADENZA_DEVICE static void transform(const float (&x)[4], const Quad &quad, const Moments &moments, float (&y)[4]) {
#pragma unroll
    for (int j = 0; j < 4; ++j)
      y[j] = Function::of(x[j], moments, quad.gamma[j], quad.beta[j]);
  }
};

} // namespace cadenza

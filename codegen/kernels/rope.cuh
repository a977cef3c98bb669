// Rotary position embedding: of a head's first rotary_dim elements, element i < rotary_dim/2 is rotated with element
// i + rotary_dim/2, or, interleaved, element 2i with element 2i + 1.
#pragma once

#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

/// Arguments: [table, state]; table is f32 [context][rotary_dim/2][2], (cos, sin). A block's rows are whole heads.
/// Barriers: one before foreign elements are read, one before they are overwritten.
template <class Config, bool interleaved> struct Rotation {
  static constexpr int segment = Config::segment, head_dim = Config::head_dim, rotary_dim = Config::rotary_dim;
  static constexpr int half = rotary_dim / 2;
  static_assert(rotary_dim % 2 == 0 && rotary_dim <= head_dim);
  static constexpr int row_period = interleaved ? head_dim : greatest_divisor(half, head_dim);

  struct Args {
    const float *table;
    const DecodeState *state;
  };
  static constexpr int words = 2;
  struct alignas(8) Angle {
    float cosine, sine;
  };
  template <class Tile> struct Loaded {
    float cosine[Tile::owned] = {};
    float sine[Tile::owned] = {}; // negated for the first of a pair, unless in registers: there, one for a pair
  };

  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    if (!tile.holds(segment))
      return;
    const Angle *angles = reinterpret_cast<const Angle *>(args.table) +
                          static_cast<uint64_t>(tile.team.position(args.state)) * half; // [half]
    if constexpr (Tile::in_registers) {
      if (tile.exists)
        load_pairs(angles, loaded, tile);
      return;
    }
    tile.for_owned([&](int j, int row) {
      const int i = row % head_dim;
      if (i >= rotary_dim)
        return;
      const Angle angle = angles[interleaved ? i / 2 : i % half];
      loaded.cosine[j] = angle.cosine;
      loaded.sine[j] = (interleaved ? i % 2 == 0 : i < half) ? -angle.sine : angle.sine;
    });
  }

  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &loaded, Tile &tile) {
    static_assert(Tile::rows % head_dim == 0, "a block's rows are whole heads");
    if (!tile.holds(segment))
      return;
    if constexpr (Tile::in_registers)
      rotate_pairs(loaded, tile);
    else
      rotate_in_shared(loaded, tile);
  }

private:
  template <class Tile> CADENZA_DEVICE static void rotate_in_shared(Loaded<Tile> &loaded, Tile &tile) {
    float *values = tile.segment(segment);
    float partner[Tile::owned] = {};
    tile.team.barrier();
    tile.for_owned([&](int j, int row) {
      const int i = row % head_dim;
      if (i < rotary_dim)
        partner[j] = values[interleaved ? row ^ 1 : i < half ? row + half : row - half];
    });
    tile.team.barrier();
    tile.for_owned([&](int j, int row) {
      if (row % head_dim < rotary_dim)
        values[row] = arch::fma(partner[j], loaded.sine[j], values[row] * loaded.cosine[j]);
    });
  }

  // In registers, a lane has both of a pair. Pairs of a head that a lane has, whether or not they are rotated.
  template <class Tile> static constexpr int pairs = (interleaved ? head_dim / 2 : half) / Tile::lanes;

  template <class Tile>
  CADENZA_DEVICE static void load_pairs(const Angle *angles, Loaded<Tile> &loaded, const Tile &tile) {
    struct alignas(16) Two {
      Angle angle[2];
    };
#pragma unroll
    for (int p = 0; p < pairs<Tile>; p += 2) {
      if constexpr (interleaved) {
        const int first = tile.row_of(p / 2); // of a quad, which has two pairs
#pragma unroll
        for (int i = 0; i < 2; ++i)
          if (first + 2 * i < rotary_dim)
            set(loaded, p + i, angles[first / 2 + i]);
      } else {
        const Two two = *reinterpret_cast<const Two *>(angles + tile.row_of(p / 4) + p % 4);
        set(loaded, p, two.angle[0]);
        set(loaded, p + 1, two.angle[1]);
      }
    }
  }
  template <class Loaded> CADENZA_DEVICE static void set(Loaded &loaded, int pair, Angle angle) {
    loaded.cosine[pair] = angle.cosine;
    loaded.sine[pair] = angle.sine;
  }

  template <class Tile> CADENZA_DEVICE static void rotate_pairs(const Loaded<Tile> &loaded, Tile &tile) {
#pragma unroll
    for (int head = 0; head < Tile::rows / head_dim; ++head) {
      float *x = tile.template values_of<segment>() + head * (head_dim / Tile::lanes);
#pragma unroll
      for (int p = 0; p < pairs<Tile>; ++p) {
        if (interleaved && rotary_dim < head_dim && tile.row_of(p / 2) + 2 * (p % 2) >= rotary_dim)
          continue;
        float &a = x[interleaved ? 2 * p : p], &b = x[interleaved ? 2 * p + 1 : p + pairs<Tile>];
        const float first = a;
        a = arch::fma(b, -loaded.sine[p], a * loaded.cosine[p]);
        b = arch::fma(first, loaded.sine[p], b * loaded.cosine[p]);
      }
    }
  }
};

template <class Config> struct Rope : Rotation<Config, false> {};
template <class Config> struct RopeInterleaved : Rotation<Config, true> {};

} // namespace cadenza

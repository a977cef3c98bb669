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

  struct Args {
    const float *table;
    const DecodeState *state;
  };
  static constexpr int words = 2;
  template <class Tile> struct Loaded {
    float cosine[Tile::owned] = {};
    float sine[Tile::owned] = {}; // negated for the first of a pair
  };

  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    if (!tile.holds(segment))
      return;
    struct alignas(8) Angle {
      float cosine, sine;
    };
    const Angle *angles = reinterpret_cast<const Angle *>(args.table) +
                          static_cast<uint64_t>(tile.team.position(args.state)) * half; // [half]
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
};

template <class Config> struct Rope : Rotation<Config, false> {};
template <class Config> struct RopeInterleaved : Rotation<Config, true> {};

} // namespace cadenza

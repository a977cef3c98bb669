// Stores the key and the value of this position into the cache.
#pragma once

#include "cache.cuh"
#include "shared/state.h"
#include "tile.cuh"

namespace cadenza {

/// Arguments: [cache key, cache value, state, the cache's positions]; each cache tensor is
/// [kv_heads][positions][head_dim]. Consumes the segments `key` and `value`. No barrier: each thread stores the rows it
/// owns.
template <class Config> struct KvAppend {
  static constexpr int head_dim = Config::head_dim, row_period = head_dim % 4 == 0 ? 0 : 1;
  using Type = typename Config::cache_type;

  struct Args {
    Type *key;
    Type *value;
    const DecodeState *state;
    uint64_t positions; // that the cache has room for
  };
  static constexpr int words = 4;
  template <class Tile> struct Loaded {
    int place; // of the position
  };

  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    loaded.place = cache_place<Config>(tile.team.position(args.state), args.positions);
  }

  template <class Tile> CADENZA_DEVICE static void apply(const Args &args, Loaded<Tile> &loaded, Tile &tile) {
    append<Config::key>(args.key, args.positions, loaded.place, tile);
    append<Config::value>(args.value, args.positions, loaded.place, tile);
  }

private:
  template <int slot, class Tile>
  CADENZA_DEVICE static void append(Type *cache, uint64_t positions, int place, const Tile &tile) {
    if (!tile.holds(slot))
      return;
    if constexpr (Tile::in_registers) {
      tile.template store_rows<slot>(cache, [&](int row) {
        const int head = (tile.first_row + row) / head_dim, element = (tile.first_row + row) % head_dim;
        return (static_cast<int64_t>(head) * static_cast<int64_t>(positions) + place) * head_dim + element;
      });
    } else {
      const float *values = tile.segment(slot);
      tile.for_owned([&](int, int row) {
        const int head = (tile.first_row + row) / head_dim, element = (tile.first_row + row) % head_dim;
        cache[(static_cast<uint64_t>(head) * positions + static_cast<uint64_t>(place)) * head_dim +
              static_cast<uint64_t>(element)] = arch::from_float<Type>(values[row]);
      });
    }
  }
};

} // namespace cadenza

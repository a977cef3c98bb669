// Where a KV cache keeps a position.
#pragma once

#include "tile.cuh"

namespace cadenza {

/// Whether some of a phase's caches are rings, which keep their last positions only: `ring_cache`, if its configuration
/// says so. The others have room for all positions.
CADENZA_OPTIONAL(HasRingCache, ring_cache, false);

/// The place of a position in a cache with room for `positions`: the position that many earlier lies there before.
template <class Config> CADENZA_DEVICE int cache_place(int position, uint64_t positions) {
  if constexpr (HasRingCache<Config>::value)
    return position % static_cast<int>(positions);
  return position;
}

} // namespace cadenza

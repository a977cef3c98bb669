// What a sequence leaves in the KV caches, and where it lies: for keeping it in a file.
#pragma once

#include "runtime/plan/program.h"

#include <cstdint>
#include <vector>

namespace cadenza {

/// Of the last sequence.
struct CacheState {
  int64_t length = 0;  // positions from 0 on that hold keys and values of its tokens
  int64_t reached = 0; // the largest position whose place in a ring may have been overwritten, plus one; length or more
  bool isLong = false; // whether keys were rotated by the angles of a long sequence (longAfter)
  bool operator==(const CacheState &) const = default;
};

/// Bytes of one head's keys or values that lie together.
struct CachePart {
  uint32_t cache = 0;
  bool isValue = false;
  uint64_t offset = 0, bytes = 0; // in that tensor of the cache
};

/// How many positions of a cache are to be kept of a state: those of the sequence, or, of a ring, all places that were
/// used. `context`: of the executor.
int64_t placesOf(const Cache &cache, int64_t context, const CacheState &state);

/// All of a state: keys before values, head by head, cache by cache.
std::vector<CachePart> cacheParts(const Program &program, int64_t context, const CacheState &state);

} // namespace cadenza

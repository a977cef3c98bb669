#include "runtime/decode/cache_state.h"

#include <algorithm>

namespace cadenza {

int64_t placesOf(const Cache &cache, int64_t context, const CacheState &state) {
  const int64_t kept = cachePositions(cache, context);
  return kept < context ? std::min(state.reached, kept) : state.length;
}

std::vector<CachePart> cacheParts(const Program &program, int64_t context, const CacheState &state) {
  std::vector<CachePart> parts;
  for (uint32_t index = 0; index < program.caches.size(); ++index) {
    const Cache &cache = program.caches[index];
    const auto position = static_cast<uint64_t>(cache.headDim) * dtypeSize(cache.dtype),
               head = static_cast<uint64_t>(cachePositions(cache, context)) * position,
               bytes = static_cast<uint64_t>(placesOf(cache, context, state)) * position;
    for (const bool isValue : {false, true})
      for (int64_t h = 0; h < cache.kvHeads; ++h)
        parts.push_back({index, isValue, static_cast<uint64_t>(h) * head, bytes});
  }
  return parts;
}

} // namespace cadenza

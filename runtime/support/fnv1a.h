// FNV-1a (Fowler, Noll, Vo), 64 bits: for names and keys, not against anyone who looks for a collision.
#pragma once

#include <cstdint>
#include <string_view>

namespace cadenza {

/// Of `bytes`, after those that gave `hash`.
constexpr uint64_t fnv1a(std::string_view bytes, uint64_t hash = 0xcbf29ce484222325u) {
  for (char c : bytes)
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

static_assert(fnv1a("a") == 0xaf63dc4c8601ec8cu); // of the authors' test vectors

} // namespace cadenza

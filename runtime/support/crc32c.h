// CRC-32C (Castagnoli): the checksum of every section of a plan. Uses the SSE4.2 instruction where the processor has
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace cadenza {

/// The CRC-32C of `bytes` that follow bytes whose CRC-32C is `previous` (0: none).
uint32_t crc32c(std::span<const std::byte> bytes, uint32_t previous = 0);

/// The same by table lookup, on any processor; crc32c chooses. Public for tests.
uint32_t crc32cPortable(std::span<const std::byte> bytes, uint32_t previous = 0);

/// The CRC-32C of a then b, from that of each and the length of b in bytes: so parts can be computed in any order.
uint32_t crc32cCombine(uint32_t a, uint32_t b, uint64_t lengthOfB);

/// crc32c(bytes), with up to `threads` threads (0: as many as there are cores).
uint32_t crc32cParallel(std::span<const std::byte> bytes, int threads = 0);

} // namespace cadenza

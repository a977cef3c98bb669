// The read-only streaming kernel, as PTX: cadenza-bench has no CUDA compiler to ask.
#pragma once

#include <cstdint>
#include <string>

namespace cadenza::bench {

constexpr uint32_t streamThreads = 512; // a block

/// Bytes that a block reads in one go: `loads` independent 16-byte loads a thread.
constexpr uint64_t streamTileBytes(uint32_t loads) { return uint64_t{streamThreads} * 16 * loads; }

/// Kernel `stream_read(u64 buffer, u64 tiles, u64 sink)`, for compute_80 and later: reads tiles [0, tiles) of `buffer`,
/// block b of B those with index b, b + B, ..., and keeps the loads alive with a store to `sink` that practically never
/// runs.
std::string streamPtx(uint32_t loads);

} // namespace cadenza::bench

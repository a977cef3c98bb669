// Stages of the persistent kernel's ring that have weights (codegen/kernels/stream_project.cuh): the same formulas in
// device code and in the compiler. Nothing but plain constexpr functions.
#pragma once

#include "encoding.h"
#include "shares.h"

namespace cadenza {

/// The binary logarithm of the pairs of turns of a tile that a stage of a whole wave has room for. What a stage has of
/// a tile is one copy, and small copies are slow: of any encoding, a copy has about as many bytes as two turns of
/// 16-bit weights, 8 KiB, and the copies that are in flight together are as many bytes.
CADENZA_EVERYWHERE constexpr int wave_pairs_log2(const EncodingFormat &format) {
  return format.unit_bytes > 256 ? 0 : format.unit_bytes > 128 ? 1 : 2;
}

/// Bytes of a tile in a stage with room for 2^log2 pairs of turns: its codes, then the records of their groups, of
/// which there is one more if the first step is not a group's.
CADENZA_EVERYWHERE constexpr int stage_codes_bytes(const EncodingFormat &format, int log2) {
  return 2 * turn_steps * format.tile_step_bytes() << log2;
}
CADENZA_EVERYWHERE constexpr int stage_records_bytes(const EncodingFormat &format, int log2) {
  return !format.grouped() ? 0
                           : ((2 * turn_steps / format.group_steps << log2) + (format.group_steps > 1 ? 1 : 0)) *
                                 format.record_bytes();
}
/// Of a stage: a wave is a stripe, half a tile, for each warp.
CADENZA_EVERYWHERE constexpr int stage_bytes_of(const EncodingFormat &format, int warps) {
  const int log2 = wave_pairs_log2(format);
  return warps / 2 * (stage_codes_bytes(format, log2) + stage_records_bytes(format, log2));
}

} // namespace cadenza

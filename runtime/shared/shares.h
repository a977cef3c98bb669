// How work is divided: the same formulas in device code and in the compiler, which plans, prints and proves a schedule
// with them. Nothing but plain constexpr functions.
#pragma once

#include "everywhere.h"

namespace cadenza {

/// Steps (encoding.h) that a warp of the persistent kernel multiplies at a time, each into a sum of its own: the ways
/// of all products. A turn is so many steps of one stripe.
constexpr int turn_steps = 4;

/// Positions of the context that a warp takes at a time (attend.cuh).
constexpr int attend_positions = 16;

/// Warps that share these positions of a set of query heads: each has a slice of the head's elements, at most 128, so
/// that what it needs fits its registers.
CADENZA_EVERYWHERE constexpr int attend_slices(int head_dim) { return (head_dim + 127) / 128; }
/// Sets of query heads that share keys and values: a warp takes at most four.
CADENZA_EVERYWHERE constexpr int attend_sets(int heads) { return (heads + 3) / 4; }
/// Scores that the slices of a set exchange: of two chunks in turn, 4 heads x 16 positions each.
CADENZA_EVERYWHERE constexpr int attend_exchange_floats(int head_dim) {
  const int slices = attend_slices(head_dim);
  return slices > 1 ? 2 * slices * 4 * attend_positions : 0;
}
/// What a block has in shared memory for `heads` query heads that share keys and values, of which `set_warps` chunks
/// are worked on at once: f32 partial results, [set_warps][heads][head_dim + 2], then the sets' exchanges.
CADENZA_EVERYWHERE constexpr int attend_floats(int set_warps, int heads, int head_dim) {
  return (set_warps * heads * (head_dim + 2) + 3) / 4 * 4 +
         set_warps * attend_sets(heads) * attend_exchange_floats(head_dim);
}

/// Partial sums in a packet, and packets of a stripe (exchange.cuh).
constexpr int packet_rows = 3, stripe_packets = 3;

struct Range {
  int first, count;
};

/// Part `index` of `total` things in `parts` contiguous parts; the first total % parts have one more.
CADENZA_EVERYWHERE constexpr Range share(int total, int parts, int index) {
  const int base = total / parts, rest = total % parts;
  return {index * base + (index < rest ? index : rest), base + (index < rest ? 1 : 0)};
}

/// The same, with the larger parts going to other indices in every layer, so that they average out over the layers.
CADENZA_EVERYWHERE constexpr Range rotating_share(int total, int parts, int index, int layer) {
  return share(total, parts, (index + layer * (total % parts)) % parts);
}

/// What a block sends to the same rank of `sharing` groups with which its group shares a context, two words a packet:
/// its queries' elements, high and low parts, and of each query head a vector, its maximum and its sum.
CADENZA_EVERYWHERE constexpr int share_packets_for(int query_rows, int head_dim, int sharing) {
  return query_rows / 2 + sharing * ((head_dim + 2) / 2);
}

/// f32 elements of a block for scores of a shared context, by its consumer warps: two turns, in each of which half of
/// the warps' number of chunks, or of slices of chunks, have 16 positions of four heads.
CADENZA_EVERYWHERE constexpr int share_floats_for(int warps) { return 2 * (warps / 2) * 64; }

/// Without clusters (persistent_hop.cuh): packets of one sum for each chunk of a norm, of 16 elements at least.
CADENZA_EVERYWHERE constexpr int norm_packets_for(int hidden) { return (hidden + 15) / 16; }
/// Of the residual stream when it hops, two 32-bit words of 16-bit elements each, and of as many sums a chunk.
CADENZA_EVERYWHERE constexpr int residual_packets_for(int hidden, int norm_sums) {
  return hidden / 4 + norm_sums * norm_packets_for(hidden);
}

/// Of all vectors that hop in a group: those of the residual stream, then f32 rows of q, k, v, f32 parts of the
/// context and 16-bit units, two words a packet, and sums of squares for the norms of
/// what `part_norms` parts add.
CADENZA_EVERYWHERE constexpr int hop_packets_for(int hidden, int norm_sums, int part_norms, int head_rows,
                                                 int part_floats, int group_units) {
  return residual_packets_for(hidden, norm_sums) + head_rows / 2 + part_floats / 2 + group_units / 4 +
         part_norms * norm_packets_for(hidden);
}

/// Packets of blocks that draw a token together (persistent_draw.cuh), of a block: its largest logits, what it has of
/// the listed rows, those rows, what it has in each round of the slow path, its best row.
constexpr int draw_block_rows = 64, draw_rounds = 160;
CADENZA_EVERYWHERE constexpr int draw_packets_for(int blocks) { return blocks * (3 + draw_block_rows + draw_rounds); }

} // namespace cadenza

// The norm of all query heads, or all key heads, together in the persistent kernel (OLMo): one more exchange over the
// grid, between the product of query, key and value and attention.
//
// After the hop of the rows, every rank of a group has the group's rows. It publishes the sums of squares of their
// chunks, one a packet, and collects those of all groups: rank r from rank r, so all ranks do the same. Query and key
// are two teams of warps, whose exchanges overlap. The factor is that of the map's own kernel: the sums of chunks in
// ascending order.
//
// A packet is written again in the next layer. By then its writer has collected the partial sums of this layer from
// every group that attends, which publishes them after it has collected these sums.
#pragma once

#include "norm.cuh"
#include "persistent_block.cuh"

namespace cadenza {

/// The rows of query, key or value that a group has, and what the other groups know of theirs.
template <class Config, int part, class Shape> struct HeadTile : Tile<Shape> {
  using Block = PersistentBlock<Config>;
  using Progress = typename Block::Progress;
  using Team = typename Shape::Team;
  const Block &block;
  const Progress &p;

  /// Whether this group publishes sums of these rows: the first one, of those that have the same key.
  CADENZA_DEVICE static bool publishes() {
    return Shape::slot == 0 || Block::Core::subgroups == 1 || Block::my_heads().first % Block::Core::subgroups == 0;
  }
  /// For the same rank of all groups, as the index-th sum of the part; one thread calls.
  CADENZA_DEVICE void publish(int index, float sum) const {
    arch::store_packet(block.head_slots(part) + index, arch::Packet::of(p.counter + 1, arch::as_bits(sum)));
  }
  /// `count` sums of all groups from the first-th on, for the whole team after its next barrier.
  CADENZA_DEVICE const float *collect(int first, int count) const {
    const arch::Packet *from = block.head_slots(part) + first;
    float *sums = Block::partial() + first;
    collect_packets<2, Team>(
        count, p.counter + 1, [](int) { return 1; }, [&](int i) { return from + i; },
        [&](int i, const arch::Packet &packet) { sums[i] = arch::as_float(packet.payload[0]); },
        typename Block::Spin{block, PersistentWait::head_sums, p.layer, p.position});
    block.mark(PersistentWork::rows, p.layer);
    return sums;
  }
};

/// RmsNorm over all rows of a segment, of which a HeadTile has those of the group's heads; `first`: where its sums lie
/// among those of the part. Arguments: [gamma], f32 [all rows]. Barriers: one before foreign elements are read, one
/// between sums and use.
template <class Config, int first> struct AllHeadsNorm : RmsNorm<Config> {
  using Norm = RmsNorm<Config>;
  using typename Norm::Args;
  static constexpr int chunk = Norm::chunk, chunks = Norm::chunks;
  static_assert(Norm::group_size % chunk == 0, "heads have whole chunks");

  template <class Tile> using Loaded = typename Norm::template Loaded<Tile>;

  template <class Tile> CADENZA_DEVICE static void load(const Args &args, const Tile &tile, Loaded<Tile> &loaded) {
    if (tile.holds(Norm::segment))
      tile.for_owned([&](int j, int row) { loaded.gamma[j] = args.gamma[tile.first_row + row]; });
  }

  template <class Tile> CADENZA_DEVICE static void apply(const Args &, Loaded<Tile> &loaded, Tile &tile) {
    if (!tile.holds(Norm::segment))
      return;
    float *values = tile.segment(Norm::segment);
    tile.team.barrier();
    if (tile.publishes())
#pragma unroll 1
      for (int base = norm_chunk * tile.team.warp(); base < tile.live_rows; base += norm_chunk * Tile::warps) {
        const int row = base + 4 * static_cast<int>(arch::lane());
        float x[4];
#pragma unroll
        for (int j = 0; j < 4; ++j)
          x[j] = row + j < tile.live_rows ? values[row + j] : 0.0f;
        const float sum = chunk_sum_of_squares<chunk>(x);
        if (row % chunk == 0 && row < tile.live_rows)
          tile.publish(first + (tile.first_row + row) / chunk, sum);
      }
    const float *sums = tile.collect(first, chunks);
    tile.team.barrier();
    const float factor = norm_factor<Norm::group_size, chunk>(sums, Config::eps);
    tile.for_owned([&](int j, int row) { values[row] = Norm::of(values[row], factor, loaded.gamma[j]); });
  }
};

} // namespace cadenza

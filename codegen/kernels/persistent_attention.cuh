// The attention half of a layer in the persistent kernel, by the groups that have query heads: query, key and value;
// norms and rotations; attention over each rank's part of the context; the output projection over these heads' columns.
#pragma once

#include "persistent_context.cuh"
#include "persistent_head_norm.cuh"
#include "persistent_residual.cuh"

namespace cadenza {

template <class Config, int part> struct PersistentAttention {
  using Block = PersistentBlock<Config>;
  using Residual = PersistentResidual<Config>;
  using Part = typename Block::Parts::template At<part>;
  using Args = typename Part::Args;
  using Core = Attend<typename Part::attention>;
  using Cache = typename Block::Cache;
  using Weight = typename Block::Weight;
  using Team = typename Block::Team;
  using Qkv = typename Part::row_product;
  using Progress = typename Block::Progress;
  using Hop = Hops<Config>;
  using Share = ContextShare<Config>;
  static constexpr int head_dim = Block::head_dim, head_group = Block::head_group, ranks = Block::ranks;

  const Block &block;

  /// receive() brings the residual stream to this part's beginning.
  template <class Receive> CADENZA_DEVICE void run(Progress &p, Receive receive) const {
    const Residual residual{block};
    const Args &l = Block::table().layer[p.layer];
    const Range heads = Block::my_heads(), mine = share(heads.count * Block::head_tiles, ranks, Block::rank());
    auto qkv =
        block.template consumer<typename Block::template HiddenProduct<Qkv>>(p, mine.count, 0, Block::hidden_steps);
    block.mark(PersistentWork::first_weights, p.layer);
    qkv.start();
    const typename Residual::template NormWeights<Qkv> norm(l.row_product);
    receive();
    residual.template spread<Qkv>(norm, p, [&] { qkv.look(); });

    const float factor = Qkv::prologue::factor(Block::sums());
    const typename Block::template Scales<Qkv> scales(l.row_product.matrix);
    Hop::expect(Block::hop_rows, 4 * heads.count * Block::head_rows);
    block.mark(PersistentWork::query_key_value, p.layer);
    qkv.run(Block::activation(), [&](int stripe, float sum) {
      const int row = tile_rows * Block::qkv_tile(mine.first + stripe / 2) + stripe_rows * (stripe % 2) +
                      static_cast<int>(arch::lane()) / 4; // packed
      Hop::send_stripe(block, Block::hop_rows, p, Block::rows() + tile_rows * mine.first + stripe_rows * stripe,
                       scales.product(sum, row, factor));
    });
    block.mark(PersistentWork::rows, p.layer);
    if (Team::warp() < Block::warps / 2)
      finish_rows<typename Block::QueryShape>(l, p);
    else
      finish_rows<typename Block::KeyShape, typename Block::ValueShape>(l, p);
    Team::barrier();

    block.mark(PersistentWork::attend, p.layer);
    const typename Core::Split split =
        Core::split_of(p.position, Block::rank(), Core::first_position(l.attention, p.position));
    const int part_bytes = 4 * split.used * heads.count * head_group * Core::partial_floats;
    Hop::expect(Block::hop_parts, part_bytes);
    if (split.begin < split.end)
      for (int i = 0; i < heads.count; ++i)
        attend(l, split, Block::kv_heads_of(heads).first + i, i, p);
    const Range out = Block::my_rows();
    constexpr int head_steps = Block::q_rows / step_columns;
    auto output = block.template consumer<typename Block::OutputProduct>(p, out.count, heads.first * head_steps,
                                                                         heads.count * head_steps);
    block.mark(PersistentWork::first_weights, p.layer);
    output.start();
    Hop::await(block, Block::hop_parts, part_bytes, p, PersistentWait::hop_parts);
    block.mark(PersistentWork::merge, p.layer);
    merge_parts(split.used);
    Team::barrier();
    block.mark(PersistentWork::output, p.layer);
    residual.publish(output, part, Block::heads(), p);
  }

private:
  /// The rows of q, k or v of the query groups, and the functions that finish them: norms, rotations, biases. Every
  /// rank finishes all of them.
  template <class Shape> struct Rows {
    using Functions = typename Qkv::epilogue;
    using Maps = typename Part::row_maps;
    using RowTile = HeadTile<Config, part, Shape>;
    const typename Functions::Args &arguments;
    const typename Maps::Args &map_arguments;
    RowTile tile;
    typename Functions::template Loaded<RowTile> loaded;
    typename Maps::template Loaded<RowTile> loaded_maps;

    CADENZA_DEVICE Rows(const Block &block, const Args &l, const Progress &p)
        : arguments(Block::template arguments<Functions>(
              static_cast<const typename Qkv::Launch::epilogue::Args &>(l.row_product))),
          map_arguments(l), tile{{}, block, p} {
      const Range heads = Block::my_heads();
      tile.team = {p.position};
      tile.values = Block::rows() + heads.count * Shape::first_head_row;
      tile.scratch = Block::template at<float>(Block::scratch_offset) + Shape::slot * Block::scratch_floats;
      tile.slot = Shape::slot;
      tile.first_row = (Shape::slot == 0 ? heads : Block::kv_heads_of(heads)).first * Shape::head_rows;
      tile.live_rows = heads.count * Shape::head_rows;
      Functions::load(arguments, tile, loaded);
      Maps::load(map_arguments, tile, loaded_maps);
    }
    CADENZA_DEVICE void finish() {
      Functions::apply(arguments, loaded, tile);
      Maps::apply(map_arguments, loaded_maps, tile);
      // As attention reads them. Nobody needs the rows as they were.
      tile.for_owned([&](int, int row) {
        if constexpr (Shape::slot > 0) {
          const int local = Block::group_heads == 1 ? 0 : row / head_dim;
          Block::newest(local)[(Shape::slot - 1) * head_dim + row - local * head_dim] =
              arch::from_float<Cache>(tile.values[row]);
        } else {
          const typename Core::Halves halves = Core::Halves::of(tile.values[row]);
          Block::queries()[own_queries() + row] = halves.high;
          Block::queries()[own_queries() + Block::query_places + row] = halves.low;
        }
      });
    }
  };
  /// By the team of these shapes.
  template <class... Shapes> CADENZA_DEVICE void finish_rows(const Args &l, Progress &p) const {
    finish_after_hop(p, Rows<Shapes>(block, l, p)...); // what they load is there when the rows are
  }
  template <class... Of> CADENZA_DEVICE void finish_after_hop(Progress &p, Of &&...rows) const {
    Hop::await(block, Block::hop_rows, 4 * Block::my_heads().count * Block::head_rows, p, PersistentWait::hop_rows);
    (rows.finish(), ...);
  }

  /// Where this group's queries lie, among those of groups that share a context.
  CADENZA_DEVICE static int own_queries() { return Share::index() * Block::q_rows; }

  struct HeadQueries { // of a query group
    const Cache *first;
    CADENZA_DEVICE void load(int head, int element, Vec16 &high, Vec16 &low) const {
      const Cache *from = first + head * head_dim + element;
      high = arch::load16(from);
      low = arch::load16(from + Block::query_places);
    }
  };
  /// Keys and values as `Attend` reads them: old positions from the ring, the newest one from this step's rows. Every
  /// warp passes all stages of the context, also those of which it uses nothing.
  struct ContextRows {
    const Block &block;
    Progress &p;
    const int end;  // of what comes through the ring
    int stage_base; // the first position of the stage at the cursor
    const int head; // of the group's query groups

    CADENZA_DEVICE bool in_ring() const { return stage_base < end; }
    CADENZA_DEVICE void await() { Block::ring().await(p.cursor, typename Block::RingWait{block, p}); }
    CADENZA_DEVICE void next_stage() {
      Block::ring().release(p.cursor);
      stage_base += Block::stage_positions;
    }
    CADENZA_DEVICE void pass(int position) {
      while (in_ring() && stage_base + Block::stage_positions <= position) {
        await();
        next_stage();
      }
    }
    CADENZA_DEVICE void start(int base) {
      pass(base);
      if (in_ring())
        await();
    }
    CADENZA_DEVICE const Cache *key(int position) const { return row(position, 0); }
    CADENZA_DEVICE const Cache *value(int position) const { return row(position, 1); }
    CADENZA_DEVICE void finish(int next) {
      if (in_ring() && next >= stage_base + Block::stage_positions)
        next_stage();
    }
    CADENZA_DEVICE void complete() { pass(end + Block::stage_positions); }

  private:
    CADENZA_DEVICE const Cache *row(int position, int which) const {
      const Cache *stage = reinterpret_cast<const Cache *>(Block::ring().buffer(p.cursor));
      return position == p.position ? Block::newest(head) + which * head_dim
                                    : stage + (which * Block::stage_positions + position - stage_base) * head_dim;
    }
  };

  /// The values of two neighbouring lanes, in each of them; the whole warp calls.
  CADENZA_DEVICE static Vec16 quad_of(const float (&pair)[2]) {
    const int first = static_cast<int>(arch::lane()) & ~1;
    const uint32_t x = arch::as_bits(pair[0]), y = arch::as_bits(pair[1]);
    return {arch::shuffle(x, first), arch::shuffle(y, first), arch::shuffle(x, first + 1), arch::shuffle(y, first + 1)};
  }

  /// A query group, the `local`-th of this group: this rank's part of the context, to all ranks.
  CADENZA_DEVICE void attend(const Args &l, typename Core::Split split, int kv_head, int local, Progress &p) const {
    float *warps_parts = Block::partial();
    if (local > 0)
      Team::barrier(); // those of the last head were read
    const bool shared = Share::applies(Core::first_position(l.attention, p.position), p.position);
    if (!shared) {
      ContextRows context{block, p, smaller(split.end, p.position), split.begin, local};
      Core::attend(HeadQueries{Block::queries() + own_queries() + local * Block::q_rows}, context, split.begin,
                   split.end, warps_parts);
    }
    if constexpr (Block::shares)
      if (shared) {
        ContextExchange<Config, part>{block, p}.queries();
        SharedAttention<Config, part>{block, p, {split, p.position}}.run(warps_parts);
      }
    if (split.end == p.position + 1)
      append(l.attention, kv_head, local, p.position);
    Team::barrier(); // the warps' parts are complete
    if constexpr (Block::shares)
      if (shared)
        ContextExchange<Config, part>{block, p}.heads();
    Core::for_each_pair([&](int head, int element, bool live) {
      const typename Core::Merged merged = Core::merge_warps(warps_parts, Core::used_warps(split), head, element);
      float *to = Block::part(Block::rank(), local * head_group + head);
      const Vec16 quad = quad_of(merged.o);
      if (live)
        Hop::template send<2>(block, Block::hop_parts, p, reinterpret_cast<Vec16 *>(to + element - element % 4), quad);
      if (live && element < 16) {
        const uint64_t m = arch::as_bits(merged.m), sum = arch::as_bits(merged.l);
        Hop::template send<8>(block, Block::hop_parts, p, reinterpret_cast<uint64_t *>(to + head_dim), m | sum << 32);
      }
    });
  }

  /// Attention's result from the parts, as the output projection reads it.
  CADENZA_DEVICE static void merge_parts(int used) {
    for (int local = 0; local < Block::my_heads().count; ++local)
      Core::for_each_pair([&](int head, int element, bool live) {
        const int query_head = local * head_group + head; // of the group
        const typename Core::Pair merged = Core::template merge_splits<ranks>(
            used, [&](int s) { return Block::part(s, query_head)[head_dim]; },
            [&](int s) { return Core::Merged::load(Block::part(s, query_head), element); });
        const auto store = [&](int i, float value) {
          Block::heads()[turn_place(query_head * head_dim + element + i)] =
              arch::from_float<Weight>(arch::to_float(arch::from_float<typename Part::attention::output_type>(value)));
        };
        if (live) {
          store(0, merged.x);
          store(1, merged.y);
        }
      });
  }

  /// The newest key and value of a KV head, for later steps; by the rank whose part of the context has them. Groups
  /// that share the KV head store the same bytes, each for its own copies later.
  CADENZA_DEVICE static void append(const typename Core::Args &l, int kv_head, int local, int position) {
    const int place = cache_place<typename Part::attention>(position, l.positions);
    const uint64_t first = (static_cast<uint64_t>(kv_head) * l.positions + static_cast<uint64_t>(place)) * head_dim;
    constexpr int words = head_dim / 8; // of 16 bytes, of the key; as many of the value
    for (int i = Team::thread(); i < 2 * words; i += Team::threads)
      arch::store16(const_cast<Cache *>(i < words ? l.key : l.value) + first + i % words * 8,
                    arch::load16(Block::newest(local) + 8 * i));
  }
};

} // namespace cadenza

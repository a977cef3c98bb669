// What all parts of the persistent kernel share: dimensions, who has which work, shared memory, waits.
// persistent.cuh explains the schedule.
#pragma once

#include "attend.cuh"
#include "embed.cuh"
#include "epilogue.cuh"
#include "exchange.cuh"
#include "persistent_parts.cuh"
#include "project.cuh"
#include "shared/persistent_state.h"
#include "shared/shares.h"
#include "stream_project.cuh"

namespace cadenza {

/// From how many positions on groups with the same KV head share them: `share_from`, if the part's configuration says
/// so.
CADENZA_OPTIONAL(ShareFromOf, share_from, 0);

/// The consumer warps, as a team.
template <int warps> using Consumers = WarpTeam<0, warps, 1>;

/// Tells the host what a wait that took too long was for.
CADENZA_DEVICE void report_expired(HostControl &control, PersistentWait what, int layer, int position) {
  control.wait = static_cast<uint32_t>(what);
  control.block = arch::block_index();
  control.layer = static_cast<uint32_t>(layer);
  control.position = static_cast<uint32_t>(position);
  arch::store_release_system(&control.expired, 1);
}

/// Config: see Persistent. One object in each thread; it holds nothing but the arguments and what follows from them.
template <class Config> struct PersistentBlock {
  using Embedding = typename Config::embed;
  using Parts = typename Config::parts;
  static constexpr int parts = Parts::count;
  // Parts of one kind have the same dimensions: those of the first.
  using AttentionPart = typename Parts::FirstAttention;
  using Qkv = typename AttentionPart::row_product;
  using Attention = typename AttentionPart::attention;
  using Output = typename AttentionPart::column_product;
  using ActivationPart = typename Parts::FirstActivation;
  using GateUp = typename ActivationPart::row_product;
  using Down = typename ActivationPart::column_product;
  using Head = typename Config::head;
  using Units = typename Down::k_groups; // the groups' shares of the feed-forward units, in steps of 32
  using Weight = typename Qkv::weight_type;
  using Cache = typename Attention::cache_type;
  using Core = Attend<Attention>;

  static constexpr int groups = Config::groups, ranks = Config::ranks, blocks = groups * ranks;
  static constexpr int warps = Config::warps, threads = 32 * warps, block_threads = threads + 32;
  using Team = Consumers<warps>;
  static constexpr int layers = Config::layers, hidden = Config::hidden, hidden_tiles = hidden / tile_rows;
  static constexpr int hidden_steps = steps_of(hidden);

  // Attention: a group has one query group or more, or none. Their rows are in the order q of all, k of all, v of all.
  static constexpr int query_groups = Core::query_groups, head_group = Core::group, head_dim = Core::head_dim;
  static constexpr int q_rows = head_group * head_dim, head_rows = q_rows + 2 * head_dim; // of a query group
  static constexpr int head_tiles = head_rows / tile_rows;
  static constexpr int attention_groups = smaller(query_groups, groups);
  static constexpr int group_heads = ceil_div(query_groups, attention_groups); // query groups of a group, at most
  static constexpr int group_q_rows = group_heads * q_rows;
  static_assert(Core::subgroups == 1 || group_heads == 1, "a group has keys and values of different KV heads");
  static_assert(head_dim % tile_rows == 0 && q_rows % step_columns == 0 && hidden % tile_rows == 0,
                "whole tiles and steps");
  static_assert(AttentionPart::groups == attention_groups && ActivationPart::groups == groups, "who takes part");
  static_assert(Core::splits == ranks && Core::threads == threads, "attention's part of the plan");
  static_assert(warps % 2 == 0, "q takes half of the consumer warps, k and v the other half; a tile two");

  // A kernel for long contexts has groups with the same KV head share them (persistent_context.cuh).
  static constexpr int share_from = ShareFromOf<AttentionPart>::value; // positions; 0: they never do
  static constexpr bool shares = share_from > 0;
  static constexpr int sharing = shares ? Core::subgroups : 1; // groups
  static constexpr int query_places = sharing * group_q_rows;  // of the query heads that this block attends for
  static constexpr int share_packets = shares ? share_packets_for(q_rows, head_dim, sharing) : 0; // of a block
  static constexpr int share_floats = shares ? share_floats_for(warps) : 0;
  static_assert(!shares || (head_group == 1 && sharing == Core::set_warps && sharing <= 4), "a chunk's warp a group");

  // Feed-forward
  static constexpr int units = Down::columns, unit_steps = steps_of(units);
  static constexpr int group_steps = largest_group<Units>(unit_steps); // of a group at most
  static constexpr int group_units = step_columns * group_steps;
  static constexpr int unit_rows = GateUp::segment_rows::segments; // of gate and of up; one, if there is no gate
  static constexpr int tile_units = tile_rows / unit_rows, step_tiles = step_columns / tile_units;
  static constexpr int rank_unit_tiles = ceil_div(group_units / tile_units, ranks);
  static_assert((unit_rows == 1 || (unit_rows == 2 && GateUp::interleaved)) && units % tile_units == 0,
                "a tile of gate and up has eight units, one of up alone sixteen");

  static constexpr int vocabulary = Head::segment_rows::total, vocabulary_tiles = tiles_of(vocabulary);

  // The residual stream: a rank has some rows of it, four in a row a thread.
  static constexpr int rank_rows = tile_rows * ceil_div(hidden_tiles, ranks); // at most
  static constexpr int owned_quads = ceil_div(rank_rows / 4, threads);        // of a thread
  static constexpr int rank_packets = packets_for(rank_rows);

  /// Sums that a norm has of a chunk of the residual stream, at most.
  static constexpr int norm_sums =
      larger(NormSumsOf<Qkv>::value, larger(NormSumsOf<GateUp>::value, NormSumsOf<Head>::value));

  /// Whether the ring has matrices in several encodings. (Parts of one kind have the same ones.)
  template <class First, class... Others> CADENZA_DEVICE static constexpr bool differ() {
    return (!(First::encoding::encoding == Others::encoding::encoding) || ...);
  }
  static constexpr bool mixed = differ<Qkv, Output, GateUp, Down, Head>();
  template <class Phase>
  using HiddenProduct = StreamProject<typename Phase::encoding, hidden_steps, hidden_steps, hidden_steps, warps, mixed>;
  using OutputProduct = StreamProject<typename Output::encoding, steps_of(Output::columns),
                                      query_groups / attention_groups *(q_rows / step_columns),
                                      group_q_rows / step_columns, warps, mixed>;
  using DownProduct =
      StreamProject<typename Down::encoding, unit_steps, smallest_group<Units>(unit_steps), group_steps, warps, mixed>;
  static_assert(Head::k_ways == turn_steps, "the ways of a turn");

  // The words of all phases' kernels, as the host resolves them.
  using Layer = typename Parts::Args;
  struct Step {
    typename Embed<Embedding>::Args embed;
    Layer layer[layers];
    typename Project<typename Head::Launch>::Args head;
  };

  // Packets: [parity][part][block][rank_packets], then candidates: [parity][block], then sums of squares of all heads:
  // [part][rank][head_sums]. Without clusters, those of hops (persistent_hop.cuh): [group][hop_packets], then u32
  // [group][rank]. Last what groups that share a context send: [part][query group][rank][share_packets]. A division's
  // kernels use the same packets: what the one without a shared context has lies at the same places in the other.
  static constexpr int head_sums = Parts::head_sums;
  static constexpr uint64_t exchange_bytes =
      16 * (uint64_t{2 * parts} * blocks * rank_packets + 2 * blocks + parts * ranks * head_sums);
  static constexpr int part_floats = round_up(Core::partial_floats, 4); // of one head and a part of the context
  static constexpr int hop_packets = hop_packets_for(hidden, norm_sums, Parts::norms, group_heads *head_rows,
                                                     ranks * group_heads * head_group * part_floats, group_units);
  static constexpr uint64_t unshared_bytes =
      exchange_bytes + (Config::clusters ? 0 : 16 * uint64_t{groups} * hop_packets + 4 * uint64_t{blocks});
  static constexpr uint64_t share_offset = (unshared_bytes + 15) / 16 * 16;
  static constexpr uint64_t packet_bytes =
      shares ? share_offset + 16 * uint64_t{parts} * attention_groups * ranks * share_packets : unshared_bytes;

  // Shared memory -----------------------------------------------------------------------------------------------------

  /// The rows of q, k or v, which some of the warps finish.
  template <int slot_index, int of_head, int first_warp, int team_warps> struct HeadShape {
    static constexpr int slot = slot_index, head_rows = of_head, rows = group_heads * of_head, slots = 1;
    static constexpr bool holds_all = false;
    using Team = WarpTeam<first_warp, team_warps, slot_index == 0 ? 2 : 3>;
    static constexpr int first_head_row = slot_index == 0 ? 0 : slot_index == 1 ? q_rows : q_rows + head_dim; // of one
  };
  using QueryShape = HeadShape<0, q_rows, 0, warps / 2>;
  using KeyShape = HeadShape<1, head_dim, warps / 2, warps / 2>;
  using ValueShape = HeadShape<2, head_dim, warps / 2, warps / 2>;
  /// Units of the feed-forward half: slot 0 gate, slot 1 up, or one slot.
  struct UnitShape {
    static constexpr int rows = tile_units * rank_unit_tiles, slots = unit_rows;
    static constexpr bool holds_all = true;
    using Team = Consumers<warps>;
  };
  using UnitTile = Tile<UnitShape>;

  static constexpr int scratch_floats = Tile<QueryShape>::scratch_floats; // the largest of the three teams
  static constexpr int partial_floats = larger(Core::warps_floats, round_up(head_sums, 4));

  static constexpr int activation_offset = 0;                                                // Weight [hidden_padded]
  static constexpr int sums_offset = activation_offset + 2 * round_up(hidden, pair_columns); // float [sets][chunks]
  static constexpr int sums_floats = round_up(ceil_div(hidden, smallest_norm_chunk), 4);
  static constexpr int update_sums_offset =
      sums_offset + 4 * norm_sums * sums_floats; // float [parts with norms][chunks]
  static constexpr int heads_offset = update_sums_offset + 4 * Parts::norms * sums_floats;     // Weight [group_q_rows]
  static constexpr int units_offset = heads_offset + 2 * round_up(group_q_rows, pair_columns); // Weight [group_units]
  static constexpr int rows_offset =
      units_offset + 2 * round_up(group_units, pair_columns);                       // float [group_heads * head_rows]
  static constexpr int newest_offset = rows_offset + 4 * group_heads * head_rows;   // Cache [group_heads][2][head_dim]
  static constexpr int queries_offset = newest_offset + 4 * group_heads * head_dim; // Cache [2][query_places]
  static constexpr int gate_up_offset = queries_offset + 4 * query_places;          // float [slots][unit rows]
  static constexpr int scratch_offset = gate_up_offset + 4 * 2 * stripe_rows * rank_unit_tiles; // float [3][scratch]
  static constexpr int parts_offset = round_up(
      scratch_offset + 4 * larger(3 * scratch_floats, UnitTile::scratch_floats), 16); // float [ranks][heads][part]
  static constexpr int partial_offset =
      parts_offset + 4 * ranks * group_heads * head_group * part_floats;    // float [partial_floats]
  static constexpr int scores_offset = partial_offset + 4 * partial_floats; // float [share_floats]
  // The groups' partial sums, added, lie in the same place: whoever sends parts has all rows of the residual stream,
  // and those are sent after the sums were read.
  static constexpr int group_sums_offset = parts_offset; // float [rank_rows]
  static constexpr int table_offset =
      larger(scores_offset + 4 * share_floats, group_sums_offset + 4 * rank_rows); // Step
  static constexpr int barriers_offset = round_up(table_offset + static_cast<int>(sizeof(Step)), 16);
  static constexpr int max_stages = 32, hop_barriers = 7 + Parts::norms;
  static constexpr int trace_offset = barriers_offset + 8 * (2 * max_stages + hop_barriers); // TraceCursor [2]
  static constexpr int fixed_bytes = trace_offset + (Config::traced ? 16 : 0);
  static constexpr int ring_offset = round_up(fixed_bytes, 128);
  static constexpr int chunk_bytes = 4 * Core::chunk * head_dim; // keys and values that a warp takes at once
  template <class Phase> static constexpr int stage_of = weight_stage_bytes<typename Phase::encoding, warps>;
  static constexpr int weight_bytes =
      larger(larger(larger(stage_of<Qkv>, stage_of<Output>), larger(stage_of<GateUp>, stage_of<Down>)), stage_of<Head>);
  static constexpr int stage_bytes = larger(weight_bytes, chunk_bytes);
  static constexpr int stage_positions = stage_bytes / chunk_bytes * Core::chunk; // of the context
  static constexpr int stages = smaller(max_stages, (Config::shared_bytes - ring_offset) / stage_bytes);
  static_assert(stages >= 2, "the compiler divides no work that leaves less (compiler/schedule/division.h)");
  using WeightRing = Ring<stages, stage_bytes, warps>;

  /// What hops, and the barriers of a step's start and of the text's end; persistent_hop.cuh.
  enum Hop { hop_rows, hop_parts, hop_sums, hop_residual, hop_units, step_start, text_end, hop_updates };

  const PersistentArgs &args;
  const int first_position, steps, headless_steps;
  const Range my_units; // of the group, in steps of 32

  CADENZA_DEVICE explicit PersistentBlock(const PersistentArgs &args)
      : args(args), first_position(args.state->next_position),
        steps(args.state->stopped ? 0 : static_cast<int>(args.steps)),
        headless_steps(static_cast<int>(args.headless_steps)),
        my_units(cadenza::group_steps<Units>(group(), unit_steps)) {}

  /// Of a step of this launch: its number since the packets were zeroed.
  CADENZA_DEVICE uint32_t step_number(int step) const {
    return static_cast<uint32_t>(args.first_step) + static_cast<uint32_t>(step);
  }

  /// By all threads; Hops::meet follows.
  CADENZA_DEVICE void init() const {
    if (arch::thread_index() == 0) {
      ring().init();
      for (int i = 0; i < hop_barriers; ++i)
        arch::mbarrier_init(hops() + i, i == step_start ? ranks : 1);
      arch::fence_mbarrier_init();
    }
    if constexpr (Config::traced) {
      if (arch::lane() == 0)
        *trace_cursor() = {0, 0};
    }
    // What is multiplied but does not exist must be numbers: vectors behind their end and the ring, which may hold
    // fewer steps than are multiplied.
    const int thread = static_cast<int>(arch::thread_index());
    for (int i = thread; 16 * i < table_offset; i += block_threads)
      arch::store16(at<unsigned char>(16 * i), Vec16{0, 0, 0, 0});
    for (int i = thread; 16 * i < stages * stage_bytes; i += block_threads)
      arch::store16(at<unsigned char>(ring_offset + 16 * i), Vec16{0, 0, 0, 0});
    arch::fence_proxy_async_shared(); // before the first copies into the ring
    for (int i = thread; i < static_cast<int>(sizeof(Step) / 8); i += block_threads)
      at<uint64_t>(table_offset)[i] = args.words[i];
  }

  // What costs nothing to find again is not kept: registers are few.
  CADENZA_DEVICE static int rank() { return static_cast<int>(arch::block_index()) % ranks; }
  CADENZA_DEVICE static int group() { return static_cast<int>(arch::block_index()) / ranks; }
  CADENZA_DEVICE static bool attends() { return group() < attention_groups; } // this group has a query group
  CADENZA_DEVICE static Range my_heads() { // query groups of this group, if it attends
    if constexpr (group_heads == 1)
      return {group(), 1};
    return share(query_groups, attention_groups, group());
  }
  /// The KV heads of these query groups.
  CADENZA_DEVICE static Range kv_heads_of(Range heads) { return {heads.first / Core::subgroups, heads.count}; }
  CADENZA_DEVICE static Range my_rows() { return share(hidden_tiles, ranks, rank()); } // of the residual stream: tiles
  CADENZA_DEVICE static Range my_vocabulary() {
    return share(vocabulary_tiles, blocks, static_cast<int>(arch::block_index()));
  }

  template <class T> CADENZA_DEVICE static T *at(int offset) {
    return reinterpret_cast<T *>(arch::shared_memory() + offset);
  }
  /// The words, copied: weights and everything else are found without another access to memory.
  CADENZA_DEVICE static const Step &table() { return *at<Step>(table_offset); }
  CADENZA_DEVICE static WeightRing ring() {
    return {at<unsigned char>(ring_offset), at<arch::Mbarrier>(barriers_offset),
            at<arch::Mbarrier>(barriers_offset) + max_stages};
  }
  CADENZA_DEVICE static arch::Mbarrier *hops() { return at<arch::Mbarrier>(barriers_offset) + 2 * max_stages; }
  CADENZA_DEVICE static Weight *activation() { return at<Weight>(activation_offset); } // of q, k, v; gate, up; the head
  CADENZA_DEVICE static float *sums() { return at<float>(sums_offset); }               // of its squares
  /// Of what a part adds to the residual stream, before its norm.
  CADENZA_DEVICE static float *update_sums(int part) { return at<float>(update_sums_offset) + part * sums_floats; }
  CADENZA_DEVICE static Weight *heads() { return at<Weight>(heads_offset); }
  CADENZA_DEVICE static Weight *unit_values() { return at<Weight>(units_offset); }
  CADENZA_DEVICE static float *rows() { return at<float>(rows_offset); }
  /// The key and the value of the step's position of the group's `local`-th query group, as the cache holds them.
  CADENZA_DEVICE static Cache *newest(int local) { return at<Cache>(newest_offset) + local * (2 * head_dim); }
  CADENZA_DEVICE static Cache *queries() { return at<Cache>(queries_offset); } // high parts, low parts
  /// The warps' parts of the context; before attention, the sums of squares of all heads.
  CADENZA_DEVICE static float *partial() { return at<float>(partial_offset); }
  /// Of a shared context: scores of some positions, in turns.
  CADENZA_DEVICE static float *share_scores() { return at<float>(scores_offset); }
  CADENZA_DEVICE static float *group_sums() { return at<float>(group_sums_offset); }
  /// Of a rank and a query head of this group.
  CADENZA_DEVICE static float *part(int of_rank, int head) {
    return at<float>(parts_offset) + (of_rank * (my_heads().count * head_group) + head) * part_floats;
  }

  CADENZA_DEVICE arch::Packet *slots(uint32_t counter, int part, int from_group) const {
    const uint32_t set = (counter & 1) * parts + static_cast<uint32_t>(part);
    return reinterpret_cast<arch::Packet *>(args.packets) +
           (set * blocks + static_cast<uint32_t>(from_group * ranks + rank())) * rank_packets;
  }
  CADENZA_DEVICE arch::Packet *candidates(uint32_t step) const {
    return reinterpret_cast<arch::Packet *>(args.packets) + 2 * parts * blocks * rank_packets + (step & 1) * blocks;
  }
  /// Of this rank: the sums of squares of all heads in a part of a layer, one a packet.
  CADENZA_DEVICE arch::Packet *head_slots(int part) const {
    return candidates(0) + 2 * blocks + (part * ranks + rank()) * head_sums;
  }
  /// Of a query group and this rank: its queries, then of each head over what it has of a shared context.
  CADENZA_DEVICE arch::Packet *share_slots(int part, int of_group) const {
    return reinterpret_cast<arch::Packet *>(args.packets + share_offset) +
           ((part * attention_groups + of_group) * ranks + rank()) * share_packets;
  }
  /// Tile i of this group's rows of q, k, v in the packed matrix.
  CADENZA_DEVICE static int qkv_tile(int i) {
    const Range heads = my_heads();
    constexpr int q = q_rows / tile_rows, head = head_dim / tile_rows;
    if (i < heads.count * q)
      return heads.first * q + i;
    const int value = i >= heads.count * (q + head);
    return query_groups * q + Core::kv_heads * value * head + kv_heads_of(heads).first * head + i -
           heads.count * (q + value * head);
  }
  /// Tiles of units' rows that this rank has in a layer, counted from the group's first.
  CADENZA_DEVICE Range unit_tiles(int layer) const {
    const int total = smaller(step_tiles * my_units.count, units / tile_units - step_tiles * my_units.first);
    return rotating_share(total, ranks, rank(), layer);
  }

  /// Some functions of a launch's kernel come first in its arguments.
  template <class Kept, class All> CADENZA_DEVICE static const typename Kept::Args &arguments(const All &all) {
    return reinterpret_cast<const typename Kept::Args &>(all);
  }
  template <class Phase, class PhaseArgs>
  CADENZA_DEVICE static const typename Phase::prologue::Args &prologue_arguments(const PhaseArgs &phase) {
    return reinterpret_cast<const typename Phase::prologue::Args &>(
        static_cast<const typename Phase::Launch::prologue::Args &>(phase));
  }

  // Waits -------------------------------------------------------------------------------------------------------------

  CADENZA_DEVICE void expired(PersistentWait what, int layer, int position) const {
    report_expired(*args.control, what, layer, position);
  }
  template <arch::Scope S = arch::Scope::block>
  CADENZA_DEVICE void wait(arch::Mbarrier *b, uint32_t parity, PersistentWait what, int layer, int position) const {
    if constexpr (Config::traced) { // not even try_wait's own waiting goes unseen
      if (!arch::mbarrier_test_wait(b, parity))
        poll([&] { return arch::mbarrier_try_wait<S>(b, parity); }, what, layer, position);
      else if constexpr (S == arch::Scope::cluster)
        arch::mbarrier_wait<S>(b, parity, args.limit_ns, [] {});
    } else {
      arch::mbarrier_wait<S>(b, parity, args.limit_ns, [&] { expired(what, layer, position); });
    }
  }
  /// Waits until ready() is true.
  template <class Ready> CADENZA_DEVICE void poll(Ready ready, PersistentWait what, int layer, int position) const {
    uint32_t before = 0;
    if constexpr (Config::traced) {
      before = trace_cursor()->state;
      trace(1 + static_cast<uint32_t>(what), layer);
    }
    arch::spin_until(ready, args.limit_ns, [&] { expired(what, layer, position); });
    if constexpr (Config::traced)
      trace(before, layer);
  }

  /// What a consumer thread carries from phase to phase.
  struct Progress {
    typename WeightRing::Cursor cursor;
    uint32_t parities = 0;  // of the next phase of each hop's barrier, a bit each
    uint32_t hop_epoch = 0; // of what hops in this part of the step, without clusters
    int layer = 0, position = 0;
    uint32_t counter = 0;                // of layers since the packets were zeroed
    float residual[owned_quads][4] = {}; // the rows of this rank that this thread owns
  };

  /// The same for collect_packets, but that the trace shows it until the next mark.
  struct Spin {
    const PersistentBlock &block;
    PersistentWait what;
    int layer, position;
    template <class Ready> CADENZA_DEVICE void operator()(Ready ready) const {
      if constexpr (Config::traced)
        block.trace(1 + static_cast<uint32_t>(what), layer);
      arch::spin_until(ready, block.args.limit_ns, [this] { block.expired(what, layer, position); });
    }
  };
  struct RingWait {
    const PersistentBlock &block;
    const Progress &p;
    CADENZA_DEVICE void operator()(arch::Mbarrier *b, uint32_t parity) const {
      block.wait(b, parity, PersistentWait::ring_data, p.layer, p.position);
    }
  };
  /// The scales of the rows of a phase's matrix (encodings.cuh).
  template <class Phase> using Scales = RowScales<typename Phase::encoding, Phase::segment_rows::total, Phase::columns>;

  template <class Product>
  CADENZA_DEVICE auto consumer(Progress &p, int tiles, int first_step, int product_steps) const {
    return typename Product::template Consumer<Team, WeightRing, RingWait>(ring(), p.cursor, 2 * tiles, first_step,
                                                                           product_steps, RingWait{*this, p});
  }

  // Trace -------------------------------------------------------------------------------------------------------------

  struct TraceCursor {
    uint32_t count, state;
  };
  CADENZA_DEVICE static TraceCursor *trace_cursor() {
    return at<TraceCursor>(trace_offset) + (static_cast<int>(arch::warp()) == warps);
  }
  CADENZA_DEVICE void trace(uint32_t state, int layer) const {
    const int warp = static_cast<int>(arch::warp());
    if (arch::lane() != 0 || (warp != 0 && warp != warps))
      return;
    TraceCursor &at = *trace_cursor();
    at.state = state;
    if (at.count + 1 < trace_capacity) // the last one stays zero
      args.trace[(arch::block_index() * trace_rows + (warp == warps)) * trace_capacity + at.count++] = {
          arch::global_timer_low(), arch::clock_low(), state, static_cast<uint32_t>(layer)};
  }
  /// From now on this block does `work`; for the trace, if there is one.
  CADENZA_DEVICE void mark(PersistentWork work, int layer) const {
    if constexpr (Config::traced)
      trace(1 + trace_waits + static_cast<uint32_t>(work), layer);
  }
};

} // namespace cadenza

// The persistent schedule: many decode steps as one cooperative kernel, one block a multiprocessor, that streams all
// weights without ever waiting for an activation.
//
// ## Division of work
// Blocks form groups (clusters of a GPU that has them) of `ranks` blocks that exchange values quickly ("hop"). A layer
// is divided over groups as tensor parallelism divides it over GPUs, in two halves:
//   attention     group g has KV head g and its query heads: its rows of q, k, v; its part of the context a rank; its
//                 columns of the output projection. Groups without a KV head have no part in it.
//   feed-forward  a group has some units: their rows of gate and up, their columns of down.
// Each half ends in partial sums of the residual stream, which are exchanged over the grid: rank r of every group
// publishes its share of the rows, and rank r of every group collects the same rows from all groups, adds them in order
// to its rows of the residual stream and hops the result to its group. So a layer has two exchanges over the grid, and
// every block ends with the whole residual stream.
//
// ## Roles in a block
// The last warp produces: it streams the block's share of weights and keys and values through the ring, across phases,
// layers and tokens. All other warps consume; team.cuh's named barriers keep them together without it.
//
// ## Order of sums
// That of the phases' kernels in the `launch` schedule, whose configurations are this one's bases: the same bits.
//
// ## Why nothing is overwritten too early, and why every wait ends
// Packets: a slot belongs to (parity of the layer counter, half, writer). It is written again two layers later. By then
// the writer has collected the layer between from every group, and whoever published that had collected this one.
// Rows that hop lie in one buffer a kind. A rank sends the next ones only after it has received, from every rank of its
// group, something that those sent after they had read the last ones. hop_residual_middle and _end are two barriers:
// groups without a KV head skip the second, and their ranks may be a half layer apart.
// Every wait is for something that was sent before the sender waited for anything that depends on the waiter; the
// compiler checks both properties for each schedule (compiler/schedule). A wait that takes too long traps.
#pragma once

#include "attend.cuh"
#include "embed.cuh"
#include "epilogue.cuh"
#include "exchange.cuh"
#include "persistent_state.cuh"
#include "project.cuh"
#include "shares.cuh"
#include "stream_project.cuh"

namespace cadenza {

/// The consumer warps, as a team.
template <int warps> using Consumers = WarpTeam<0, warps, 1>;

/// Config: groups, ranks, warps (of consumers), layers, hidden, shared_bytes, copies_in_flight, head_copies_in_flight;
/// embed, query_key_value, attention, output, gate_up, down, head: the configurations of the phases, each with its
/// `Launch` (that of its own kernel), and for projects Team, prologue and epilogue (the functions that stay: residual
/// additions, stores, the KV append and the selection are this kernel's).
template <class Config> struct Persistent {
  using Embedding = typename Config::embed;
  using Qkv = typename Config::query_key_value;
  using Attention = typename Config::attention;
  using Output = typename Config::output;
  using GateUp = typename Config::gate_up;
  using Down = typename Config::down;
  using Head = typename Config::head;
  using Units = typename Down::k_groups; // the groups' shares of the feed-forward units, in steps of 32
  using Weight = typename Qkv::weight_type;
  using Cache = typename Attention::cache_type;
  using Core = Attend<Attention>;

  static constexpr int groups = Config::groups, ranks = Config::ranks, blocks = groups * ranks;
  static constexpr int warps = Config::warps, threads = 32 * warps, block_threads = threads + 32;
  using Team = Consumers<warps>;
  static constexpr int layers = Config::layers, hidden = Config::hidden, hidden_tiles = hidden / 16;
  static constexpr int hidden_padded = round_up(hidden, 32);

  // Attention: the rows of a KV head in the order q, k, v.
  static constexpr int kv_heads = Core::kv_heads, head_group = Core::group, head_dim = Core::head_dim;
  static constexpr int q_rows = head_group * head_dim, head_rows = q_rows + 2 * head_dim;
  static constexpr int q_tiles = q_rows / 16, head_tiles = head_rows / 16;
  static constexpr int attention_groups = kv_heads;
  static_assert(kv_heads <= groups, "a group has one KV head at most");
  static_assert(head_dim % 16 == 0 && q_rows % 32 == 0 && hidden % 16 == 0, "tiles have 16 rows, steps 32 columns");
  static_assert(Core::splits == ranks && Core::threads == threads, "attention's part of the plan");
  static_assert(warps % 4 == 0, "q takes half of the consumer warps, k and v a quarter each");

  // Feed-forward
  static constexpr int units = Down::columns, unit_steps = ceil_div(units, 32);
  static constexpr int group_units = 32 * largest_group<Units>(unit_steps); // of a group at most
  static constexpr int rank_unit_tiles = ceil_div(group_units / 8, ranks);
  static_assert(units % 8 == 0, "a tile of gate and up has eight units");

  static constexpr int vocabulary = Head::segment_rows::total, head_tiles_total = ceil_div(vocabulary, 16);

  static constexpr int rank_rows = 16 * ceil_div(hidden_tiles, ranks); // of the residual stream at most
  static constexpr int owned_rows = ceil_div(rank_rows, threads);
  static constexpr int rank_packets = packets_for(rank_rows);

  using QkvProduct = StreamProject<Weight, Qkv::k_ways, hidden_padded, warps>;
  using OutputProduct = StreamProject<Weight, Output::k_ways, round_up(Output::columns, 32), warps>;
  using GateUpProduct = StreamProject<Weight, GateUp::k_ways, hidden_padded, warps>;
  using DownProduct = StreamProject<Weight, Down::k_ways, round_up(units, 32), warps>;
  using HeadProduct = StreamProject<Weight, Head::k_ways, hidden_padded, warps>;

  /// The rows of q, k or v, which some of the warps finish.
  template <int slot_index, int count, int first_warp, int team_warps> struct HeadShape {
    static constexpr int slot = slot_index, rows = count, slots = 1;
    static constexpr bool holds_all = false;
    using Team = WarpTeam<first_warp, team_warps, 2 + slot_index>;
    static constexpr int first_head_row = slot_index == 0 ? 0 : slot_index == 1 ? q_rows : q_rows + head_dim;
  };
  using QueryShape = HeadShape<0, q_rows, 0, warps / 2>;
  using KeyShape = HeadShape<1, head_dim, warps / 2, warps / 4>;
  using ValueShape = HeadShape<2, head_dim, warps / 2 + warps / 4, warps / 4>;

  /// Units of the feed-forward half: slot 0 gate, slot 1 up.
  struct UnitShape {
    static constexpr int rows = 8 * rank_unit_tiles, slots = 2;
    static constexpr bool holds_all = true;
    using Team = Consumers<warps>;
  };
  using UnitTile = Tile<UnitShape>;

  // The words of all phases' kernels, as the host resolves them.
  struct Layer {
    typename Project<typename Qkv::Launch>::Args qkv;
    typename Core::Args attention;
    typename Project<typename Output::Launch>::Args output;
    typename Project<typename GateUp::Launch>::Args gate_up;
    typename Project<typename Down::Launch>::Args down;
  };
  struct Step {
    typename Embed<Embedding>::Args embed;
    Layer layer[layers];
    typename Project<typename Head::Launch>::Args head;
  };

  // Packets: [parity][half][block][rank_packets], then candidates: [parity][block].
  static constexpr uint64_t packet_bytes = 16 * (uint64_t{4} * blocks * rank_packets + 2 * blocks);

  // Shared memory -----------------------------------------------------------------------------------------------------

  static constexpr int chunks = ceil_div(hidden, norm_chunk);
  static constexpr int scratch_floats = Tile<QueryShape>::scratch_floats; // the largest of the three teams
  static constexpr int largest_partial =
      larger(larger(larger(QkvProduct::partial_floats, OutputProduct::partial_floats),
                    larger(GateUpProduct::partial_floats, DownProduct::partial_floats)),
             larger(HeadProduct::partial_floats, Core::set_warps * head_group * Core::partial_floats));
  static constexpr int gathered_floats = groups * (rank_packets / warp_packets) * 32;

  static constexpr int x_offset = 0;                                     // float [hidden_padded]
  static constexpr int activation_offset = x_offset + 4 * hidden_padded; // Weight [hidden or q_rows]
  static constexpr int units_offset = activation_offset + 2 * larger(hidden_padded, q_rows); // Weight [group_units]
  static constexpr int sums_offset = units_offset + 2 * group_units;                         // float [chunks]
  static constexpr int rows_offset = sums_offset + 4 * round_up(chunks, 4);                  // float [head_rows]
  static constexpr int gate_up_offset = rows_offset + 4 * head_rows;               // float [2][8 * rank_unit_tiles]
  static constexpr int scratch_offset = gate_up_offset + 4 * 16 * rank_unit_tiles; // float [3][scratch]
  static constexpr int splits_offset =
      scratch_offset + 4 * larger(3 * scratch_floats, UnitTile::scratch_floats); // float [ranks][head_group][partial]
  static constexpr int partial_offset = round_up(splits_offset + 4 * ranks * head_group * Core::partial_floats, 16);
  static constexpr int gathered_offset = partial_offset + 4 * round_up(largest_partial, 4); // float [groups][rows]
  static constexpr int barriers_offset = round_up(gathered_offset + 4 * gathered_floats, 16);
  static constexpr int max_stages = 32, hop_barriers = 6;
  static constexpr int fixed_bytes = barriers_offset + 8 * (2 * max_stages + hop_barriers) + 16;
  static constexpr int ring_offset = round_up(fixed_bytes, 128);
  static constexpr int stage_bytes = warps * warp_items * item_bytes;
  static constexpr int stage_positions = Core::unroll * Core::row_positions; // of the context
  static constexpr int stages = smaller(max_stages, (Config::shared_bytes - ring_offset) / stage_bytes);
  static_assert(stages >= 2, "the ring needs room for two stages");
  static_assert(2 * stage_positions * head_dim * 2 <= stage_bytes, "a stage holds keys and values of its positions");
  using WeightRing = Ring<stages, stage_bytes, warps>;

  enum Hop { hop_rows, hop_splits, hop_residual_middle, hop_residual_end, hop_units, step_start };

  CADENZA_DEVICE static void run(const PersistentArgs &args) {
    Persistent block(args);
    if (arch::thread_index() == 0) {
      ring().init();
      for (int i = 0; i < step_start; ++i)
        arch::mbarrier_init(hops() + i, 1);
      arch::mbarrier_init(hops() + step_start, ranks);
      arch::fence_mbarrier_init();
    }
    clear();
    arch::cluster_barrier(); // no hop before its barrier exists
    if (arch::warp() == warps)
      block.produce();
    else
      block.consume();
    arch::cluster_barrier(); // nor after its block has gone
  }

private:
  const PersistentArgs &args;
  const int first_position, steps, headless_steps;
  const Range my_units; // of the group, in steps of 32

  CADENZA_DEVICE explicit Persistent(const PersistentArgs &args)
      : args(args), first_position(args.state->next_position),
        steps(args.state->stopped ? 0 : static_cast<int>(args.steps)),
        headless_steps(static_cast<int>(args.headless_steps)), my_units(group_steps<Units>(group(), unit_steps)) {}

  // What costs nothing to find again is not kept: registers are few.
  CADENZA_DEVICE static int rank() { return static_cast<int>(arch::block_index()) % ranks; }
  CADENZA_DEVICE static int group() { return static_cast<int>(arch::block_index()) / ranks; }
  CADENZA_DEVICE static bool attends() { return group() < attention_groups; } // this group has a KV head
  CADENZA_DEVICE const Step &table() const { return *reinterpret_cast<const Step *>(args.words); }
  CADENZA_DEVICE static WeightRing ring() {
    return {at<unsigned char>(ring_offset), at<arch::Mbarrier>(barriers_offset),
            at<arch::Mbarrier>(barriers_offset) + max_stages};
  }
  CADENZA_DEVICE static arch::Mbarrier *hops() { return at<arch::Mbarrier>(barriers_offset) + 2 * max_stages; }
  /// For the producer: whether the step that begins is one.
  CADENZA_DEVICE static volatile uint32_t *running() {
    return reinterpret_cast<volatile uint32_t *>(hops() + hop_barriers);
  }

  template <class T> CADENZA_DEVICE static T *at(int offset) {
    return reinterpret_cast<T *>(arch::shared_memory() + offset);
  }
  CADENZA_DEVICE static float *x() { return at<float>(x_offset); }
  CADENZA_DEVICE static Weight *activation() { return at<Weight>(activation_offset); }
  CADENZA_DEVICE static Weight *unit_values() { return at<Weight>(units_offset); }
  CADENZA_DEVICE static float *sums() { return at<float>(sums_offset); }
  CADENZA_DEVICE static float *rows() { return at<float>(rows_offset); }
  CADENZA_DEVICE static float *partial() { return at<float>(partial_offset); }
  CADENZA_DEVICE static float *gathered() { return at<float>(gathered_offset); }
  CADENZA_DEVICE static float *split_parts() { return at<float>(splits_offset); }

  /// Padding is multiplied by weights that are zero: it must be a number.
  CADENZA_DEVICE static void clear() {
    for (int i = static_cast<int>(arch::thread_index()); i < ring_offset / 16; i += block_threads)
      if (16 * i < barriers_offset)
        arch::store16(at<unsigned char>(16 * i), Vec16{0, 0, 0, 0});
  }

  // Waits -------------------------------------------------------------------------------------------------------------

  CADENZA_DEVICE void expired(PersistentWait what, int layer, int position) const {
    PersistentControl &control = *args.control;
    control.wait = static_cast<uint32_t>(what);
    control.block = arch::block_index();
    control.layer = static_cast<uint32_t>(layer);
    control.position = static_cast<uint32_t>(position);
    arch::store_release_system(&control.expired, 1);
  }
  template <arch::Scope S = arch::Scope::block>
  CADENZA_DEVICE void wait(arch::Mbarrier *b, uint32_t parity, PersistentWait what, int layer, int position) const {
    arch::mbarrier_wait<S>(b, parity, args.limit_ns, [&] { expired(what, layer, position); });
  }

  /// Polls until poll() is true.
  struct Spin {
    const Persistent &block;
    PersistentWait what;
    int layer, position;
    template <class Poll> CADENZA_DEVICE void operator()(Poll poll) const {
      arch::spin_until(poll, block.args.limit_ns, [this] { block.expired(what, layer, position); });
    }
  };

  // Where things are --------------------------------------------------------------------------------------------------

  CADENZA_DEVICE arch::Packet *slots(uint32_t counter, int half, int from_group) const {
    const uint32_t set = (counter & 1) * 2 + static_cast<uint32_t>(half);
    return reinterpret_cast<arch::Packet *>(args.packets) +
           (set * blocks + static_cast<uint32_t>(from_group * ranks + rank())) * rank_packets;
  }
  CADENZA_DEVICE arch::Packet *candidates(uint32_t step) const {
    return reinterpret_cast<arch::Packet *>(args.packets) + 4 * blocks * rank_packets + (step & 1) * blocks;
  }

  /// Tile i of this group's rows of q, k, v in the packed matrix.
  CADENZA_DEVICE int qkv_tile(int i) const {
    constexpr int dim_tiles = head_dim / 16;
    if (i < q_tiles)
      return group() * q_tiles + i;
    const int value = i >= q_tiles + dim_tiles;
    return kv_heads * (q_tiles + value * dim_tiles) + group() * dim_tiles + i - q_tiles - value * dim_tiles;
  }
  /// Tiles of gate and up that this rank has in a layer, counted from the group's first.
  CADENZA_DEVICE Range unit_tiles(int layer) const {
    const int total = smaller(4 * my_units.count, units / 8 - 4 * my_units.first);
    return rotating_share(total, ranks, rank(), layer);
  }

  /// This rank's part of the context.
  CADENZA_DEVICE static typename Core::Split split(int position) { return Core::split_of(position, rank()); }

  // The producer ------------------------------------------------------------------------------------------------------

  CADENZA_DEVICE void produce() const {
    RingProducer<WeightRing> producer{ring()};
    int layer = 0, position = first_position, ahead = 0, limit = 1;
    bool begun = false, ended = false;
    const auto slot = [&](arch::Mbarrier *b, uint32_t parity) {
      wait(b, parity, PersistentWait::ring_slot, layer, position);
    };
    const auto data = [&](arch::Mbarrier *b, uint32_t parity) {
      wait(b, parity, PersistentWait::ring_data, layer, position);
    };
    // Weights may be fetched before the step begins, as many as there are buffers; keys and values only afterwards. A
    // step that never begins (the text has ended) leaves those buffers as they are.
    const auto begin_step = [&] {
      if (begun)
        return;
      begun = true;
      wait<arch::Scope::cluster>(hops() + step_start, static_cast<uint32_t>(position - first_position) & 1,
                                 PersistentWait::step_start, layer, position);
      arch::fence_proxy_async_global(); // what ranks wrote into the cache is read by bulk copies from here on
      ended = *running() == 0;
    };
    const auto begin = [&](uint32_t bytes) -> unsigned char * {
      if (ahead-- == 0)
        begin_step();
      return ended ? nullptr : producer.begin(limit, bytes, slot, data);
    };

    for (int step = 0; step < steps && !ended; ++step) {
      position = first_position + step;
      ahead = stages;
      limit = Config::copies_in_flight;
      begun = false;
      for (layer = 0; layer < layers && !ended; ++layer)
        produce_layer(producer, layer, position, begin_step, begin);
      if (!ended && step >= headless_steps) {
        limit = Config::head_copies_in_flight; // nothing waits for memory but this
        const Range mine = share(head_tiles_total, blocks, static_cast<int>(arch::block_index()));
        HeadProduct::produce(
            producer, table().head.matrix, mine.count, 0, hidden_padded / 32, [&](int i) { return mine.first + i; },
            begin);
      }
      begin_step();
    }
    producer.drain(data);
  }

  template <class Producer, class BeginStep, class Begin>
  CADENZA_DEVICE void produce_layer(Producer &producer, int layer, int position, BeginStep begin_step,
                                    Begin begin) const {
    // The barrier of a step's start must be seen before the consumers can end the step and arrive there again.
    if (layer == layers - 1)
      begin_step();
    const Layer &l = table().layer[layer];
    const Range out = share(hidden_tiles, ranks, rank());
    const auto residual_tile = [&](int i) { return out.first + i; };
    if (attends()) {
      const Range mine = share(head_tiles, ranks, rank());
      QkvProduct::produce(
          producer, l.qkv.matrix, mine.count, 0, hidden_padded / 32, [&](int i) { return qkv_tile(mine.first + i); },
          begin);
      begin_step();
      produce_context(producer, l.attention, position, begin);
      OutputProduct::produce(producer, l.output.matrix, out.count, group() * (q_rows / 32), q_rows / 32, residual_tile,
                             begin);
    }
    const Range tiles = unit_tiles(layer);
    GateUpProduct::produce(
        producer, l.gate_up.matrix, tiles.count, 0, hidden_padded / 32,
        [&](int i) { return 4 * my_units.first + tiles.first + i; }, begin);
    DownProduct::produce(producer, l.down.matrix, out.count, my_units.first, my_units.count, residual_tile, begin);
  }

  template <class Producer, class Begin>
  CADENZA_DEVICE void produce_context(Producer &producer, const typename Core::Args &l, int position,
                                      Begin begin) const {
    const typename Core::Split mine = split(position);
    const int end = smaller(mine.end, position); // the newest position never leaves this block's shared memory
    const uint64_t first = static_cast<uint64_t>(group()) * l.context * head_dim;
    for (int base = mine.begin; base < end; base += stage_positions) {
      const uint32_t bytes = static_cast<uint32_t>(smaller(stage_positions, end - base)) * head_dim * 2;
      const uint64_t offset = first + static_cast<uint64_t>(base) * head_dim;
      unsigned char *to = begin(2 * bytes);
      if (!to)
        return;
      producer.piece(to, l.key + offset, bytes);
      producer.piece(to + stage_positions * head_dim * 2, l.value + offset, bytes);
      producer.end();
    }
  }

  // The consumers -----------------------------------------------------------------------------------------------------

  /// What a consumer thread carries from phase to phase.
  struct Progress {
    typename WeightRing::Cursor cursor;
    uint32_t parities = 0; // of the next phase of each hop's barrier, a bit each
    int layer = 0, position = 0;
    uint32_t counter = 0;            // of layers since the packets were zeroed
    float residual[owned_rows] = {}; // of the rows of this rank that this thread owns
  };

  CADENZA_DEVICE auto ring_wait(const Progress &p) const {
    return [this, &p](arch::Mbarrier *b, uint32_t parity) {
      wait(b, parity, PersistentWait::ring_data, p.layer, p.position);
    };
  }
  /// This use of a hop will bring `bytes`.
  CADENZA_DEVICE void expect_hop(Hop hop, int bytes) const {
    if (Team::thread() == 0)
      arch::mbarrier_arrive_expect_tx(hops() + hop, static_cast<uint32_t>(bytes));
  }
  CADENZA_DEVICE void await_hop(Hop hop, Progress &p, PersistentWait what) const {
    wait<arch::Scope::cluster>(hops() + hop, p.parities >> hop & 1, what, p.layer, p.position);
    p.parities ^= 1u << hop;
  }
  /// Stores 32 bits at the same place in every rank.
  CADENZA_DEVICE void send(Hop hop, uint32_t *mine, uint32_t value) const {
#pragma unroll
    for (int i = 0; i < ranks; ++i) {
      const uint32_t to = static_cast<uint32_t>(rank() + i) % ranks; // not all to the same one at once
      arch::store_async(arch::remote(mine, to), value, arch::remote(hops() + hop, to));
    }
  }
  CADENZA_DEVICE void send(Hop hop, float *mine, float value) const {
    send(hop, reinterpret_cast<uint32_t *>(mine), arch::as_bits(value));
  }

  CADENZA_DEVICE void consume() const {
    Progress p;
    p.position = first_position;
    int token = steps > 0 ? args.tokens[first_position] : 0;
    bool stopped = false;
    int step = 0;
    for (; step < steps && !stopped; ++step, ++p.position) {
      const uint32_t number = static_cast<uint32_t>(args.first_step) + static_cast<uint32_t>(step);
      begin_step(/*runs=*/true);
      embed(token, p);
      for (p.layer = 0; p.layer < layers; ++p.layer) {
        p.counter = number * layers + static_cast<uint32_t>(p.layer);
        const bool last = p.layer == layers - 1;
        if (attends())
          attention_half(p);
        add_partial_sums(p, 0, attention_groups, hop_residual_middle, /*needed=*/true);
        feed_forward_half(p);
        add_partial_sums(p, 1, groups, hop_residual_end, last ? step >= headless_steps : attends());
      }
      if (step >= headless_steps)
        token = select(p, number, stopped);
      else
        token = args.tokens[p.position + 1];
    }
    if (step < steps)
      begin_step(/*runs=*/false);
    if (arch::block_index() == 0 && Team::thread() == 0 && step > 0) {
      args.state->position = p.position - 1;
      args.state->next_position = p.position;
    }
  }

  /// Everything that this block wrote into the cache is there for the copies of all ranks, which may begin.
  CADENZA_DEVICE void begin_step(bool runs) const {
    arch::fence_gpu();
    arch::fence_proxy_async_global();
    if (Team::thread() == 0)
      *running() = runs;
    Team::barrier();
    if (Team::thread() < ranks)
      arch::mbarrier_arrive(arch::remote(hops() + step_start, static_cast<uint32_t>(Team::thread())));
  }

  /// The token's row: all of it where a norm needs it, and this rank's rows of the residual stream.
  CADENZA_DEVICE void embed(int token, Progress &p) const {
    const Weight *row = table().embed.matrix + static_cast<uint64_t>(token / 8) * (8 * hidden_padded) + token % 8 * 32;
    const auto element = [&](int i) {
      const Weight value = row[i / 32 * 256 + i % 32];
      return arch::to_float(
          arch::from_float<typename Embedding::output_type>(arch::to_float(value) * Embedding::scale));
    };
    if (attends()) // elsewhere a faster rank's hop may have begun to fill x
      for (int i = Team::thread(); i < hidden; i += threads)
        x()[i] = element(i);
    const Range mine = share(hidden_tiles, ranks, rank());
#pragma unroll
    for (int j = 0; j < owned_rows; ++j)
      if (const int i = Team::thread() + j * threads; i < 16 * mine.count)
        p.residual[j] = element(16 * mine.first + i);
    Team::barrier();
  }

  /// Some functions of a launch's kernel come first in its arguments.
  template <class Kept, class All> CADENZA_DEVICE static const typename Kept::Args &arguments(const All &all) {
    return reinterpret_cast<const typename Kept::Args &>(all);
  }

  // Attention ---------------------------------------------------------------------------------------------------------

  /// Norms, rotations, biases: on all rows of the KV head, by every rank.
  template <class Shape> CADENZA_DEVICE void finish_rows(const Layer &l, Progress &p) const {
    using RowTile = Tile<Shape>;
    RowTile tile;
    tile.team = {p.position};
    tile.values = rows() + Shape::first_head_row;
    tile.scratch = at<float>(scratch_offset) + Shape::slot * scratch_floats;
    tile.slot = Shape::slot;
    tile.first_row = group() * Shape::rows;
    tile.live_rows = Shape::rows;
    using Functions = typename Qkv::epilogue;
    const auto &functions = arguments<Functions>(static_cast<const typename Qkv::Launch::epilogue::Args &>(l.qkv));
    typename Functions::template Loaded<RowTile> loaded;
    Functions::load(functions, tile, loaded); // latency that hides behind the hop
    await_hop(hop_rows, p, PersistentWait::hop_rows);
    Functions::apply(functions, loaded, tile);
  }

  /// Keys and values as `Attend` reads them: old positions from the ring, the newest one from this step's rows.
  struct ContextRows {
    const Persistent &block;
    Progress &p;
    const typename Core::Split mine;
    int base = 0;

    CADENZA_DEVICE bool in_ring() const { return base < smaller(mine.end, p.position); }
    CADENZA_DEVICE void start(int first) {
      base = first;
      if (in_ring())
        block.ring().await(p.cursor, block.ring_wait(p));
    }
    CADENZA_DEVICE void load(int position, int element, Vec16 &k, Vec16 &v) const {
      if (position == p.position) {
        const float *key = block.rows() + q_rows + element;
        k = rounded(key);
        v = rounded(key + head_dim);
      } else {
        const unsigned char *from = block.ring().buffer(p.cursor) + ((position - base) * head_dim + element) * 2;
        k = arch::load16(from);
        v = arch::load16(from + stage_positions * head_dim * 2);
      }
    }
    CADENZA_DEVICE void finish() {
      if (!in_ring())
        return;
      block.ring().release(p.cursor);
      p.cursor.advance();
    }
    CADENZA_DEVICE static Vec16 rounded(const float *from) {
      return {arch::pack2<Cache>(from[0], from[1]), arch::pack2<Cache>(from[2], from[3]),
              arch::pack2<Cache>(from[4], from[5]), arch::pack2<Cache>(from[6], from[7])};
    }
  };

  CADENZA_DEVICE void attention_half(Progress &p) const {
    const Layer &l = table().layer[p.layer];
    const Range out = share(hidden_tiles, ranks, rank());
    prepare<Qkv>(l.qkv);
    const float factor = Qkv::prologue::factor(sums());

    const Range mine = share(head_tiles, ranks, rank());
    expect_hop(hop_rows, 4 * head_rows);
    QkvProduct::template consume<Team>(ring(), p.cursor, activation(), mine.count, hidden_padded / 32, partial(),
                                       ring_wait(p), [&](int row, float sum) {
                                         if (row < 16 * mine.count)
                                           send(hop_rows, rows() + 16 * mine.first + row, sum * factor);
                                       });
    // Each of these waits for the rows; which one a warp runs is the same for the whole warp.
    if (Team::warp() < warps / 2)
      finish_rows<QueryShape>(l, p);
    else if (Team::warp() < warps / 2 + warps / 4)
      finish_rows<KeyShape>(l, p);
    else
      finish_rows<ValueShape>(l, p);
    Team::barrier();

    const typename Core::Split part = split(p.position);
    expect_hop(hop_splits, 4 * part.used * head_group * Core::partial_floats);
    if (part.begin < part.end) {
      ContextRows context{*this, p, part};
      Core::attend(rows(), context, part.begin, part.end, partial());
      if (part.end == p.position + 1)
        append(l.attention, p.position);
      Team::barrier(); // the warps' parts are complete
      Core::for_each_element([&](int head, int element) {
        const typename Core::Merged merged = Core::merge_warps(partial(), head, element);
        float *to = split_parts() + (rank() * head_group + head) * Core::partial_floats;
        send(hop_splits, to + element, merged.o);
        if (element == 0) {
          send(hop_splits, to + head_dim, merged.m);
          send(hop_splits, to + head_dim + 1, merged.l);
        }
      });
    }
    await_hop(hop_splits, p, PersistentWait::hop_splits);
    Core::for_each_element([&](int head, int element) {
      const auto of = [&](int s) { return split_parts() + (s * head_group + head) * Core::partial_floats; };
      const float merged = Core::merge_splits(
          part.used, [&](int s) { return of(s)[head_dim]; },
          [&](int s) { return typename Core::Merged{of(s)[element], of(s)[head_dim], of(s)[head_dim + 1]}; });
      activation()[head * head_dim + element] =
          arch::from_float<Weight>(arch::to_float(arch::from_float<typename Attention::output_type>(merged)));
    });
    Team::barrier();

    publish<OutputProduct>(p, 0, activation(), out.count, q_rows / 32);
  }

  /// The newest key and value, for later steps; by the rank whose part of the context has them.
  CADENZA_DEVICE void append(const typename Core::Args &l, int position) const {
    const uint64_t first = (static_cast<uint64_t>(group()) * l.context + static_cast<uint64_t>(position)) * head_dim;
    for (int i = Team::thread(); i < head_dim; i += threads) {
      const_cast<Cache *>(l.key)[first + static_cast<uint64_t>(i)] = arch::from_float<Cache>(rows()[q_rows + i]);
      const_cast<Cache *>(l.value)[first + static_cast<uint64_t>(i)] =
          arch::from_float<Cache>(rows()[q_rows + head_dim + i]);
    }
  }

  // Feed-forward ------------------------------------------------------------------------------------------------------

  CADENZA_DEVICE void feed_forward_half(Progress &p) const {
    const Layer &l = table().layer[p.layer];
    const Range out = share(hidden_tiles, ranks, rank());
    prepare<GateUp>(l.gate_up);
    const float factor = GateUp::prologue::factor(sums());

    const Range mine = unit_tiles(p.layer);
    UnitTile tile;
    tile.team = {p.position};
    tile.values = at<float>(gate_up_offset);
    tile.scratch = at<float>(scratch_offset);
    tile.slot = 0;
    tile.first_row = 32 * my_units.first + 8 * mine.first;
    tile.live_rows = 8 * mine.count;
    using Functions = typename GateUp::epilogue;
    const auto &functions =
        arguments<Functions>(static_cast<const typename GateUp::Launch::epilogue::Args &>(l.gate_up));
    typename Functions::template Loaded<UnitTile> loaded;
    Functions::load(functions, tile, loaded);

    expect_hop(hop_units, 2 * smaller(32 * my_units.count, units - 32 * my_units.first));
    GateUpProduct::template consume<Team>(ring(), p.cursor, activation(), mine.count, hidden_padded / 32, partial(),
                                          ring_wait(p), [&](int row, float sum) {
                                            if (row < 16 * mine.count) // eight rows of gate, eight of up
                                              tile.values[row / 8 % 2 * UnitTile::rows + row / 16 * 8 + row % 8] =
                                                  sum * factor;
                                          });
    Team::barrier();
    Functions::apply(functions, loaded, tile);
    for (int i = Team::thread(); i < round_up(tile.live_rows, 32); i += threads) {
      const float value = i < tile.live_rows ? tile.values[i] : 0.0f; // written by this thread
      const float next = arch::shuffle(value, static_cast<int>(arch::lane()) + 1);
      if (i % 2 == 0 && i < tile.live_rows)
        send(hop_units, reinterpret_cast<uint32_t *>(unit_values() + 8 * mine.first + i),
             arch::pack2<Weight>(value, next));
    }
    await_hop(hop_units, p, PersistentWait::hop_units);
    publish<DownProduct>(p, 1, unit_values(), out.count, my_units.count);
  }

  // The residual stream -----------------------------------------------------------------------------------------------

  /// The input of a product from the residual stream x, with its norm, and the barrier after it.
  template <class Phase, class PhaseArgs> CADENZA_DEVICE void prepare(const PhaseArgs &phase) const {
    using Prologue = typename Phase::prologue;
    Prologue prologue;
    prologue.load_weights(reinterpret_cast<const typename Prologue::Args &>(
        static_cast<const typename Phase::Launch::prologue::Args &>(phase)));
    prologue.load_input(x());
    prologue.apply(activation(), sums());
    Team::barrier();
  }

  /// A product over this group's columns: its sums are parts of the residual stream's next value.
  template <class Product>
  CADENZA_DEVICE void publish(Progress &p, int half, const Weight *input, int tiles, int steps) const {
    arch::Packet *mine = slots(p.counter, half, group());
    Product::template consume<Team>(
        ring(), p.cursor, input, tiles, steps, partial(), ring_wait(p),
        [&](int row, float sum) { publish_rows(mine + row / 32 * warp_packets, sum, p.counter + 1); });
  }

  /// Adds the partial sums of `sources` groups to this rank's rows of the residual stream, and hops them to x.
  CADENZA_DEVICE void add_partial_sums(Progress &p, int half, int sources, Hop hop, bool needed) const {
    const Range mine = share(hidden_tiles, ranks, rank());
    const int count = 16 * mine.count, packets = packets_for(count);
    constexpr int stride = rank_packets / warp_packets * 32;
    float *parts = gathered();
    if (needed)
      expect_hop(hop, 4 * hidden);
    collect_packets<3, Team>(
        sources * packets, p.counter + 1, [&](int i) { return slots(p.counter, half, i / packets) + i % packets; },
        [&](int i, const arch::Packet &packet) {
          const int index = i % packets;
          float *to = parts + i / packets * stride + index / warp_packets * 32 + index % warp_packets * packet_rows;
#pragma unroll
          for (int j = 0; j < packet_rows; ++j)
            if (index % warp_packets * packet_rows + j < 32)
              to[j] = arch::as_float(packet.payload[j]);
        },
        Spin{*this, PersistentWait::packets, p.layer, p.position});
    Team::barrier();
#pragma unroll
    for (int j = 0; j < owned_rows; ++j) {
      const int i = Team::thread() + j * threads;
      if (i >= count)
        break;
      float sum = parts[i];
      for (int s = 1; s < sources; ++s)
        sum += parts[s * stride + i];
      p.residual[j] = p.residual[j] + sum;
      if (needed)
        send(hop, x() + 16 * mine.first + i, p.residual[j]);
    }
    if (needed)
      await_hop(hop, p, PersistentWait::hop_residual);
    else
      Team::barrier(); // the sums are read before the next ones are collected
  }

  // Selection ---------------------------------------------------------------------------------------------------------

  /// The next token, in every thread; block 0 tells the host.
  CADENZA_DEVICE int select(Progress &p, uint32_t number, bool &stopped) const {
    prepare<Head>(table().head);
    const float factor = Head::prologue::factor(sums());
    const Range mine = share(head_tiles_total, blocks, static_cast<int>(arch::block_index()));
    float *logits = args.logits;
    Candidate best{0, 0};
    HeadProduct::template consume<Team>(ring(), p.cursor, activation(), mine.count, hidden_padded / 32, partial(),
                                        ring_wait(p), [&](int row, float sum) {
                                          const int index = 16 * mine.first + row;
                                          if (row >= 16 * mine.count || index >= vocabulary)
                                            return;
                                          best.take_larger(Candidate::of(sum * factor, static_cast<uint32_t>(index)));
                                          if (logits)
                                            logits[index] = sum * factor;
                                        });
    uint32_t *shared_words = reinterpret_cast<uint32_t *>(at<float>(scratch_offset)); // [warps][2], then all's [3]
    Candidate::largest_of_team<Team>(best, shared_words);
    if (Team::thread() == 0) {
      const bool stop = arch::block_index() == 0 && arch::load_acquire_system(&args.control->stop) != 0;
      arch::store_packet(candidates(number) + arch::block_index(),
                         arch::Packet{{best.key, best.complement, stop}, number + 1});
    }
    best = {0, 0};
    bool stop = false;
    collect_packets<1, Team>(
        blocks, number + 1, [&](int i) { return candidates(number) + i; },
        [&](int, const arch::Packet &packet) {
          best.take_larger({packet.payload[0], packet.payload[1]});
          stop |= packet.payload[2] != 0;
        },
        Spin{*this, PersistentWait::candidates, layers, p.position});
    uint32_t *result = shared_words + 2 * warps;
    Team::barrier(); // the words were read by largest_of_team
    if (Team::thread() == 0)
      result[2] = 0;
    Candidate::largest_of_team<Team>(best, shared_words); // a barrier after result[2] was cleared
    if (stop)
      result[2] = 1;
    if (Team::thread() == 0) {
      result[0] = best.key;
      result[1] = best.complement;
    }
    Team::barrier();
    const int selected = static_cast<int>(~result[1]);
    stopped = result[2] != 0;
    Team::barrier(); // read before the scratch is used again
    return accept(selected, p.position + 1, stopped);
  }

  /// The rules of state.cuh: a token of the prompt is kept; a stop token ends the text.
  CADENZA_DEVICE int accept(int selected, int next, bool &stopped) const {
    const DecodeState &state = *args.state;
    const bool given = next < state.forced_tokens;
    const int token = given ? args.tokens[next] : selected;
    bool ends = false;
    for (int i = 0; i < state.stop_token_count; ++i)
      ends |= !given && token == state.stop_tokens[i];
    stopped |= ends;
    if (arch::block_index() == 0 && Team::thread() == 0) {
      if (!given)
        args.tokens[next] = token;
      if (ends)
        args.state->stopped = 1;
      args.host_tokens[next] = token;
      arch::store_release_system(&args.control->published, static_cast<uint32_t>(next + 1));
    }
    return token;
  }
};

} // namespace cadenza

// The residual stream of the persistent kernel. A rank has some rows of it, in fp32 in registers, four consecutive ones
// a thread. A part of a layer begins with `receive`, the partial sums of the part before it (or of several, if they had
// the same residual stream), and `spread`: the rows, as the products of the part see them (scaled by the norm's
// weights, rounded), hop to all ranks of the group, with the sums of their squares.
#pragma once

#include "persistent_hop.cuh"

namespace cadenza {

template <class Config> struct PersistentResidual {
  using Block = PersistentBlock<Config>;
  using Team = typename Block::Team;
  using Weight = typename Block::Weight;
  using Progress = typename Block::Progress;
  using Hop = Hops<Config>;

  const Block &block;

  /// The first row of the j-th quad of this thread, in those of the rank.
  CADENZA_DEVICE static int row(int j) { return 4 * (Team::thread() + j * Team::threads); }

  /// The weights of a phase's norm for this thread's rows: asked for before they are needed.
  template <class Phase> struct NormWeights {
    typename Phase::prologue::Quad quad[Block::owned_quads] = {};

    template <class PhaseArgs> CADENZA_DEVICE explicit NormWeights(const PhaseArgs &phase) {
      const Range mine = Block::my_rows();
#pragma unroll
      for (int j = 0; j < Block::owned_quads; ++j)
        if (row(j) < tile_rows * mine.count)
          Phase::prologue::load_quad(Block::template prologue_arguments<Phase>(phase), tile_rows * mine.first + row(j),
                                     quad[j]);
    }
  };

  /// The token's row, and the position's, if positions are learned.
  CADENZA_DEVICE void embed(int token, Progress &p) const {
    using Embedding = typename Block::Embedding;
    const auto &args = Block::table().embed;
    const auto *from = row_of(args.matrix, token);
    const Range mine = Block::my_rows();
#pragma unroll
    for (int j = 0; j < Block::owned_quads; ++j) {
      if (row(j) >= tile_rows * mine.count)
        break;
      const int i = tile_rows * mine.first + row(j), at = i / step_columns * tile_step_weights + i % step_columns;
      float x[4], y[4] = {};
      load4(from + at, x);
      if constexpr (Embed<Embedding>::positioned)
        load4(row_of(args.positions, p.position) + at, y);
#pragma unroll
      for (int e = 0; e < 4; ++e)
        p.residual[j][e] = arch::to_float(Embed<Embedding>::of(x[e], y[e]));
    }
  }

  /// What the functions of a product (biases, scales, whatever works element by element) make of its sums, once they
  /// are complete, before they go into the residual stream: in the order of the chain, for this thread's rows. Biases
  /// are asked for before they are needed.
  template <class Functions> struct OfSums { // none
    template <class Args> CADENZA_DEVICE explicit OfSums(const Args &) {}
    CADENZA_DEVICE float apply(int, int, float sum) const { return sum; }
  };
  template <class First, class... Rest> struct OfSums<Chain<First, Rest...>> {
    static constexpr bool is_bias = First::words > 0; // no other function has arguments (the compiler sees to it)
    float quad[is_bias ? Block::owned_quads : 1][4];
    OfSums<Chain<Rest...>> rest;

    CADENZA_DEVICE explicit OfSums(const typename Chain<First, Rest...>::Args &args)
        : rest(static_cast<const typename Chain<Rest...>::Args &>(args)) {
      if constexpr (is_bias) {
        const float *vector = static_cast<const typename First::Args &>(args).vector;
        const Range mine = Block::my_rows();
#pragma unroll
        for (int j = 0; j < Block::owned_quads; ++j)
          if (row(j) < tile_rows * mine.count)
            load4(vector + tile_rows * mine.first + row(j), quad[j]);
      }
    }
    CADENZA_DEVICE float apply(int j, int e, float sum) const {
      if constexpr (is_bias)
        return rest.apply(j, e, quad[j][e] + sum);
      else
        return rest.apply(j, e, First::of(sum));
    }
  };

  /// A part's norm of the complete sums of its product over columns (`norm` of its configuration): an RmsNorm of all
  /// rows. The ranks of a group exchange the sums of squares of their rows.
  template <int part, class Part, bool has_norm = Part::has_norm> struct NormOfSums { // none
    CADENZA_DEVICE NormOfSums(const PersistentResidual &, const typename Part::Args &) {}
    CADENZA_DEVICE void apply(float (&)[Block::owned_quads][4], Progress &) const {}
  };
  template <int part, class Part> struct NormOfSums<part, Part, true> {
    using Function = typename Part::norm::function;
    static constexpr int chunk = Function::chunk, bytes = 4 * (Block::hidden / chunk);
    static constexpr auto hop = static_cast<typename Block::Hop>(Block::hop_updates + part);
    static_assert(Function::group_size == Block::hidden && Block::hidden % chunk == 0, "ranks have whole chunks");
    static_assert(Part::collected == 1, "no two norms in one part: the epochs of their hops would be the same");
    const PersistentResidual &residual;
    float gamma[Block::owned_quads][4] = {};

    CADENZA_DEVICE NormOfSums(const PersistentResidual &residual, const typename Part::Args &args)
        : residual(residual) {
      const Range mine = Block::my_rows();
      const float *from = static_cast<const typename Function::Args &>(args.norm).gamma;
#pragma unroll
      for (int j = 0; j < Block::owned_quads; ++j)
        if (row(j) < tile_rows * mine.count)
          load4(from + tile_rows * mine.first + row(j), gamma[j]);
    }
    CADENZA_DEVICE void apply(float (&sums)[Block::owned_quads][4], Progress &p) const {
      Hop::expect(hop, bytes);
      for_owned_warps(Block::my_rows(), [&](int j, int i, bool live) {
        residual.send_sum<chunk>(hop, p, Block::update_sums(part) + i / chunk, chunk_sum_of_squares<chunk>(sums[j]),
                                 live);
      });
      Hop::await(residual.block, hop, bytes, p, PersistentWait::hop_residual);
      const float factor = norm_factor<Block::hidden, chunk>(Block::update_sums(part), Function::eps);
#pragma unroll
      for (int j = 0; j < Block::owned_quads; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          sums[j][e] = Function::of(sums[j][e], factor, gamma[j][e]);
    }
  };

  /// Adds what was published since the last part that had sums collected: `last` and the parts before it that had the
  /// same residual stream.
  template <int last> CADENZA_DEVICE void receive_through(uint32_t counter, int layer, Progress &p) const {
    constexpr int first = last + 1 - Block::Parts::template At<last>::collected;
    receive_from<first, last>(counter, layer, p);
  }

  /// Adds the partial sums that the groups of `part` published in `layer`, the `counter`-th one since the packets were
  /// zeroed, in the order of the groups: complete sums of rows of the part's product over columns, which get their
  /// scales and its functions here.
  template <int part> CADENZA_DEVICE void receive(uint32_t counter, int layer, Progress &p) const {
    using Part = typename Block::Parts::template At<part>;
    using Phase = typename Part::column_product;
    const typename Part::Args &arguments = Block::table().layer[layer];
    const auto &phase = arguments.column_product;
    const typename Block::template Scales<Phase> scales(phase.matrix);
    const Range mine = Block::my_rows();
    using Functions = typename Phase::epilogue;
    const OfSums<Functions> functions(
        Block::template arguments<Functions>(static_cast<const typename Phase::Launch::epilogue::Args &>(phase)));
    const NormOfSums<part, Part> norm(*this, arguments);
    float *sums = Block::group_sums();
    const arch::Packet *first_slot = block.slots(counter, part, 0);
#pragma unroll
    for (int j = 0; j < ceil_div(Block::rank_packets, Team::threads); ++j) {
      const int i = Team::thread() + j * Team::threads;
      if (i >= packets_for(tile_rows * mine.count))
        break;
      float sum[packet_rows];
      sum_packets<Part::groups, Config::memory_bound>(
          first_slot + i, Block::ranks * Block::rank_packets, counter + 1,
          typename Block::Spin{block, PersistentWait::packets, p.layer, p.position}, sum);
      const int first = i % stripe_packets * packet_rows;
#pragma unroll
      for (int e = 0; e < packet_rows; ++e)
        if (first + e < 8)
          sums[i / stripe_packets * 8 + first + e] = sum[e];
    }
    block.mark(PersistentWork::sums, p.layer);
    Team::barrier();
    float update[Block::owned_quads][4] = {};
#pragma unroll
    for (int j = 0; j < Block::owned_quads; ++j) {
      if (row(j) >= tile_rows * mine.count)
        break;
      const Vec16 quad = arch::load16(sums + row(j));
      const float sum[4] = {arch::as_float(quad.x), arch::as_float(quad.y), arch::as_float(quad.z),
                            arch::as_float(quad.w)};
#pragma unroll
      for (int e = 0; e < 4; ++e)
        update[j][e] = functions.apply(j, e, scales.product(sum[e], tile_rows * mine.first + row(j) + e));
    }
    norm.apply(update, p);
#pragma unroll
    for (int j = 0; j < Block::owned_quads; ++j)
#pragma unroll
      for (int e = 0; e < 4; ++e)
        p.residual[j][e] += update[j][e];
  }

  /// Fills activation() and sums() in all ranks with the residual stream as `Phase` sees it, and waits for the others'
  /// rows; look() is called before that. A norm that is applied before rounding has to know all sums first: one more
  /// hop.
  template <class Phase, class Look>
  CADENZA_DEVICE void spread(const NormWeights<Phase> &weights, Progress &p, Look look) const {
    block.mark(PersistentWork::spread, p.layer);
    using Prologue = typename Phase::prologue;
    constexpr int chunk = Prologue::chunk, chunks = chunk > 0 ? Block::hidden / larger(chunk, 1) : 0;
    constexpr int sum_bytes = 4 * Prologue::sum_sets * chunks;
    constexpr auto sums_hop = Prologue::defers ? Block::hop_residual : Block::hop_sums;
    const Range mine = Block::my_rows();
    constexpr int bytes = 2 * Block::hidden + (Prologue::defers ? sum_bytes : 0);
    Hop::expect(Block::hop_residual, bytes);
    const auto send_sums = [&](int j, int i, bool live) {
      if constexpr (chunk > 0)
        Prologue::sums_of(p.residual[j], [&](int set, float sum) {
          send_sum<chunk>(sums_hop, p, Block::sums() + set * chunks + i / chunk, sum, live);
        });
    };
    typename Prologue::Statistics statistics{};
    if constexpr (!Prologue::defers) {
      Hop::expect(sums_hop, sum_bytes);
      for_owned_warps(mine, send_sums);
      Hop::await(block, sums_hop, sum_bytes, p, PersistentWait::hop_residual);
      statistics = Prologue::statistics_of(Block::sums());
    }
    for_owned_warps(mine, [&](int j, int i, bool live) {
      float y[4];
      Prologue::transform(p.residual[j], weights.quad[j], statistics, y);
      // The pairs of two neighbours, in the order of turn_place.
      const uint32_t low = arch::pack2<Weight>(y[0], y[1]), high = arch::pack2<Weight>(y[2], y[3]);
      const bool even = arch::lane() % 2 == 0;
      const uint64_t other = arch::shuffle_xor(even ? high : low, 1);
      if (live)
        Hop::template send<1>(block, Block::hop_residual, p, reinterpret_cast<uint64_t *>(Block::activation() + i),
                              even ? low | other << 32 : other | static_cast<uint64_t>(high) << 32);
      if constexpr (Prologue::defers)
        send_sums(j, i, live);
    });
    look();
    Hop::await(block, Block::hop_residual, bytes, p, PersistentWait::hop_residual);
  }

  /// The end of a part: a product over this group's columns gives parts of the residual stream's next value.
  template <class Consumer>
  CADENZA_DEVICE void publish(Consumer &product, int part, const Weight *input, Progress &p) const {
    arch::Packet *mine = block.slots(p.counter, part, Block::group());
    product.run(input, [&](int stripe, float sum) {
      publish_stripe(mine + stripe * stripe_packets, arch::as_bits(sum), p.counter + 1);
    });
  }

private:
  /// Of a matrix as wide as the residual stream, where a row begins: weight_index(row, 0).
  template <class Type> CADENZA_DEVICE static const Type *row_of(const Type *matrix, int row) {
    return matrix + static_cast<uint64_t>(row / tile_rows) * (Block::hidden_steps * tile_step_weights) +
           row % tile_rows * step_columns;
  }
  /// body(j, i, live) for the j-th quad of each thread, whose first row is i, in whole warps; live: it exists.
  template <class Body> CADENZA_DEVICE static void for_owned_warps(Range mine, Body body) {
#pragma unroll
    for (int j = 0; j < Block::owned_quads; ++j)
      if (row(j) - 4 * static_cast<int>(arch::lane()) < tile_rows * mine.count)
        body(j, tile_rows * mine.first + row(j), row(j) < tile_rows * mine.count);
  }
  /// A sum of the chunk of which this lane has four rows, to its place.
  template <int chunk>
  CADENZA_DEVICE void send_sum(typename Block::Hop hop, const Progress &p, float *to, float sum, bool live) const {
    if (live)
      Hop::template send<chunk / 4>(block, hop, p, reinterpret_cast<uint32_t *>(to), arch::as_bits(sum));
  }

  template <int first, int last> CADENZA_DEVICE void receive_from(uint32_t counter, int layer, Progress &p) const {
    receive<first>(counter, layer, p);
    if constexpr (first < last) {
      Team::barrier(); // the sums are read before the next ones are collected
      receive_from<first + 1, last>(counter, layer, p);
    }
  }
};

} // namespace cadenza

// Products of the persistent kernel: the same packed matrices, mma and order of sums as project.cuh, with the weights
// coming through the ring.
//
// A stripe is 8 rows, a turn four steps of 32 columns. One warp multiplies a whole stripe, turn by turn; the four steps
// of a turn go to the four ways of the sum. So no warp needs another one's sums, and between the arrival of an
// activation and that of the result there is no barrier.
//
// A wave is a stripe for each consumer warp. A stage of the ring has two turns of each stripe of a wave, or, if the
// last wave has fewer stripes, as many pairs of turns as there is room for. Where a warp finds its weights in a stage
// depends on nothing but the number of pairs. What a stage has of a tile of 16 rows, two stripes, is contiguous in
// memory and one piece: 8 KiB of two turns of 16-bit weights. With pieces of 4 KiB, of a stripe, Llama-3.1-8B is slower
// by 1.4 %.
//
// Weights are loaded two turns before they are multiplied, from the ring into registers. The first ones are loaded
// (`start`) while the activation is still on its way.
//
// The loop is what the whole schedule waits for: a warp has 16 loads and mma a stage, and every other instruction costs
// about as much as one of these. So waits are asked for once a stage, and addresses are kept, not computed.
#pragma once

#include "arch.cuh"
#include "encodings.cuh"
#include "ring.cuh"
#include "sum_order.cuh"
#include "unit_product.cuh"

namespace cadenza {

constexpr int pair_columns = 2 * turn_steps * step_columns; // of two turns

/// Bytes of a stage of the ring whose weights are stored as E: two turns of a stripe for each of so many warps.
template <class E, int warps> constexpr int weight_stage_bytes = warps * 2 * turn_steps * FormatOf<E>::unit_bytes;

/// Of a matrix stored as E (encodings.cuh), with so many steps, of which a block has from `least_steps` to
/// `most_steps`.
template <class E, int matrix_steps, int least_steps, int most_steps, int warps> struct StreamProject {
  using Weight = typename E::Operand;
  using Element = typename E::Element;
  using Format = FormatOf<E>;
  static constexpr int pair_bytes = 2 * turn_steps * Format::tile_step_bytes; // of two turns of a tile
  static constexpr int most_pairs = ceil_div(most_steps, 2 * turn_steps);
  static constexpr bool same_pairs = ceil_div(least_steps, 2 * turn_steps) == most_pairs;

  /// The binary logarithm of the pairs of turns in a stage of a wave of `stripes`, 8 pairs at most.
  CADENZA_DEVICE static int stage_pairs_log2(int stripes) {
    return (stripes <= warps / 2) + (stripes <= warps / 4) + (stripes <= warps / 8);
  }

  /// The producer's side: tile i is tile tile_of(i) of the matrix. begin(bytes) gives a buffer, or null to
  /// end here.
  template <class Producer, class TileOf, class Begin>
  CADENZA_DEVICE static void produce(Producer &producer, const Element *matrix, int tiles, int first_step, int steps,
                                     TileOf tile_of, Begin begin) {
    for (int first = 0; first < tiles; first += warps / 2) {
      const int count = smaller(warps / 2, tiles - first);
      const int stage_steps = 2 * turn_steps << stage_pairs_log2(2 * count), lane = static_cast<int>(arch::lane());
      const Element *from = matrix +
                            static_cast<uint64_t>(tile_of(first + lane)) * (matrix_steps * Format::tile_step_elements) +
                            first_step * Format::tile_step_elements;
      for (int step = 0; step < steps; step += stage_steps) {
        const uint32_t piece = static_cast<uint32_t>(smaller(stage_steps, steps - step)) * Format::tile_step_bytes;
        unsigned char *to = begin(static_cast<uint32_t>(count) * piece);
        if (!to)
          return;
        producer.pieces(count, to + lane * (stage_steps * Format::tile_step_bytes),
                        from + step * Format::tile_step_elements, piece);
        producer.end();
      }
    }
  }

  /// The consumers' side of one product of `stripes` stripes, in each thread of Team. wait: as in Ring::await.
  template <class Team, class Ring, class Wait> class Consumer {
  public:
    CADENZA_DEVICE Consumer(const Ring &ring, typename Ring::Cursor &cursor, int stripes, int steps, Wait wait)
        : ring(ring), cursor(cursor), wait(wait), stripes(stripes), block_pairs(ceil_div(steps, 2 * turn_steps)) {}

    /// Takes the first weights out of the ring; what comes before them there has been consumed.
    CADENZA_DEVICE void start() {
      const Pair pair = whole_waves() > 0 ? pair_of_whole() : pair_of_rest(0);
      await(pair);
      load<0>(pair);
      load<1>(pair);
      ring.release(cursor, pair.ends_stage);
    }
    /// Sees what else has arrived; for times when this warp waits for the activation.
    CADENZA_DEVICE void look() {
      ring.look(cursor);
      arch::warp_barrier();
    }

    /// activation: [steps * step_columns] by turn_place, then zeros up to a multiple of pair_columns. take(stripe, sum)
    /// is called for every stripe, by one warp: lanes 4g .. 4g+3 have the sum of row g (without its scale). No barrier
    /// is issued.
    template <class Take> CADENZA_DEVICE void run(const Weight *activation, Take take) {
      constexpr int unroll = same_pairs ? 4 : 1;
      UnitVector x[2] = {turn_vector(activation), turn_vector(activation + turn_columns)};
      // What is loaded is always the pair after the one that is multiplied, at last the first one of the next wave.
      int stripe = Team::warp();
#pragma unroll 1
      for (int waves = whole_waves(); waves > 0; --waves, stripe += warps) {
        Sums sums;
#pragma unroll unroll
        for (int next = 1; next < pairs(); ++next)
          step(sums, x, activation + next * pair_columns, pair_of_whole());
        if (waves > 1)
          step(sums, x, activation, pair_of_whole());
        else
          step(sums, x, activation, pair_of_rest(0));
        take(stripe, turn_sum(sums.ways));
      }
      if (rest() == 0)
        return;
      Sums sums;
#pragma unroll 1
      for (int next = 1; next <= pairs(); ++next)
        step(sums, x, activation + (next < pairs() ? next : 0) * pair_columns, pair_of_rest(next));
      if (stripe < stripes)
        take(stripe, turn_sum(sums.ways));
    }

  private:
    static constexpr int turn_columns = step_columns * turn_steps;
    struct Sums {
      UnitProduct<Weight> ways[turn_steps];
    };
    /// A pair of turns in the stage at the cursor: where this lane's weights will be; whether there is such a pair,
    /// whether this warp has a stripe of it, and whether nothing comes after it in the stage.
    struct Pair {
      arch::SharedPointer from;
      bool exists, wanted, ends_stage;
    };
    const Ring ring;
    typename Ring::Cursor &cursor;
    const Wait wait;
    const int stripes, block_pairs;
    typename E::Unit units[2][turn_steps] = {};

    CADENZA_DEVICE int pairs() const { return same_pairs ? most_pairs : block_pairs; }
    /// Waves with a stripe for each warp, and the stripes of the last wave, if it has fewer.
    CADENZA_DEVICE int whole_waves() const { return stripes / warps; }
    CADENZA_DEVICE int rest() const { return stripes % warps; }

    /// Multiplies the pair of turns that was loaded last, and loads the next one, whose vector is `next`, each half of
    /// it after its registers were used for the last time. No branches but for a stage that is not known to have
    /// arrived.
    CADENZA_DEVICE void step(Sums &sums, UnitVector (&x)[2], const Weight *next, Pair pair) {
      multiply(sums.ways, 0, x[0]);
      x[0] = turn_vector(next);
      await(pair);
      load<0>(pair);
      multiply(sums.ways, 1, x[1]);
      x[1] = turn_vector(next + turn_columns);
      load<1>(pair);
      ring.release(cursor, pair.ends_stage);
    }
    CADENZA_DEVICE void await(Pair pair) {
      if (pair.exists)
        ring.await(cursor, wait);
    }

    /// The next pair of a whole wave: a stage has one of each stripe.
    CADENZA_DEVICE Pair pair_of_whole() const { return {place(Team::warp() / 2), true, true, true}; }
    /// Pair `index` of the last wave, if that has fewer stripes: a stage may have several pairs. None after the last.
    CADENZA_DEVICE Pair pair_of_rest(int index) const {
      const bool exists = rest() > 0 && index < pairs();
      const int log2 = stage_pairs_log2(rest()), part = index & ((1 << log2) - 1);
      return {place((Team::warp() / 2 << log2) + part), exists, exists && Team::warp() < rest(),
              exists && (part + 1 == 1 << log2 || index + 1 == pairs())};
    }
    /// Where this lane's weights of a pair lie in the stage at the cursor: the `pair`-th of a tile.
    CADENZA_DEVICE arch::SharedPointer place(int pair) const {
      return arch::shared_pointer(ring.buffer(cursor)) + pair * pair_bytes + Team::warp() % 2 * Format::unit_bytes +
             static_cast<int>(arch::lane()) * Format::lane_bytes;
    }
    /// What a stage does not have is loaded and multiplied, too (by zeros), if a warp has other weights there.
    template <int slot> CADENZA_DEVICE void load(const Pair &pair) {
      constexpr int step = Format::tile_step_bytes, offset = slot * turn_steps * step;
      static_assert(turn_steps == 4);
      arch::load_if<offset>(pair.wanted, pair.from, units[slot][0]);
      arch::load_if<offset + step>(pair.wanted, pair.from, units[slot][1]);
      arch::load_if<offset + 2 * step>(pair.wanted, pair.from, units[slot][2]);
      arch::load_if<offset + 3 * step>(pair.wanted, pair.from, units[slot][3]);
    }
    /// Steps that a block does not have are multiplied like others: the vector is zero there, and what the ring holds
    /// in their place is zero or older weights.
    CADENZA_DEVICE void multiply(UnitProduct<Weight> (&sums)[turn_steps], int slot, UnitVector x) const {
#pragma unroll
      for (int i = 0; i < turn_steps; ++i)
        sums[i].add(E::operand(units[slot][i]), x);
    }
  };
};

} // namespace cadenza

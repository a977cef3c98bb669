// Products of the persistent kernel: the same packed matrices, mma and order of sums as project.cuh, with the weights
// coming through the ring.
//
// A stripe is 8 rows, a turn four steps of 32 columns: 2 KiB of a stripe, contiguous in memory. One warp multiplies a
// whole stripe, turn by turn; the four steps of a turn go to the four ways of the sum. So no warp needs another one's
// sums, and between the arrival of an activation and that of the result there is no barrier.
//
// A wave is a stripe for each consumer warp. A stage of the ring has a turn of each stripe of a wave, or, if the last
// wave has fewer stripes, as many turns as there is room for. Where a warp finds its weights in a stage depends on
// nothing but the number of turns.
//
// Weights are loaded two turns before they are multiplied, from the ring into registers. The first ones are loaded
// (`start`) while the activation is still on its way.
#pragma once

#include "arch.cuh"
#include "ring.cuh"
#include "sum_order.cuh"
#include "unit_product.cuh"

namespace cadenza {

constexpr int unit_bytes = 512; // 8 rows x 32 columns of two bytes
constexpr int turn_bytes = turn_steps * unit_bytes;

/// Of a matrix of 16-bit Weight with `padded_columns`. `most_steps` is how many of the steps a block has, or, unless
/// same_steps, how many at most.
template <class Weight, int padded_columns, int most_steps, bool same_steps, int warps> struct StreamProject {
  static constexpr int padded = padded_columns;

  /// The binary logarithm of the turns in a stage of a wave of `stripes`, 8 turns at most.
  CADENZA_DEVICE static int stage_turns_log2(int stripes) {
    return (stripes <= warps / 2) + (stripes <= warps / 4) + (stripes <= warps / 8);
  }

  /// The producer's side: stripe i is stripe stripe_of(i) of the matrix. begin(bytes) gives a buffer, or null to end
  /// here.
  template <class Producer, class StripeOf, class Begin>
  CADENZA_DEVICE static void produce(Producer &producer, const Weight *matrix, int stripes, int first_step, int steps,
                                     StripeOf stripe_of, Begin begin) {
    for (int first = 0; first < stripes; first += warps) {
      const int count = smaller(warps, stripes - first);
      const int stage_steps = turn_steps << stage_turns_log2(count), lane = static_cast<int>(arch::lane());
      const Weight *from =
          matrix + static_cast<uint64_t>(stripe_of(first + lane)) * (8 * padded) + first_step * (unit_bytes / 2);
      for (int step = 0; step < steps; step += stage_steps) {
        const uint32_t piece = static_cast<uint32_t>(smaller(stage_steps, steps - step)) * unit_bytes;
        unsigned char *to = begin(static_cast<uint32_t>(count) * piece);
        if (!to)
          return;
        producer.pieces(count, to + lane * (stage_steps * unit_bytes), from + step * (unit_bytes / 2), piece);
        producer.end();
      }
    }
  }

  /// The consumers' side of one product of `stripes` stripes, in each thread of Team. wait: as in Ring::await.
  template <class Team, class Ring, class Wait> class Consumer {
  public:
    CADENZA_DEVICE Consumer(const Ring &ring, typename Ring::Cursor &cursor, int stripes, int steps, Wait wait)
        : ring(ring), cursor(cursor), wait(wait), stripes(stripes), block_steps(steps) {}

    /// Takes the first weights out of the ring; what comes before them there has been consumed.
    CADENZA_DEVICE void start() {
      begin_wave(stripes);
      load(0, 0);
      load(1, 1);
    }

    /// activation: [steps * 32] by turn_place, of which the last turn is read whole. take(stripe, sum) is called for
    /// every stripe, by one warp: lanes 4g .. 4g+3 have the sum of row g. No barrier is issued.
    template <class Take> CADENZA_DEVICE void run(const Weight *activation, Take take) {
      UnitVector x[2] = {turn_vector(activation), turn_vector(activation + (turns() > 1 ? turn_columns : 0))};
#pragma unroll 1
      for (int stripe = Team::warp(); stripe < round_up(stripes, warps); stripe += warps) {
        UnitProduct<Weight> sums[turn_steps];
#pragma unroll 1
        for (int turn = 0; turn < turns(); turn += 2) {
          const bool last = turn + 2 >= turns();
          const int next = last ? 0 : turn + 2;
          multiply(sums, 0, turn, x[0]);
          if (last)
            begin_wave(left - warps);
          load(0, next);
          x[0] = turn_vector(activation + next * turn_columns);
          multiply(sums, 1, turn + 1, x[1]);
          load(1, next + 1);
          if (turns() % 2 == 0 || next + 1 < turns())
            x[1] = turn_vector(activation + (next + 1) * turn_columns);
        }
        if (stripe < stripes)
          take(stripe, turn_sum(sums));
      }
    }

  private:
    static constexpr int turn_columns = 32 * turn_steps;
    const Ring ring;
    typename Ring::Cursor &cursor;
    const Wait wait;
    const int stripes, block_steps;
    Vec16 units[2][turn_steps] = {};
    // Of the wave that is being loaded: its stripes and those of later waves, the turns of a stage less one, and where
    // this lane's weights begin in a stage.
    int left, stage_mask, offset;

    CADENZA_DEVICE int steps() const { return same_steps ? most_steps : block_steps; }
    CADENZA_DEVICE int turns() const { return ceil_div(steps(), turn_steps); }

    CADENZA_DEVICE void begin_wave(int stripes_left) {
      const int log2 = stage_turns_log2(stripes_left);
      left = stripes_left;
      stage_mask = (1 << log2) - 1;
      offset = (Team::warp() << log2) * turn_bytes + static_cast<int>(arch::lane()) * 16;
    }
    CADENZA_DEVICE void load(int slot, int turn) {
      const bool there = left > 0 && turn < turns();
      const int part = turn & stage_mask;
      if (there && part == 0)
        ring.await(cursor, wait);
      const unsigned char *from = ring.buffer(cursor) + offset + part * turn_bytes;
#pragma unroll
      for (int i = 0; i < turn_steps; ++i)
        arch::load16_if(there && Team::warp() < left, from + i * unit_bytes, units[slot][i]);
      if (there && (part == stage_mask || turn + 1 == turns())) {
        ring.release(cursor);
        cursor.advance();
      }
    }
    CADENZA_DEVICE void multiply(UnitProduct<Weight> (&sums)[turn_steps], int slot, int turn, UnitVector x) const {
      constexpr bool whole_turns = same_steps && most_steps % turn_steps == 0;
#pragma unroll
      for (int i = 0; i < turn_steps; ++i)
        if (whole_turns || turn * turn_steps + i < steps())
          sums[i].add(units[slot][i], x);
    }
  };
};

} // namespace cadenza

// Products of the persistent kernel: the same packed matrices, mma and order of sums as project.cuh, with the weights
// coming through the ring.
//
// A stripe is 8 rows, a turn four steps of 32 columns. One warp multiplies a whole stripe, turn by turn; the four steps
// of a turn go to the four ways of the sum. So no warp needs another one's sums, and between the arrival of an
// activation and that of the result there is no barrier.
//
// A wave is a stripe for each consumer warp. A stage of the ring has two turns of each stripe of a wave (four of 8-bit
// codes, eight of 4-bit ones), or, if the last wave has fewer stripes, as many pairs of turns as there is room for.
// Where a warp finds its weights in a stage depends on nothing but the number of pairs. What a stage has of a tile of
// 16 rows, two stripes, is contiguous in memory and one piece: 8 KiB of two turns of 16-bit weights. With pieces of 4
// KiB, of a stripe, Llama-3.1-8B is slower by 1.4 %. Scales of groups are a second piece, which lies behind the first
// one in the stage.
//
// Weights are loaded two turns before they are multiplied, from the ring into registers. The first ones are loaded
// (`start`) while the activation is still on its way.
//
// The loop is what the whole schedule waits for: a warp has 16 loads and mma a stage, and every other instruction costs
// about as much as one of these. So waits are asked for once a stage, and addresses are kept, not computed.
#pragma once

#include "arch.cuh"
#include "groups.cuh"
#include "ring.cuh"
#include "shared/weight_stages.h"
#include "sum_order.cuh"
#include "unit_product.cuh"

namespace cadenza {

constexpr int pair_columns = 2 * turn_steps * step_columns; // of two turns

/// Bytes of a stage of the ring whose weights are stored as E: two turns of a stripe, or more, for each of so many
/// warps.
template <class E, int warps> constexpr int weight_stage_bytes = stage_bytes_of(FormatOf<E>::format, warps);

/// The scales and zeros of the two turns that a warp has in registers: a lane has those of its step of a turn. Nothing
/// without groups.
template <class E, bool grouped = FormatOf<E>::grouped, bool super_blocks = FormatOf<E>::super_blocks>
struct TurnFactors {
  static constexpr int offset = 0;
  CADENZA_DEVICE void begin_wave(arch::SharedPointer, int, int, int) {}
  CADENZA_DEVICE void next(bool) {}
  template <int slot> CADENZA_DEVICE void load(bool, int) {}
};

/// Where in a stage the records of the next pair of turns begin, less those of the first.
template <class E> struct RecordOffset {
  static constexpr int pair_bytes =
      stage_records_bytes(FormatOf<E>::format, 1) - stage_records_bytes(FormatOf<E>::format, 0);
  int offset = 0;
  CADENZA_DEVICE void next(bool ends_stage) { offset = ends_stage ? 0 : offset + pair_bytes; }
};

template <class E> struct TurnFactors<E, true, false> : RecordOffset<E> {
  static constexpr EncodingFormat format = FormatOf<E>::format;
  static constexpr int turn_bytes = turn_steps / format.group_steps * format.record_bytes();
  GroupFactors<E> slots[2];
  arch::SharedPointer scales; // of this lane and the first turn of a stage, in the ring's first buffer

  /// `records`: of this warp's tile in the first buffer. `row`, `turn_step`: this lane's, of a tile and a turn.
  /// `first_step`: of the product.
  CADENZA_DEVICE void begin_wave(arch::SharedPointer records, int row, int turn_step, int first_step) {
    const int step = first_step % format.group_steps + turn_step;
    scales = records + (step / format.group_steps * format.record_bytes() + row * format.scale_bytes);
  }
  /// Of a turn of the pair whose records begin `offset` bytes behind those.
  template <int slot> CADENZA_DEVICE void load(bool wanted, int offset) {
    const int row =
        format.zeros ? arch::opaque(static_cast<int>(arch::warp() % 2 * stripe_rows + arch::lane() / 4)) : 0;
    const int behind = tile_rows * format.scale_bytes + row - row * format.scale_bytes; // of a zero and its scale
    slots[slot].template load_if<slot * turn_bytes>(wanted, scales + offset, scales + (offset + behind));
  }
};

/// The same of super-blocks, of which a turn may have parts of two.
template <class E> struct TurnFactors<E, true, true> : RecordOffset<E> {
  static constexpr EncodingFormat format = FormatOf<E>::format;
  static constexpr int supers_bytes = tile_rows * format.scale_bytes, step_bytes = tile_rows * format.step_scale_bytes;
  static constexpr int minima_bytes = tile_rows * format.step_minimum_bytes; // of a step, behind those of all
  static_assert(format.group_steps == 2 * turn_steps, "a pair of turns has as many steps as a super-block");
  GroupFactors<E> slots[2];
  arch::SharedPointer supers[2], steps[2], minima[2]; // of this lane and the turns of the first pair of a stage

  CADENZA_DEVICE void begin_wave(arch::SharedPointer records, int row, int turn_step, int first_step) {
#pragma unroll
    for (int slot = 0; slot < 2; ++slot) {
      const int step = first_step % format.group_steps + slot * turn_steps + turn_step;
      const bool second = step >= format.group_steps;
      const int place = second ? step - format.group_steps : step;
      const arch::SharedPointer record = records + (second ? format.record_bytes() : 0);
      supers[slot] = record + row * format.scale_bytes;
      steps[slot] = record + (supers_bytes + place * step_bytes + row * format.step_scale_bytes);
      minima[slot] = record + (supers_bytes + format.group_steps * step_bytes + place * minima_bytes + row);
    }
  }
  template <int slot> CADENZA_DEVICE void load(bool wanted, int offset) {
    slots[slot].load_if(wanted, supers[slot] + offset, steps[slot] + offset, minima[slot] + offset);
  }
};

/// Of a matrix stored as E (encodings.cuh), with so many steps, of which a block has from `least_steps` to
/// `most_steps`. `mixed`: the ring also has matrices in other encodings, whose bytes may be no numbers as weights of E.
template <class E, int matrix_steps, int least_steps, int most_steps, int warps, bool mixed = false>
struct StreamProject {
  using Weight = typename E::Operand;
  using Element = typename E::Element;
  using Format = FormatOf<E>;
  static constexpr int pair_bytes = 2 * turn_steps * Format::tile_step_bytes; // of two turns of a tile
  static constexpr int most_pairs = ceil_div(most_steps, 2 * turn_steps);
  static constexpr bool same_pairs = ceil_div(least_steps, 2 * turn_steps) == most_pairs;

  /// The binary logarithm of the pairs of turns in a stage of a wave of `stripes`, 8 times those of a whole one at
  /// most.
  CADENZA_DEVICE static int stage_pairs_log2(int stripes) {
    return wave_pairs_log2(Format::format) + (stripes <= warps / 2) + (stripes <= warps / 4) + (stripes <= warps / 8);
  }

  /// Bytes from one tile of a stage to the next, where there is room for so many steps.
  CADENZA_DEVICE static int tile_stage_bytes(int stage_steps) {
    int bytes = stage_steps * Format::tile_step_bytes;
    if constexpr (Format::grouped)
      bytes +=
          (stage_steps / Format::format.group_steps + (Format::format.group_steps > 1)) * Format::format.record_bytes();
    return bytes;
  }
  /// The groups that have one of `steps` steps from `first` on.
  CADENZA_DEVICE static Range groups_at(int first, int steps) {
    if constexpr (!Format::grouped)
      return {0, 0};
    constexpr int of_group = Format::grouped ? Format::format.group_steps : 1;
    const int begin = first / of_group;
    return {begin, ceil_div(first + steps, of_group) - begin};
  }

  /// The producer's side: tile i is tile tile_of(i) of the matrix. begin(bytes) gives a buffer, or null to
  /// end here.
  template <class Producer, class TileOf, class Begin>
  CADENZA_DEVICE static void produce(Producer &producer, const Element *matrix, int tiles, int first_step, int steps,
                                     TileOf tile_of, Begin begin) {
    for (int first = 0; first < tiles; first += warps / 2) {
      const int count = smaller(warps / 2, tiles - first);
      const int stage_steps = 2 * turn_steps << stage_pairs_log2(2 * count), lane = static_cast<int>(arch::lane());
      const Element *tile = matrix + static_cast<uint64_t>(tile_of(first + lane)) * Format::tile_elements(matrix_steps);
      const Element *from = tile + first_step * Format::tile_step_elements;
      for (int step = 0; step < steps; step += stage_steps) {
        const int here = smaller(stage_steps, steps - step);
        const uint32_t piece = static_cast<uint32_t>(here) * Format::tile_step_bytes;
        const Range groups = groups_at(first_step + step, here);
        const uint32_t records = static_cast<uint32_t>(groups.count) * Format::format.record_bytes();
        unsigned char *to = begin(static_cast<uint32_t>(count) * (piece + records));
        if (!to)
          return;
        to += lane * tile_stage_bytes(stage_steps);
        producer.pieces(count, to, from + step * Format::tile_step_elements, piece);
        if constexpr (Format::grouped)
          producer.pieces(
              count, to + stage_steps * Format::tile_step_bytes,
              tile + matrix_steps * Format::tile_step_elements + groups.first * Format::format.record_bytes(), records);
        producer.end();
      }
    }
  }

  /// The consumers' side of one product of `stripes` stripes and `steps` steps from `first_step` on, in each thread of
  /// Team. wait: as in Ring::await.
  template <class Team, class Ring, class Wait> class Consumer {
  public:
    CADENZA_DEVICE Consumer(const Ring &ring, typename Ring::Cursor &cursor, int stripes, int first_step, int steps,
                            Wait wait)
        : ring(ring), cursor(cursor), wait(wait), stripes(stripes), block_pairs(ceil_div(steps, 2 * turn_steps)),
          first_step(first_step), last_steps(steps - (block_pairs - 1) * 2 * turn_steps) {}

    /// Takes the first weights out of the ring; what comes before them there has been consumed.
    CADENZA_DEVICE void start() {
      begin_wave(stripes);
      load_pair(/*ends_wave=*/pairs() == 1, [] {}, [] {});
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
      constexpr int unroll = !same_pairs ? 1 : most_pairs % 4 == 0 ? 4 : most_pairs % 2 == 0 ? 2 : 1;
      constexpr bool halves = Format::two_scales;
      UnitVector x[2] = {turn_vector<halves>(activation), turn_vector<halves>(activation + turn_columns)};
#pragma unroll 1
      for (int stripe = Team::warp(); stripe < round_up(stripes, warps); stripe += warps) {
        StripeSums<E> sums;
#pragma unroll 1
        for (int first = 0; first < pairs(); first += unroll) {
#pragma unroll
          for (int i = 0; i < unroll; ++i) {
            // What is loaded is the pair after this one.
            const bool last = i == unroll - 1 && first + unroll >= pairs();
            const int next = last ? 0 : first + i + 1;
            if (last)
              begin_wave(left - warps);
            load_pair(
                next + 1 == pairs(),
                [&] {
                  multiply(sums, 0, vector_for<E>(x[0]));
                  x[0] = turn_vector<halves>(activation + next * pair_columns);
                },
                [&] {
                  multiply(sums, 1, vector_for<E>(x[1]));
                  x[1] = turn_vector<halves>(activation + next * pair_columns + turn_columns);
                });
          }
        }
        if (stripe < stripes)
          take(stripe, sums.row());
      }
    }

  private:
    static constexpr int turn_columns = step_columns * turn_steps;
    const Ring ring;
    typename Ring::Cursor &cursor;
    const Wait wait;
    const int stripes, block_pairs, first_step, last_steps; // last_steps: of the last pair
    typename E::Unit units[2][turn_steps] = {};
    // Of the wave that is being loaded: its stripes and those of later waves; where a lane's weights begin in the
    // ring's first buffer; bytes of a tile in a stage, and those of them that come before the next pair.
    int left, tile_bytes, offset;
    PartPointer<E> place;
    [[no_unique_address]] TurnFactors<E> factors;

    CADENZA_DEVICE int pairs() const { return same_pairs ? most_pairs : block_pairs; }

    CADENZA_DEVICE void begin_wave(int stripes_left) {
      left = stripes_left;
      tile_bytes = pair_bytes << stage_pairs_log2(left);
      offset = 0;
      factors.next(true);
      const int warp = here(Team::warp()), lane = here(static_cast<int>(arch::lane()));
      const arch::SharedPointer tile =
          arch::shared_pointer(ring.buffers) + warp / 2 * tile_stage_bytes(tile_bytes / Format::tile_step_bytes);
      place = PartPointer<E>::at(tile + (warp % 2 * Format::unit_bytes + lane * Format::lane_bytes));
      factors.begin_wave(tile + tile_bytes, warp % 2 * stripe_rows + lane / 4, lane % turn_steps, first_step);
    }
    /// With groups, what follows from x is computed here, and takes no register throughout the kernel.
    CADENZA_DEVICE static int here(int x) {
      if constexpr (Format::grouped)
        return arch::opaque(x);
      return x;
    }
    /// Loads the next two turns, if there are any, each after its registers were used for the last time: use0(),
    /// use1(). No branches but for a stage that is not known to have arrived.
    template <class Use0, class Use1> CADENZA_DEVICE void load_pair(bool ends_wave, Use0 use0, Use1 use1) {
      const bool there = left > 0, wanted = Team::warp() < left;
      const PartPointer<E> from = place + (cursor.stage * Ring::stage_bytes + offset);
      use0();
      if (there)
        ring.await(cursor, wait);
      const int records = cursor.stage * Ring::stage_bytes + factors.offset;
      load<0>(wanted, from, ends_wave);
      factors.template load<0>(wanted, records);
      use1();
      load<1>(wanted, from, ends_wave);
      factors.template load<1>(wanted, records);
      offset += pair_bytes;
      const bool done = there && (offset == tile_bytes || ends_wave);
      ring.release(cursor, done);
      offset = done ? 0 : offset;
      factors.next(done);
    }
    /// What a stage does not have is loaded and multiplied, too (by zeros), if a warp has other weights there; in a
    /// mixed ring, weights that the warp had before are multiplied in its place.
    template <int slot> CADENZA_DEVICE void load(bool wanted, PartPointer<E> from, bool ends_wave) {
      constexpr int step = Format::tile_step_bytes, offset = slot * turn_steps * step;
      constexpr bool skips = mixed && !Format::grouped && !whole_pairs;
      const int steps = skips && ends_wave ? last_steps - slot * turn_steps : turn_steps;
      static_assert(turn_steps == 4);
      from.template load_if<offset>(wanted && (!skips || steps > 0), units[slot][0]);
      from.template load_if<offset + step>(wanted && (!skips || steps > 1), units[slot][1]);
      from.template load_if<offset + 2 * step>(wanted && (!skips || steps > 2), units[slot][2]);
      from.template load_if<offset + 3 * step>(wanted && (!skips || steps > 3), units[slot][3]);
    }
    /// Steps that a block does not have are multiplied like others: the vector is zero there, and what the ring holds
    /// in their place is zero or older bytes. These are finite as codes, but perhaps not as scales.
    static constexpr bool whole_pairs = least_steps == most_steps && most_steps % (2 * turn_steps) == 0;
    CADENZA_DEVICE void multiply(StripeSums<E> &sums, int slot, UnitVector x) const {
      if constexpr (Format::grouped)
        sums.template add<!whole_pairs>(units[slot], x, factors.slots[slot]);
      else
        sums.add(units[slot], x);
    }
  };
};

} // namespace cadenza

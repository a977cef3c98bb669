// The product of 8 rows with a vector, 32 columns at a time, by tensor cores: one mma a packed unit, no ldmatrix.
//
// A unit (shared/encoding.h) is 8 rows x 32 columns of weights in the order of the lanes: lane l has those of row l/4,
// columns 8 * (l%4) ..+8; decoded, four registers of two 16-bit columns each. The operand A of m16n8k16 wants, of
// lane 4g+t, two pairs of row g (registers 0 and 2) and two of row g+8 (1 and 3), where the columns that a pair stands
// for are the same in both rows. They are not the same here, but B has eight columns: its even ones hold the vector at
// pairs 0 and 2 of every lane, its odd ones at pairs 1 and 3. So D[g][0] is the sum of the even pairs of the unit's row
// g and D[g+8][1] that of the odd pairs, and lane 4g has both. The rest of D is not used.
//
// B has room for four such pairs of columns. So one register pair a lane holds the vector of four steps (a turn), of
// which step i is in columns 2i and 2i+1 and has its sums in lane 4g+i, and a warp reads each element only once.
#pragma once

#include "arch.cuh"
#include "shared/encoding.h"

namespace cadenza {

/// A lane's part of operand B: of the 32 elements of a step, or of the four steps of a turn.
struct alignas(8) UnitVector {
  uint32_t low, high;
};

/// `vector`: a step's elements, 4-byte aligned. halves: the even pairs of all lanes' units are columns 0 .. 15 of the
/// step, the odd ones 16 .. 31, in the order of column_in_step.
template <bool halves = false, class Weight> CADENZA_DEVICE UnitVector unit_vector(const Weight *vector) {
  const uint32_t lane = arch::lane(), odd = lane / 4 % 2;
  const uint32_t *pairs = reinterpret_cast<const uint32_t *>(vector) +
                          (halves ? odd * 8 + lane % 4 / 2 * 4 + lane % 2 : lane % 4 * 4 + odd);
  return {pairs[0], pairs[2]};
}

/// Where turn_vector expects element i of a vector: the middle two pairs of every eight elements change places, and
/// what a lane wants lies together.
CADENZA_DEVICE constexpr int turn_place(int i) { return (i & ~6) | (i & 2) << 1 | (i & 4) >> 1; }
/// `vector`: 4 * 32 elements by turn_place, 8-byte aligned. halves: as of unit_vector.
template <bool halves = false, class Weight> CADENZA_DEVICE UnitVector turn_vector(const Weight *vector) {
  const uint32_t lane = arch::lane(); // of step lane / 8, eight elements lane % 4, even or odd pairs
  return reinterpret_cast<const UnitVector *>(vector)[halves ? lane : lane / 8 * 8 + lane % 4 * 2 + lane / 4 % 2];
}

/// The running sums of 8 rows in a warp: in lane 4g, of the even pairs of row g sums[0], of the odd ones sums[3]. With
/// turn vectors, of which this is step i, in lane 4g+i.
template <class Weight> struct UnitProduct {
  float sums[4] = {};

  /// unit: this lane's eight weights.
  CADENZA_DEVICE void add(Vec16 unit, UnitVector vector) {
    arch::mma_m16n8k16<Weight>(sums, {unit.x, unit.y, unit.z, unit.w}, {vector.low, vector.high});
  }
};

/// Of the products of the four steps of turns: in lane 4g+i, the sum of row g of step i, of the even pairs (which: 0)
/// or the odd ones (3). step: i.
template <int which, class Weight> CADENZA_DEVICE float own_sum(const UnitProduct<Weight> (&steps)[4], int step) {
  const float low = step % 2 ? steps[1].sums[which] : steps[0].sums[which],
              high = step % 2 ? steps[3].sums[which] : steps[2].sums[which];
  return step / 2 ? high : low;
}
/// The sum of what lanes 4g .. 4g+3 have, in all of them.
CADENZA_DEVICE float add_steps(float sum) {
  sum += arch::shuffle_xor(sum, 1);
  return sum + arch::shuffle_xor(sum, 2);
}

} // namespace cadenza

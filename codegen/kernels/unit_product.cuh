// The product of 8 rows with a vector, 32 columns at a time, by tensor cores: one mma a packed unit, no ldmatrix.
//
// A unit (runtime/plan/program.h) is 8 rows x 32 columns of 16-bit weights in the order of the lanes: lane l has the 16
// bytes of row l/4, columns 8 * (l%4) ..+8, four registers of two columns each. The operand A of m16n8k16 wants, of
// lane 4g+t, two pairs of row g (registers 0 and 2) and two of row g+8 (1 and 3), where the columns that a pair stands
// for are the same in both rows. They are not the same here, but B has eight columns: its even ones hold the vector at
// pairs 0 and 2 of every lane, its odd ones at pairs 1 and 3. So D[g][0] is the sum of the even pairs of the unit's row
// g and D[g+8][1] that of the odd pairs, and lane 4g has both. The rest of D is not used.
#pragma once

#include "arch.cuh"

namespace cadenza {

/// A lane's part of operand B: of 32 elements of the vector.
struct UnitVector {
  uint32_t low, high;
};

/// `vector`: 32 elements, 4-byte aligned.
template <class Weight> CADENZA_DEVICE UnitVector unit_vector(const Weight *vector) {
  const uint32_t *pairs = reinterpret_cast<const uint32_t *>(vector) + arch::lane() % 4 * 4 + arch::lane() / 4 % 2;
  return {pairs[0], pairs[2]};
}

/// The running sums of 8 rows in a warp.
template <class Weight> struct UnitProduct {
  float sums[4] = {};

  /// unit: this lane's 16 bytes.
  CADENZA_DEVICE void add(Vec16 unit, UnitVector vector) {
    arch::mma_m16n8k16<Weight>(sums, {unit.x, unit.y, unit.z, unit.w}, {vector.low, vector.high});
  }
  /// In lane 4g: the sum of row g.
  CADENZA_DEVICE float row() const { return sums[0] + sums[3]; }
};

} // namespace cadenza

// What tensor-core kernels with operands in shared memory stand on: asynchronous copies of 16 bytes by the thread,
// matrices from shared memory into fragments, a fast exponential, and the matrix product of fp32 operands (that of
// 16-bit ones is in arch.cuh). sm_80 and later. All PTX behind small named functions; arch_mma_host.cuh holds them for
// g++.
//
// The hazards that a GPU does not report:
//  - copy_async_wait is about the copies of the thread that waits. Those of others are there after a barrier at which
//    they met once each had waited.
//  - A buffer may be copied into again only after a barrier that follows the last read of it.
//  - A block exits only after a copy_async_wait<0> of every thread that copied.
#pragma once

#include "arch.cuh"

#if defined(CADENZA_HOST)
#include "arch_mma_host.cuh"
#else

namespace cadenza::arch {

// Copies from global to shared memory, by each thread for itself ------------------------------------------------------

/// cp.async.cg.shared.global: 16 bytes to `to`, of which the first `bytes` (0 to 16) come from `from` and the rest are
/// zero. Both addresses are aligned to 16 bytes; nothing is read at `from` beyond `bytes`.
CADENZA_DEVICE void copy_async16(void *to, const void *from, int bytes) {
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(to))),
      "l"(__cvta_generic_to_global(from)), "r"(bytes)
      : "memory");
}

/// cp.async.commit_group: this thread's copies since the last commit become a group, possibly an empty one.
CADENZA_DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

/// cp.async.wait_group: returns when all but the latest `pending` groups of this thread are complete.
template <int pending> CADENZA_DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// Fragments -----------------------------------------------------------------------------------------------------------

/// ldmatrix.sync.aligned.m8n8.x4.shared.b16: four matrices of 8 rows of 16 bytes. Lane i says where row i % 8 of matrix
/// i / 8 is, in shared memory, aligned to 16 bytes; to[m] is word lane() % 4 of row lane() / 4 of matrix m: with g and
/// t as in mma_m16n8k16, the elements [g][2t..] of 16 bits, or the element [g][t] of 32.
CADENZA_DEVICE void load_matrices(uint32_t (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
}

/// ldmatrix .trans: the same of transposed matrices of 16-bit elements: to[m] is the elements [2t..][g].
CADENZA_DEVICE void load_matrices_transposed(uint32_t (&to)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
}

/// ex2.approx.ftz.f32: 2^x with a relative error of 2^-22, in one instruction; 0 below 2^-126, 1 of 0.
CADENZA_DEVICE float exp2_approximate(float x) {
  float v;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(v) : "f"(x));
  return v;
}

/// cvt.rna.tf32.f32: x to 11 significant bits, ties away from zero; infinity if that is too large. The lower 13 bits of
/// the result are zero.
CADENZA_DEVICE float to_tf32(float x) {
  uint32_t v;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(v) : "f"(x));
  return as_float(v & 0xffffe000u);
}

/// mma.sync.aligned.m16n8k8.row.col.f32.tf32: D[16][8] += A[16][8] · B[8][8], fp32 sums of tf32 products (the lower 13
/// bits of an operand do not count). With g = lane() / 4, t = lane() % 4:
///   a[0] = A[g][t]   a[1] = A[g+8][t]   a[2] = A[g][t+4]   a[3] = A[g+8][t+4]
///   b[0] = B[t][g]   b[1] = B[t+4][g]   d as in mma_m16n8k16
CADENZA_DEVICE void mma_m16n8k8(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(as_bits(a[0])), "r"(as_bits(a[1])), "r"(as_bits(a[2])), "r"(as_bits(a[3])), "r"(as_bits(b[0])),
        "r"(as_bits(b[1])));
}

} // namespace cadenza::arch

#endif // CADENZA_HOST

// All PTX that Cadenza's kernels use, behind small named functions: this file for a GPU (sm_80 and later),
// arch_host.cuh for g++ and the emulation. Nothing is included but this repository's own files.
//
// A kernel is written as
//
//   struct Args { const bf16 *x; float *y; uint64_t count; };      // 8-byte words only, passed by value
//   CADENZA_KERNEL(my_kernel, Args, /*max_threads=*/256, /*min_blocks=*/1) { ... args.x ... }
//
// and may use dynamic shared memory (arch::shared_memory) but no __shared__ variable: the host has none.
// Rules that hold for every kernel: blocks are one-dimensional with a multiple of 32 threads; a warp collective
// (shuffle, warp_barrier, mma) is reached by all 32 lanes; no thread returns while others of its block still meet at a
// block_barrier.
#pragma once

#include "shared/types.h"

#if defined(CADENZA_HOST)
#include "arch_host.cuh"
#else

#define CADENZA_DEVICE __device__ __forceinline__
/// A function that is called, so that what it needs takes no registers of its caller's; for rare or long work.
#define CADENZA_OUTLINE __device__ __noinline__

/// Declares a kernel. `max_threads` is the largest block it will be launched with, `min_blocks` the number of blocks
/// that must fit on one multiprocessor: together they bound the registers. The body sees `args`.
#define CADENZA_KERNEL(name, ArgsType, max_threads, min_blocks)                                                        \
  static_assert(sizeof(ArgsType) % 8 == 0 && sizeof(ArgsType) <= 4096, "arguments are 8-byte words, 4 KiB at most");   \
  extern "C" __global__ void __launch_bounds__(max_threads, min_blocks) name(const __grid_constant__ ArgsType args)

namespace cadenza::arch {

// Where this thread is ------------------------------------------------------------------------------------------------

CADENZA_DEVICE uint32_t thread_index() { return threadIdx.x; } // %tid.x, 0 .. block_threads() - 1
CADENZA_DEVICE uint32_t block_index() { return blockIdx.x; }   // %ctaid.x
CADENZA_DEVICE uint32_t block_count() { return gridDim.x; }    // %nctaid.x
CADENZA_DEVICE uint32_t block_threads() { return blockDim.x; } // %ntid.x
CADENZA_DEVICE uint32_t lane() { return threadIdx.x % 32; }
CADENZA_DEVICE uint32_t warp() { return threadIdx.x / 32; }

/// x, but the compiler can't know that: what follows from it is computed where it is used, and not kept in registers
/// throughout a loop.
CADENZA_DEVICE int opaque(int x) {
  asm volatile("" : "+r"(x));
  return x;
}
template <class T> CADENZA_DEVICE T *opaque(T *x) {
  asm volatile("" : "+l"(x));
  return x;
}

/// Base of the dynamic shared memory of this block, 128-byte aligned; its size is the launch's. Contents undefined.
CADENZA_DEVICE unsigned char *shared_memory() {
  extern __shared__ __align__(128) unsigned char cadenza_dynamic_shared[];
  return cadenza_dynamic_shared;
}

// Barriers and fences -------------------------------------------------------------------------------------------------

/// bar.sync 0: all threads of the block arrive; memory accesses before it are visible in the block after it.
CADENZA_DEVICE void block_barrier() { __syncthreads(); }

/// bar.warp.sync: the same for the 32 lanes of a warp. Lanes that exchange data through shared memory need it.
CADENZA_DEVICE void warp_barrier() { __syncwarp(); }

/// fence.acq_rel.gpu: orders this thread's accesses before it against those after it, as other blocks see them.
CADENZA_DEVICE void fence_gpu() { asm volatile("fence.acq_rel.gpu;" ::: "memory"); }

/// Ends the launch with an error that every later driver call reports. For violated invariants only.
CADENZA_DEVICE void trap() { asm volatile("trap;"); }

// Warp shuffles (32-bit types) and votes, of all 32 lanes -------------------------------------------------------------

/// shfl.sync.bfly.b32: the value of lane `lane() ^ mask`.
template <typename T> CADENZA_DEVICE T shuffle_xor(T value, int mask) {
  static_assert(sizeof(T) == 4, "shuffles move 32 bits");
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

/// shfl.sync.idx.b32: the value of lane `source` (modulo 32).
template <typename T> CADENZA_DEVICE T shuffle(T value, int source) {
  static_assert(sizeof(T) == 4, "shuffles move 32 bits");
  return __shfl_sync(0xffffffffu, value, source);
}

/// vote.sync.ballot.b32: bit i is lane i's `value`.
CADENZA_DEVICE uint32_t ballot(bool value) { return __ballot_sync(0xffffffffu, value); }

/// How many of the lowest bits are one: 0 to 32.
CADENZA_DEVICE int trailing_ones(uint32_t mask) { return ~mask == 0 ? 32 : __ffs(static_cast<int>(~mask)) - 1; }

// Memory accesses -----------------------------------------------------------------------------------------------------

/// ld.global.nc.L1::no_allocate.L2::256B: one lane's part, 16 bytes (.v4) or 8 (.v2), of a stream that is read once.
/// `address` is global memory, aligned to the part, that nothing writes during the launch or a launch that it may
/// overlap (weights; never the KV cache). Not volatile: the compiler may move it over barriers and the grid dependency
/// wait, which is its purpose.
template <class Part> CADENZA_DEVICE Part load_weights(const void *address) = delete; // Vec16, Vec8, uint32_t
template <> CADENZA_DEVICE Vec16 load_weights<Vec16>(const void *address) {
  Vec16 v;
  asm("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
      : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
      : "l"(__cvta_generic_to_global(address)));
  return v;
}
template <> CADENZA_DEVICE Vec8 load_weights<Vec8>(const void *address) {
  Vec8 v;
  asm("ld.global.nc.L1::no_allocate.L2::256B.v2.u32 {%0, %1}, [%2];"
      : "=r"(v.x), "=r"(v.y)
      : "l"(__cvta_generic_to_global(address)));
  return v;
}

template <> CADENZA_DEVICE uint32_t load_weights<uint32_t>(const void *address) {
  uint32_t v;
  asm("ld.global.nc.L1::no_allocate.L2::256B.u32 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(address)));
  return v;
}

/// ld.global.nc: 4, 2 or 1 bytes of weights, zero-extended, that several warps read.
template <int bytes> CADENZA_DEVICE uint32_t load_small(const void *address) {
  static_assert(bytes == 4 || bytes == 2 || bytes == 1);
  uint32_t v;
  if constexpr (bytes == 4)
    asm("ld.global.nc.u32 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(address)));
  else if constexpr (bytes == 2)
    asm("{ .reg .u16 h; ld.global.nc.u16 h, [%1]; cvt.u32.u16 %0, h; }"
        : "=r"(v)
        : "l"(__cvta_generic_to_global(address)));
  else
    asm("ld.global.nc.u8 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(address)));
  return v;
}

/// prefetch.global.L2: asks for the 128 bytes around `address`, in global memory, to be in the L2 cache. Changes
/// nothing.
CADENZA_DEVICE void prefetch(const void *address) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(__cvta_generic_to_global(address)));
}

/// A plain 16-byte load (ld.v4) from global or shared memory, 16-byte aligned.
CADENZA_DEVICE Vec16 load16(const void *address) {
  const uint4 v = *static_cast<const uint4 *>(address);
  return {v.x, v.y, v.z, v.w};
}

/// Shared memory of this block by its 32-bit address.
struct SharedPointer {
  uint32_t address;
  CADENZA_DEVICE SharedPointer operator+(int bytes) const { return {address + static_cast<uint32_t>(bytes)}; }
};
CADENZA_DEVICE SharedPointer shared_pointer(const void *address) {
  return {static_cast<uint32_t>(__cvta_generic_to_shared(address))};
}

/// ld.shared.v4 or .v2, 16 or 8 bytes from address + offset, into `v` if `wanted`, without a branch around it: values
/// that are loaded on some paths only cost the compiler copies of all of them.
template <int offset> CADENZA_DEVICE void load_if(bool wanted, SharedPointer from, Vec16 &v) {
  asm volatile("{ .reg .pred p; setp.ne.u32 p, %5, 0; @p ld.shared.v4.u32 {%0, %1, %2, %3}, [%4+%6]; }"
               : "+r"(v.x), "+r"(v.y), "+r"(v.z), "+r"(v.w)
               : "r"(from.address), "r"(static_cast<uint32_t>(wanted)), "n"(offset)
               : "memory");
}

template <int offset> CADENZA_DEVICE void load_if(bool wanted, SharedPointer from, Vec8 &v) {
  asm volatile("{ .reg .pred p; setp.ne.u32 p, %3, 0; @p ld.shared.v2.u32 {%0, %1}, [%2+%4]; }"
               : "+r"(v.x), "+r"(v.y)
               : "r"(from.address), "r"(static_cast<uint32_t>(wanted)), "n"(offset)
               : "memory");
}

template <int offset> CADENZA_DEVICE void load_if(bool wanted, SharedPointer from, uint32_t &v) {
  asm volatile("{ .reg .pred p; setp.ne.u32 p, %2, 0; @p ld.shared.u32 %0, [%1+%3]; }"
               : "+r"(v)
               : "r"(from.address), "r"(static_cast<uint32_t>(wanted)), "n"(offset)
               : "memory");
}
/// The same of 4, 2 or 1 bytes, zero-extended.
template <int bytes, int offset> CADENZA_DEVICE void load_small_if(bool wanted, SharedPointer from, uint32_t &v) {
  static_assert(bytes == 4 || bytes == 2 || bytes == 1);
  if constexpr (bytes == 4)
    load_if<offset>(wanted, from, v);
  else if constexpr (bytes == 2)
    asm volatile("{ .reg .pred p; setp.ne.u32 p, %2, 0; @p ld.shared.u16 %0, [%1+%3]; }"
                 : "+r"(v)
                 : "r"(from.address), "r"(static_cast<uint32_t>(wanted)), "n"(offset)
                 : "memory");
  else
    asm volatile("{ .reg .pred p; setp.ne.u32 p, %2, 0; @p ld.shared.u8 %0, [%1+%3]; }"
                 : "+r"(v)
                 : "r"(from.address), "r"(static_cast<uint32_t>(wanted)), "n"(offset)
                 : "memory");
}

/// A plain 16-byte store (st.v4) to global or shared memory, 16-byte aligned.
CADENZA_DEVICE void store16(void *address, Vec16 v) { *static_cast<uint4 *>(address) = make_uint4(v.x, v.y, v.z, v.w); }

/// ld.relaxed.gpu: reads global memory where other blocks see it, never a stale line of this multiprocessor's L1. For
/// data that other blocks of the same launch wrote; it orders nothing by itself.
CADENZA_DEVICE float load_relaxed(const float *address) {
  float v;
  asm volatile("ld.relaxed.gpu.global.f32 %0, [%1];" : "=f"(v) : "l"(__cvta_generic_to_global(address)) : "memory");
  return v;
}
CADENZA_DEVICE uint32_t load_relaxed(const uint32_t *address) {
  uint32_t v;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(address)) : "memory");
  return v;
}

/// Four relaxed 32-bit loads in one instruction, 16-byte aligned. Not one access: elements may differ in age.
CADENZA_DEVICE Vec16 load_relaxed16(const void *address) {
  Vec16 v;
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(__cvta_generic_to_global(address))
               : "memory");
  return v;
}

/// st.relaxed.gpu: the counterpart of load_relaxed.
CADENZA_DEVICE void store_relaxed(float *address, float v) {
  asm volatile("st.relaxed.gpu.global.f32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)), "f"(v) : "memory");
}
CADENZA_DEVICE void store_relaxed(uint32_t *address, uint32_t v) {
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)), "r"(v) : "memory");
}

/// atom.add.relaxed.cta: adds to a word that only this block uses, in shared or global memory; returns the old value.
CADENZA_DEVICE uint32_t add_in_block(uint32_t *address, uint32_t v) {
  uint32_t old;
  asm volatile("atom.relaxed.cta.add.u32 %0, [%1], %2;" : "=r"(old) : "l"(address), "r"(v) : "memory");
  return old;
}

// Last arriver --------------------------------------------------------------------------------------------------------

/// atom.acq_rel.gpu.inc: returns the counter's old value and increments it; at `last` it wraps to 0, so that the next
/// launch finds it reset. Release: what this block wrote before a block_barrier that precedes the ticket is visible to
/// whoever takes a later ticket. Acquire: the thread that got `last` sees the partial results of all; so do the
/// threads that meet it at a block_barrier afterwards.
CADENZA_DEVICE uint32_t ticket(uint32_t *counter, uint32_t last) {
  uint32_t old;
  asm volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;"
               : "=r"(old)
               : "l"(__cvta_generic_to_global(counter)), "r"(last)
               : "memory");
  return old;
}

// Matrix product ------------------------------------------------------------------------------------------------------

template <typename T>
CADENZA_DEVICE void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) = delete; // bf16, f16

/// mma.sync.aligned.m16n8k16.row.col: D[16][8] += A[16][16] · B[16][8], fp32 sums. With g = lane() / 4, t = lane() % 4
/// (two consecutive k, or columns of D, in one register; the lower one in the low half):
///   a[0] = A[g][2t..]   a[1] = A[g+8][2t..]   a[2] = A[g][2t+8..]   a[3] = A[g+8][2t+8..]
///   b[0] = B[2t..][g]   b[1] = B[2t+8..][g]
///   d[0], d[1] = D[g][2t], D[g][2t+1]         d[2], d[3] = D[g+8][2t], D[g+8][2t+1]
template <> CADENZA_DEVICE void mma_m16n8k16<bf16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <> CADENZA_DEVICE void mma_m16n8k16<f16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Programmatic dependent launch (sm_90; a no-op below, where launches never overlap) ----------------------------------
//
// Launches A, B, C follow each other, each the programmatic dependent of the one before it. Every thread of C waits
// before it writes, exits, or reads what kernels write. Its wait ends when B has completed, and B completed after its
// own threads had waited for A, and so on: from its wait on, a kernel runs as if launches did not overlap. So what a
// later launch overwrites (edges that share bytes of the arena, the counters of last_block_arrives, the cache, the
// decode state) needs no argument of its own. Before its wait, a kernel may run beside any number of earlier ones, and
// reads only what no kernel writes: weights. Where the trigger stands is a question of speed, not of safety.

/// griddepcontrol.wait: returns when the preceding launch has completed and its writes are visible. Every kernel
/// executes it in every thread before it writes or exits; before it, a kernel reads weights only.
CADENZA_DEVICE void grid_dependency_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// griddepcontrol.launch_dependents: the next launch may start once every block has executed this or exited.
CADENZA_DEVICE void grid_dependency_trigger() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

// Arithmetic (CUDA's default accuracy; no fast-math). Write the qualified name, arch::exp: CUDA declares global ones.
// --

CADENZA_DEVICE float exp(float x) { return ::expf(x); }     // 2 ulp
CADENZA_DEVICE float exp2(float x) { return ::exp2f(x); }   // 2 ulp
CADENZA_DEVICE float rsqrt(float x) { return ::rsqrtf(x); } // 2 ulp
CADENZA_DEVICE float tanh(float x) { return ::tanhf(x); }   // 2 ulp
CADENZA_DEVICE float erf(float x) { return ::erff(x); }     // 2 ulp
CADENZA_DEVICE float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
CADENZA_DEVICE float max(float a, float b) { return ::fmaxf(a, b); } // the other one if one is NaN
CADENZA_DEVICE float min(float a, float b) { return ::fminf(a, b); }

/// div.full: 2 ulp, of all numbers, without a branch (the exact division has one).
CADENZA_DEVICE float divide(float a, float b) {
  float quotient;
  asm("div.full.f32 %0, %1, %2;" : "=f"(quotient) : "f"(a), "f"(b));
  return quotient;
}

/// mul.rn: a product that is never made one operation with an addition.
CADENZA_DEVICE float multiply(float a, float b) { return __fmul_rn(a, b); }

/// The fp32 with the given bit pattern, and back.
CADENZA_DEVICE float as_float(uint32_t bits) { return __uint_as_float(bits); }
CADENZA_DEVICE uint32_t as_bits(float x) { return __float_as_uint(x); }

// 16-bit conversions: round to nearest even, NaN becomes 0x7fff, bf16 and f16 overflow to infinity --------------------

/// cvt.rn.bf16x2.f32, cvt.rn.f16x2.f32 (sm_80): two values in one register, `low` in the low half.
CADENZA_DEVICE uint32_t pack_bf16x2(float low, float high) {
  uint32_t v;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
  return v;
}
CADENZA_DEVICE uint32_t pack_f16x2(float low, float high) {
  uint32_t v;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
  return v;
}

/// fma.rn.bf16x2, fma.rn.f16x2 (sm_80): a * b + c of two pairs, each rounded once, with subnormal numbers.
template <typename T> CADENZA_DEVICE uint32_t fma2(uint32_t a, uint32_t b, uint32_t c) = delete; // bf16, f16
template <> CADENZA_DEVICE uint32_t fma2<bf16>(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t v;
  asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(v) : "r"(a), "r"(b), "r"(c));
  return v;
}
template <> CADENZA_DEVICE uint32_t fma2<f16>(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t v;
  asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(v) : "r"(a), "r"(b), "r"(c));
  return v;
}

/// lop3.b32: (x & mask) | bits in one instruction. Of two operations with two constants the compiler makes two.
CADENZA_DEVICE uint32_t mask_or(uint32_t x, uint32_t mask, uint32_t bits) {
  uint32_t v;
  asm("lop3.b32 %0, %1, %2, %3, 0xea;" : "=r"(v) : "r"(x), "r"(mask), "r"(bits));
  return v;
}

/// prmt.b32: byte i of the result is byte number (selector >> 4 * i) & 7 of the eight of a (0 to 3) and b (4 to 7).
template <uint32_t selector> CADENZA_DEVICE uint32_t permute_bytes(uint32_t a, uint32_t b) {
  uint32_t v;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(v) : "r"(a), "r"(b), "n"(selector));
  return v;
}

/// cvt.rn: one value. (A scalar cvt.rn.bf16.f32 exists from sm_90 on only; the packed one serves all.)
CADENZA_DEVICE bf16 to_bf16(float x) { return {static_cast<uint16_t>(pack_bf16x2(x, 0.0f))}; }
CADENZA_DEVICE f16 to_f16(float x) {
  uint16_t v;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(v) : "f"(x));
  return {v};
}

/// Exact.
CADENZA_DEVICE float to_float(bf16 x) { return as_float(static_cast<uint32_t>(x.bits) << 16); }
CADENZA_DEVICE float to_float(f16 x) {
  float v;
  asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(x.bits));
  return v;
}

} // namespace cadenza::arch

#endif // CADENZA_HOST

namespace cadenza {

template <class A, class B> constexpr bool is_same = false;
template <class A> constexpr bool is_same<A, A> = true;

} // namespace cadenza

namespace cadenza::arch {

// The same conversions by storage type, for code that is generic over it ----------------------------------------------

CADENZA_DEVICE float to_float(float x) { return x; }

template <typename T> CADENZA_DEVICE T from_float(float x) = delete; // bf16, f16, float
template <> CADENZA_DEVICE bf16 from_float<bf16>(float x) { return to_bf16(x); }
template <> CADENZA_DEVICE f16 from_float<f16>(float x) { return to_f16(x); }
template <> CADENZA_DEVICE float from_float<float>(float x) { return x; }

template <typename T> CADENZA_DEVICE uint32_t pack2(float low, float high) = delete; // bf16, f16
template <> CADENZA_DEVICE uint32_t pack2<bf16>(float low, float high) { return pack_bf16x2(low, high); }
template <> CADENZA_DEVICE uint32_t pack2<f16>(float low, float high) { return pack_f16x2(low, high); }

/// The two elements of a packed register.
template <typename T> CADENZA_DEVICE float low_float(uint32_t pair) { return to_float(T{static_cast<uint16_t>(pair)}); }
template <typename T> CADENZA_DEVICE float high_float(uint32_t pair) {
  return to_float(T{static_cast<uint16_t>(pair >> 16)});
}
template <> CADENZA_DEVICE float high_float<bf16>(uint32_t pair) { return as_float(pair & 0xffff0000u); }

/// The whole last-arriver pattern, called by all threads of all `blocks` blocks after each stored its partial result:
/// true in every thread of exactly one block, the last to arrive, which then sees the partial results of all (read
/// them with load_relaxed). `counter` is global memory, 0 before the first launch and again afterwards; `flag` is a
/// shared word that nothing else uses between this call and the next block_barrier.
CADENZA_DEVICE bool last_block_arrives(uint32_t *counter, uint32_t blocks, uint32_t *flag) {
  block_barrier(); // every thread's partial result is stored before thread 0 releases them with its ticket
  if (thread_index() == 0)
    *flag = ticket(counter, blocks - 1);
  block_barrier(); // the flag is written before anyone reads it; acquired data reaches the whole block
  return *flag == blocks - 1;
}

} // namespace cadenza::arch

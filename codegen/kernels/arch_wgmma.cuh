// What Hopper's fastest products stand on (sm_90a): copies by tensor maps and the matrix product of a warpgroup, whose
// operands lie in shared memory and whose sums stay in registers. All PTX behind small named functions;
// arch_wgmma_host.cuh holds them for g++ and the emulation. mbarriers and the rest are those of arch_async.cuh.
//
// A warpgroup is four neighbouring warps, the first a multiple of four. Functions named wgmma_* are for all 128 threads
// of one, in the same order with the same arguments (but for registers).
//
// The hazards that a GPU does not report:
//  - wgmma is asynchronous. Until wgmma_wait says that its group is complete, its sums may be neither read nor written,
//    A's registers not written, and its operands in shared memory not filled anew.
//  - Complete means: for the warp that waited. A buffer is free once all four warps said so.
//  - Before the first wgmma, and whenever the thread has touched sums or A's registers since, there stands a
//  wgmma_fence.
//  - What plain stores wrote to shared memory reaches a wgmma after fence_proxy_async_shared of the thread that wrote
//  and
//    a barrier. What copy_tensor wrote reaches it after a wait for the mbarrier, without a fence.
//  - Swizzles are of addresses, not of offsets in a buffer: a buffer begins at a multiple of 1024 bytes (512 with rows
//  of
//    64 bytes), and map and descriptor say the same swizzle. Nothing reports it if they do not.
//  - A tensor map in memory is read by another proxy: acquire_tensor_map comes before its first use.
#pragma once

#include "arch_async.cuh"

namespace cadenza::arch {

/// CUtensorMap: how a tensor lies in memory and which box of it a copy takes (cuTensorMapEncodeTiled). In global
/// memory.
struct alignas(64) TensorMap {
  uint64_t opaque[16];
};

/// How 16-byte pieces of rows of 64 or 128 bytes are exchanged within groups of 8 rows, so that no two of the same
/// column lie in the same banks: by CUtensorMapSwizzle and by wgmma's descriptors, which must agree.
enum class Swizzle { rows_of_64, rows_of_128 };

/// Where an operand of a wgmma begins in shared memory, 16 columns of it: rows of 64 or 128 bytes, one after the other.
struct MatrixDescriptor {
  uint64_t bits;
  /// `bytes` further, a multiple of 16: 32 for the next 16 columns, of the same row's bytes.
  CADENZA_DEVICE MatrixDescriptor operator+(int bytes) const {
    return {bits + static_cast<uint64_t>(static_cast<uint32_t>(bytes) / 16)};
  }
};

/// A descriptor's bits: the address and the distance of groups of 8 rows in units of 16 bytes, the layout. The distance
/// of neighbouring groups along K does not count where a row's 16 columns are within the swizzle's bytes.
CADENZA_DEVICE constexpr uint64_t matrix_descriptor_bits(uint32_t address, Swizzle swizzle) {
  const uint64_t group = swizzle == Swizzle::rows_of_128 ? 1024 : 512, layout = swizzle == Swizzle::rows_of_128 ? 1 : 2;
  return (address & 0x3ffffu) / 16 | uint64_t{1} << 16 | group / 16 << 32 | layout << 62;
}

/// Those of an operand B whose rows lie along N, not along K: 16 rows of K, each of 64 columns in 128 bytes, swizzled;
/// the next 64 columns are `columns_apart` bytes further. Groups of 8 rows follow each other.
CADENZA_DEVICE constexpr uint64_t transposed_descriptor_bits(uint32_t address, uint32_t columns_apart) {
  return (address & 0x3ffffu) / 16 | uint64_t{columns_apart / 16} << 16 | uint64_t{1024 / 16} << 32 | uint64_t{1} << 62;
}

} // namespace cadenza::arch

#if defined(CADENZA_HOST)
#include "arch_wgmma_host.cuh"
#else

namespace cadenza::arch {

#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool has_wgmma = false;
#else
inline constexpr bool has_wgmma = true;
#endif

#define CADENZA_NEEDS_SM_90A(Has, what) static_assert(Has, what " needs sm_90a")

/// Base of the dynamic shared memory of this block, 1024-byte aligned, for buffers with a swizzle. The same bytes as
/// shared_memory().
CADENZA_DEVICE unsigned char *swizzled_shared_memory() {
  extern __shared__ __align__(1024) unsigned char cadenza_swizzled_shared[];
  return cadenza_swizzled_shared;
}

// Tensor maps ---------------------------------------------------------------------------------------------------------

/// fence.proxy.tensormap::generic.acquire.sys: makes what the host wrote there before the launch known to the copies of
/// this thread.
CADENZA_DEVICE void acquire_tensor_map(const TensorMap *map) {
  asm volatile("fence.proxy.tensormap::generic.acquire.sys [%0], 128;" ::"l"(map) : "memory");
}

/// prefetch.tensormap: into the cache from which copies read it.
CADENZA_DEVICE void prefetch_tensor_map(const TensorMap *map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

/// cp.async.bulk.tensor.Nd.shared::cluster.global.tile.mbarrier::complete_tx::bytes, by one thread: the box of `map`
/// whose first element has these coordinates (innermost first), to `to`, aligned to 128 bytes. `full` counts all bytes
/// of the box; elements outside the tensor come as zeros.
template <bool Has = has_wgmma>
CADENZA_DEVICE void copy_tensor(void *to, const TensorMap *map, int c0, int c1, Mbarrier *full) {
  CADENZA_NEEDS_SM_90A(Has, "copy_tensor");
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], "
               "[%4];" ::"r"(shared_address(to)),
               "l"(map), "r"(c0), "r"(c1), "r"(shared_address(full))
               : "memory");
}
template <bool Has = has_wgmma>
CADENZA_DEVICE void copy_tensor(void *to, const TensorMap *map, int c0, int c1, int c2, Mbarrier *full) {
  CADENZA_NEEDS_SM_90A(Has, "copy_tensor");
  asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, "
               "%4}], [%5];" ::"r"(shared_address(to)),
               "l"(map), "r"(c0), "r"(c1), "r"(c2), "r"(shared_address(full))
               : "memory");
}
template <bool Has = has_wgmma>
CADENZA_DEVICE void copy_tensor(void *to, const TensorMap *map, int c0, int c1, int c2, int c3, Mbarrier *full) {
  CADENZA_NEEDS_SM_90A(Has, "copy_tensor");
  asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, "
               "%4, %5}], [%6];" ::"r"(shared_address(to)),
               "l"(map), "r"(c0), "r"(c1), "r"(c2), "r"(c3), "r"(shared_address(full))
               : "memory");
}

/// The same .multicast::cluster: into each block of the cluster whose rank's bit is set, at the place that `to` and
/// `full` have in this block; each block's own barrier counts its bytes.
template <bool Has = has_wgmma>
CADENZA_DEVICE void copy_tensor_multicast(void *to, const TensorMap *map, int c0, int c1, Mbarrier *full,
                                          uint32_t ranks) {
  CADENZA_NEEDS_SM_90A(Has, "copy_tensor_multicast");
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster "
               "[%0], [%1, {%2, %3}], [%4], %5;" ::"r"(shared_address(to)),
               "l"(map), "r"(c0), "r"(c1), "r"(shared_address(full)), "h"(static_cast<uint16_t>(ranks))
               : "memory");
}

/// mbarrier.arrive.shared::cluster: one arrival at a barrier of another block of the cluster, by a thread that is done
/// reading what that block fills anew. Unlike mbarrier_arrive it makes no writes of this thread visible there, for
/// which that one waits until all are out.
template <bool Has = has_wgmma> CADENZA_DEVICE void mbarrier_arrive_read(Remote<Mbarrier> b) {
  CADENZA_NEEDS_SM_90A(Has, "mbarrier_arrive_read");
  asm volatile("mbarrier.arrive.shared::cluster.b64 _, [%0];" ::"r"(b.address) : "memory");
}

// The product of a warpgroup ------------------------------------------------------------------------------------------

/// `rows` at a multiple of 1024 bytes (512 of rows of 64), or 32, 64, 96 bytes behind one.
CADENZA_DEVICE MatrixDescriptor matrix_descriptor(const void *rows, Swizzle swizzle) {
  return {matrix_descriptor_bits(shared_address(rows), swizzle)};
}

/// `rows` at a multiple of 1024 bytes: 8 rows of K are 1024 bytes.
CADENZA_DEVICE MatrixDescriptor transposed_descriptor(const void *rows, uint32_t columns_apart) {
  return {transposed_descriptor_bits(shared_address(rows), columns_apart)};
}

/// No instruction: the compiler takes sums to change here, so that no access to them moves over a fence or a wait.
template <int count> CADENZA_DEVICE void pin_sums(float (&d)[count]) {
#pragma unroll
  for (int i = 0; i < count; ++i)
    asm volatile("" : "+f"(d[i])::"memory");
}

/// wgmma.fence: orders this thread's earlier accesses to registers before wgmmas that follow. pin_sums stands before
/// it.
CADENZA_DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

/// wgmma.commit_group: the wgmmas since the last commit become a group.
CADENZA_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

/// wgmma.wait_group: all but the latest `pending` groups are complete. pin_sums stands after it, where sums are read.
template <int pending> CADENZA_DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

// The text of registers %0 to %(count - 1), and the operands themselves.
#define CADENZA_REGISTERS_8 "%0, %1, %2, %3, %4, %5, %6, %7"
#define CADENZA_REGISTERS_16                                                                                           \
  CADENZA_REGISTERS_8 ", "                                                                                             \
                      "%8, %9, %10, %11, %12, %13, %14, %15"
#define CADENZA_REGISTERS_32                                                                                           \
  CADENZA_REGISTERS_16 ", "                                                                                            \
                       "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define CADENZA_REGISTERS_48                                                                                           \
  CADENZA_REGISTERS_32 ", "                                                                                            \
                       "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define CADENZA_REGISTERS_64                                                                                           \
  CADENZA_REGISTERS_48 ", "                                                                                            \
                       "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define CADENZA_REGISTERS_96                                                                                           \
  CADENZA_REGISTERS_64                                                                                                 \
  ", "                                                                                                                 \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, "                    \
  "%83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define CADENZA_REGISTERS_128                                                                                          \
  CADENZA_REGISTERS_96                                                                                                 \
  ", "                                                                                                                 \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "                       \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define CADENZA_SUMS_FROM(i)                                                                                           \
  "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]),          \
      "+f"(d[i + 7])
#define CADENZA_SUMS_8 CADENZA_SUMS_FROM(0)
#define CADENZA_SUMS_16 CADENZA_SUMS_8, CADENZA_SUMS_FROM(8)
#define CADENZA_SUMS_32 CADENZA_SUMS_16, CADENZA_SUMS_FROM(16), CADENZA_SUMS_FROM(24)
#define CADENZA_SUMS_48 CADENZA_SUMS_32, CADENZA_SUMS_FROM(32), CADENZA_SUMS_FROM(40)
#define CADENZA_SUMS_64 CADENZA_SUMS_48, CADENZA_SUMS_FROM(48), CADENZA_SUMS_FROM(56)
#define CADENZA_SUMS_96                                                                                                \
  CADENZA_SUMS_64, CADENZA_SUMS_FROM(64), CADENZA_SUMS_FROM(72), CADENZA_SUMS_FROM(80), CADENZA_SUMS_FROM(88)
#define CADENZA_SUMS_128                                                                                               \
  CADENZA_SUMS_96, CADENZA_SUMS_FROM(96), CADENZA_SUMS_FROM(104), CADENZA_SUMS_FROM(112), CADENZA_SUMS_FROM(120)

/// The instruction for `count` sums a thread, that is N = 2 * count columns.
template <class T, int count> struct WarpgroupProduct;

#define CADENZA_WGMMA(T, N, count, a0, a1, a2, a3, a4, a5, a6)                                                         \
  template <> struct WarpgroupProduct<T, count> {                                                                      \
    CADENZA_DEVICE static void add(float (&d)[count], MatrixDescriptor a, MatrixDescriptor b, uint32_t accumulate) {   \
      asm volatile("{ .reg .pred p; setp.ne.u32 p, %" a2 ", 0; wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." #T     \
                   "." #T " {" CADENZA_REGISTERS_##count "}, %" a0 ", %" a1 ", p, 1, 1, 0, 0; }"                       \
                   : CADENZA_SUMS_##count                                                                              \
                   : "l"(a.bits), "l"(b.bits), "r"(accumulate));                                                       \
    }                                                                                                                  \
    template <int transposed>                                                                                          \
    CADENZA_DEVICE static void add(float (&d)[count], const uint32_t (&a)[4], MatrixDescriptor b,                      \
                                   uint32_t accumulate) {                                                              \
      asm volatile("{ .reg .pred p; setp.ne.u32 p, %" a5 ", 0; wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." #T     \
                   "." #T " {" CADENZA_REGISTERS_##count "}, {%" a0 ", %" a1 ", %" a2 ", %" a3 "}, %" a4               \
                                                         ", p, 1, 1, %" a6 "; }"                                       \
                   : CADENZA_SUMS_##count                                                                              \
                   : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.bits), "r"(accumulate), "n"(transposed));       \
    }                                                                                                                  \
  };
#define CADENZA_WGMMAS(T)                                                                                              \
  CADENZA_WGMMA(T, 16, 8, "8", "9", "10", "11", "12", "13", "14")                                                      \
  CADENZA_WGMMA(T, 32, 16, "16", "17", "18", "19", "20", "21", "22")                                                   \
  CADENZA_WGMMA(T, 64, 32, "32", "33", "34", "35", "36", "37", "38")                                                   \
  CADENZA_WGMMA(T, 96, 48, "48", "49", "50", "51", "52", "53", "54")                                                   \
  CADENZA_WGMMA(T, 128, 64, "64", "65", "66", "67", "68", "69", "70")                                                  \
  CADENZA_WGMMA(T, 192, 96, "96", "97", "98", "99", "100", "101", "102")                                               \
  CADENZA_WGMMA(T, 256, 128, "128", "129", "130", "131", "132", "133", "134")
CADENZA_WGMMAS(bf16)
CADENZA_WGMMAS(f16)

/// wgmma.mma_async.sync.aligned.m64nNk16.f32: D[64][N] = A[64][16] · B[16][N] (+ D, if `accumulate`), fp32 sums, of
/// bf16 or f16; N is 16, 32, 64, 96, 128, 192 or 256. A's rows and B's columns lie along K, as their descriptors say.
/// In warp w of the warpgroup, with g = lane() / 4, t = lane() % 4: d[4j + 2h + i] = D[16w + 8h + g][8j + 2t + i].
template <class T, int count, bool Has = has_wgmma>
CADENZA_DEVICE void wgmma(float (&d)[count], MatrixDescriptor a, MatrixDescriptor b, bool accumulate) {
  CADENZA_NEEDS_SM_90A(Has, "wgmma");
  WarpgroupProduct<T, count>::add(d, a, b, accumulate);
}
/// The same with A's fragment in registers: a[2l + h] are A[16w + 8h + g][8l + 2t ..], as in mma_m16n8k16.
template <class T, int count, bool Has = has_wgmma>
CADENZA_DEVICE void wgmma(float (&d)[count], const uint32_t (&a)[4], MatrixDescriptor b, bool accumulate) {
  CADENZA_NEEDS_SM_90A(Has, "wgmma");
  WarpgroupProduct<T, count>::template add<0>(d, a, b, accumulate);
}
/// The same with rows of B along N: transposed_descriptor.
template <class T, int count, bool Has = has_wgmma>
CADENZA_DEVICE void wgmma_transposed(float (&d)[count], const uint32_t (&a)[4], MatrixDescriptor b, bool accumulate) {
  CADENZA_NEEDS_SM_90A(Has, "wgmma");
  WarpgroupProduct<T, count>::template add<1>(d, a, b, accumulate);
}

// Registers -----------------------------------------------------------------------------------------------------------

/// setmaxnreg.inc, .dec: from here on, the threads of this warpgroup have `count` registers each, a multiple of 8 in 24
/// to 256. take waits until they are free. Whole warpgroups, in kernels whose launch bounds give each thread the same.
template <int count> CADENZA_DEVICE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}
template <int count> CADENZA_DEVICE void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}

} // namespace cadenza::arch

#endif // CADENZA_HOST

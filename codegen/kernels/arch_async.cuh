// What a persistent kernel stands on: mbarriers, clusters, asynchronous copies and stores, named barriers, bounded
// waits. All PTX behind small named functions, as in arch.cuh; arch_async_host.cuh holds them for g++ and the
// emulation.
//
// Functions that need sm_90 are templates over the compiled architecture only so that a call below sm_90, and nothing
// else, is a compile-time error. Whether the persistent kernel calls them is its configuration's `clusters`.
//
// The hazards that a GPU does not report:
//  - A parity names the phases of one parity only. Whoever waits must be at most one phase behind.
//  - A buffer may be copied into again only after every reader said so, through an mbarrier.
//  - Shared memory of another block exists from the cluster barrier at the start to the one at the end: no block exits,
//    and no mbarrier is signalled, outside the two.
//  - Plain stores and asynchronous copies (bulk copies, st.async) reach memory by different proxies: between a store
//    and a bulk copy that reads or overwrites the same bytes there stands a fence_proxy_async_*.
#pragma once

#include "arch.cuh"

namespace cadenza::arch {

/// A barrier in shared memory that counts arrivals and bytes. It goes through phases: phase n is complete when as many
/// arrivals were made as mbarrier_init said, and as many bytes have come as were expected in that phase.
struct alignas(8) Mbarrier {
  uint64_t state;
};

/// Whose writes a wait makes visible: those of this block, or of all blocks of its cluster.
enum class Scope { block, cluster };

} // namespace cadenza::arch

#if defined(CADENZA_HOST)
#include "arch_async_host.cuh"
#else

namespace cadenza::arch {

#if defined(__CUDA_ARCH__)
inline constexpr int compiled_arch = __CUDA_ARCH__;
#else
inline constexpr int compiled_arch = 900; // nvcc's pass for the host, which makes no code of this
#endif
inline constexpr bool has_clusters = compiled_arch >= 900;

#define CADENZA_NEEDS_SM_90(Arch, what) static_assert(Arch >= 900, what " needs sm_90 or later")

/// The 32-bit address of shared memory that PTX wants.
CADENZA_DEVICE uint32_t shared_address(const void *p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }

// Time ----------------------------------------------------------------------------------------------------------------

/// %globaltimer: nanoseconds, the same clock on all multiprocessors; its step is 32 ns to 1 µs.
CADENZA_DEVICE uint64_t global_timer() {
  uint64_t t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t)::"memory");
  return t;
}

/// %globaltimer_lo: its lower half, which comes round every 4.3 seconds.
CADENZA_DEVICE uint32_t global_timer_low() {
  uint32_t t;
  asm volatile("mov.u32 %0, %%globaltimer_lo;" : "=r"(t)::"memory");
  return t;
}

/// %clock: the lower half of %clock64.
CADENZA_DEVICE uint32_t clock_low() {
  uint32_t t;
  asm volatile("mov.u32 %0, %%clock;" : "=r"(t)::"memory");
  return t;
}

/// %clock64: cycles of this multiprocessor.
CADENZA_DEVICE uint64_t clock() {
  uint64_t t;
  asm volatile("mov.u64 %0, %%clock64;" : "=l"(t)::"memory");
  return t;
}

/// nanosleep.u32: between 0 and twice `ns` nanoseconds, 1 ms at most.
CADENZA_DEVICE void nanosleep(uint32_t ns) { asm volatile("nanosleep.u32 %0;" ::"r"(ns) : "memory"); }

// Barriers of some warps of a block -----------------------------------------------------------------------------------

/// bar.sync: `threads` threads, a multiple of 32, meet at barrier `id`, 1 to 15 (0 is block_barrier). Whole warps only.
CADENZA_DEVICE void named_barrier(uint32_t id, uint32_t threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/// bar.arrive: counts as arrived, does not wait. Whole warps only.
CADENZA_DEVICE void named_barrier_arrive(uint32_t id, uint32_t threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

// Clusters (sm_90) ----------------------------------------------------------------------------------------------------

/// %cluster_ctarank, %cluster_nctaid.x, %clusterid.x; for launches with clusters.
template <int Arch = compiled_arch> CADENZA_DEVICE uint32_t cluster_rank() {
  CADENZA_NEEDS_SM_90(Arch, "cluster_rank");
  uint32_t r;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(r));
  return r;
}
template <int Arch = compiled_arch> CADENZA_DEVICE uint32_t cluster_size() {
  CADENZA_NEEDS_SM_90(Arch, "cluster_size");
  uint32_t r;
  asm("mov.u32 %0, %%cluster_nctaid.x;" : "=r"(r));
  return r;
}
template <int Arch = compiled_arch> CADENZA_DEVICE uint32_t cluster_index() {
  CADENZA_NEEDS_SM_90(Arch, "cluster_index");
  uint32_t r;
  asm("mov.u32 %0, %%clusterid.x;" : "=r"(r));
  return r;
}

/// barrier.cluster.arrive.release, .wait.acquire: all threads of all blocks of the cluster; each arrives, then waits.
template <int Arch = compiled_arch> CADENZA_DEVICE void cluster_barrier_arrive() {
  CADENZA_NEEDS_SM_90(Arch, "cluster_barrier_arrive");
  asm volatile("barrier.cluster.arrive.release;" ::: "memory");
}
template <int Arch = compiled_arch> CADENZA_DEVICE void cluster_barrier_wait() {
  CADENZA_NEEDS_SM_90(Arch, "cluster_barrier_wait");
  asm volatile("barrier.cluster.wait.acquire;" ::: "memory");
}

/// A T in the shared memory of some block of the cluster: good for st.async and remote arrivals, not for plain access.
template <typename T> struct Remote {
  uint32_t address; // in the shared::cluster window
  CADENZA_DEVICE Remote operator+(uint32_t n) const { return {address + n * static_cast<uint32_t>(sizeof(T))}; }
};

/// mapa: what `mine` is in the block of rank `rank`.
template <typename T, int Arch = compiled_arch> CADENZA_DEVICE Remote<T> remote(T *mine, uint32_t rank) {
  CADENZA_NEEDS_SM_90(Arch, "remote");
  uint32_t address;
  asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(shared_address(mine)), "r"(rank));
  return {address};
}

// Mbarriers -----------------------------------------------------------------------------------------------------------

/// mbarrier.init, by one thread, once. Others use it after fence_mbarrier_init and a block or cluster barrier.
CADENZA_DEVICE void mbarrier_init(Mbarrier *b, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(arrivals) : "memory");
}

/// fence.mbarrier_init.release.cluster: by the thread that initialised. Nothing below sm_90, where a block barrier
/// does.
CADENZA_DEVICE void fence_mbarrier_init() {
#if __CUDA_ARCH__ >= 900
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
#endif
}

/// mbarrier.arrive.release.cta: one arrival.
CADENZA_DEVICE void mbarrier_arrive(Mbarrier *b) {
  asm volatile("{ .reg .b64 state; mbarrier.arrive.shared.b64 state, [%0]; }" ::"r"(shared_address(b)) : "memory");
}

/// mbarrier.arrive.release.cluster: one arrival at a barrier of another block of the cluster.
template <int Arch = compiled_arch> CADENZA_DEVICE void mbarrier_arrive(Remote<Mbarrier> b) {
  CADENZA_NEEDS_SM_90(Arch, "mbarrier_arrive in another block");
  asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(b.address) : "memory");
}

/// mbarrier.arrive.expect_tx: expects `bytes` more bytes in this phase, then arrives. Bytes may come before they are
/// expected, as long as the arrivals keep the phase open. |expected - come| stays below 2^20.
template <int Arch = compiled_arch> CADENZA_DEVICE void mbarrier_arrive_expect_tx(Mbarrier *b, uint32_t bytes) {
  CADENZA_NEEDS_SM_90(Arch, "mbarrier_arrive_expect_tx");
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)), "r"(bytes)
               : "memory");
}

/// mbarrier.try_wait.parity.acquire (test_wait below sm_90): true if the latest phase of parity `parity` is complete;
/// false after a while that the hardware chooses. A fresh barrier is in phase 0; phase -1, of parity 1, is complete.
template <Scope S = Scope::block> CADENZA_DEVICE bool mbarrier_try_wait(Mbarrier *b, uint32_t parity) {
  static_assert(S == Scope::block || has_clusters, "waiting for other blocks of a cluster needs sm_90 or later");
  uint32_t done;
#if __CUDA_ARCH__ >= 900
  if constexpr (S == Scope::cluster)
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2; "
                 "selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(shared_address(b)), "r"(parity)
                 : "memory");
  else
    asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
                 : "=r"(done)
                 : "r"(shared_address(b)), "r"(parity)
                 : "memory");
#else
  asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
               : "=r"(done)
               : "r"(shared_address(b)), "r"(parity)
               : "memory");
#endif
  return done != 0;
}

/// mbarrier.test_wait.parity.acquire: the same, without waiting.
CADENZA_DEVICE bool mbarrier_test_wait(Mbarrier *b, uint32_t parity) {
  uint32_t done;
  asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
               : "=r"(done)
               : "r"(shared_address(b)), "r"(parity)
               : "memory");
  return done != 0;
}

// Copies from global to shared memory, by one warp --------------------------------------------------------------------
//
// A producer warp, all 32 lanes, fills a buffer like this (or with copy_to_shared, which is the three for one piece):
//   copy_expect(full, total_bytes);
//   copy_piece(buffer, weights, bytes, full);   // as many as there are
//   copy_commit(full);
// and readers wait for `full`, an mbarrier that mbarrier_init gave copy_arrivals() arrivals. On sm_90 these are bulk
// copies, issued by lane 0, that count bytes; below, each lane's cp.async and its arrival: every lane, not just lane 0,
// must have waited until the buffer was free.
// Source, destination and size are multiples of 16; a piece is smaller than 1 MiB. The source is weights or other
// memory that nobody writes meanwhile; what this launch's threads wrote needs fence_proxy_async_global on both sides.
// What is copied is read once in a long while: in the L2 cache it gives way to everything else.

/// How many arrivals at `full` one fill makes.
CADENZA_DEVICE constexpr uint32_t copy_arrivals() { return has_clusters ? 1 : 32; }

/// sm_90: mbarrier.arrive.expect_tx by lane 0.
CADENZA_DEVICE void copy_expect(Mbarrier *full, uint32_t total_bytes) {
#if __CUDA_ARCH__ >= 900
  if (lane() == 0)
    mbarrier_arrive_expect_tx(full, total_bytes);
#endif
}

CADENZA_DEVICE constexpr bool has_bulk_copies() { return has_clusters; }

/// createpolicy.fractional.L2::evict_first: for the cache hint of a copy.
CADENZA_DEVICE uint64_t evict_first() {
  uint64_t policy;
  asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  return policy;
}

/// sm_90: cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint, by this lane.
CADENZA_DEVICE void copy_bulk(void *to, const void *from, uint32_t bytes, Mbarrier *full) {
#if __CUDA_ARCH__ >= 900
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, "
               "[%3], %4;" ::"r"(shared_address(to)),
               "l"(__cvta_generic_to_global(from)), "r"(bytes), "r"(shared_address(full)), "l"(evict_first())
               : "memory");
#endif
}

/// sm_90: copy_bulk by lane 0. Below: cp.async.cg, lane by lane.
CADENZA_DEVICE void copy_piece(void *to, const void *from, uint32_t bytes, Mbarrier *full) {
#if __CUDA_ARCH__ >= 900
  if (lane() == 0)
    copy_bulk(to, from, bytes, full);
#else
  const uint32_t target = shared_address(to);
  const uint64_t source = __cvta_generic_to_global(from);
  for (uint32_t i = lane() * 16; i < bytes; i += 32 * 16)
    asm volatile("cp.async.cg.shared.global.L2::cache_hint.L2::256B [%0], [%1], 16, %2;" ::"r"(target + i),
                 "l"(source + i), "l"(evict_first())
                 : "memory");
#endif
}

/// Below sm_90: cp.async.mbarrier.arrive.noinc by every lane, which arrives when this lane's copies so far are there.
CADENZA_DEVICE void copy_commit(Mbarrier *full) {
#if __CUDA_ARCH__ < 900
  asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(shared_address(full)) : "memory");
#endif
}

// Stores into another block's shared memory (sm_90) -------------------------------------------------------------------

/// st.async.mbarrier::complete_tx::bytes: 16, 8 or 4 bytes, aligned to their size, to a block of the cluster;
/// `arrived`, a barrier of the same block, counts the bytes when they are there. No order between stores. Only in
/// launches with clusters: an H100 reported an illegal instruction in one without.
template <int Arch = compiled_arch>
CADENZA_DEVICE void store_async(Remote<Vec16> to, Vec16 v, Remote<Mbarrier> arrived) {
  CADENZA_NEEDS_SM_90(Arch, "store_async");
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, [%5];" ::"r"(to.address),
      "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w), "r"(arrived.address)
      : "memory");
}
template <int Arch = compiled_arch>
CADENZA_DEVICE void store_async(Remote<uint64_t> to, uint64_t v, Remote<Mbarrier> arrived) {
  CADENZA_NEEDS_SM_90(Arch, "store_async");
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.b64 [%0], %1, [%2];" ::"r"(to.address), "l"(v),
               "r"(arrived.address)
               : "memory");
}

template <int Arch = compiled_arch>
CADENZA_DEVICE void store_async(Remote<uint32_t> to, uint32_t v, Remote<Mbarrier> arrived) {
  CADENZA_NEEDS_SM_90(Arch, "store_async");
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.b32 [%0], %1, [%2];" ::"r"(to.address), "r"(v),
               "r"(arrived.address)
               : "memory");
}

/// fence.proxy.async: orders this thread's plain accesses before it against asynchronous copies after it, and the other
/// way round. Nothing below sm_90, where cp.async is of the same proxy as plain accesses.
CADENZA_DEVICE void fence_proxy_async_shared() {
#if __CUDA_ARCH__ >= 900
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}
CADENZA_DEVICE void fence_proxy_async_global() {
#if __CUDA_ARCH__ >= 900
  asm volatile("fence.proxy.async.global;" ::: "memory");
#endif
}

} // namespace cadenza::arch

#endif // CADENZA_HOST

namespace cadenza::arch {

/// copy_piece for each of the first `count` lanes: lane i has the addresses of piece i. On sm_90 each issues its own.
CADENZA_DEVICE void copy_pieces(int count, void *to, const void *from, uint32_t bytes, Mbarrier *full) {
  if (has_bulk_copies()) {
    if (static_cast<int>(lane()) < count)
      copy_bulk(to, from, bytes, full);
    return;
  }
  for (int i = 0; i < count; ++i) {
    const auto of_lane = [i](uint64_t address) {
      return shuffle(static_cast<uint32_t>(address), i) |
             static_cast<uint64_t>(shuffle(static_cast<uint32_t>(address >> 32), i)) << 32;
    };
    copy_piece(reinterpret_cast<void *>(of_lane(reinterpret_cast<uint64_t>(to))),
               reinterpret_cast<const void *>(of_lane(reinterpret_cast<uint64_t>(from))), bytes, full);
  }
}

/// A whole fill of one piece, by all lanes of a warp.
CADENZA_DEVICE void copy_to_shared(void *to, const void *from, uint32_t bytes, Mbarrier *full) {
  copy_expect(full, bytes);
  copy_piece(to, from, bytes, full);
  copy_commit(full);
}

/// cluster_barrier_arrive and cluster_barrier_wait.
CADENZA_DEVICE void cluster_barrier() {
  if constexpr (has_clusters) {
    cluster_barrier_arrive();
    cluster_barrier_wait();
  } else {
    block_barrier();
  }
}

// Bounded waits -------------------------------------------------------------------------------------------------------

/// Calls poll() until it returns true. After `limit_ns` nanoseconds, less than 2^32, it calls expired(), which records
/// what was waited for (host memory survives), and traps: no wait is for ever. There are many waits in a kernel, and
/// what is here is in each of them: few instructions.
template <typename Poll, typename Expired>
CADENZA_DEVICE void spin_until(Poll &&poll, uint64_t limit_ns, Expired &&expired) {
  const uint32_t start = global_timer_low();
  while (!poll()) {
    const uint32_t now = global_timer_low();
    if (now - start > static_cast<uint32_t>(limit_ns)) {
      expired();
      trap();
    }
  }
}

/// Waits until the phase of parity `parity` is complete, at most `limit_ns`.
template <Scope S = Scope::block, typename Expired>
CADENZA_DEVICE void mbarrier_wait(Mbarrier *b, uint32_t parity, uint64_t limit_ns, Expired &&expired) {
  if (!mbarrier_try_wait<S>(b, parity))
    spin_until([&] { return mbarrier_try_wait<S>(b, parity); }, limit_ns, expired);
}

} // namespace cadenza::arch

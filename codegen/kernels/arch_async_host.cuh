// arch_async.cuh for g++: the same functions, through the emulation. Included by arch_async.cuh only.
#pragma once

#include "host_services.cuh"

namespace cadenza::arch {

// One source serves every emulated device: what the device lacks is found when it is used, not when it is compiled.
inline constexpr bool has_clusters = true;

CADENZA_DEVICE uint64_t global_timer() { return cadenza_host_services->clock(); }
CADENZA_DEVICE uint32_t global_timer_low() { return static_cast<uint32_t>(global_timer()); }
CADENZA_DEVICE uint32_t clock_low() { return static_cast<uint32_t>(cadenza_host_services->clock()); }
CADENZA_DEVICE uint64_t clock() { return cadenza_host_services->clock(); }
CADENZA_DEVICE void nanosleep(uint32_t ns) { cadenza_host_services->nanosleep(ns); }

CADENZA_DEVICE void named_barrier(uint32_t id, uint32_t threads) {
  cadenza_host_services->named_barrier(id, threads, true);
}
CADENZA_DEVICE void named_barrier_arrive(uint32_t id, uint32_t threads) {
  cadenza_host_services->named_barrier(id, threads, false);
}

CADENZA_DEVICE uint32_t cluster_rank() { return block_index() % cadenza_host_services->thread->cluster_blocks; }
CADENZA_DEVICE uint32_t cluster_size() { return cadenza_host_services->thread->cluster_blocks; }
CADENZA_DEVICE uint32_t cluster_index() { return block_index() / cadenza_host_services->thread->cluster_blocks; }
CADENZA_DEVICE void cluster_barrier_arrive() { cadenza_host_services->cluster_arrive(); }
CADENZA_DEVICE void cluster_barrier_wait() { cadenza_host_services->cluster_wait(); }

template <typename T> struct Remote {
  T *address;
  CADENZA_DEVICE Remote operator+(uint32_t n) const { return {address + n}; }
};
template <typename T> CADENZA_DEVICE Remote<T> remote(T *mine, uint32_t rank) {
  return {static_cast<T *>(cadenza_host_services->cluster_address(mine, rank))};
}

CADENZA_DEVICE void mbarrier_init(Mbarrier *b, uint32_t arrivals) { cadenza_host_services->mbarrier_init(b, arrivals); }
CADENZA_DEVICE void fence_mbarrier_init() { cadenza_host_services->scheduling_point(); }
CADENZA_DEVICE void mbarrier_arrive(Mbarrier *b) { cadenza_host_services->mbarrier_arrive(b); }
CADENZA_DEVICE void mbarrier_arrive(Remote<Mbarrier> b) { cadenza_host_services->mbarrier_arrive_remote(b.address); }
CADENZA_DEVICE void mbarrier_arrive_expect_tx(Mbarrier *b, uint32_t bytes) {
  cadenza_host_services->mbarrier_arrive_expect(b, bytes);
}
template <Scope S = Scope::block> CADENZA_DEVICE bool mbarrier_try_wait(Mbarrier *b, uint32_t parity) {
  return cadenza_host_services->mbarrier_try_wait(b, parity);
}
CADENZA_DEVICE bool mbarrier_test_wait(Mbarrier *b, uint32_t parity) {
  return cadenza_host_services->mbarrier_test_wait(b, parity);
}

// Both forms of the copy, by the emulated device's capability.
CADENZA_DEVICE bool has_bulk_copies() { return cadenza_host_services->capability >= 90; }
CADENZA_DEVICE uint32_t copy_arrivals() { return has_bulk_copies() ? 1 : 32; }
CADENZA_DEVICE void copy_expect(Mbarrier *full, uint32_t total_bytes) {
  if (has_bulk_copies() && lane() == 0)
    mbarrier_arrive_expect_tx(full, total_bytes);
}
CADENZA_DEVICE void copy_bulk(void *to, const void *from, uint32_t bytes, Mbarrier *full) {
  cadenza_host_services->copy_bulk(to, from, bytes, full);
}
CADENZA_DEVICE void copy_piece(void *to, const void *from, uint32_t bytes, Mbarrier *full) {
  if (!has_bulk_copies()) {
    for (uint32_t i = lane() * 16; i < bytes; i += 32 * 16)
      cadenza_host_services->copy_lane(static_cast<unsigned char *>(to) + i,
                                       static_cast<const unsigned char *>(from) + i);
  } else if (lane() == 0) {
    copy_bulk(to, from, bytes, full);
  }
}
CADENZA_DEVICE void copy_commit(Mbarrier *full) {
  if (!has_bulk_copies())
    cadenza_host_services->copy_lane_arrive(full);
}

CADENZA_DEVICE void store_async(Remote<Vec16> to, Vec16 v, Remote<Mbarrier> arrived) {
  cadenza_host_services->store_async(to.address, &v, sizeof(v), arrived.address);
}
CADENZA_DEVICE void store_async(Remote<uint64_t> to, uint64_t v, Remote<Mbarrier> arrived) {
  cadenza_host_services->store_async(to.address, &v, sizeof(v), arrived.address);
}
CADENZA_DEVICE void store_async(Remote<uint32_t> to, uint32_t v, Remote<Mbarrier> arrived) {
  cadenza_host_services->store_async(to.address, &v, sizeof(v), arrived.address);
}

CADENZA_DEVICE void fence_proxy_async_shared() { cadenza_host_services->fence_proxy_async(); }
CADENZA_DEVICE void fence_proxy_async_global() { cadenza_host_services->scheduling_point(); }

} // namespace cadenza::arch

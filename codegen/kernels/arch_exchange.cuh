// Exchange between blocks that run at the same time, through global memory: packets, acquire and release.
// arch_exchange_host.cuh holds the same functions for g++ and the emulation.
#pragma once

#include "arch.cuh"

namespace cadenza::arch {

/// 16 bytes that are written and read as one: a payload and the number that says how fresh it is. Whoever reads the
/// epoch that it waits for has the payload of the same store, without any barrier.
///
/// A packet publishes only itself: nothing else that its writer wrote before is visible to its reader. Nor does it say
/// that the previous packet in its slot was read: a slot may be written again only if what the writer waited for
/// proves it. Epoch 0 is what fresh memory holds; epochs are never reused while the slots live.
///
/// A packet of fewer than three words has the epoch in the place of the others, and whoever waits for it looks at all
/// of them (`is`). Hazard: of a load of which a word is never used, ptxas (CUDA 13.0) makes several narrower ones,
/// which may see a new epoch beside an old payload.
struct alignas(16) Packet {
  uint32_t payload[3];
  uint32_t epoch;

  CADENZA_DEVICE static Packet of(uint32_t epoch, uint32_t word) { return {{word, epoch, epoch}, epoch}; }
  CADENZA_DEVICE static Packet of(uint32_t epoch, uint32_t first, uint32_t second) {
    return {{first, second, epoch}, epoch};
  }
  /// Whether this is the packet of `wanted`, of so many words.
  CADENZA_DEVICE bool is(uint32_t wanted, int words) const {
    return (epoch == wanted) & (words > 1 || payload[1] == wanted) & (words > 2 || payload[2] == wanted);
  }
};
static_assert(sizeof(Packet) == 16, "one access");

} // namespace cadenza::arch

#if defined(CADENZA_HOST)
#include "arch_exchange_host.cuh"
#else

namespace cadenza::arch {

/// ld.relaxed.gpu.b128, one access. (A vector of four 32-bit elements is four accesses in the memory model.)
CADENZA_DEVICE Packet load_packet(const Packet *address) {
  uint64_t low, high;
  asm volatile("{ .reg .b128 t; ld.relaxed.gpu.global.b128 t, [%2]; mov.b128 {%0, %1}, t; }"
               : "=l"(low), "=l"(high)
               : "l"(__cvta_generic_to_global(address))
               : "memory");
  return {{static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32), static_cast<uint32_t>(high)},
          static_cast<uint32_t>(high >> 32)};
}

/// st.relaxed.gpu.b128, one access.
CADENZA_DEVICE void store_packet(Packet *address, Packet v) {
  const uint64_t low = v.payload[0] | static_cast<uint64_t>(v.payload[1]) << 32;
  const uint64_t high = v.payload[2] | static_cast<uint64_t>(v.epoch) << 32;
  asm volatile("{ .reg .b128 t; mov.b128 t, {%1, %2}; st.relaxed.gpu.global.b128 [%0], t; }" ::"l"(
                   __cvta_generic_to_global(address)),
               "l"(low), "l"(high)
               : "memory");
}

/// ld.acquire.gpu, st.release.gpu: what the writing thread did before its release (and, through a barrier, its block)
/// is visible after an acquire that reads the value.
CADENZA_DEVICE uint32_t load_acquire(const uint32_t *address) {
  uint32_t v;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(address)) : "memory");
  return v;
}
CADENZA_DEVICE void store_release(uint32_t *address, uint32_t v) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)), "r"(v) : "memory");
}

/// red.release.gpu.add: an arrival at a counter that others poll with load_acquire.
CADENZA_DEVICE void add_release(uint32_t *address, uint32_t v) {
  asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)), "r"(v) : "memory");
}

/// ld.acquire.sys, st.release.sys: the same with the host, through mapped memory.
CADENZA_DEVICE uint32_t load_acquire_system(const uint32_t *address) {
  uint32_t v;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];" : "=r"(v) : "l"(__cvta_generic_to_global(address)) : "memory");
  return v;
}
CADENZA_DEVICE void store_release_system(uint32_t *address, uint32_t v) {
  asm volatile("st.release.sys.global.u32 [%0], %1;" ::"l"(__cvta_generic_to_global(address)), "r"(v) : "memory");
}

} // namespace cadenza::arch

#endif // CADENZA_HOST

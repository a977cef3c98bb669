// arch_wgmma.cuh for g++: the same functions, through the emulation. Included by arch_wgmma.cuh only.
#pragma once

#include "host_services.cuh"

namespace cadenza::arch {

// One source serves every emulated device: what the device lacks is found when it is used, not when it is compiled.
inline constexpr bool has_wgmma = true;

CADENZA_DEVICE unsigned char *swizzled_shared_memory() { return cadenza_host_services->thread->shared; }

CADENZA_DEVICE void acquire_tensor_map(const TensorMap *map) { cadenza_host_services->acquire_tensor_map(map); }
CADENZA_DEVICE void prefetch_tensor_map(const TensorMap *) { cadenza_host_services->scheduling_point(); }

CADENZA_DEVICE void copy_tensor(void *to, const TensorMap *map, int c0, int c1, Mbarrier *full) {
  const int coordinates[] = {c0, c1};
  cadenza_host_services->copy_tensor(to, map, coordinates, 2, full, 0);
}
CADENZA_DEVICE void copy_tensor(void *to, const TensorMap *map, int c0, int c1, int c2, Mbarrier *full) {
  const int coordinates[] = {c0, c1, c2};
  cadenza_host_services->copy_tensor(to, map, coordinates, 3, full, 0);
}
CADENZA_DEVICE void copy_tensor(void *to, const TensorMap *map, int c0, int c1, int c2, int c3, Mbarrier *full) {
  const int coordinates[] = {c0, c1, c2, c3};
  cadenza_host_services->copy_tensor(to, map, coordinates, 4, full, 0);
}
CADENZA_DEVICE void copy_tensor_multicast(void *to, const TensorMap *map, int c0, int c1, Mbarrier *full,
                                          uint32_t ranks) {
  const int coordinates[] = {c0, c1};
  cadenza_host_services->copy_tensor(to, map, coordinates, 2, full, ranks);
}

CADENZA_DEVICE void mbarrier_arrive_read(Remote<Mbarrier> b) {
  cadenza_host_services->mbarrier_arrive_remote(b.address);
}

/// Addresses in a block's shared memory begin at 1024, as on a GPU, where the system has the first ones.
CADENZA_DEVICE MatrixDescriptor matrix_descriptor(const void *rows, Swizzle swizzle) {
  const auto offset = static_cast<const unsigned char *>(rows) - cadenza_host_services->thread->shared;
  return {matrix_descriptor_bits(static_cast<uint32_t>(offset) + 1024, swizzle)};
}

CADENZA_DEVICE MatrixDescriptor transposed_descriptor(const void *rows, uint32_t columns_apart) {
  const auto offset = static_cast<const unsigned char *>(rows) - cadenza_host_services->thread->shared;
  return {transposed_descriptor_bits(static_cast<uint32_t>(offset) + 1024, columns_apart)};
}

template <int count> CADENZA_DEVICE void pin_sums(float (&)[count]) {}
CADENZA_DEVICE void wgmma_fence() { cadenza_host_services->wgmma_fence(); }
CADENZA_DEVICE void wgmma_commit() { cadenza_host_services->wgmma_commit(); }
template <int pending> CADENZA_DEVICE void wgmma_wait() { cadenza_host_services->wgmma_wait(pending); }

template <class T> inline constexpr host::Element wgmma_element = host::Element::tf32; // of no wgmma here
template <> inline constexpr host::Element wgmma_element<bf16> = host::Element::bf16;
template <> inline constexpr host::Element wgmma_element<f16> = host::Element::f16;

/// The sizes that arch_wgmma.cuh has.
template <class T, int count>
concept WarpgroupSums =
    (wgmma_element<T> != host::Element::tf32) &&
    (count == 8 || count == 16 || count == 32 || count == 48 || count == 64 || count == 96 || count == 128);

template <class T, int count>
CADENZA_DEVICE void wgmma(float (&d)[count], MatrixDescriptor a, MatrixDescriptor b, bool accumulate)
  requires WarpgroupSums<T, count>
{
  cadenza_host_services->wgmma({wgmma_element<T>, accumulate, count, d, nullptr, a.bits, b.bits, false});
}
template <class T, int count>
CADENZA_DEVICE void wgmma(float (&d)[count], const uint32_t (&a)[4], MatrixDescriptor b, bool accumulate)
  requires WarpgroupSums<T, count>
{
  cadenza_host_services->wgmma({wgmma_element<T>, accumulate, count, d, a, 0, b.bits, false});
}
template <class T, int count>
CADENZA_DEVICE void wgmma_transposed(float (&d)[count], const uint32_t (&a)[4], MatrixDescriptor b, bool accumulate)
  requires WarpgroupSums<T, count>
{
  cadenza_host_services->wgmma({wgmma_element<T>, accumulate, count, d, a, 0, b.bits, true});
}

template <int count> CADENZA_DEVICE void take_registers() { cadenza_host_services->set_registers(count, true); }
template <int count> CADENZA_DEVICE void give_registers() { cadenza_host_services->set_registers(count, false); }

} // namespace cadenza::arch

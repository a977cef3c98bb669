// arch_mma.cuh for g++: the same functions, through the emulation. Included by arch_mma.cuh only.
#pragma once

#include "host_services.cuh"

namespace cadenza::arch {

CADENZA_DEVICE void copy_async16(void *to, const void *from, int bytes) {
  cadenza_host_services->copy_async16(to, from, static_cast<uint32_t>(bytes));
}
CADENZA_DEVICE void copy_async_commit() { cadenza_host_services->copy_async_commit(); }
template <int pending> CADENZA_DEVICE void copy_async_wait() { cadenza_host_services->copy_async_wait(pending); }

CADENZA_DEVICE void load_matrices(uint32_t (&to)[4], const void *row) {
  cadenza_host_services->load_matrices(to, row, false);
}
CADENZA_DEVICE void load_matrices_transposed(uint32_t (&to)[4], const void *row) {
  cadenza_host_services->load_matrices(to, row, true);
}

CADENZA_DEVICE float exp2_approximate(float x) { return x < -126.0f ? 0.0f : exp2(x); }

CADENZA_DEVICE float to_tf32(float x) {
  const uint32_t bits = as_bits(x);
  if ((bits & 0x7fffffffu) >= 0x7f800000u) // infinity stays, a NaN keeps its upper bits
    return (bits & 0x7fffffu) != 0 ? as_float((bits & 0xffffe000u) | 0x400000u) : x;
  return as_float((bits + 0x1000u) & 0xffffe000u); // the carry may reach the exponent and infinity, rightly
}

CADENZA_DEVICE void mma_m16n8k8(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
  const uint32_t a_bits[4] = {as_bits(a[0]), as_bits(a[1]), as_bits(a[2]), as_bits(a[3])};
  const uint32_t b_bits[2] = {as_bits(b[0]), as_bits(b[1])};
  cadenza_host_services->mma(host::Element::tf32, d, a_bits, b_bits);
}

} // namespace cadenza::arch

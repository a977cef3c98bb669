// arch.cuh for g++: the same functions in plain C++, for a shared object that the emulation runs one fiber a thread.
// See arch.cuh for what each means, host_services.cuh for what the runner provides. Included by arch.cuh only.
#pragma once

#include "host_services.cuh"
#include "shared/types.h"

#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define CADENZA_DEVICE __device__ __forceinline__
#define CADENZA_OUTLINE __attribute__((noinline))
#define CADENZA_EXPORT __attribute__((visibility("default")))

#define CADENZA_KERNEL(name, ArgsType, max_threads, min_blocks)                                                        \
  static_assert(sizeof(ArgsType) % 8 == 0 && sizeof(ArgsType) <= 4096, "arguments are 8-byte words, 4 KiB at most");   \
  static void name##__body(const ArgsType &args);                                                                      \
  extern "C" {                                                                                                         \
  extern CADENZA_EXPORT const ::cadenza::host::KernelDescriptor name##__cadenza;                                       \
  const ::cadenza::host::KernelDescriptor name##__cadenza = {::cadenza::host::abi_version, max_threads, min_blocks,    \
                                                             sizeof(ArgsType)};                                        \
  CADENZA_EXPORT void name(const void *const *params) { name##__body(*static_cast<const ArgsType *>(params[0])); }     \
  }                                                                                                                    \
  static void name##__body([[maybe_unused]] const ArgsType &args)

/// Set by the loader. Weak, so that a module may consist of several translation units.
extern "C" CADENZA_EXPORT __attribute__((weak)) const cadenza::host::Services *cadenza_host_services;
const cadenza::host::Services *cadenza_host_services = nullptr;

namespace cadenza::arch {

CADENZA_DEVICE uint32_t thread_index() { return cadenza_host_services->thread->thread_index; }
CADENZA_DEVICE uint32_t block_index() { return cadenza_host_services->thread->block_index; }
CADENZA_DEVICE uint32_t block_count() { return cadenza_host_services->thread->block_count; }
CADENZA_DEVICE uint32_t block_threads() { return cadenza_host_services->thread->block_threads; }
CADENZA_DEVICE uint32_t lane() { return thread_index() % 32; }
CADENZA_DEVICE uint32_t warp() { return thread_index() / 32; }
CADENZA_DEVICE int opaque(int x) { return x; }
template <class T> CADENZA_DEVICE T *opaque(T *x) { return x; }
CADENZA_DEVICE unsigned char *shared_memory() { return cadenza_host_services->thread->shared; }

CADENZA_DEVICE void block_barrier() { cadenza_host_services->block_barrier(); }
CADENZA_DEVICE void warp_barrier() { cadenza_host_services->warp_barrier(); }
CADENZA_DEVICE void fence_gpu() { cadenza_host_services->scheduling_point(); }
CADENZA_DEVICE void trap() { cadenza_host_services->fault(host::Fault::trap, nullptr); }

CADENZA_DEVICE float divide(float a, float b) { return a / b; }
CADENZA_DEVICE float multiply(float a, float b) { return a * b; } // g++ is told -ffp-contract=off
CADENZA_DEVICE float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
CADENZA_DEVICE uint32_t as_bits(float x) { return __builtin_bit_cast(uint32_t, x); }

template <typename T> CADENZA_DEVICE T shuffle(T value, int source) {
  static_assert(sizeof(T) == 4, "shuffles move 32 bits");
  return __builtin_bit_cast(
      T, cadenza_host_services->shuffle(__builtin_bit_cast(uint32_t, value), static_cast<uint32_t>(source) % 32));
}
template <typename T> CADENZA_DEVICE T shuffle_xor(T value, int mask) {
  return shuffle(value, static_cast<int>(lane() ^ static_cast<uint32_t>(mask)));
}

CADENZA_DEVICE uint32_t ballot(bool value) {
  uint32_t mask = static_cast<uint32_t>(value) << lane();
  for (int distance = 1; distance < 32; distance *= 2)
    mask |= shuffle_xor(mask, distance);
  return mask;
}
CADENZA_DEVICE int trailing_ones(uint32_t mask) { return __builtin_ctzll(~static_cast<uint64_t>(mask)); }

/// Alignment and bounds of a 16-byte access; what the hardware would report is reported here.
CADENZA_DEVICE void check16(const void *address, bool global) {
  const host::Services *services = cadenza_host_services;
  if (__builtin_expect(reinterpret_cast<uint64_t>(address) % 16 != 0, 0))
    services->fault(host::Fault::misaligned, address);
  const uint64_t offset = reinterpret_cast<uint64_t>(address) - reinterpret_cast<uint64_t>(services->device_memory);
  if (__builtin_expect(offset < services->device_bytes, 1)) {
    if (__builtin_expect(offset % 256 / 16 >= services->granule_map[offset / 256], 0))
      services->fault(host::Fault::illegal_address, address);
    return;
  }
  const host::Thread *thread = services->thread;
  if (!global &&
      reinterpret_cast<uint64_t>(address) - reinterpret_cast<uint64_t>(thread->shared) < thread->shared_bytes)
    return;
  services->check_slow(address, global);
}
/// The same of an 8-byte access; the bounds are those of the 16 bytes around it.
CADENZA_DEVICE void check8(const void *address, bool global) {
  if (__builtin_expect(reinterpret_cast<uint64_t>(address) % 8 != 0, 0))
    cadenza_host_services->fault(host::Fault::misaligned, address);
  check16(reinterpret_cast<const void *>(reinterpret_cast<uint64_t>(address) & ~uint64_t{15}), global);
}
CADENZA_DEVICE Vec8 load8_unchecked(const void *address) {
  Vec8 v;
  __builtin_memcpy(&v, address, sizeof(v));
  return v;
}
CADENZA_DEVICE Vec16 load_unchecked(const void *address) {
  Vec16 v;
  __builtin_memcpy(&v, address, sizeof(v));
  return v;
}
template <class Part> CADENZA_DEVICE Part load_weights(const void *address) = delete;
template <> CADENZA_DEVICE Vec16 load_weights<Vec16>(const void *address) {
  check16(address, true);
  return load_unchecked(address);
}
template <> CADENZA_DEVICE Vec8 load_weights<Vec8>(const void *address) {
  check8(address, true);
  return load8_unchecked(address);
}
/// The same of 4, 2 or 1 bytes.
template <int bytes> CADENZA_DEVICE uint32_t load_small_checked(const void *address, bool global) {
  if (__builtin_expect(reinterpret_cast<uint64_t>(address) % bytes != 0, 0))
    cadenza_host_services->fault(host::Fault::misaligned, address);
  check16(reinterpret_cast<const void *>(reinterpret_cast<uint64_t>(address) & ~uint64_t{15}), global);
  uint32_t v = 0;
  __builtin_memcpy(&v, address, bytes);
  return v;
}
template <> CADENZA_DEVICE uint32_t load_weights<uint32_t>(const void *address) {
  return load_small_checked<4>(address, true);
}
template <int bytes> CADENZA_DEVICE uint32_t load_small(const void *address) {
  return load_small_checked<bytes>(address, true);
}
CADENZA_DEVICE void prefetch(const void *) {}
CADENZA_DEVICE Vec16 load16(const void *address) {
  check16(address, false);
  return load_unchecked(address);
}
struct SharedPointer {
  const unsigned char *address;
  CADENZA_DEVICE SharedPointer operator+(int bytes) const { return {address + bytes}; }
};
CADENZA_DEVICE SharedPointer shared_pointer(const void *address) {
  return {static_cast<const unsigned char *>(address)};
}
template <int offset> CADENZA_DEVICE void load_if(bool wanted, SharedPointer from, Vec16 &v) {
  if (wanted)
    v = load16(from.address + offset);
}
template <int offset> CADENZA_DEVICE void load_if(bool wanted, SharedPointer from, Vec8 &v) {
  if (!wanted)
    return;
  check8(from.address + offset, false);
  v = load8_unchecked(from.address + offset);
}
template <int bytes, int offset> CADENZA_DEVICE void load_small_if(bool wanted, SharedPointer from, uint32_t &v) {
  if (wanted)
    v = load_small_checked<bytes>(from.address + offset, false);
}
template <int offset> CADENZA_DEVICE void load_if(bool wanted, SharedPointer from, uint32_t &v) {
  load_small_if<4, offset>(wanted, from, v);
}
CADENZA_DEVICE void store16(void *address, Vec16 v) {
  check16(address, false);
  __builtin_memcpy(address, &v, sizeof(v));
}

template <typename T> CADENZA_DEVICE T load_relaxed_as(const T *address) {
  cadenza_host_services->scheduling_point();
  return *static_cast<const volatile T *>(address);
}
CADENZA_DEVICE float load_relaxed(const float *address) { return load_relaxed_as(address); }
CADENZA_DEVICE uint32_t load_relaxed(const uint32_t *address) { return load_relaxed_as(address); }
CADENZA_DEVICE Vec16 load_relaxed16(const void *address) {
  check16(address, true);
  cadenza_host_services->scheduling_point();
  return load_unchecked(address);
}
CADENZA_DEVICE void store_relaxed(float *address, float v) {
  *static_cast<volatile float *>(address) = v;
  cadenza_host_services->scheduling_point();
}
CADENZA_DEVICE void store_relaxed(uint32_t *address, uint32_t v) {
  *static_cast<volatile uint32_t *>(address) = v;
  cadenza_host_services->scheduling_point();
}

CADENZA_DEVICE uint32_t add_in_block(uint32_t *address, uint32_t v) {
  cadenza_host_services->scheduling_point();
  const uint32_t old = *address;
  *address = old + v;
  return old;
}

CADENZA_DEVICE uint32_t ticket(uint32_t *counter, uint32_t last) {
  cadenza_host_services->scheduling_point();
  const uint32_t old = *counter;
  *counter = old >= last ? 0 : old + 1;
  cadenza_host_services->scheduling_point();
  return old;
}

template <typename T>
CADENZA_DEVICE void mma_m16n8k16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) = delete;
template <> CADENZA_DEVICE void mma_m16n8k16<bf16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  cadenza_host_services->mma(host::Element::bf16, d, a, b);
}
template <> CADENZA_DEVICE void mma_m16n8k16<f16>(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  cadenza_host_services->mma(host::Element::f16, d, a, b);
}

CADENZA_DEVICE void grid_dependency_wait() { cadenza_host_services->grid_dependency_wait(); }
CADENZA_DEVICE void grid_dependency_trigger() { cadenza_host_services->grid_dependency_trigger(); }

CADENZA_DEVICE float exp(float x) { return __builtin_expf(x); }
CADENZA_DEVICE float exp2(float x) { return __builtin_exp2f(x); }
CADENZA_DEVICE float rsqrt(float x) { return 1.0f / __builtin_sqrtf(x); }
CADENZA_DEVICE float tanh(float x) { return __builtin_tanhf(x); }
CADENZA_DEVICE float erf(float x) { return __builtin_erff(x); }
CADENZA_DEVICE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
CADENZA_DEVICE float max(float a, float b) { return __builtin_fmaxf(a, b); }
CADENZA_DEVICE float min(float a, float b) { return __builtin_fminf(a, b); }

/// Round to nearest even on the bit pattern; the carry of the rounding may reach the exponent and infinity, rightly.
CADENZA_DEVICE bf16 to_bf16(float x) {
  const uint32_t bits = as_bits(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return {0x7fff};
  return {static_cast<uint16_t>((bits + 0x7fffu + (bits >> 16 & 1)) >> 16)};
}
CADENZA_DEVICE f16 to_f16(float x) {
  const uint32_t bits = as_bits(x);
  const uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return {0x7fff};
  if (magnitude >= 0x47800000u) // 2^16 and above; what lies between 65504 and 2^16 rounds below
    return {static_cast<uint16_t>(sign | 0x7c00u)};
  if (magnitude < 0x38800000u) { // below 2^-14: a multiple of 2^-24. Adding 0.5 makes the fp32 adder round to it.
    const uint32_t rounded = as_bits(as_float(magnitude) + 0.5f) - 0x3f000000u;
    return {static_cast<uint16_t>(sign | rounded)};
  }
  const uint32_t rounded = magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1);
  return {static_cast<uint16_t>(sign | rounded >> 13)};
}
CADENZA_DEVICE uint32_t pack_bf16x2(float low, float high) {
  return to_bf16(low).bits | static_cast<uint32_t>(to_bf16(high).bits) << 16;
}
CADENZA_DEVICE uint32_t pack_f16x2(float low, float high) {
  return to_f16(low).bits | static_cast<uint32_t>(to_f16(high).bits) << 16;
}

CADENZA_DEVICE float to_float(bf16 x) { return as_float(static_cast<uint32_t>(x.bits) << 16); }
CADENZA_DEVICE float to_float(f16 x) {
  const uint32_t sign = (x.bits & 0x8000u) << 16, magnitude = x.bits & 0x7fffu;
  if (magnitude >= 0x7c00u) // every NaN becomes the one that the hardware makes
    return as_float(magnitude == 0x7c00u ? sign | 0x7f800000u : 0x7fffffffu);
  if (magnitude < 0x400u) // a multiple of 2^-24
    return as_float(sign | as_bits(static_cast<float>(magnitude) * 0x1p-24f));
  return as_float(sign | ((magnitude << 13) + 0x38000000u));
}

/// Exact where the sum fits an fp32, as of the numbers that codes are.
CADENZA_DEVICE uint32_t mask_or(uint32_t x, uint32_t mask, uint32_t bits) { return (x & mask) | bits; }

template <uint32_t selector> CADENZA_DEVICE uint32_t permute_bytes(uint32_t a, uint32_t b) {
  const uint64_t bytes = uint64_t{b} << 32 | a;
  uint32_t v = 0;
  for (int i = 0; i < 4; ++i)
    v |= static_cast<uint32_t>(bytes >> (selector >> 4 * i & 7) * 8 & 0xff) << 8 * i;
  return v;
}

template <typename T> CADENZA_DEVICE uint32_t fma2(uint32_t a, uint32_t b, uint32_t c) {
  const auto half = [&](int shift) {
    const auto at = [&](uint32_t pair) { return to_float(T{static_cast<uint16_t>(pair >> shift)}); };
    return fma(at(a), at(b), at(c));
  };
  if constexpr (__is_same(T, bf16))
    return pack_bf16x2(half(0), half(16));
  else
    return pack_f16x2(half(0), half(16));
}

} // namespace cadenza::arch

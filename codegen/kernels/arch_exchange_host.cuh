// arch_exchange.cuh for g++: the same functions, through the emulation. Included by arch_exchange.cuh only.
#pragma once

#include "host_services.cuh"

namespace cadenza::arch {

CADENZA_DEVICE Packet load_packet(const Packet *address) {
  check16(address, true);
  cadenza_host_services->poll(address);
  const Packet packet = __builtin_bit_cast(Packet, load_unchecked(address));
  cadenza_host_services->packet(address, packet.epoch, false);
  return packet;
}
CADENZA_DEVICE void store_packet(Packet *address, Packet v) {
  check16(address, true);
  cadenza_host_services->scheduling_point();
  __builtin_memcpy(address, &v, sizeof(v));
  cadenza_host_services->packet(address, v.epoch, true);
  cadenza_host_services->scheduling_point();
}

CADENZA_DEVICE uint32_t load_acquire(const uint32_t *address) {
  cadenza_host_services->poll(address);
  return *static_cast<const volatile uint32_t *>(address);
}
CADENZA_DEVICE void store_release(uint32_t *address, uint32_t v) {
  cadenza_host_services->scheduling_point();
  *static_cast<volatile uint32_t *>(address) = v;
  cadenza_host_services->scheduling_point();
}
CADENZA_DEVICE void add_release(uint32_t *address, uint32_t v) {
  cadenza_host_services->scheduling_point();
  *address += v;
  cadenza_host_services->scheduling_point();
}
CADENZA_DEVICE uint32_t load_acquire_system(const uint32_t *address) { return load_acquire(address); }
CADENZA_DEVICE void store_release_system(uint32_t *address, uint32_t v) { store_release(address, v); }

} // namespace cadenza::arch

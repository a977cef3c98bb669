// Signals raised by emulated threads become launch errors instead of ending the process.
#pragma once

#include <cstdint>
#include <string>

namespace cadenza::emulation {

/// Catches SIGSEGV, SIGBUS, SIGFPE and SIGILL while a fiber runs; otherwise they do what they did before. Idempotent;
/// called on every thread that runs grids.
void installFaultHandler();

std::string formatAddress(const void *address);

/// Whether [address, address + bytes) is pageable host memory registered with cuMemHostRegister.
bool hostAccessible(const void *address, uint64_t bytes);

/// Whether kernels may read [address, address + bytes): one live allocation of device or pinned memory.
bool globalReadable(const void *address, uint64_t bytes);

} // namespace cadenza::emulation

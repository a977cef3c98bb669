// The emulated driver's controls. The test binaries are linked to it: dlopen("libcuda.so.1") then finds the library
// that is already there.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

extern "C" {
void cadenza_emulation_reset();
uint64_t cadenza_emulation_live_objects();
}

namespace cadenza::test {

/// A fresh driver with failures on demand ("cuMemAlloc:3=2", see test/emulation/injection.h) and a scheduling seed.
inline void resetEmulator(const std::string &fail = "", uint64_t seed = 1) {
  setenv("CADENZA_EMULATION_FAIL", fail.c_str(), 1);
  setenv("CADENZA_EMULATION_SEED", std::to_string(seed).c_str(), 1);
  cadenza_emulation_reset();
}

} // namespace cadenza::test

// The same target under libFuzzer.
#include "test/runtime/grammar/fuzz_target.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cadenza::testing::fuzzGrammar({reinterpret_cast<const char *>(data), size});
  return 0;
}

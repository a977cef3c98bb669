// The same target under libFuzzer; templates/ is a corpus.
#include "test/runtime/chat/fuzz_target.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cadenza::testing::fuzzChatTemplate({reinterpret_cast<const char *>(data), size});
  return 0;
}

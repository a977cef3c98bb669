// The same target under libFuzzer; the tokenizer.json files of test/fixtures/tokenizer are a corpus.
#include "test/runtime/tokenizer/fuzz_target.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  cadenza::testing::fuzzTokenizer({reinterpret_cast<const char *>(data), size});
  return 0;
}

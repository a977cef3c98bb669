// libFuzzer's entry: the first byte chooses the target. Build with clang++; see CMakeLists.txt.
#include "test/compiler/import/fuzz_targets.h"

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string_view rest(reinterpret_cast<const char *>(data) + 1, size - 1);
  if (data[0] % 3 == 0)
    cadenza::test::fuzzSafetensors(rest);
  else if (data[0] % 3 == 1)
    cadenza::test::fuzzGguf(rest);
  else
    cadenza::test::fuzzConfig(rest);
  return 0;
}

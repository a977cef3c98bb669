// Replays the fuzzer's entry point over seeded mutations of a plan: it aborts on an error that is not typed.
#include "test/runtime/plan/mutate.h"
#include "test/runtime/plan/small_plan.h"

#include <cstring>
#include <gtest/gtest.h>
#include <random>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace cadenza::testing {
namespace {

void feed(std::span<const std::byte> bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
}

TEST(PlanFuzz, Seeds) {
  feed({});
  feed(smallPlanBytes());
  feed(std::span(smallPlanBytes()).first(format::pageBytes));
  feed(std::vector<std::byte>(3 * format::pageBytes));
}

TEST(PlanFuzz, ReplacedWords) {
  std::mt19937_64 random(1);
  const uint64_t words[] = {0, 1, 7, 8, 64, 255, 4096, 1ull << 31, 1ull << 32, 1ull << 63, ~0ull, ~0ull - 4095};
  for (int run = 0; run < 4000; ++run) {
    std::vector<std::byte> bytes = smallPlanBytes();
    for (uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t width = size_t(1) << random() % 4;
      // Half of the edits hit the header and its table.
      const size_t range = random() % 2 ? 64 + 10 * 32 : bytes.size() - 8;
      const uint64_t word = random() % 2 ? words[random() % std::size(words)] : random();
      std::memcpy(bytes.data() + random() % range / width * width, &word, width);
    }
    feed(bytes);
  }
}

TEST(PlanFuzz, ReplacedSections) {
  std::mt19937_64 random(2);
  for (int run = 0; run < 2000; ++run) {
    const auto &plan = smallPlanBytes();
    const size_t index = random() % 9;
    std::string text(sectionText(plan, index));
    for (uint64_t edits = 1 + random() % 4; edits > 0 && !text.empty(); --edits) {
      const size_t place = random() % text.size();
      switch (random() % 4) {
      case 0: // another character, often one that JSON cares about
        text[place] = "{}[]\",:0123456789-.eE\\\0\xff"[random() % 24];
        break;
      case 1:
        text.erase(place, random() % 64);
        break;
      case 2:
        text.insert(place, text, random() % text.size(), random() % 64);
        break;
      default:
        text.resize(place);
      }
    }
    feed(withSection(plan, index, text));
  }
}

} // namespace
} // namespace cadenza::testing

// Requests that were cut short or changed in a byte: an error or an answer, never a crash.
#include "test/runtime/serve/fuzz_target.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace cadenza::testing {
namespace {

TEST(ApiRequestFuzz, DamagedRequests) {
  const std::string request =
      R"({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "\u00e9"}]},)"
      R"({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{\"a\": [1]}"}}]}],)"
      R"("tools": [{"type": "function"}], "stop": ["a"], "logit_bias": {"1": -100}, "seed": 3, "top_p": 0.5,)"
      R"("stream_options": {"include_usage": true}, "prompt": [1, 2], "content": "a", "tokens": [1]})";
  for (size_t length = 0; length <= request.size(); ++length)
    fuzzRequest(request.substr(0, length));
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    std::string changed = request;
    for (int edit = 0; edit < 3; ++edit)
      changed[random() % changed.size()] = static_cast<char>("{}[]\",:0-9.eEtfn\\\xff"[random() % 19]);
    fuzzRequest(changed);
  }
}

} // namespace
} // namespace cadenza::testing

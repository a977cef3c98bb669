// Whatever tokenizer.json and text are, there is an error, or ids whose decoding is valid UTF-8.
#include "test/runtime/tokenizer/fuzz_target.h"

#include "runtime/tokenizer/tokenizer.h"
#include "runtime/tokenizer/utf8.h"

#include <algorithm>
#include <cstdlib>

namespace cadenza::testing {

void fuzzTokenizer(std::string_view input) {
  const size_t end = std::min(input.find('\0'), input.size());
  const auto tokenizer = Tokenizer::parse(input.substr(0, end));
  if (!tokenizer.isOk())
    return;
  std::string_view text = input.substr(std::min(end + 1, input.size()));
  if (text.empty())
    text = "Hello, w\u00F6rld!  \u4E00<s> [MASK]\n123 \uFB01\u0301";
  const auto ids = tokenizer->encode(text.substr(0, 4096));
  for (int32_t id : ids)
    if (!tokenizer->idToToken(id))
      std::abort();
  if (!utf8::isValid(tokenizer->decode(ids, /*skipSpecial=*/false)))
    std::abort();
}

} // namespace cadenza::testing

#pragma once

#include <string_view>

namespace cadenza::testing {

/// `input`: a tokenizer.json, and after a zero byte a text, which may be missing.
void fuzzTokenizer(std::string_view input);

} // namespace cadenza::testing

#pragma once

#include <string_view>

namespace cadenza::testing {

/// `input`: a schema, or a pattern if it begins with '/'; after a zero byte a text, which may be missing.
void fuzzGrammar(std::string_view input);

} // namespace cadenza::testing

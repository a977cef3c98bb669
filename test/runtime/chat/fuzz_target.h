#pragma once

#include <string_view>

namespace cadenza::testing {

/// `input`: a template, and after a zero byte the JSON of its values, which may be missing.
void fuzzChatTemplate(std::string_view input);

} // namespace cadenza::testing

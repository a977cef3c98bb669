// Any bytes as the body of a request.
#pragma once

#include <string_view>

namespace cadenza::testing {

/// Parses the bytes as every kind of request, and puts errors into words.
void fuzzRequest(std::string_view body);

} // namespace cadenza::testing

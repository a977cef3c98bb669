// Architectures that people try and that are no family here: what each of them would need.
#pragma once

#include <string_view>

namespace cadenza {

/// "a mixture of experts: it needs a router, ..." of an architecture that config.json names ("MixtralForCausalLM"), or
/// nothing if it is not known either.
std::string_view unsupportedArchitecture(std::string_view architecture);

} // namespace cadenza

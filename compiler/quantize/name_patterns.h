// Names of weights by patterns: "layers.*.attention.*", "lm_head*".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// Whether a pattern is all of a name, or all of it but the parts before or after dots: "mlp.down" is a pattern of
/// "layers.3.mlp.down.weight". '*' stands for any number of characters, '?' for one.
bool matchesName(std::string_view pattern, std::string_view name);

/// Up to three of `names` that look like what was meant, the most alike first: those with the fewest edits to a run of
/// their parts.
std::vector<std::string> similarNames(std::string_view pattern, const std::vector<std::string> &names);

} // namespace cadenza

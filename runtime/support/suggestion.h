// What somebody who mistyped a name probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// The one of `names` that `given` is likely to be: the same but for case and '_' for '-'; or with one letter in three
/// (one at least) missing, too much, wrong or swapped with its neighbour; or with the rest left off. Empty if none is,
/// or if two are as near.
std::string_view likelyMeant(std::string_view given, const std::vector<std::string> &names);

/// "; did you mean 'NAME'?", or empty.
std::string didYouMean(std::string_view given, const std::vector<std::string> &names);

} // namespace cadenza

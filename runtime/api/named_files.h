// Arguments of the form NAME=VALUE, such as --input x=x.npy.
#pragma once

#include "runtime/support/status.h"

#include <map>
#include <string>
#include <vector>

namespace cadenza {

/// Name to value, one a name. InvalidArgument for anything else; it names `option` and says that `form`, such as
/// "NAME=FILE.npy", is expected.
StatusOr<std::map<std::string, std::string>> parsePairs(const std::vector<std::string> &pairs,
                                                        const std::string &option, const std::string &form);

} // namespace cadenza

// What these tools were built from.
#pragma once

#include <string>
#include <string_view>

namespace cadenza {

/// "0.1.0".
std::string_view version();
/// "0123abcd4567", with "-dirty" if files were changed; "unknown" outside a git checkout.
std::string_view versionCommit();
/// "0.1.0 (commit 0123abcd4567)": what --version prints.
std::string versionText();

} // namespace cadenza

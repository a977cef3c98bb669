#include "runtime/support/version.h"

#include "generated/version.h"

namespace cadenza {

std::string_view version() { return CADENZA_VERSION; }
std::string_view versionCommit() { return CADENZA_COMMIT; }
std::string versionText() { return CADENZA_VERSION " (commit " CADENZA_COMMIT ")"; }

} // namespace cadenza

#include "runtime/library/errors.h"

#include "runtime/support/version.h"

#include <cstdlib>
#include <string>

namespace cadenza::library {
namespace {

thread_local std::string lastError;

} // namespace

cadenza_status report(cadenza_status code, std::string_view message) noexcept {
  try {
    lastError = message;
  } catch (const std::bad_alloc &) {
    lastError.clear(); // the code says what is left to say
  }
  return code;
}

cadenza_status report(const Status &status) noexcept {
  return status.isOk() ? CADENZA_OK : report(static_cast<cadenza_status>(status.code()), status.message());
}

} // namespace cadenza::library

using namespace cadenza;

const char *cadenza_last_error() { return library::lastError.c_str(); }

const char *cadenza_status_name(cadenza_status status) {
  // Names are literals: they end with a NUL.
  return status == CADENZA_BUSY ? "busy" : statusCodeName(static_cast<StatusCode>(status)).data();
}

const char *cadenza_version() {
  static constexpr char unknown[] = "unknown";
  try {
    static const std::string text = versionText();
    return text.c_str();
  } catch (const std::bad_alloc &) {
    return unknown;
  }
}

void cadenza_free(void *memory) { std::free(memory); }

// The border between C and C++: what becomes of errors and exceptions.
#pragma once

#include "runtime/library/cadenza/cadenza.h"
#include "runtime/support/status.h"

#include <exception>
#include <new>
#include <string_view>

namespace cadenza::library {

/// Keeps an error's message for cadenza_last_error, and its code for the caller.
cadenza_status report(const Status &status) noexcept;
cadenza_status report(cadenza_status code, std::string_view message) noexcept;

/// Runs `work`, which gives a Status; exceptions become one.
template <typename Work> cadenza_status guarded(const Work &work) noexcept {
  try {
    return report(work());
  } catch (const std::bad_alloc &) {
    return report(CADENZA_OUT_OF_MEMORY, "the host has no more memory");
  } catch (const std::exception &exception) {
    return report(CADENZA_INTERNAL, exception.what());
  } catch (...) {
    return report(CADENZA_INTERNAL, "an exception of unknown type; a callback must not throw");
  }
}

/// InvalidArgument: `name` must not be NULL.
inline Status isNull(std::string_view name) { return {StatusCode::InvalidArgument, std::string(name) + " is NULL"}; }

/// Returns that error from the enclosing function if the pointer is NULL.
#define CADENZA_REQUIRE(pointer) CADENZA_REQUIRE_IF(true, pointer)
/// The same for a pointer that may be NULL where there is nothing that it could point to.
#define CADENZA_REQUIRE_IF(condition, pointer)                                                                         \
  do {                                                                                                                 \
    if ((condition) && !(pointer))                                                                                     \
      return ::cadenza::library::isNull(#pointer);                                                                     \
  } while (false)

} // namespace cadenza::library

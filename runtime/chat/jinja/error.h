// The one exception of the template engine, which does not leave it: Template::parse and Template::render make a Status
// of it. An expression may fail in the middle of any other, and a Status through each of them would hide what they do.
#pragma once

#include "runtime/support/status.h"

#include <string>
#include <utility>

namespace cadenza::jinja {

struct Error {
  StatusCode code;
  std::string message;
  int line = 0; // of the template, from 1 on; 0: whoever catches it knows
};

/// What the template does wrong, or what it says of its values.
[[noreturn]] inline void fail(std::string message, int line = 0) {
  throw Error{StatusCode::InvalidInput, std::move(message), line};
}

/// Something of the language that the engine does not have.
[[noreturn]] inline void unsupported(std::string message, int line = 0) {
  throw Error{StatusCode::Unsupported, std::move(message), line};
}

} // namespace cadenza::jinja

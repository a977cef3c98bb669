// What is wrong with a request, in the shape that OpenAI's API gives to errors.
#pragma once

#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <string>

namespace cadenza::serve {

struct ApiError {
  int status = 400; // of HTTP
  std::string type = "invalid_request_error", message;
  std::string param, code; // empty: null

  /// {"error": {"message", "type", "param", "code"}}
  std::string json() const;
};

/// Of a request that cannot be served. InvalidArgument and InvalidInput, whose message begins with the path of a field
/// ("messages[0].role: ..."), are the client's fault, and so is CacheFull; everything else is the server's.
ApiError apiError(const Status &status);

} // namespace cadenza::serve

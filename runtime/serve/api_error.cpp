#include "runtime/serve/api_error.h"

#include <algorithm>

namespace cadenza::serve {
namespace {

using nlohmann::ordered_json;

ordered_json textOrNull(const std::string &text) { return text.empty() ? ordered_json() : ordered_json(text); }

/// "messages[0].role" of "messages[0].role: is missing"; nothing if the message does not begin with a path.
std::string paramOf(const std::string &message) {
  const auto isPath = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '[' || c == ']';
  };
  const size_t colon = message.find(": ");
  return colon != std::string::npos && std::all_of(message.begin(), message.begin() + std::ptrdiff_t(colon), isPath)
             ? message.substr(0, colon)
             : std::string();
}

} // namespace

std::string ApiError::json() const {
  const ordered_json error = {
      {"error", {{"message", message}, {"type", type}, {"param", textOrNull(param)}, {"code", textOrNull(code)}}}};
  return error.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ApiError apiError(const Status &status) {
  ApiError error{.message = status.message(), .param = paramOf(status.message()), .code = {}};
  switch (status.code()) {
  case StatusCode::InvalidArgument:
  case StatusCode::InvalidInput:
    break;
  case StatusCode::Unsupported:
    error.code = "unsupported";
    break;
  case StatusCode::CacheFull:
    error.code = "context_length_exceeded";
    break;
  default:
    error.status = 500;
    error.type = "server_error";
  }
  return error;
}

} // namespace cadenza::serve

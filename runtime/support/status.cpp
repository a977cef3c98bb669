#include "runtime/support/status.h"

namespace cadenza {

std::string_view statusCodeName(StatusCode code) {
  switch (code) {
  case StatusCode::Ok:
    return "ok";
  case StatusCode::Internal:
    return "internal error";
  case StatusCode::InvalidArgument:
    return "invalid argument";
  case StatusCode::InvalidInput:
    return "invalid input";
  case StatusCode::Unsupported:
    return "unsupported";
  case StatusCode::InvalidPlan:
    return "invalid plan";
  case StatusCode::IncompatiblePlan:
    return "incompatible plan";
  case StatusCode::NoDevice:
    return "no usable GPU";
  case StatusCode::OutOfMemory:
    return "out of memory";
  case StatusCode::CacheFull:
    return "cache full";
  case StatusCode::DeviceLost:
    return "device lost";
  case StatusCode::Io:
    return "input/output error";
  case StatusCode::NoCompiler:
    return "CUDA compiler missing or failed";
  case StatusCode::Cancelled:
    return "cancelled";
  case StatusCode::NumericMismatch:
    return "numeric mismatch";
  }
  return "unknown";
}

} // namespace cadenza

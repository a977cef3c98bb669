#include "test/runtime/serve/fuzz_target.h"

#include "runtime/serve/api_error.h"
#include "runtime/serve/api_request.h"

namespace cadenza::testing {

void fuzzRequest(std::string_view body) {
  const auto check = [](const Status &status) {
    if (!status.isOk() && serve::apiError(status).json().empty())
      __builtin_trap();
  };
  check(serve::parseChatRequest(body, {.sampling = {}, .keepsLogits = true}).status());
  check(serve::parseCompletionRequest(body, {}).status());
  check(serve::parseTokenizeRequest(body).status());
  check(serve::parseDetokenizeRequest(body).status());
}

} // namespace cadenza::testing

#include "attend_tokens_configs.cuh"

namespace cadenza {

#define CADENZA_TEST_TOKEN_ATTENTION(name)                                                                             \
  CADENZA_KERNEL(name, AttendTokens<phase::name>::Args, AttendTokens<phase::name>::threads, 1) {                       \
    AttendTokens<phase::name>::run(args);                                                                              \
  }
CADENZA_TOKEN_ATTENTIONS(CADENZA_TEST_TOKEN_ATTENTION)

} // namespace cadenza

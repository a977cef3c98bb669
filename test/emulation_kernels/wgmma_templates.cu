#include "attend_tokens_configs.cuh"
#include "wgmma_configs.cuh"

namespace cadenza {

#define CADENZA_TEST_DIVISION(name)                                                                                    \
  CADENZA_KERNEL(name, wgmma::Args, wgmma::name::Product::threads, 1) { wgmma::name::run(args); }

CADENZA_WGMMA_DIVISIONS(CADENZA_TEST_DIVISION)

#define CADENZA_TEST_PHASE(name)                                                                                       \
  CADENZA_KERNEL(name, ProjectTokensWgmma<wgmma::name>::Args, ProjectTokensWgmma<wgmma::name>::threads, 1) {           \
    ProjectTokensWgmma<wgmma::name>::run(args);                                                                        \
  }
CADENZA_WGMMA_PHASES(CADENZA_TEST_PHASE)

#define CADENZA_TEST_ATTENTION(name)                                                                                   \
  CADENZA_KERNEL(name, AttendTokensWgmma<phase::name>::Args, AttendTokensWgmma<phase::name>::threads, 1) {             \
    AttendTokensWgmma<phase::name>::run(args);                                                                         \
  }
CADENZA_TOKEN_ATTENTIONS_WGMMA(CADENZA_TEST_ATTENTION)

} // namespace cadenza

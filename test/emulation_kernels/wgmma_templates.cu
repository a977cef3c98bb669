#include "wgmma_configs.cuh"

namespace cadenza {

#define CADENZA_TEST_DIVISION(name)                                                                                    \
  CADENZA_KERNEL(name, wgmma::Args, wgmma::name::Product::threads, 1) { wgmma::name::run(args); }

CADENZA_WGMMA_DIVISIONS(CADENZA_TEST_DIVISION)

} // namespace cadenza

#include "attend_sequence_configs.cuh"
#include "matmul_configs.cuh"

namespace cadenza {

#define CADENZA_TEST_PRODUCT(name)                                                                                     \
  CADENZA_KERNEL(name, Matmul<graph::name>::Args, Matmul<graph::name>::threads, 1) { Matmul<graph::name>::run(args); }

CADENZA_PRODUCTS(CADENZA_TEST_PRODUCT)
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
CADENZA_CLUSTER_PRODUCTS(CADENZA_TEST_PRODUCT)
#endif

#define CADENZA_TEST_ATTENTION(name)                                                                                   \
  CADENZA_KERNEL(name, AttendSequence<graph::name>::Args, AttendSequence<graph::name>::threads, 1) {                   \
    AttendSequence<graph::name>::run(args);                                                                            \
  }
CADENZA_ATTENTIONS(CADENZA_TEST_ATTENTION)

} // namespace cadenza

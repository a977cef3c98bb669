// What the tests of Hopper's products share: tensor maps.
#pragma once

#include "shared/wgmma_tiles.h"
#include "test/emulation_kernels/tokens_test.h"

namespace cadenza::emulation {

class WgmmaKernelTest : public TokensTest {
protected:
  CUtensorMap *uploadMap(const TensorMapShape &shape, const void *address, bool isF16) {
    alignas(64) CUtensorMap map;
    const uint64_t *strides = shape.strides;
    const unsigned ones[] = {1, 1, 1, 1};
    EXPECT_EQ(cuTensorMapEncodeTiled(&map, isF16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
                                     static_cast<unsigned>(shape.rank), const_cast<void *>(address), shape.extents,
                                     strides, shape.box, ones, CU_TENSOR_MAP_INTERLEAVE_NONE,
                                     shape.swizzle_bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B : CU_TENSOR_MAP_SWIZZLE_128B,
                                     CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
              CUDA_SUCCESS);
    return upload(std::vector<CUtensorMap>{map});
  }
};

} // namespace cadenza::emulation

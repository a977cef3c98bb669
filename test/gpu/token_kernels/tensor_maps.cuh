// Tensor maps for the probes, made by the driver.
#pragma once

#include "probe.cuh"
#include "shared/wgmma_tiles.h"

#include <cuda.h>

namespace cadenza::probe {

inline decltype(&cuTensorMapEncodeTiled) encode_function() {
  void *function = nullptr;
  cudaDriverEntryPointQueryResult result;
  CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &result));
  if (!function) {
    std::fprintf(stderr, "the driver has no cuTensorMapEncodeTiled\n");
    std::exit(1);
  }
  return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(function);
}

inline CUtensorMap encode(const TensorMapShape &shape, void *address) {
  static const auto function = encode_function();
  CUtensorMap map;
  cuuint64_t extents[4], strides[3];
  cuuint32_t box[4], ones[4] = {1, 1, 1, 1};
  std::copy_n(shape.extents, 4, extents);
  std::copy_n(shape.strides, 3, strides);
  std::copy_n(shape.box, 4, box);
  const CUresult error = function(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, static_cast<cuuint32_t>(shape.rank), address,
                                  extents, strides, box, ones, CU_TENSOR_MAP_INTERLEAVE_NONE,
                                  shape.swizzle_bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B : CU_TENSOR_MAP_SWIZZLE_128B,
                                  CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (error != CUDA_SUCCESS) {
    std::fprintf(stderr, "cuTensorMapEncodeTiled: error %d\n", error);
    std::exit(1);
  }
  return map;
}

} // namespace cadenza::probe

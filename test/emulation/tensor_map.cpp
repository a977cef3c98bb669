// cuTensorMapEncodeTiled: refuses what cuda.h says that it refuses, and what is not emulated.
#include "test/emulation/tensor_map.h"

#include "test/emulation/driver.h"

#include <cstring>

using namespace cadenza::emulation;

namespace {

int bytesOf(CUtensorMapDataType type) {
  switch (type) {
  case CU_TENSOR_MAP_DATA_TYPE_UINT8:
    return 1;
  case CU_TENSOR_MAP_DATA_TYPE_FLOAT16:
  case CU_TENSOR_MAP_DATA_TYPE_BFLOAT16:
    return 2;
  case CU_TENSOR_MAP_DATA_TYPE_FLOAT32:
    return 4;
  }
  return 0;
}

} // namespace

CADENZA_CUDA_API CUresult cuTensorMapEncodeTiled(CUtensorMap *result, CUtensorMapDataType type, unsigned rank,
                                                 void *address, const uint64_t *extents, const uint64_t *strides,
                                                 const unsigned *box, const unsigned *elementStrides,
                                                 CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                                 CUtensorMapL2promotion, CUtensorMapFloatOOBfill fill) {
  CADENZA_CALL(cuTensorMapEncodeTiled, nothing)
  if (!result || !address || !extents || !box || !elementStrides || (rank > 1 && !strides) || rank < 1 || rank > 5 ||
      reinterpret_cast<uintptr_t>(result) % 64 != 0 || reinterpret_cast<uintptr_t>(address) % 16 != 0 ||
      swizzle < CU_TENSOR_MAP_SWIZZLE_NONE || swizzle > CU_TENSOR_MAP_SWIZZLE_128B)
    return CUDA_ERROR_INVALID_VALUE;
  if (bytesOf(type) == 0 || interleave != CU_TENSOR_MAP_INTERLEAVE_NONE || fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE)
    return CUDA_ERROR_NOT_SUPPORTED;
  TensorMap map{};
  map.mark = TensorMap::written;
  map.address = static_cast<const unsigned char *>(address);
  map.rank = static_cast<uint8_t>(rank);
  map.elementBytes = static_cast<uint8_t>(bytesOf(type));
  map.swizzledRows = static_cast<uint8_t>(16 << static_cast<int>(swizzle));
  for (unsigned i = 0; i < rank; ++i) {
    if (extents[i] == 0 || extents[i] > uint64_t{1} << 32 || box[i] == 0 || box[i] > 256)
      return CUDA_ERROR_INVALID_VALUE;
    if (elementStrides[i] != 1)
      return elementStrides[i] == 0 || elementStrides[i] > 8 ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
    if (i > 0 && (strides[i - 1] % 16 != 0 || strides[i - 1] >= uint64_t{1} << 40))
      return CUDA_ERROR_INVALID_VALUE;
    map.extents[i] = extents[i];
    map.box[i] = static_cast<uint16_t>(box[i]);
    if (i > 0)
      map.strides[i - 1] = strides[i - 1];
  }
  const unsigned inner = box[0] * map.elementBytes;
  if (inner % 16 != 0 || (swizzle != CU_TENSOR_MAP_SWIZZLE_NONE && inner > map.swizzledRows))
    return CUDA_ERROR_INVALID_VALUE;
  *result = {};
  std::memcpy(result, &map, sizeof map);
  return CUDA_SUCCESS;
}

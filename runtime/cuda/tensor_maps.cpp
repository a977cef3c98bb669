#include "runtime/cuda/tensor_maps.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace cadenza::cuda {
namespace {

constexpr size_t maximumRank = 5;

/// The plan's checks have seen the number of dimensions and the swizzle.
StatusOr<CUtensorMap> encode(Device &device, const MapWord &of) {
  const TensorMap &map = *of.map;
  std::array<uint64_t, maximumRank> extents{}, strides{};
  std::array<unsigned int, maximumRank> box{}, ones{};
  std::copy(map.extents.begin(), map.extents.end(), extents.begin());
  std::copy(map.strides.begin(), map.strides.end(), strides.begin());
  std::transform(map.box.begin(), map.box.end(), box.begin(),
                 [](int64_t elements) { return static_cast<unsigned int>(elements); });
  ones.fill(1);
  CUtensorMap encoded;
  const CUresult result = device.api().cuTensorMapEncodeTiled(
      &encoded, map.dtype == DType::f16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
      static_cast<unsigned int>(map.extents.size()),
      reinterpret_cast<void *>(of.address), // NOLINT(performance-no-int-to-ptr): CUdeviceptr
      extents.data(), strides.data(), box.data(), ones.data(), CU_TENSOR_MAP_INTERLEAVE_NONE,
      map.swizzleBytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B : CU_TENSOR_MAP_SWIZZLE_128B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (const Status status = device.check(result, "cuTensorMapEncodeTiled"); !status.isOk())
    return result == CUDA_ERROR_INVALID_VALUE
               ? Status(StatusCode::InvalidPlan, "a tensor map of a kernel's operand is none: " + status.message())
               : status;
  return encoded;
}

} // namespace

StatusOr<TensorMaps> TensorMaps::place(Device &device, CUstream stream, BoundStep &step) {
  TensorMaps maps;
  if (step.maps.empty())
    return maps;
  const uint64_t bytes = step.maps.size() * sizeof(CUtensorMap);
  CADENZA_ASSIGN_OR_RETURN(maps.maps_, DeviceBuffer::make(device, bytes, "tensor maps"));
  CADENZA_ASSIGN_OR_RETURN(const PinnedBuffer host, PinnedBuffer::make(device, bytes, "tensor maps"));
  for (size_t i = 0; i < step.maps.size(); ++i) {
    CADENZA_ASSIGN_OR_RETURN(const CUtensorMap map, encode(device, step.maps[i]));
    std::memcpy(host.as<CUtensorMap>() + i, &map, sizeof map);
    step.words[step.maps[i].word] = maps.maps_.get() + i * sizeof(CUtensorMap);
  }
  CADENZA_CUDA_TRY(device, cuMemcpyHtoDAsync, maps.maps_.get(), host.get(), bytes, stream);
  CADENZA_CUDA_TRY(device, cuStreamSynchronize, stream);
  return maps;
}

} // namespace cadenza::cuda

#include "runtime/cuda/tensor_maps.h"
#include "test/runtime/cuda/emulator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace cadenza::cuda {
namespace {

/// Activations of 32 tokens and 64 columns.
TensorMap activations() {
  return {.dtype = DType::bf16, .extents = {64, 32}, .strides = {128}, .box = {64, 16}, .swizzleBytes = 128};
}

class TensorMapsTest : public ::testing::Test {
protected:
  TensorMapsTest() {
    test::resetEmulator();
    device = *Device::open(0);
    current.emplace(*device);
    stream = std::move(*Stream::make(*device));
    tensor = std::move(*DeviceBuffer::make(*device, 4096, "a tensor"));
  }
  std::shared_ptr<Device> device;
  std::optional<CurrentContext> current;
  Stream stream;
  DeviceBuffer tensor;
};

TEST_F(TensorMapsTest, WordsBecomeAddressesOfMaps) {
  const TensorMap whole = activations();
  TensorMap weights = whole;
  weights.dtype = DType::f16;
  weights.box = {32, 8};
  weights.swizzleBytes = 64;
  BoundStep step;
  step.words = {1, tensor.get(), 3, tensor.get() + 128};
  step.maps = {{1, step.words[1], &whole}, {3, step.words[3], &weights}};
  auto maps = TensorMaps::place(*device, stream.get(), step);
  ASSERT_TRUE(maps.isOk()) << maps.status().message();
  EXPECT_EQ(step.words[0], 1u);
  EXPECT_EQ(step.words[2], 3u);
  EXPECT_EQ(step.words[1] % 64, 0u);
  EXPECT_EQ(step.words[3], step.words[1] + sizeof(CUtensorMap));

  // What is there is what the driver makes of them.
  const unsigned int ones[] = {1, 1};
  const auto expect = [&](uint64_t at, const TensorMap &map, uint64_t address, CUtensorMapDataType type,
                          CUtensorMapSwizzle swizzle) {
    const uint64_t extents[] = {64, 32}, strides[] = {128};
    const unsigned int box[] = {static_cast<unsigned int>(map.box[0]), static_cast<unsigned int>(map.box[1])};
    CUtensorMap expected, found;
    ASSERT_EQ(device->api().cuTensorMapEncodeTiled(&expected, type, 2, reinterpret_cast<void *>(address), extents,
                                                   strides, box, ones, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
                                                   CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                                                   CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
              CUDA_SUCCESS);
    ASSERT_EQ(device->api().cuMemcpyDtoHAsync(&found, at, sizeof found, stream.get()), CUDA_SUCCESS);
    ASSERT_EQ(device->api().cuStreamSynchronize(stream.get()), CUDA_SUCCESS);
    EXPECT_EQ(std::memcmp(&found, &expected, sizeof found), 0);
  };
  expect(step.words[1], whole, tensor.get(), CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, CU_TENSOR_MAP_SWIZZLE_128B);
  expect(step.words[3], weights, tensor.get() + 128, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, CU_TENSOR_MAP_SWIZZLE_64B);
}

TEST_F(TensorMapsTest, WhatTheDriverRefusesIsAnInvalidPlan) {
  TensorMap map = activations();
  map.strides = {100}; // no multiple of 16
  BoundStep step;
  step.words = {tensor.get()};
  step.maps = {{0, tensor.get(), &map}};
  const Status status = TensorMaps::place(*device, stream.get(), step).status();
  EXPECT_EQ(status.code(), StatusCode::InvalidPlan);
  EXPECT_NE(status.message().find("cuTensorMapEncodeTiled"), std::string::npos) << status.message();
}

TEST_F(TensorMapsTest, NoMapsNeedNothing) {
  BoundStep step;
  step.words = {7};
  ASSERT_TRUE(TensorMaps::place(*device, stream.get(), step).isOk());
  EXPECT_EQ(step.words[0], 7u);
}

} // namespace
} // namespace cadenza::cuda

// Tensors: every type in every encoding against numpy's values, and encodings that contradict themselves.
#include "test/compiler/onnx/model_maker.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

using namespace test;

const std::string fixtures = CADENZA_SOURCE_DIR "/test/fixtures/onnx/";

double number(const nlohmann::json &json) {
  return json.is_string() ? std::stod(json.get<std::string>()) : json.get<double>();
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (std::byte byte : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    text += digits[static_cast<int>(byte) >> 4];
    text += digits[static_cast<int>(byte) & 15];
  }
  return text;
}

void expectValues(const Tensor &tensor, const nlohmann::json &expected) {
  EXPECT_EQ(tensor.shape, expected.at("shape").get<std::vector<int64_t>>());
  EXPECT_EQ(tensor.bytes.size(), (static_cast<size_t>(tensor.elements()) * elementBits(tensor.type) + 7) / 8);
  if (expected.contains("bytes")) {
    EXPECT_EQ(hex(tensor.bytes), expected.at("bytes").get<std::string>());
    return;
  }
  const nlohmann::json &values = expected.at("values");
  ASSERT_EQ(tensor.elements(), static_cast<int64_t>(values.size()));
  const std::vector<double> found = reals(tensor);
  for (size_t i = 0; i < values.size(); ++i) {
    const double wanted = number(values[i]);
    EXPECT_TRUE(std::isnan(wanted) ? std::isnan(found[i])
                                   : found[i] == wanted && std::signbit(found[i]) == std::signbit(wanted))
        << "element " << i << " is " << found[i] << ", not " << wanted;
  }
  if (!isInteger(tensor.type))
    return;
  const std::vector<int64_t> exact = integers(tensor);
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(exact[i], values[i].is_number_unsigned() ? static_cast<int64_t>(values[i].get<uint64_t>())
                                                       : values[i].get<int64_t>());
}

TEST(Tensors, EveryTypeInEveryEncodingIsWhatNumpyReads) {
  std::ifstream file(fixtures + "encodings.json");
  const nlohmann::json expected = nlohmann::json::parse(file);
  Read read;
  read.model = readModel(fixtures + "encodings.onnx", read.findings);
  ASSERT_TRUE(read.model);
  EXPECT_EQ(read.text(), "");
  size_t compared = 0;
  for (const Value &value : read.model->graph.values) {
    SCOPED_TRACE(value.name);
    ASSERT_TRUE(value.constant);
    std::string type = value.name.substr(0, value.name.find('.'));
    if (type == "shared")
      type = "f32";
    EXPECT_EQ(elementTypeName(value.constant->type), type);
    ASSERT_TRUE(expected.contains(type));
    expectValues(*value.constant, expected.at(type));
    ++compared;
  }
  EXPECT_EQ(compared, 25 * 3 + 2 * 2 + 1); // 25 real types, 2 complex ones, one that shares
  EXPECT_EQ(read.value("shared")->constant->bytes.data(), read.value("f32.external")->constant->bytes.data());
}

/// What is wrong with a tensor, as an initializer 't'.
std::string errorOf(const ::onnx::TensorProto &tensor) {
  ::onnx::ModelProto model = reluModel();
  *model.mutable_graph()->add_initializer() = tensor;
  return read(model).text();
}

TEST(Tensors, ContradictionsAreErrors) {
  const ::onnx::TensorProto sound = floats("t", {2}, {1, 2});
  EXPECT_EQ(errorOf(sound), "");
  const std::string where = "invalid: m.onnx: initializer 't': ";
  ::onnx::TensorProto broken = sound;
  broken.clear_data_type();
  EXPECT_EQ(errorOf(broken), where + "data_type is missing\n");
  broken = sound;
  broken.set_data_type(99);
  EXPECT_EQ(errorOf(broken), "unsupported: m.onnx: initializer 't': data_type 99 is not known\n");
  broken.set_data_type(::onnx::TensorProto::STRING);
  EXPECT_EQ(errorOf(broken), "unsupported: m.onnx: initializer 't': data_type string is not supported\n");
  broken = sound;
  broken.mutable_segment();
  EXPECT_EQ(errorOf(broken), "unsupported: m.onnx: initializer 't': segment: tensors in pieces are not supported\n");
  broken = sound;
  broken.add_float_data(1);
  EXPECT_EQ(errorOf(broken),
            where + "values of f32 are in raw_data, float_data; raw_data or float_data may hold them\n");
  broken.clear_raw_data();
  EXPECT_EQ(errorOf(broken), where + "float_data has 4 bytes, but [2] of f32 takes 8\n");
  broken.clear_float_data();
  EXPECT_EQ(errorOf(broken), where + "float_data has 0 bytes, but [2] of f32 takes 8\n");
  broken.add_int64_data(1);
  EXPECT_EQ(errorOf(broken), where + "values of f32 are in int64_data; raw_data or float_data may hold them\n");
  broken = sound;
  broken.set_raw_data("1234567");
  EXPECT_EQ(errorOf(broken), where + "raw_data has 7 bytes, but [2] of f32 takes 8\n");
  broken = sound;
  broken.set_name("");
  EXPECT_EQ(errorOf(broken), "invalid: m.onnx: initializer '': has no name\n");
}

TEST(Tensors, ShapesAreChecked) {
  const std::string where = "invalid: m.onnx: initializer 't': ";
  ::onnx::TensorProto tensor = floats("t", {-1}, {1});
  EXPECT_EQ(errorOf(tensor), where + "dims [-1] has a negative extent\n");
  tensor.set_dims(0, INT64_MAX);
  EXPECT_EQ(errorOf(tensor), where + "dims [9223372036854775807] overflows\n");
  tensor.set_dims(0, int64_t{1} << 32); // 2^64 elements, which wrap to none
  tensor.add_dims(int64_t{1} << 32);
  EXPECT_EQ(errorOf(tensor), where + "dims [4294967296, 4294967296] overflows\n");
  tensor.clear_dims();
  for (int i = 0; i < 65; ++i)
    tensor.add_dims(1);
  EXPECT_EQ(errorOf(tensor), where + "dims has 65 dimensions, more than 64\n");
  tensor.clear_dims();
  EXPECT_EQ(errorOf(tensor), ""); // a scalar
  tensor.add_dims(0);
  tensor.set_raw_data("");
  EXPECT_EQ(errorOf(tensor), ""); // no elements
}

TEST(Tensors, TypedValuesAreInTheRangeOfTheirType) {
  ::onnx::TensorProto tensor;
  tensor.set_name("t");
  tensor.add_dims(1);
  const auto error = [&](::onnx::TensorProto::DataType type, int32_t value) {
    tensor.set_data_type(type);
    tensor.clear_int32_data();
    tensor.add_int32_data(value);
    const std::string text = errorOf(tensor);
    return text.empty() ? text : text.substr(std::string("invalid: m.onnx: initializer 't': ").size());
  };
  EXPECT_EQ(error(::onnx::TensorProto::UINT8, 255), "");
  EXPECT_EQ(error(::onnx::TensorProto::UINT8, 256), "int32_data[0] is 256, no value of u8\n");
  EXPECT_EQ(error(::onnx::TensorProto::UINT8, -1), "int32_data[0] is -1, no value of u8\n");
  EXPECT_EQ(error(::onnx::TensorProto::INT8, -128), "");
  EXPECT_EQ(error(::onnx::TensorProto::INT8, -129), "int32_data[0] is -129, no value of i8\n");
  EXPECT_EQ(error(::onnx::TensorProto::BOOL, 2), "int32_data[0] is 2, no value of bool\n");
  EXPECT_EQ(error(::onnx::TensorProto::FLOAT16, 65536), "int32_data[0] is 65536, no value of f16\n");
  EXPECT_EQ(error(::onnx::TensorProto::FLOAT6E2M3, 64), "int32_data[0] is 64, no value of f6e2m3\n");
  EXPECT_EQ(error(::onnx::TensorProto::INT32, INT32_MIN), "");
  tensor.clear_int32_data();
  tensor.set_data_type(::onnx::TensorProto::UINT32);
  tensor.add_uint64_data(uint64_t{1} << 32);
  EXPECT_NE(errorOf(tensor).find("uint64_data[0] is 4294967296, no value of u32"), std::string::npos);
}

} // namespace
} // namespace cadenza::onnx

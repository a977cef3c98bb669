// .npy files: what is read, and what is refused with which words.
#include "runtime/api/npy.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

#include <cstring>

namespace cadenza {
namespace {

std::string file(const std::string &dictionary, const std::string &data, char version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {version, '\0', static_cast<char>(dictionary.size() & 0xff), static_cast<char>(dictionary.size() >> 8)};
  if (version >= 2)
    bytes += std::string(2, '\0');
  return bytes + dictionary + data;
}

std::string floats(std::initializer_list<float> values) {
  return {reinterpret_cast<const char *>(values.begin()), values.size() * sizeof(float)};
}

const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }    \n";

TEST(Npy, WhatIsWrittenIsRead) {
  constexpr ElementType types[] = {ElementType::f32, ElementType::f16, ElementType::f64, ElementType::boolean,
                                   ElementType::i8,  ElementType::i16, ElementType::i32, ElementType::i64,
                                   ElementType::u8,  ElementType::u16, ElementType::u32, ElementType::u64};
  const test::TemporaryFolder folder;
  for (const std::vector<int64_t> &shape : {std::vector<int64_t>{}, {3}, {2, 3}, {2, 0, 3}, {1, 2, 3, 4}}) {
    for (const ElementType type : types) {
      Tensor tensor = nn::zeros({type, shape});
      for (size_t i = 0; i < tensor.bytes.size(); ++i)
        tensor.bytes[i] = static_cast<std::byte>(type == ElementType::boolean ? i % 2 : i * 7 % 120);
      ASSERT_TRUE(writeNpy(folder.path("a.npy"), tensor).isOk());
      const auto read = readNpy(folder.path("a.npy"));
      ASSERT_TRUE(read.isOk()) << read.status().message();
      EXPECT_EQ(nn::text(*read), nn::text(tensor));
      EXPECT_EQ(read->bytes, tensor.bytes);
    }
  }
}

TEST(Npy, TypesAreThoseOfNumPy) {
  const auto descr = [](ElementType type) {
    const std::string header = npyHeader({}, type);
    return header.substr(header.find("': '") + 4, 3);
  };
  // numpy.dtype(t).str of float32, float16, float64, bool, int8, int64, uint8, uint32
  EXPECT_EQ(descr(ElementType::f32), "<f4");
  EXPECT_EQ(descr(ElementType::f16), "<f2");
  EXPECT_EQ(descr(ElementType::f64), "<f8");
  EXPECT_EQ(descr(ElementType::boolean), "|b1");
  EXPECT_EQ(descr(ElementType::i8), "|i1");
  EXPECT_EQ(descr(ElementType::i64), "<i8");
  EXPECT_EQ(descr(ElementType::u8), "|u1");
  EXPECT_EQ(descr(ElementType::u32), "<u4");
}

TEST(Npy, Bf16IsWrittenAsFloat32) {
  const std::vector<double> values = {1.5, -3, 0.0078125};
  const auto read = parseNpy(npyBytes(nn::tensorOf(ElementType::bf16, {3}, values)));
  ASSERT_TRUE(read.isOk()) << read.status().message();
  EXPECT_EQ(nn::text(*read), "f32 [3]");
  EXPECT_EQ(nn::reals(*read), values);
}

TEST(Npy, OtherSpellings) {
  for (const std::string &bytes :
       {file(good, floats({1, 2})), file(good, floats({1, 2}), 2),
        file("{\"shape\":(2,1),\"fortran_order\":False,\"descr\":\"<f4\"}", floats({1, 2})),
        file("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1)}", std::string("\0\x3c\0\x40", 4))}) {
    const auto read = parseNpy(bytes);
    ASSERT_TRUE(read.isOk()) << read.status().message();
    EXPECT_EQ(read->shape, (std::vector<int64_t>{2, 1}));
    EXPECT_EQ(floatsOf(*read), (std::vector<float>{1, 2}));
  }
}

TEST(Npy, Refused) {
  const auto error = [](const std::string &bytes) {
    const Status status = parseNpy(bytes).status();
    EXPECT_EQ(status.code(), StatusCode::InvalidInput);
    return status.message();
  };
  EXPECT_EQ(error(""), "is no .npy file");
  EXPECT_EQ(error("PK\3\4"), "is no .npy file");
  EXPECT_EQ(error(file(good, "", 9)), "is an .npy file of format 9; 1 to 3 are known");
  EXPECT_EQ(error(file(good, "").substr(0, 40)), "is damaged: the file ends inside its header");
  EXPECT_EQ(error(file(good, floats({1}))), "is damaged: it has 4 bytes of values, its shape takes 8");
  EXPECT_EQ(error(file(good, floats({1, 2, 3}))), "is damaged: it has 12 bytes of values, its shape takes 8");
  EXPECT_EQ(error(file("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }", "")),
            "is damaged: it has 0 bytes of values, its shape takes more than any file holds");
  EXPECT_EQ(error(file("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", floats({1}))),
            "holds '>f4'; expected little-endian floats, integers or booleans, such as '<f4' (numpy.float32; "
            "x.astype(numpy.float32))");
  EXPECT_EQ(error(file("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", floats({1}))),
            "is in Fortran order; save numpy.ascontiguousarray(x)");
  for (const char *dictionary : {"", "{", "{}", "{'descr': '<f4', 'fortran_order': False}",
                                 "{'descr': '<f4', 'shape': (1,), 'fortran_order': 0}",
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (1",
                                 "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
                                 "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
                                 "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x",
                                 "{'descr': '<f4' 'fortran_order': False, 'shape': (1,), }"})
    EXPECT_EQ(error(file(dictionary, floats({1}))),
              "is damaged: its header is not a dictionary of descr, fortran_order and shape")
        << dictionary;
}

} // namespace
} // namespace cadenza

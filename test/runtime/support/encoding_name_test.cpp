// Names of encodings: one of each, and back.
#include "runtime/support/encoding_name.h"

#include <gtest/gtest.h>

#include <set>

namespace cadenza {
namespace {

TEST(EncodingName, LeavesOutWhatIsUsual) {
  const std::pair<Encoding, const char *> names[] = {
      {Encoding::tiles16, "tiles16"},
      {Encoding::vector, "vector"},
      {Encoding::int8, "int8"},
      {{Encoding::int8, 32, false, Encoding::f16}, "int8:g32"},
      {{Encoding::int8, 128, false, Encoding::f32}, "int8:g128:f32"},
      {Encoding::int4, "int4"},
      {{Encoding::int4, 128, true, Encoding::f16}, "int4:zeros"},
      {{Encoding::int4, 32, true, Encoding::bf16}, "int4:g32:zeros:bf16"},
      {Encoding::fp8, "fp8"},
      {{Encoding::fp8, 128, false, Encoding::f32}, "fp8:g128"},
      {{Encoding::fp8, 128, false, Encoding::f16}, "fp8:g128:f16"},
      {Encoding::q4_k, "q4_k"},
      {Encoding::q6_k, "q6_k"},
      {{Encoding::q6_k, 16, true, Encoding::f16}, "q6_k:minima"},
  };
  for (const auto &[encoding, name] : names) {
    EXPECT_EQ(encodingName(encoding), name);
    EXPECT_EQ(encodingNamed(name), encoding) << name;
  }
}

TEST(EncodingName, EachEncodingHasOne) {
  std::set<std::string> names;
  for (const Encoding &encoding : matrixEncodings()) {
    const std::string name = encodingName(encoding);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_EQ(encodingNamed(name), encoding) << name;
  }
  EXPECT_EQ(names.size(), 1u + 10 + 18 + 10 + 4); // tiles16, int8, int4, fp8, super-blocks
}

TEST(EncodingName, OthersHaveNone) {
  for (const char *name :
       {"", "int5", "int4:g128", "int4:g16", "int8:zeros", "int8:g32:f16", "int8:f16", "fp8:f32", "int4:bf16:zeros",
        "int4:", "int4:zeros:", "tiles16:g32", "INT4", "int4 ", "q4_k:g32", "q6_k:zeros", "q4_k:minima"})
    EXPECT_FALSE(encodingNamed(name)) << name;
}

} // namespace
} // namespace cadenza

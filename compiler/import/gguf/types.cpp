#include "compiler/import/gguf/types.h"
#include "compiler/import/gguf/blocks.h"

#include <algorithm>
#include <iterator>

namespace cadenza::gguf {
namespace {

constexpr TensorType types[] = {
    {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},      {3, "Q4_1", 32, 20},
    {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},      {8, "Q8_0", 32, 34},      {9, "Q8_1", 32, 36},
    {10, "Q2_K", 256, 84},    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},   {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
    {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},    {41, "Q1_0", 128, 18},    {42, "Q2_0", 64, 18},
};

} // namespace

std::optional<DType> TensorType::dtype() const {
  if (name == "F32")
    return DType::f32;
  if (name == "F16")
    return DType::f16;
  if (name == "BF16")
    return DType::bf16;
  return std::nullopt;
}

bool TensorType::isQuantized() const { return blockFormat(*this).has_value(); }

const TensorType *findTensorType(uint32_t id) {
  const auto *found =
      std::find_if(std::begin(types), std::end(types), [&](const TensorType &type) { return type.id == id; });
  return found == std::end(types) ? nullptr : found;
}

std::string supportedTensorTypes() {
  std::string list;
  for (const TensorType &type : types)
    if (type.isSupported())
      list += (list.empty() ? "" : ", ") + std::string(type.name);
  return list;
}

} // namespace cadenza::gguf

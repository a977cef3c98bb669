// The types of tensors in a GGUF file, as ggml numbers them (ggml.h, enum ggml_type; gguf-py, constants.py).
#pragma once

#include "runtime/shared/dtype.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cadenza::gguf {

struct TensorType {
  uint32_t id = 0;
  std::string_view name;     // "Q4_K"
  int64_t blockElements = 1; // of a row, stored together
  uint64_t blockBytes = 0;

  /// f32, f16 or bf16; nothing for blocks of codes and for integers.
  std::optional<DType> dtype() const;
  /// Whether blocks.h reads it.
  bool isQuantized() const;
  bool isSupported() const { return dtype() || isQuantized(); }
};

/// Null for a number that is no type, or no longer one.
const TensorType *findTensorType(uint32_t id);
/// "F32, F16, ..., MXFP4", for messages.
std::string supportedTensorTypes();

} // namespace cadenza::gguf

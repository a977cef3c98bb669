// .npy files (NumPy format): tensors, little-endian and in C order, which is what numpy.save writes of one. NumPy has
// no bf16: such a tensor is written as float32, which loses nothing.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tensor.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cadenza {

/// Everything before the data of an array of that shape in C order (format 1.0); a multiple of 64 bytes. `type` is one
/// that npyType gives.
std::string npyHeader(std::span<const int64_t> shape, ElementType type = ElementType::f32);
/// The type that a tensor's elements have in a file: f32 of bf16, else the same.
constexpr ElementType npyType(ElementType type) { return type == ElementType::bf16 ? ElementType::f32 : type; }

/// Reads an array of floats of 16 to 64 bits, of booleans or of integers. Errors: Io; InvalidInput for a file that is
/// damaged, in Fortran order, or of another type, saying what to do.
StatusOr<Tensor> readNpy(const std::string &path);
/// The same for the bytes of a file, for messages without its name.
StatusOr<Tensor> parseNpy(std::string_view bytes);

/// The bytes of a file that holds the tensor.
std::string npyBytes(const Tensor &tensor);
/// Writes the file atomically; "-" is standard output.
Status writeNpy(const std::string &path, const Tensor &tensor);

} // namespace cadenza

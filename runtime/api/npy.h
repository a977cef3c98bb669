// .npy files (NumPy format): tensors of float32, little-endian and in C order, which is what numpy.save writes of one.
#pragma once

#include "runtime/support/status.h"
#include "runtime/tensor.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cadenza {

/// Everything before the data of a float32 array of that shape in C order (format 1.0); a multiple of 64 bytes.
std::string npyHeader(std::span<const int64_t> shape);

/// Reads an array of float32, or of float16, whose values are widened. Errors: Io; InvalidInput for a file that is
/// damaged, in Fortran order, or of another type, saying what to do.
StatusOr<Tensor> readNpy(const std::string &path);
/// The same for the bytes of a file, for messages without its name.
StatusOr<Tensor> parseNpy(std::string_view bytes);

/// The bytes of a file that holds the tensor.
std::string npyBytes(const Tensor &tensor);
/// Writes the file atomically.
Status writeNpy(const std::string &path, const Tensor &tensor);

} // namespace cadenza

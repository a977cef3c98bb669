// Writing .npy files (NumPy format 1.0): little-endian float32 matrices, row by row.
#pragma once

#include <cstdint>
#include <string>

namespace cadenza {

/// Everything before the data of a float32 array of shape (rows, columns) in C order; a multiple of 64 bytes.
std::string npyHeader(int64_t rows, int64_t columns);

} // namespace cadenza

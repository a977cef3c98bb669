// Matrices that a checkpoint holds in codes of a few bits: what a reader of a quantised format gives, and what whoever
// packs or dequantises them takes. Formats differ in where their bits lie; what a value means is one formula for all.
#pragma once

#include "runtime/shared/dtype.h"
#include "runtime/support/status.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cadenza {

/// What a code stands for.
enum class CodeKind {
  integer, // itself
  e4m3,    // an 8-bit float of 4 bits of exponent and 3 of mantissa, with NaN and without infinities
  e2m1,    // a 4-bit float: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives
  nf4,     // an entry of the table of 16 normal floats (Dettmers et al. 2023)
  iq4_nl,  // an entry of GGML's table of 16 integers
};

/// How a matrix is stored. Groups of `group` columns of a row, the last one possibly shorter, share a scale and what
/// else there is:
///     value(row, column) = scale * (code - zero) + minimum,
/// in fp32, each operation rounded. Groups of a super-block have factors in common, times an integer of their own:
///     scale = super_scale * sub_scale, minimum = -(super_minimum * sub_minimum), which are exact.
struct StoredFormat {
  CodeKind kind = CodeKind::integer;
  int bits = 8;              // of a code
  bool is_signed = true;     // of integers
  int64_t group = 0;         // columns; 0: a row is one group
  bool has_zeros = false;    // integers of the codes' range
  bool has_minima = false;   // floats
  DType scales = DType::f32; // the narrowest type that holds all scales and minima exactly
  bool permuted = false;     // which group a column belongs to is in StoredMatrix::groupOfColumn
  int64_t super_block = 0;   // columns, whole groups; 0: groups have nothing in common

  int64_t groups(int64_t columns) const { return group == 0 ? 1 : (columns + group - 1) / group; }
  bool operator==(const StoredFormat &) const = default;
};

/// Rows of a matrix, row-major. Codes of integers are those integers, others the bits of the code.
struct StoredRows {
  std::vector<int16_t> codes; // [rows][columns]
  std::vector<float> scales;  // [rows][groups]
  std::vector<int16_t> zeros; // [rows][groups], or nothing
  std::vector<float> minima;  // [rows][groups], or nothing
  // Of super-blocks: what scales and minima are products of.
  std::vector<float> super_scales, super_minima; // [rows][super-blocks], or nothing
  std::vector<int16_t> sub_scales, sub_minima;   // [rows][groups], or nothing
};

/// A matrix of a checkpoint. Thread-safe.
class StoredMatrix {
public:
  virtual ~StoredMatrix() = default;
  virtual StoredFormat format() const = 0;
  virtual int64_t rows() const = 0;
  virtual int64_t columns() const = 0;
  /// The group of each column, in [0, groups), where columns were quantised in another order than they have. Empty
  /// unless the format is permuted.
  virtual std::span<const int32_t> groupOfColumn() const { return {}; }
  /// Rows [first, first + count). InvalidInput for what the format forbids: scales that are not finite, say.
  virtual Status read(int64_t first, int64_t count, StoredRows &out) const = 0;
};

/// The value of a code: exact.
float codeValue(const StoredFormat &format, int code);

/// Rows as fp32, row-major, to `out` of rows * columns. `groupOfColumn` is the matrix's.
void dequantize(const StoredFormat &format, const StoredRows &rows, int64_t columns, float *out,
                std::span<const int32_t> groupOfColumn = {});

} // namespace cadenza

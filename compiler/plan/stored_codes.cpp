#include "compiler/plan/stored_codes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace cadenza {
namespace {

/// Whether the encoding's codes can be those of the format.
bool holdsCodes(const Encoding &encoding, const StoredFormat &format) {
  const bool integer = format.kind == CodeKind::integer;
  switch (encoding.kind) {
  case Encoding::int8: // iq4_nl is a table of such integers
    return format.kind == CodeKind::iq4_nl || (integer && format.bits <= (format.is_signed ? 8 : 7));
  case Encoding::int4:
    return integer && format.bits <= (format.is_signed || encoding.zeros ? 4 : 3);
  case Encoding::q4_k:
  case Encoding::q5_k:
    return integer && !format.is_signed && format.bits <= (encoding.kind == Encoding::q4_k ? 4 : 5);
  case Encoding::q6_k:
    return integer && format.bits <= (format.is_signed ? 6 : 5);
  case Encoding::fp8:
    return format.kind == CodeKind::e4m3 || format.kind == CodeKind::e2m1;
  case Encoding::tiles16:
  case Encoding::vector:
  case Encoding::rope_table:
  case Encoding::tensor:
    break;
  }
  return false;
}

bool holdsScales(Encoding::Scale scale, DType type) {
  return scale == Encoding::f32 || type == (scale == Encoding::f16 ? DType::f16 : DType::bf16);
}

Status invalid(const std::string &what) { return {StatusCode::InvalidInput, what}; }

/// What is added to integers and zeros of the format, so that both are those of an encoding with zeros.
int offsetOf(const Encoding &encoding, const StoredFormat &format) {
  return encoding.kind == Encoding::int4 && encoding.zeros && format.is_signed ? 8 : 0;
}

std::pair<int, int> rangeOf(const Encoding &encoding) {
  switch (encoding.kind) {
  case Encoding::int8:
    return {-128, 127};
  case Encoding::q4_k:
    return {0, 15};
  case Encoding::q5_k:
    return {0, 31};
  case Encoding::q6_k:
    return {-32, 31};
  default: // int4
    return encoding.zeros ? std::pair(0, 15) : std::pair(-8, 7);
  }
}

/// The code of the encoding, which has the value of the format's.
StatusOr<int16_t> codeOf(const Encoding &encoding, const StoredFormat &format, int code) {
  const float value = codeValue(format, code);
  if (!std::isfinite(value))
    return invalid("a NaN among its codes");
  if (encoding.kind == Encoding::fp8)
    return static_cast<int16_t>(format.kind == CodeKind::e4m3 ? code & 0xff : e4m3Nearest(value));
  const int integer = static_cast<int>(value) + offsetOf(encoding, format);
  const auto [least, most] = rangeOf(encoding);
  if (integer < least || integer > most)
    return invalid("a code " + std::to_string(code) + ", which has more than " + std::to_string(format.bits) + " bits");
  return static_cast<int16_t>(integer);
}

/// Factors of super-blocks, and integers for each part: as the encoding has them, or not at all. q6_k with minima also
/// has parts of 32 columns, or none of the minima.
bool holdsSuperBlocks(const Encoding &encoding, const StoredFormat &format) {
  const bool both = encoding.kind == Encoding::q6_k && encoding.zeros;
  const bool parts = both ? format.group == (format.has_minima ? 32 : 16)
                          : format.group == encoding.group && format.has_minima == format_of(encoding).minima;
  return parts && format.super_block == super_columns && !format.permuted && !format.has_zeros;
}

Status encodeStoredSuperBlocks(const Encoding &encoding, const StoredFormat &format, const StoredRows &rows,
                               int64_t row, int64_t columns, EncodedRow &out) {
  const auto blocks = std::ssize(out.scales), parts = format.groups(columns);
  if (columns % format.super_block != 0)
    return invalid("a super-block that is cut short");
  std::copy_n(&rows.super_scales[row * blocks], blocks, out.scales.begin());
  for (int64_t part = 0; part < std::ssize(out.sub_scales); ++part)
    out.sub_scales[part] = rows.sub_scales[row * parts + part * encoding.group / format.group];
  if (format.has_minima) {
    std::copy_n(&rows.super_minima[row * blocks], blocks, out.minima.begin());
    std::copy_n(&rows.sub_minima[row * parts], parts, out.sub_minima.begin());
  }
  for (const std::vector<float> *factors : {&out.scales, &out.minima})
    for (float factor : *factors)
      if (!std::isfinite(factor))
        return invalid("a scale that is not finite");
  return Status::ok();
}

} // namespace

bool canRepack(const WeightSpec &part, const StoredMatrix &matrix) {
  return part.plus == 0 && !(part.view && part.view->transposed) && matrix.columns() == part.columns() &&
         matrix.rows() == (part.view ? part.view->rows : part.rows());
}

bool holds(const Encoding &encoding, const StoredFormat &format) {
  if (has_super_blocks(encoding))
    return holdsCodes(encoding, format) && holdsSuperBlocks(encoding, format);
  const bool groups =
      !format.permuted && (encoding.group == 0 ? format.group == 0 : format.group % encoding.group == 0);
  return holdsCodes(encoding, format) && groups && holdsScales(encoding.scale, format.scales) && !format.has_minima &&
         (encoding.zeros || !format.has_zeros);
}

std::optional<Encoding> encodingHolding(const StoredFormat &format) {
  std::optional<Encoding> best;
  int64_t least = std::numeric_limits<int64_t>::max();
  for (const Encoding &encoding : matrixEncodings())
    if (const int64_t bytes = dense_bytes<int64_t>(format_of(encoding), tile_rows, 4096);
        holds(encoding, format) && bytes < least) {
      best = encoding;
      least = bytes;
    }
  return best;
}

StatusOr<EncodedRow> encodeStored(const Encoding &encoding, const StoredFormat &format, const StoredRows &rows,
                                  int64_t row, int64_t columns) {
  EncodedRow out(encoding, columns);
  for (int64_t column = 0; column < columns; ++column) {
    CADENZA_ASSIGN_OR_RETURN(out.codes[column], codeOf(encoding, format, rows.codes[row * columns + column]));
  }
  if (has_super_blocks(encoding)) {
    CADENZA_RETURN_IF_ERROR(encodeStoredSuperBlocks(encoding, format, rows, row, columns, out));
    return out;
  }
  const int64_t groups = format.groups(columns);
  for (size_t i = 0; i < out.scales.size(); ++i) {
    const int64_t from =
        row * groups + (format.group == 0 ? 0 : static_cast<int64_t>(i) * encoding.group / format.group);
    out.scales[i] = rows.scales[from];
    if (!std::isfinite(out.scales[i]))
      return invalid("a scale that is not finite");
    if (!encoding.zeros)
      continue;
    const int zero = (format.has_zeros ? rows.zeros[from] : 0) + offsetOf(encoding, format);
    if (zero < 0 || zero > 127)
      return invalid("a zero point " + std::to_string(zero) + ", which is none of " + std::to_string(format.bits) +
                     " bits");
    out.zeros[i] = static_cast<int16_t>(zero);
  }
  return out;
}

} // namespace cadenza

#include "compiler/quantize/encoding_type.h"

namespace cadenza {

StoredFormat quantizedFormat(const Encoding &encoding) {
  return {.kind = encoding.kind == Encoding::fp8 ? CodeKind::e4m3 : CodeKind::integer,
          .bits = encoding.kind == Encoding::int4 ? 4 : 8,
          .is_signed = !encoding.zeros,
          .group = encoding.group,
          .has_zeros = encoding.zeros,
          .scales = encoding.scale == Encoding::f16    ? DType::f16
                    : encoding.scale == Encoding::bf16 ? DType::bf16
                                                       : DType::f32};
}

double bitsPerWeight(const Encoding &encoding, int64_t rows, int64_t columns) {
  return 8.0 * static_cast<double>(dense_bytes(format_of(encoding), rows, columns)) /
         static_cast<double>(rows * columns);
}

} // namespace cadenza

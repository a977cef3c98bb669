#include "compiler/plan/packed_rows.h"

#include "runtime/support/float16.h"

#include <algorithm>
#include <cstring>

namespace cadenza {
namespace {

/// The codes of up to eight columns, as a part has them.
uint64_t partOf(const Encoding &encoding, std::span<const int16_t> codes) {
  uint64_t part = 0;
  for (size_t i = 0; i < codes.size(); ++i) {
    const auto code = static_cast<uint64_t>(codes[i]);
    if (encoding.kind == Encoding::int4)
      part |= (encoding.zeros ? code : code + 8) % 16 << (i / 2 * 4 + i % 2 * 16);
    else
      part |= code % 256 << 8 * i;
  }
  return part;
}

/// A scale in its type, which has it exactly.
void writeScale(Encoding::Scale type, float scale, std::byte *to) {
  if (type == Encoding::f32) {
    std::memcpy(to, &scale, sizeof(scale));
    return;
  }
  const uint16_t bits = type == Encoding::f16 ? floatToF16(scale) : floatToBf16(scale);
  std::memcpy(to, &bits, sizeof(bits));
}

} // namespace

void packRow(const Encoding &encoding, const EncodedRow &from, int64_t row, int64_t rows, int64_t columns,
             std::span<std::byte> matrix) {
  const EncodingFormat format = format_of(encoding);
  const int64_t steps = steps_of(columns);
  for (int64_t column = 0; column < columns; column += lane_columns) {
    const int64_t count = std::min<int64_t>(lane_columns, columns - column);
    const uint64_t part = partOf(encoding, std::span(from.codes).subspan(column, count));
    std::memcpy(matrix.data() + part_offset(format, row, column, steps), &part, format.part_bytes());
  }
  if (!format.grouped())
    return writeScale(Encoding::f32, from.scales[0],
                      matrix.data() + tiles_bytes(format, rows, columns) + row * format.row_scale_bytes);
  for (int64_t group = 0; group < groups_of(format, steps); ++group) {
    writeScale(encoding.scale, from.scales[group], matrix.data() + group_scale_offset(format, row, group, steps));
    if (format.zeros)
      matrix[group_zero_offset(format, row, group, steps)] = static_cast<std::byte>(from.zeros[group]);
  }
}

} // namespace cadenza

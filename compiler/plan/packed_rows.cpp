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

/// A code of super-blocks, as an integer of its bits.
unsigned bitsOf(const Encoding &encoding, int16_t code) {
  return static_cast<unsigned>(encoding.kind == Encoding::q6_k ? code + 32 : code);
}

void packSuperCodes(const Encoding &encoding, const EncodedRow &from, int64_t row, int64_t steps,
                    std::span<std::byte> matrix) {
  const EncodingFormat format = format_of(encoding);
  const auto columns = static_cast<int64_t>(from.codes.size());
  for (int64_t first = 0; first < padded_columns(columns); first += lane_columns) { // in the order of the codes
    const int64_t step = first / step_columns * step_columns;
    uint32_t low = 0, high = 0;
    for (int i = 0; i < lane_columns; ++i) {
      const int64_t column = step + column_in_step(encoding.kind, static_cast<int>(first - step) + i);
      const unsigned code = column < columns ? bitsOf(encoding, from.codes[column]) : 0;
      low |= code % 16 << (i / 2 * 4 + i % 2 * 16);
      high |= code / 16 << (encoding.kind == Encoding::q6_k ? 2 * i : i / 2 + i % 2 * 4);
    }
    std::memcpy(matrix.data() + part_offset(format, row, first, steps), &low, sizeof(low));
    std::memcpy(matrix.data() + high_offset(format, row, first, steps), &high, format.high_bytes);
  }
}

void packSuperBlocks(const Encoding &encoding, const EncodedRow &from, int64_t row, int64_t steps,
                     std::span<std::byte> matrix) {
  const EncodingFormat format = format_of(encoding);
  packSuperCodes(encoding, from, row, steps, matrix);
  for (int64_t block = 0; block < std::ssize(from.scales); ++block) {
    std::byte *factors = matrix.data() + group_scale_offset(format, row, block, steps);
    writeScale(encoding.scale, from.scales[block], factors);
    if (!from.minima.empty())
      writeScale(encoding.scale, from.minima[block], factors + 2);
  }
  for (int64_t part = 0; part < std::ssize(from.sub_scales); ++part) {
    std::byte *ofStep = matrix.data() + step_scale_offset(format, row, part * encoding.group / step_columns, steps);
    ofStep[part * encoding.group % step_columns / 16] = static_cast<std::byte>(from.sub_scales[part]);
  }
  for (int64_t step = 0; step < std::ssize(from.sub_minima); ++step)
    matrix[format.step_minimum_bytes > 0 ? step_minimum_offset(format, row, step, steps)
                                         : step_scale_offset(format, row, step, steps) + 1] =
        static_cast<std::byte>(from.sub_minima[step]);
}

} // namespace

void packRow(const Encoding &encoding, const EncodedRow &from, int64_t row, int64_t rows, int64_t columns,
             std::span<std::byte> matrix) {
  const EncodingFormat format = format_of(encoding);
  const int64_t steps = steps_of(columns);
  if (has_super_blocks(encoding))
    return packSuperBlocks(encoding, from, row, steps, matrix);
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

#include "compiler/quantize/quantize_rows.h"

#include "compiler/quantize/group_fit.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace cadenza {
namespace {

/// The bits of a value that e4m3 has.
int16_t e4m3Code(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 24 & 0x80u;
  const float magnitude = std::fabs(value);
  if (magnitude < 0x1p-6F) // denormal
    return static_cast<int16_t>(sign | static_cast<uint32_t>(magnitude * 0x1p9F));
  return static_cast<int16_t>(sign | ((bits >> 20 & 0x7ffu) - (120u << 3)));
}

int64_t roundUp(int64_t size) { return (size + fitLanes - 1) / fitLanes * fitLanes; }

/// Rounds blocks of rows, group by group; keeps its memory from one to the next.
class RowQuantizer {
public:
  RowQuantizer(const QuantizedType &type, int64_t columns, ScaleRule rule, StoredRows &out)
      : format_(type.format), columns_(columns), rule_(rule), out_(out) {}

  /// Rows [first, first + count) of `values`, which share their scales.
  Status block(std::span<const float> values, int64_t first, int64_t count) {
    const int64_t groups = format_.groups(columns_), width = format_.group == 0 ? columns_ : format_.group;
    for (int64_t group = 0; group < groups; ++group) {
      const int64_t begin = group * width, size = std::min(width, columns_ - begin);
      gather(values, first, count, begin, size);
      exact_ = group_;
      const GroupScale chosen = chooseScale(format_, group_, rule_);
      if (chosen.overflows)
        return {StatusCode::InvalidInput, "columns " + std::to_string(begin) + " to " +
                                              std::to_string(begin + size - 1) + ": these weights need a scale that " +
                                              std::string(dtypeName(format_.scales)) + " cannot hold"};
      for (int64_t row = first; row < first + count; ++row) {
        out_.scales[row * groups + group] = chosen.scale;
        if (format_.has_zeros)
          out_.zeros[row * groups + group] = static_cast<int16_t>(chosen.zero);
      }
      round(chosen);
      scatter(chosen, first, count, begin, size);
    }
    return Status::ok();
  }

private:
  /// The rows' columns one after the other, with zeros up to whole lanes.
  void gather(std::span<const float> values, int64_t first, int64_t count, int64_t begin, int64_t size) {
    group_.assign(roundUp(count * size), 0);
    for (int64_t row = 0; row < count; ++row)
      std::copy_n(values.data() + (first + row) * columns_ + begin, size, group_.data() + row * size);
  }

  void round(const GroupScale &chosen) {
    const CodeRange range = codeRange(format_);
    const auto size = static_cast<int64_t>(exact_.size());
    if (chosen.scale == 0)
      std::fill(exact_.begin(), exact_.end(), 0.0F);
    else if (format_.kind == CodeKind::e4m3)
      roundE4m3(exact_.data(), size, chosen.scale, exact_.data());
    else
      roundIntegers(exact_.data(), size, chosen.scale, static_cast<float>(range.lowest - chosen.zero),
                    static_cast<float>(range.highest - chosen.zero), exact_.data());
  }

  void scatter(const GroupScale &chosen, int64_t first, int64_t count, int64_t begin, int64_t size) {
    for (int64_t row = 0; row < count; ++row) {
      const float *from = exact_.data() + row * size;
      int16_t *to = out_.codes.data() + (first + row) * columns_ + begin;
      if (format_.kind == CodeKind::e4m3)
        std::transform(from, from + size, to, e4m3Code);
      else
        std::transform(from, from + size, to,
                       [&](float code) { return static_cast<int16_t>(static_cast<int>(code) + chosen.zero); });
    }
  }

  const StoredFormat &format_;
  const int64_t columns_;
  const ScaleRule rule_;
  StoredRows &out_;
  std::vector<float> group_, exact_;
};

/// The first infinity or NaN of a row, or nothing.
const float *findNonFinite(std::span<const float> row) {
  const auto found = std::ranges::find_if(row, [](float value) { return !std::isfinite(value); });
  return found == row.end() ? nullptr : &*found;
}

} // namespace

double QuantizedType::bitsPerWeight(int64_t rows, int64_t columns) const {
  const auto records = static_cast<double>(((rows + blockRows - 1) / blockRows) * format.groups(columns));
  const int recordBits = static_cast<int>(8 * dtypeSize(format.scales)) + (format.has_zeros ? format.bits : 0);
  return format.bits + records * recordBits / static_cast<double>(rows * columns);
}

Status quantizeRows(const QuantizedType &type, std::span<const float> values, int64_t columns, int64_t firstRow,
                    StoredRows &out, ScaleRule rule) {
  if (columns == 0)
    return Status::ok();
  const int64_t rows = static_cast<int64_t>(values.size()) / columns, groups = type.format.groups(columns);
  out.codes.resize(values.size());
  out.scales.resize(rows * groups);
  out.zeros.assign(type.format.has_zeros ? rows * groups : 0, 0);
  out.minima.clear();
  const auto inRow = [&](int64_t row) { return "row " + std::to_string(firstRow + row); };
  for (int64_t row = 0; row < rows; ++row)
    if (const std::span of = values.subspan(row * columns, columns); const float *at = findNonFinite(of))
      return {StatusCode::InvalidInput, inRow(row) + ", column " + std::to_string(at - of.data()) +
                                            ": an infinity or NaN cannot be stored as " + describe(type)};
  RowQuantizer quantizer(type, columns, rule, out);
  for (int64_t row = 0; row < rows; row += type.blockRows)
    CADENZA_RETURN_IF_ERROR(quantizer.block(values, row, std::min(type.blockRows, rows - row)).withPrefix(inRow(row)));
  return Status::ok();
}

QuantizationError errorOf(const StoredFormat &format, const StoredRows &rows, std::span<const float> values,
                          int64_t columns) {
  std::vector<float> stored(values.size());
  dequantize(format, rows, columns, stored.data());
  QuantizationError error;
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference = static_cast<double>(values[i]) - stored[i];
    error.squares += difference * difference;
    error.values += static_cast<double>(values[i]) * values[i];
  }
  return error;
}

std::string describe(const QuantizedType &type) {
  const StoredFormat &format = type.format;
  std::string text = format.kind == CodeKind::e4m3 ? "fp8" : "int" + std::to_string(format.bits);
  if (format.group == 0)
    text += ", a scale a row";
  else if (type.blockRows > 1)
    text += ", blocks of " + std::to_string(type.blockRows) + " x " + std::to_string(format.group);
  else
    text += ", groups of " + std::to_string(format.group);
  if (format.has_zeros)
    text += " with zero points";
  return text + ", " + std::string(dtypeName(format.scales)) + " scales";
}

} // namespace cadenza

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
      for (const float value : group_)
        error_.values += static_cast<double>(value) * value;
      const GroupScale chosen = chooseScale(format_, group_, rule_);
      if (chosen.overflows)
        return {StatusCode::InvalidInput, "columns " + std::to_string(begin) + " to " +
                                              std::to_string(begin + size - 1) + ": these weights need a scale that " +
                                              std::string(dtypeName(format_.scales)) + " cannot hold"};
      error_.squares += chosen.squares;
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

  const QuantizationError &error() const { return error_; }

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
  QuantizationError error_;
};

/// Refuses what no scale can hold.
Status checkFinite(const QuantizedType &type, std::span<const float> row) {
  const auto found = std::ranges::find_if(row, [](float value) { return !std::isfinite(value); });
  if (found == row.end())
    return Status::ok();
  return {StatusCode::InvalidInput, "column " + std::to_string(found - row.begin()) +
                                        ": an infinity or NaN cannot be stored as " + describe(type)};
}

void resize(StoredRows &rows, const StoredFormat &format, int64_t count, int64_t columns) {
  const int64_t groups = count * format.groups(columns);
  rows.codes.resize(count * columns);
  rows.scales.resize(groups);
  rows.zeros.resize(format.has_zeros ? groups : 0);
  rows.minima.clear();
}

} // namespace

double QuantizedType::bitsPerWeight(int64_t rows, int64_t columns) const {
  const int64_t blocks = (rows + blockRows - 1) / blockRows;
  const auto records = static_cast<double>(blocks * format.groups(columns));
  const int recordBits = static_cast<int>(8 * dtypeSize(format.scales)) + (format.has_zeros ? format.bits : 0);
  return format.bits + records * recordBits / static_cast<double>(rows * columns);
}

Status quantizeRows(const QuantizedType &type, std::span<const float> values, int64_t columns, int64_t firstRow,
                    StoredRows &out, ScaleRule rule, QuantizationError *error) {
  const int64_t rows = columns == 0 ? 0 : static_cast<int64_t>(values.size()) / columns;
  resize(out, type.format, rows, columns);
  const auto inRow = [&](int64_t row) { return "row " + std::to_string(firstRow + row); };
  for (int64_t row = 0; row < rows; ++row)
    CADENZA_RETURN_IF_ERROR(checkFinite(type, values.subspan(row * columns, columns)).withPrefix(inRow(row)));
  RowQuantizer quantizer(type, columns, rule, out);
  for (int64_t row = 0; row < rows; row += type.blockRows)
    CADENZA_RETURN_IF_ERROR(quantizer.block(values, row, std::min(type.blockRows, rows - row)).withPrefix(inRow(row)));
  if (error)
    error->add(quantizer.error());
  return Status::ok();
}

Status quantizeRow(const StoredFormat &format, std::span<const float> row, StoredRows &out, ScaleRule rule,
                   QuantizationError *error) {
  const QuantizedType type{format};
  resize(out, format, 1, std::ssize(row));
  CADENZA_RETURN_IF_ERROR(checkFinite(type, row));
  RowQuantizer quantizer(type, std::ssize(row), rule, out);
  if (!row.empty())
    CADENZA_RETURN_IF_ERROR(quantizer.block(row, 0, 1));
  if (error)
    error->add(quantizer.error());
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

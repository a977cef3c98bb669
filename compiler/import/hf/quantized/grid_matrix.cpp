#include "compiler/import/hf/quantized/grid_matrix.h"

namespace cadenza {
namespace {

class GridMatrix : public StoredMatrix {
public:
  explicit GridMatrix(GridParts parts) : parts_(std::move(parts)) {}
  StoredFormat format() const override { return parts_.format; }
  int64_t rows() const override { return parts_.rows; }
  int64_t columns() const override { return parts_.columns; }
  std::span<const int32_t> groupOfColumn() const override { return parts_.groupOfColumn; }

  Status read(int64_t first, int64_t count, StoredRows &out) const override {
    const int64_t columns = parts_.columns, groups = parts_.format.groups(columns);
    out = {};
    out.codes.resize(static_cast<size_t>(count * columns));
    out.scales.resize(static_cast<size_t>(count * groups));
    out.zeros.resize(parts_.zeros ? out.scales.size() : 0);
    readCodes(first, count, out.codes.data());
    for (int64_t row = 0; row < count; ++row)
      for (int64_t group = 0; group < groups; ++group) {
        const auto at = static_cast<size_t>(row * groups + group);
        out.scales[at] = parts_.scales.at(first + row, group);
        if (parts_.zeros)
          out.zeros[at] = static_cast<int16_t>(zero(first + row, group));
      }
    return Status::ok();
  }

private:
  int code(int64_t row, int64_t column) const {
    const int bits = parts_.codes.at(row, column);
    return parts_.twosComplement ? static_cast<int8_t>(bits) : bits - parts_.codeOffset;
  }
  int zero(int64_t row, int64_t group) const {
    const int bits = parts_.zeros->at(row, group);
    return (parts_.twosComplement ? static_cast<int8_t>(bits) : bits) + parts_.zeroPlus;
  }

  void readCodes(int64_t first, int64_t count, int16_t *out) const {
    const int64_t columns = parts_.columns;
    const auto put = [&](int64_t row, int64_t column) {
      out[row * columns + column] = static_cast<int16_t>(code(first + row, column));
    };
    // Where tensors are [K, N], rows are neighbours in memory.
    if (parts_.codes.packsRows || parts_.codes.otherStride == 1) {
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t row = 0; row < count; ++row)
          put(row, column);
    } else {
      for (int64_t row = 0; row < count; ++row)
        for (int64_t column = 0; column < columns; ++column)
          put(row, column);
    }
  }

  GridParts parts_;
};

} // namespace

std::unique_ptr<StoredMatrix> makeGridMatrix(GridParts parts) { return std::make_unique<GridMatrix>(std::move(parts)); }

} // namespace cadenza

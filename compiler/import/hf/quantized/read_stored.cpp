#include "compiler/import/hf/quantized/read_stored.h"
#include "compiler/import/convert.h"
#include "compiler/import/text.h"

#include <algorithm>

namespace cadenza {

StatusOr<uint64_t> readStored(const WeightSpec &spec, const StoredMatrix &matrix, int64_t first, int64_t rows,
                              DType dtype, std::byte *out) {
  constexpr int64_t sampled = int64_t{1} << 20; // elements that are dequantised at a time
  const int64_t columns = matrix.columns(), most = std::max<int64_t>(1, sampled / columns);
  uint64_t nonFinite = 0;
  Status status = Status::ok();
  StoredRows stored;
  std::vector<float> values;
  spec.forEachRun(first, rows, [&](int64_t from, int64_t count, int64_t done) {
    for (int64_t begin = 0; begin < count && status.isOk(); begin += most) {
      const int64_t some = std::min(most, count - begin);
      status = matrix.read(from + begin, some, stored);
      if (!status.isOk())
        return;
      values.resize(stored.codes.size());
      dequantize(matrix.format(), stored, columns, values.data(), matrix.groupOfColumn());
      const auto bytes = std::as_bytes(std::span(values));
      nonFinite += countNonFinite(DType::f32, bytes);
      if (out)
        convert(bytes.data(), DType::f32, spec.dtype, dtype,
                out + static_cast<size_t>((done + begin) * columns) * dtypeSize(dtype), values.size());
    }
  });
  if (!status.isOk())
    return status.withPrefix("tensor " + quotedName(spec.tensor));
  return nonFinite;
}

} // namespace cadenza

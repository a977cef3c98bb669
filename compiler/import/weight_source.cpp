#include "compiler/import/weight_source.h"
#include "compiler/import/convert.h"
#include "compiler/import/text.h"
#include "runtime/support/checked.h"

namespace cadenza {

Status WeightSource::read(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                          std::span<std::byte> out) const {
  if (dtype == DType::i32 || spec.dtype == DType::i32 || spec.shape.empty() || spec.shape.size() > 2)
    return {StatusCode::Internal, "weight " + quotedName(spec.role) +
                                      ": only vectors and matrices of f32, bf16 and f16 can "
                                      "be read"};
  auto bytes = checked::byteSize({{rows, spec.columns()}}, dtypeSize(dtype));
  if (firstRow < 0 || rows < 0 || spec.rows() < 0 || !bytes || *bytes != out.size() ||
      !checked::inBounds(firstRow, rows, spec.rows()))
    return {StatusCode::Internal, "weight " + quotedName(spec.role) + ": rows [" + std::to_string(firstRow) + ", +" +
                                      std::to_string(rows) + ") of " + shapeText(spec.shape) + " into " +
                                      std::to_string(out.size()) + " bytes"};
  if (!spec.constant.empty()) {
    const float *from = spec.constant.data() + firstRow * spec.columns();
    convert(reinterpret_cast<const std::byte *>(from), DType::f32, spec.dtype, dtype, out.data(),
            static_cast<size_t>(rows * spec.columns()));
  } else {
    CADENZA_RETURN_IF_ERROR(readRows(spec, firstRow, rows, dtype, out));
  }
  if (uint64_t found = countNonFinite(dtype, out); found != 0) {
    const uint64_t stored =
        spec.constant.empty()
            ? storedNonFinite(spec, firstRow, rows)
            : countNonFinite(
                  DType::f32,
                  std::as_bytes(std::span(spec.constant).subspan(firstRow * spec.columns(), rows * spec.columns())));
    if (found > stored)
      return {StatusCode::InvalidInput,
              "weight " + quotedName(spec.role) + ": " + std::to_string(found - stored) + " values of rows [" +
                  std::to_string(firstRow) + ", " + std::to_string(firstRow + rows) + ") are too large for " +
                  std::string(dtypeName(dtype == DType::f32 ? spec.dtype : dtype)) + ", to which they are rounded"};
    std::lock_guard lock(mutex_);
    nonFinite_[spec.role] += found;
  }
  return Status::ok();
}

StatusOr<std::vector<float>> WeightSource::readFloats(const WeightSpec &spec) const {
  auto bytes = checked::byteSize({{spec.rows(), spec.columns()}}, sizeof(float));
  if (!bytes)
    return Status(StatusCode::Internal, "weight " + quotedName(spec.role) + ": shape overflows");
  std::vector<float> values(*bytes / sizeof(float));
  CADENZA_RETURN_IF_ERROR(read(spec, 0, spec.rows(), DType::f32, std::as_writable_bytes(std::span(values))));
  return values;
}

void WeightSource::reportNonFinite(Findings &findings) const {
  std::lock_guard lock(mutex_);
  for (const auto &[role, count] : nonFinite_)
    findings.warning("weight " + quotedName(role) + " holds " + std::to_string(count) + " infinities or NaNs");
}

} // namespace cadenza

#include "compiler/import/weight_source.h"
#include "compiler/import/convert.h"
#include "compiler/import/text.h"
#include "runtime/plan/program.h"
#include "runtime/support/checked.h"

#include <algorithm>
#include <cstring>

namespace cadenza {
namespace {

/// Of a tensor [columns][tensorRows], `rows` rows of its transpose from `first` on. In blocks, whose rows stay in the
/// cache while their columns come one after the other.
void copyTransposed(const std::byte *tensor, DType stored, int64_t tensorRows, int64_t columns, int64_t first,
                    int64_t rows, DType via, DType dtype, std::byte *out) {
  constexpr int64_t blockRows = 64;
  std::byte column[blockRows * sizeof(float)];
  const size_t size = dtypeSize(dtype);
  for (int64_t begin = 0; begin < rows; begin += blockRows) {
    const int64_t count = std::min(blockRows, rows - begin);
    for (int64_t c = 0; c < columns; ++c) {
      const int64_t from = c * tensorRows + first + begin;
      convert(tensor + static_cast<size_t>(from) * dtypeSize(stored), stored, via, dtype, column,
              static_cast<size_t>(count));
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(out + static_cast<size_t>((begin + i) * columns + c) * size, column + static_cast<size_t>(i) * size,
                    size);
    }
  }
}

/// Adds `plus` to every float.
void add(float plus, std::span<std::byte> floats) {
  for (size_t at = 0; at < floats.size(); at += sizeof(float)) {
    float value;
    std::memcpy(&value, &floats[at], sizeof(float));
    value += plus;
    std::memcpy(&floats[at], &value, sizeof(float));
  }
}

} // namespace

std::vector<int64_t> WeightSpec::tensorShape() const {
  if (!view)
    return shape;
  if (view->transposed)
    return {columns(), view->rows};
  return shape.size() < 2 ? std::vector<int64_t>{view->rows} : std::vector<int64_t>{view->rows, columns()};
}

void WeightSpec::forEachRun(int64_t firstRow, int64_t rows,
                            const std::function<void(int64_t, int64_t, int64_t)> &run) const {
  const WeightView whole{.rows = this->rows(), .run = this->rows()};
  const WeightView &from = view ? *view : whole;
  for (int64_t done = 0; done < rows;) {
    const int64_t row = firstRow + done, inRun = row % from.run;
    const int64_t count = std::min(from.run - inRun, rows - done);
    run(from.first + row / from.run * from.stride + inRun, count, done);
    done += count;
  }
}

void copyRows(const WeightSpec &spec, const std::byte *tensor, DType stored, int64_t firstRow, int64_t rows,
              DType dtype, std::byte *out) {
  const int64_t columns = spec.columns();
  spec.forEachRun(firstRow, rows, [&](int64_t first, int64_t count, int64_t done) {
    std::byte *to = out + static_cast<size_t>(done * columns) * dtypeSize(dtype);
    if (spec.view && spec.view->transposed)
      copyTransposed(tensor, stored, spec.view->rows, columns, first, count, spec.dtype, dtype, to);
    else
      convert(tensor + static_cast<size_t>(first * columns) * dtypeSize(stored), stored, spec.dtype, dtype, to,
              static_cast<size_t>(count * columns));
  });
}

Status WeightSource::read(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                          std::span<std::byte> out) const {
  if (!isActivation(dtype) || !isActivation(spec.dtype) || spec.shape.empty() || spec.shape.size() > 2)
    return {StatusCode::Internal, "weight " + quotedName(spec.role) +
                                      ": only vectors and matrices of f32, bf16 and f16 can "
                                      "be read"};
  if (spec.plus != 0 && dtype != DType::f32)
    return {StatusCode::Internal, "weight " + quotedName(spec.role) + ": is a sum in f32, which " +
                                      std::string(dtypeName(dtype)) + " would round"};
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
  if (spec.plus != 0)
    add(spec.plus, out);
  return checkFinite(spec, firstRow, rows, dtype, out);
}

Status WeightSource::checkFinite(const WeightSpec &spec, int64_t firstRow, int64_t rows, DType dtype,
                                 std::span<const std::byte> out) const {
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

Status WeightSource::readElements(const WeightSpec &spec, std::span<std::byte> out) const {
  if (!isActivation(spec.dtype) || spec.shape.empty() || spec.shape.size() > 2)
    return {StatusCode::Unsupported, "weight " + quotedName(spec.role) + ": " + std::string(dtypeName(spec.dtype)) +
                                         " " + shapeText(spec.shape) + " cannot be read from " + describe()};
  return readRows(spec, 0, spec.rows(), spec.dtype, out);
}

Status WeightSource::readTensor(const WeightSpec &spec, std::span<std::byte> out) const {
  const auto bytes = checked::byteSize(spec.shape, dtypeSize(spec.dtype));
  if (!bytes || *bytes != out.size())
    return {StatusCode::Internal, "weight " + quotedName(spec.role) + ": " + shapeText(spec.shape) + " into " +
                                      std::to_string(out.size()) + " bytes"};
  WeightSpec flat = spec;
  flat.shape = {static_cast<int64_t>(out.size() / dtypeSize(spec.dtype))};
  if (!spec.constant.empty() || spec.view || spec.plus != 0) {
    const WeightSpec &rows = spec.constant.empty() ? spec : flat;
    return read(rows, 0, rows.rows(), spec.dtype, out);
  }
  CADENZA_RETURN_IF_ERROR(readElements(spec, out));
  if (!isActivation(spec.dtype))
    return Status::ok();
  return checkFinite(flat, 0, flat.rows(), spec.dtype, out);
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

#include "compiler/plan/weight_packer.h"

#include "compiler/import/stored_matrix.h"
#include "compiler/plan/packed_rows.h"
#include "compiler/plan/stored_codes.h"

#include <cstring>

using namespace cadenza;

namespace {

constexpr int64_t interleavedRows = stripe_rows; // of each part in turn
constexpr int64_t chunkBytes = int64_t(4) << 20; // of rows that are read at a time: bounded memory for any tensor

/// Calls read(first, count) for all rows of a part, as many at a time as have so many bytes each.
template <typename Read> Status forEachChunk(int64_t rows, int64_t rowBytes, Read read) {
  const int64_t chunk = std::max<int64_t>(1, chunkBytes / rowBytes);
  for (int64_t first = 0; first < rows; first += chunk)
    CADENZA_RETURN_IF_ERROR(read(first, std::min(chunk, rows - first)));
  return Status::ok();
}

Status ofRow(const Status &status, const WeightSpec &part, int64_t row) {
  return {status.code(), "weight '" + part.role + "', row " + std::to_string(row) + ": " + status.message()};
}

} // namespace

Status SourcePacker::pack(uint32_t index, std::span<std::byte> out) {
  const Weight &weight = built.program.weights[index];
  const PackRecipe &recipe = built.recipes[index];
  if (format_of(weight.encoding).matrix())
    return packMatrix(weight, recipe, out);
  if (weight.encoding == Encoding::tensor)
    return source.readTensor(recipe.parts[0], out);
  CADENZA_ASSIGN_OR_RETURN(const std::vector<float> values, source.readFloats(recipe.parts[0]));
  std::memcpy(out.data(), values.data(), values.size() * sizeof(float));
  return Status::ok();
}

Status SourcePacker::packMatrix(const Weight &weight, const PackRecipe &recipe, std::span<std::byte> out) const {
  int64_t firstRow = 0; // of the part
  for (size_t part = 0; part < recipe.parts.size(); ++part) {
    const WeightSpec &spec = recipe.parts[part];
    const PackedRow place = [&](int64_t row) {
      const int64_t turn = row / interleavedRows * static_cast<int64_t>(recipe.parts.size());
      return recipe.interleaved ? (turn + static_cast<int64_t>(part)) * interleavedRows + row % interleavedRows
                                : firstRow + row;
    };
    if (weight.encoding == Encoding::tiles16) {
      CADENZA_RETURN_IF_ERROR(packTiles16(weight, spec, place, out));
    } else {
      const StoredMatrix *matrix = source.stored(spec);
      const bool repacks = matrix && holds(weight.encoding, matrix->format()) && canRepack(spec, *matrix);
      if (matrix)
        ++(repacks ? storedCount_.repacked : storedCount_.roundedAgain);
      CADENZA_RETURN_IF_ERROR(repacks ? packStored(weight, spec, *matrix, place, out)
                                      : packFloats(weight, spec, place, out));
    }
    firstRow += spec.rows();
  }
  return Status::ok();
}

Status SourcePacker::packTiles16(const Weight &weight, const WeightSpec &part, const PackedRow &place,
                                 std::span<std::byte> out) const {
  constexpr EncodingFormat format = format_of(Encoding::tiles16);
  const int64_t rowBytes = weight.columns * static_cast<int64_t>(dtypeSize(weight.dtype));
  std::vector<std::byte> rows;
  return forEachChunk(part.rows(), rowBytes, [&](int64_t first, int64_t count) -> Status {
    rows.resize(count * rowBytes);
    CADENZA_RETURN_IF_ERROR(source.read(part, first, count, weight.dtype, rows));
    for (int64_t row = 0; row < count; ++row)
      for (int64_t column = 0; column < weight.columns; column += step_columns) {
        const int64_t width = std::min<int64_t>(step_columns, weight.columns - column);
        std::memcpy(out.data() + part_offset(format, place(first + row), column, steps_of(weight.columns)),
                    rows.data() + row * rowBytes + weight_bytes(format, column), weight_bytes(format, width));
      }
    return Status::ok();
  });
}

Status SourcePacker::packFloats(const Weight &weight, const WeightSpec &part, const PackedRow &place,
                                std::span<std::byte> out) const {
  std::vector<float> rows;
  return forEachChunk(part.rows(), weight.columns * sizeof(float), [&](int64_t first, int64_t count) -> Status {
    rows.resize(count * weight.columns);
    CADENZA_RETURN_IF_ERROR(source.read(part, first, count, DType::f32, std::as_writable_bytes(std::span(rows))));
    for (int64_t row = 0; row < count; ++row) {
      EncodedRow encoded(weight.encoding, weight.columns);
      if (Status status =
              encoder.encode(weight.encoding, part, first + row,
                             std::span<const float>(rows).subspan(row * weight.columns, weight.columns), encoded);
          !status.isOk())
        return ofRow(status, part, first + row);
      packRow(weight.encoding, encoded, place(first + row), weight.rows, weight.columns, out);
    }
    return Status::ok();
  });
}

Status SourcePacker::packStored(const Weight &weight, const WeightSpec &part, const StoredMatrix &matrix,
                                const PackedRow &place, std::span<std::byte> out) const {
  StoredRows rows;
  const auto packRun = [&](int64_t tensorRow, int64_t count, int64_t firstRow) -> Status {
    CADENZA_RETURN_IF_ERROR(matrix.read(tensorRow, count, rows));
    for (int64_t row = 0; row < count; ++row) {
      const StatusOr<EncodedRow> encoded = encodeStored(weight.encoding, matrix.format(), rows, row, weight.columns);
      if (!encoded.isOk())
        return ofRow(encoded.status(), part, firstRow + row);
      packRow(weight.encoding, *encoded, place(firstRow + row), weight.rows, weight.columns, out);
    }
    return Status::ok();
  };
  return forEachChunk(part.rows(), weight.columns * sizeof(float), [&](int64_t first, int64_t count) -> Status {
    Status status = Status::ok();
    part.forEachRun(first, count, [&](int64_t tensorRow, int64_t run, int64_t done) {
      if (status.isOk())
        status = packRun(tensorRow, run, first + done);
    });
    return status;
  });
}

StatusOr<std::vector<std::byte>> cadenza::packAll(const BuiltProgram &built, const WeightSource &source) {
  const std::vector<Weight> &weights = built.program.weights;
  std::vector<std::byte> bytes(weights.empty() ? 0 : weights.back().offset + weights.back().bytes);
  SourcePacker packer(built, source);
  for (uint32_t i = 0; i < weights.size(); ++i)
    CADENZA_RETURN_IF_ERROR(packer.pack(i, std::span(bytes).subspan(weights[i].offset, weights[i].bytes)));
  return bytes;
}

#include "compiler/plan/weight_packer.h"

#include "compiler/plan/encoders.h"

#include <cstring>

using namespace cadenza;

namespace {

constexpr int64_t interleavedRows = stripe_rows; // of each part in turn
constexpr int64_t chunkBytes = int64_t(4) << 20; // of rows that are read at a time: bounded memory for any tensor

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
  const EncodingFormat format = format_of(weight.encoding);
  const Encoder &encoder = encoderOf(weight.encoding);
  const DType readAs = encoder.readAs.value_or(weight.dtype);
  const int64_t steps = steps_of(weight.columns);
  const int64_t readBytes = weight.columns * static_cast<int64_t>(dtypeSize(readAs)); // of a row
  const int64_t chunkRows = std::max<int64_t>(1, chunkBytes / readBytes);
  std::byte *scales = out.data() + tiles_bytes(format, weight.rows, weight.columns);
  std::vector<std::byte> rows, encoded(encoder.encodeRow ? weight_bytes(format, weight.columns) : 0);
  int64_t firstRow = 0; // of the part
  for (size_t part = 0; part < recipe.parts.size(); ++part) {
    const WeightSpec &spec = recipe.parts[part];
    for (int64_t begin = 0; begin < spec.rows(); begin += chunkRows) {
      int64_t count = std::min(chunkRows, spec.rows() - begin);
      rows.resize(count * readBytes);
      CADENZA_RETURN_IF_ERROR(source.read(spec, begin, count, readAs, rows));
      for (int64_t row = begin; row < begin + count; ++row) {
        const int64_t turn = row / interleavedRows * static_cast<int64_t>(recipe.parts.size());
        const int64_t packedRow = recipe.interleaved
                                      ? (turn + static_cast<int64_t>(part)) * interleavedRows + row % interleavedRows
                                      : firstRow + row;
        std::span<const std::byte> from(rows.data() + (row - begin) * readBytes, readBytes);
        if (encoder.encodeRow) {
          float scale = 0;
          std::fill(encoded.begin(), encoded.end(), std::byte{0});
          if (Status status = encoder.encodeRow(from, encoded, scale); !status.isOk())
            return {status.code(), "weight '" + spec.role + "', row " + std::to_string(row) + ": " + status.message()};
          if (format.row_scale_bytes > 0)
            std::memcpy(scales + packedRow * format.row_scale_bytes, &scale, sizeof(scale));
          from = encoded;
        }
        for (int64_t column = 0; column < weight.columns; column += step_columns) {
          const int64_t width = std::min<int64_t>(step_columns, weight.columns - column);
          std::memcpy(out.data() + weight_bytes(format, weight_index(packedRow, column, steps)),
                      from.data() + weight_bytes(format, column), weight_bytes(format, width));
        }
      }
    }
    firstRow += spec.rows();
  }
  return Status::ok();
}

StatusOr<std::vector<std::byte>> cadenza::packAll(const BuiltProgram &built, const WeightSource &source) {
  const std::vector<Weight> &weights = built.program.weights;
  std::vector<std::byte> bytes(weights.empty() ? 0 : weights.back().offset + weights.back().bytes);
  SourcePacker packer(built, source);
  for (uint32_t i = 0; i < weights.size(); ++i)
    CADENZA_RETURN_IF_ERROR(packer.pack(i, std::span(bytes).subspan(weights[i].offset, weights[i].bytes)));
  return bytes;
}

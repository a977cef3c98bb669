#include "compiler/plan/weight_packer.h"

#include <cstring>

using namespace cadenza;

namespace {

constexpr int64_t tileRows = 16, stepColumns = 32, stepElements = tileRows * stepColumns;
constexpr int64_t interleavedRows = 8;           // of each part in turn
constexpr int64_t chunkBytes = int64_t(4) << 20; // of rows that are read at a time: bounded memory for any tensor

} // namespace

Status SourcePacker::pack(uint32_t index, std::span<std::byte> out) {
  const Weight &weight = built.program.weights[index];
  const PackRecipe &recipe = built.recipes[index];
  if (weight.layout == WeightLayout::Tiles)
    return packTiles(weight, recipe, out);
  CADENZA_ASSIGN_OR_RETURN(const std::vector<float> values, source.readFloats(recipe.parts[0]));
  std::memcpy(out.data(), values.data(), values.size() * sizeof(float));
  return Status::ok();
}

Status SourcePacker::packTiles(const Weight &weight, const PackRecipe &recipe, std::span<std::byte> out) const {
  const size_t elementBytes = dtypeSize(weight.dtype);
  const int64_t stepsPerTile = static_cast<int64_t>(paddedColumns(weight.columns)) / stepColumns;
  const int64_t rowBytes = weight.columns * static_cast<int64_t>(elementBytes);
  const int64_t chunkRows = std::max<int64_t>(1, chunkBytes / rowBytes);
  std::vector<std::byte> rows;
  int64_t firstRow = 0; // of the part
  for (size_t part = 0; part < recipe.parts.size(); ++part) {
    const WeightSpec &spec = recipe.parts[part];
    for (int64_t begin = 0; begin < spec.rows(); begin += chunkRows) {
      int64_t count = std::min(chunkRows, spec.rows() - begin);
      rows.resize(count * rowBytes);
      CADENZA_RETURN_IF_ERROR(source.read(spec, begin, count, weight.dtype, rows));
      for (int64_t row = begin; row < begin + count; ++row) {
        const int64_t turn = row / interleavedRows * static_cast<int64_t>(recipe.parts.size());
        const int64_t packedRow = recipe.interleaved
                                      ? (turn + static_cast<int64_t>(part)) * interleavedRows + row % interleavedRows
                                      : firstRow + row;
        const std::byte *from = rows.data() + (row - begin) * rowBytes;
        std::byte *to =
            out.data() +
            (packedRow / tileRows * stepsPerTile * stepElements + packedRow % tileRows * stepColumns) * elementBytes;
        for (int64_t column = 0; column < weight.columns; column += stepColumns) {
          int64_t width = std::min(stepColumns, weight.columns - column);
          std::memcpy(to, from + column * elementBytes, width * elementBytes);
          to += stepElements * elementBytes;
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

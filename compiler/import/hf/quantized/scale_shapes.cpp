#include "compiler/import/hf/quantized/scale_shapes.h"
#include "compiler/import/text.h"

namespace cadenza {

GridParts bytesOf(const CheckpointTensor &codes, const StoredFormat &format, int64_t rows, int64_t columns) {
  GridParts parts{.format = format, .rows = rows, .columns = columns};
  parts.codes = {.words = codes.data.data(), .wordBytes = 1, .bits = 8, .otherStride = columns};
  return parts;
}

Status readBlockScales(ModuleTensors &module, std::string_view suffix, const Block &block, GridParts &parts) {
  parts.format.group = block.columns >= parts.columns ? 0 : block.columns;
  const int64_t groups = parts.format.groups(parts.columns);
  CADENZA_ASSIGN_OR_RETURN(parts.scales, module.scales(suffix, {(parts.rows + block.rows - 1) / block.rows, groups}));
  parts.scales.rowsOfOne = block.rows;
  parts.scales.rowStride = groups;
  parts.scales.groupStride = 1;
  parts.format.scales = parts.scales.dtype();
  return Status::ok();
}

Status readRowScales(ModuleTensors &module, std::string_view suffix, GridParts &parts) {
  parts.format.group = 0;
  const CheckpointTensor *tensor = module.find(suffix);
  const std::vector<int64_t> shape = tensor ? tensor->shape : std::vector<int64_t>{};
  const bool isOne = shape.empty() || shape == std::vector<int64_t>{1} || shape == std::vector<int64_t>{1, 1};
  const bool isRow = shape == std::vector<int64_t>{parts.rows} || shape == std::vector<int64_t>{parts.rows, 1};
  if (!isOne && !isRow)
    return module.invalid(suffix, "is " + shapeText(shape) + "; expected one scale, or one for each of " +
                                      std::to_string(parts.rows) + " rows");
  CADENZA_ASSIGN_OR_RETURN(parts.scales, module.scales(suffix, shape));
  parts.scales.rowStride = isOne ? 0 : 1;
  parts.format.scales = parts.scales.dtype();
  return Status::ok();
}

Status readGroupScales(ModuleTensors &module, std::string_view suffix, GridParts &parts) {
  const int64_t groups = parts.format.groups(parts.columns);
  CADENZA_ASSIGN_OR_RETURN(parts.scales, module.scales(suffix, {parts.rows, groups}));
  parts.scales.rowStride = groups;
  parts.scales.groupStride = 1;
  parts.format.scales = parts.scales.dtype();
  return Status::ok();
}

StatusOr<GridParts> readMxfp4Parts(ModuleTensors &module, std::string_view codeSuffix, std::string_view scaleSuffix,
                                   const std::vector<int64_t> &codes) {
  constexpr int64_t group = 32, perWord = 8;
  const int64_t rows = module.matrix().rows, columns = module.matrix().columns, groups = columns / group;
  if (columns % group != 0)
    return module.invalid(codeSuffix, "has " + std::to_string(columns) +
                                          " inputs, which groups of 32 do not divide, as MXFP4 demands");
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *bytes, module.get(codeSuffix, {"U8"}, codes));
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *scales, module.get(scaleSuffix, {"U8", "F8_E8M0"}, {rows, groups}));
  GridParts parts{.rows = rows, .columns = columns};
  parts.format = {.kind = CodeKind::e2m1, .bits = 4, .group = group};
  parts.codes = {.words = bytes->data.data(), .otherStride = columns / perWord};
  parts.scales = {.values = scales->data.data(), .type = ScaleGrid::Type::e8m0, .rowStride = groups, .groupStride = 1};
  parts.format.scales = parts.scales.dtype();
  CADENZA_RETURN_IF_ERROR(module.checkScales(scaleSuffix, parts.scales, rows * groups, /*zeroAllowed=*/false));
  return parts;
}

} // namespace cadenza

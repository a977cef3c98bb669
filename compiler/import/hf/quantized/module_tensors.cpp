#include "compiler/import/hf/quantized/module_tensors.h"
#include "compiler/import/text.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace cadenza {
namespace {

std::string numberOf(float value) {
  std::string text = std::to_string(value);
  return std::isfinite(value) && value != 0 && std::fabs(value) < 1e-3F ? "a number near 0" : text;
}

int64_t elements(const CheckpointTensor &tensor) {
  int64_t count = 1;
  for (int64_t extent : tensor.shape) // cannot overflow: the header was checked
    count *= extent;
  return count;
}

} // namespace

std::string ModuleTensors::fullName(std::string_view suffix) const {
  return suffix.starts_with("_") ? matrix_.module + std::string(suffix) : matrix_.module + "." + std::string(suffix);
}

std::string ModuleTensors::nameInFiles() const {
  const auto &tensors = checkpoint_.tensors();
  const auto found = tensors.lower_bound(matrix_.module + ".");
  if (found == tensors.end() || !found->first.starts_with(matrix_.module + ".") || found->second.nameInFile.empty())
    return matrix_.module;
  const size_t suffix = found->first.size() - matrix_.module.size();
  const std::string &name = found->second.nameInFile;
  return name.size() > suffix ? name.substr(0, name.size() - suffix) : matrix_.module;
}

const CheckpointTensor *ModuleTensors::find(std::string_view suffix) const {
  return checkpoint_.find(fullName(suffix));
}

std::string ModuleTensors::describe(std::string_view suffix) const {
  const CheckpointTensor *tensor = find(suffix);
  return (tensor ? checkpoint_.files()[tensor->file].name + ": " : "") + "tensor " + quotedName(fullName(suffix)) + " ";
}

Status ModuleTensors::invalid(std::string_view suffix, const std::string &what) const {
  return {StatusCode::InvalidInput, describe(suffix) + what};
}

Status ModuleTensors::unsupported(std::string_view suffix, const std::string &what) const {
  return {StatusCode::Unsupported, describe(suffix) + what};
}

Status ModuleTensors::missing(std::string_view suffix) const {
  std::string beside = "tensor " + quotedName(fullName(suffix)) + " is missing";
  const auto found = checkpoint_.tensors().lower_bound(matrix_.module);
  if (found != checkpoint_.tensors().end() && found->first.starts_with(matrix_.module))
    beside = checkpoint_.files()[found->second.file].name + ": " + beside + " beside " + quotedName(found->first);
  return {StatusCode::InvalidInput, beside};
}

StatusOr<const CheckpointTensor *> ModuleTensors::get(std::string_view suffix,
                                                      std::initializer_list<std::string_view> dtypes) {
  const CheckpointTensor *tensor = find(suffix);
  if (!tensor)
    return missing(suffix);
  used_.push_back(fullName(suffix));
  bytes_ += tensor->data.size();
  if (std::find(dtypes.begin(), dtypes.end(), tensor->dtype) == dtypes.end()) {
    std::string list;
    for (std::string_view dtype : dtypes)
      list += (list.empty() ? "" : " or ") + std::string(dtype);
    return invalid(suffix, "has dtype " + tensor->dtype + ", expected " + list);
  }
  return tensor;
}

StatusOr<const CheckpointTensor *> ModuleTensors::get(std::string_view suffix,
                                                      std::initializer_list<std::string_view> dtypes,
                                                      const std::vector<int64_t> &shape) {
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *tensor, get(suffix, dtypes));
  if (tensor->shape != shape)
    return invalid(suffix, "is " + shapeText(tensor->shape) + ", but a matrix of " +
                               shapeText({matrix_.rows, matrix_.columns}) +
                               " as quantization_config describes it has " + shapeText(shape));
  return tensor;
}

StatusOr<ScaleGrid> ModuleTensors::scales(std::string_view suffix, const std::vector<int64_t> &shape) {
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *tensor, get(suffix, {"F32", "BF16", "F16", "F8_E8M0"}, shape));
  const ScaleGrid grid{.values = tensor->data.data(), .type = *scaleType(tensor->dtype)};
  CADENZA_RETURN_IF_ERROR(checkScales(suffix, grid, elements(*tensor), /*zeroAllowed=*/false));
  return grid;
}

Status ModuleTensors::checkScales(std::string_view suffix, const ScaleGrid &scales, int64_t count,
                                  bool zeroAllowed) const {
  for (int64_t i = 0; i < count; ++i) {
    const float scale = scales.stored(i);
    if (!std::isfinite(scale) || scale < 0 || (scale == 0 && !zeroAllowed))
      return invalid(suffix, "holds " + numberOf(scale) + " at " + std::to_string(i) + "; a scale is finite and " +
                                 (zeroAllowed ? "not negative" : "above 0"));
  }
  return Status::ok();
}

StatusOr<std::vector<int32_t>> ModuleTensors::groupOfColumn(std::string_view suffix, int64_t groups) {
  CADENZA_ASSIGN_OR_RETURN(const CheckpointTensor *tensor, get(suffix, {"I32"}, {matrix_.columns}));
  std::vector<int32_t> map(static_cast<size_t>(matrix_.columns));
  std::memcpy(map.data(), tensor->data.data(), tensor->data.size());
  for (size_t column = 0; column < map.size(); ++column)
    if (map[column] < 0 || map[column] >= groups)
      return invalid(suffix, "puts column " + std::to_string(column) + " into group " + std::to_string(map[column]) +
                                 " of " + std::to_string(groups));
  return map;
}

void ModuleTensors::passOver(std::string_view suffix) {
  if (find(suffix))
    used_.push_back(fullName(suffix));
}

} // namespace cadenza

#include "compiler/import/onnx/read_type.h"
#include "compiler/import/onnx/onnx_proto.h"

namespace cadenza::onnx {
namespace {

Status unsupported(const std::string &what) {
  return {StatusCode::Unsupported, "type: " + what + " is not supported (tensors are)"};
}

} // namespace

StatusOr<ValueType> readType(const ::onnx::TypeProto &proto) {
  switch (proto.value_case()) {
  case ::onnx::TypeProto::kTensorType:
    break;
  case ::onnx::TypeProto::kSequenceType:
    return unsupported("a sequence");
  case ::onnx::TypeProto::kMapType:
    return unsupported("a map");
  case ::onnx::TypeProto::kOptionalType:
    return unsupported("an optional");
  case ::onnx::TypeProto::kSparseTensorType:
    return unsupported("a sparse tensor");
  case ::onnx::TypeProto::kOpaqueType:
    return unsupported("an opaque type");
  case ::onnx::TypeProto::VALUE_NOT_SET:
    return Status(StatusCode::InvalidInput, "type is missing");
  }
  const auto &tensor = proto.tensor_type();
  const auto element = elementType(tensor.elem_type());
  if (tensor.elem_type() == 0)
    return Status(StatusCode::InvalidInput, "type: elem_type is missing");
  if (!element)
    return Status(StatusCode::Unsupported, "type: elem_type " + std::to_string(tensor.elem_type()) + " is not known");
  if (*element == ElementType::string)
    return unsupported("a tensor of strings");
  ValueType type{*element, std::nullopt};
  if (!tensor.has_shape())
    return type;
  type.shape.emplace();
  for (const auto &dim : tensor.shape().dim()) {
    Dimension dimension;
    if (dim.has_dim_value())
      dimension.extent = dim.dim_value();
    else
      dimension.symbol = dim.dim_param();
    if (dimension.extent && *dimension.extent < 0)
      return Status(StatusCode::InvalidInput, "type: dimension " + std::to_string(type.shape->size()) + " is " +
                                                  std::to_string(*dimension.extent) +
                                                  "; a dynamic one has a dim_param or nothing");
    type.shape->push_back(std::move(dimension));
  }
  return type;
}

bool fits(const Tensor &tensor, const ValueType &type) {
  if (tensor.type != type.element)
    return false;
  if (!type.shape)
    return true;
  if (type.shape->size() != tensor.shape.size())
    return false;
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    if ((*type.shape)[i].extent.value_or(tensor.shape[i]) != tensor.shape[i])
      return false;
  return true;
}

} // namespace cadenza::onnx

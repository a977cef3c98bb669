// AttributeProto to Attribute.
#pragma once

#include "compiler/import/onnx/graph.h"
#include "compiler/import/onnx/read_tensor.h"

namespace onnx {
class AttributeProto;
}

namespace cadenza::onnx {

/// The letter of an attribute's declared type (OperatorVersion); nothing if it declares none.
std::optional<AttributeLetter> letterOf(const ::onnx::AttributeProto &proto);

/// An attribute that is no reference. Errors name what is wrong with the value, not the attribute: InvalidInput,
/// Unsupported (sparse tensors, types, lists of tensors and graphs).
StatusOr<Attribute> readAttribute(const ::onnx::AttributeProto &proto, TensorReader &tensors);

/// The value of a Constant node, which has one attribute or is wrong. Errors name the attribute.
StatusOr<Tensor> constantOf(const std::vector<Attribute> &attributes);

} // namespace cadenza::onnx

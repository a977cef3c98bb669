// TypeProto to ValueType.
#pragma once

#include "compiler/import/onnx/graph.h"
#include "runtime/support/status.h"

namespace onnx {
class TypeProto;
}

namespace cadenza::onnx {

/// InvalidInput or Unsupported (sequences, maps, optionals, sparse tensors, strings), which names the field.
StatusOr<ValueType> readType(const ::onnx::TypeProto &proto);

/// Whether a tensor may have that type: the same element type, rank and extents, where they are declared.
bool fits(const Tensor &tensor, const ValueType &type);

} // namespace cadenza::onnx

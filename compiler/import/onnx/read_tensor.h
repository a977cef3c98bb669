// TensorProto to Tensor: every encoding that ONNX has for the values of a tensor, checked against its shape.
#pragma once

#include "compiler/import/onnx/external_data.h"
#include "compiler/import/onnx/tensor.h"

#include <memory>
#include <span>
#include <vector>

namespace onnx {
class TensorProto;
}

namespace cadenza::onnx {

class TensorReader {
public:
  /// `pieces`: the raw_data of the model's tensors (Skeleton), views of what `owner` keeps.
  TensorReader(std::vector<std::span<const std::byte>> pieces, std::shared_ptr<const void> owner, ExternalData external)
      : pieces(std::move(pieces)), owner(std::move(owner)), external(std::move(external)) {}

  /// Errors name the field, not the tensor: InvalidInput, Unsupported (strings, segments, types that are not known),
  /// Io.
  StatusOr<Tensor> read(const ::onnx::TensorProto &proto);

private:
  Status readExternal(const ::onnx::TensorProto &proto, uint64_t bytes, Tensor &tensor);

  std::vector<std::span<const std::byte>> pieces;
  std::shared_ptr<const void> owner;
  ExternalData external;
};

/// "raw_data, int64_data": the fields that hold values; more than one is an error.
std::string valueFields(const ::onnx::TensorProto &proto);

} // namespace cadenza::onnx

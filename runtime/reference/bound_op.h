// Ops on tensors by their names in the `nn` dialect, as a fusion of a plan has them.
#pragma once

#include "runtime/reference/tensor_value.h"
#include "runtime/support/status.h"

#include <nlohmann/json.hpp>

#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace cadenza::nn::reference {

/// An op whose attributes have been read: its types and its values, of any operands. Neither looks at what the op
/// declares but where nothing else says it: the type of a cast, the shape of a reshape or of an expand.
struct BoundOp {
  std::function<StatusOr<std::vector<TensorSpec>>(std::span<const TensorSpec>)> infer;
  std::function<StatusOr<std::vector<TensorValue>>(std::span<const TensorView>)> evaluate;
};

/// The op `name` ("unary", "matmul", ...) with attributes as the dialect names them: enumerations by their spelling,
/// unit attributes as true, or left out. `results` are the types it declares. Errors (InvalidInput): there is no such
/// op, it takes another number of operands, an attribute is missing, unknown, or none of those it can be.
StatusOr<BoundOp> bindOp(std::string_view name, const nlohmann::json &attributes, size_t operands,
                         std::span<const TensorSpec> results);

/// Ok if operands of these types give what the op declares. A declared extent that only values know (of a range) is
/// taken as it is.
Status checkTypes(const BoundOp &op, std::span<const TensorSpec> operands, std::span<const TensorSpec> results);

} // namespace cadenza::nn::reference

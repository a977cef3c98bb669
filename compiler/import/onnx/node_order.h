// A list of nodes in an order that cannot be executed: whether it is only the order, or a cycle.
#pragma once

#include <google/protobuf/repeated_field.h>

#include <string>
#include <vector>

namespace onnx {
class NodeProto;
}

namespace cadenza::onnx {

/// Nodes each of which takes an output of the next, and the last of the first; empty if there are none.
std::vector<int> findCycle(const google::protobuf::RepeatedPtrField<::onnx::NodeProto> &nodes);

} // namespace cadenza::onnx

#include "compiler/import/onnx/node_order.h"
#include "compiler/import/onnx/onnx_proto.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace cadenza::onnx {

std::vector<int> findCycle(const google::protobuf::RepeatedPtrField<::onnx::NodeProto> &nodes) {
  std::unordered_map<std::string_view, int> producer;
  for (int i = 0; i < nodes.size(); ++i)
    for (const std::string &output : nodes[i].output())
      if (!output.empty())
        producer.emplace(output, i);

  // Depth first along inputs, with a stack of its own: a file may chain as many nodes as it likes.
  enum class State : uint8_t { New, OnPath, Done };
  struct Step {
    int node, input;
  };
  std::vector<State> states(static_cast<size_t>(nodes.size()), State::New);
  std::vector<Step> path;
  for (int start = 0; start < nodes.size(); ++start) {
    if (states[static_cast<size_t>(start)] == State::New) {
      states[static_cast<size_t>(start)] = State::OnPath;
      path = {{start, 0}};
    }
    while (!path.empty()) {
      Step &step = path.back();
      if (step.input == nodes[step.node].input_size()) {
        states[static_cast<size_t>(step.node)] = State::Done;
        path.pop_back();
        continue;
      }
      const auto found = producer.find(nodes[step.node].input(step.input++));
      if (found == producer.end())
        continue;
      State &state = states[static_cast<size_t>(found->second)];
      if (state == State::New) {
        state = State::OnPath;
        path.push_back({found->second, 0});
      } else if (state == State::OnPath) {
        auto first = std::find_if(path.begin(), path.end(), [&](const Step &on) { return on.node == found->second; });
        std::vector<int> cycle;
        for (; first != path.end(); ++first)
          cycle.push_back(first->node);
        return cycle;
      }
    }
  }
  return {};
}

} // namespace cadenza::onnx

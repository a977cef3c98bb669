// A model that a test makes node by node, and what follows from it.
#pragma once

#include "compiler/import/onnx/shapes/analysis.h"
#include "test/compiler/onnx/model_maker.h"

#include <gtest/gtest.h>

namespace cadenza::onnx::test {

class Case {
public:
  explicit Case(int64_t opset = 21) : proto(emptyModel(opset)) {}

  ::onnx::GraphProto &graph() { return *proto.mutable_graph(); }
  Case &input(const std::string &name, const std::vector<std::string> &shape, int type = ::onnx::TensorProto::FLOAT) {
    addInput(graph(), name, shape, type);
    return *this;
  }
  Case &list(const std::string &name, const std::vector<int64_t> &values) {
    *graph().add_initializer() = int64s(name, {static_cast<int64_t>(values.size())}, values);
    return *this;
  }
  Case &scalar(const std::string &name, int64_t value) {
    *graph().add_initializer() = int64s(name, {}, {value});
    return *this;
  }
  ::onnx::NodeProto &node(const std::string &op, const Names &inputs, const Names &outputs,
                          const std::string &domain = "") {
    return addNode(graph(), op, inputs, outputs, "node_" + outputs[0], domain);
  }
  Case &output(const std::string &name) {
    graph().add_output()->set_name(name);
    return *this;
  }

  Case &analyse(const AnalysisOptions &options = {}) {
    result = read(proto);
    EXPECT_EQ(result.text(), "");
    analysis = onnx::analyse(*result.model, options, result.findings);
    return *this;
  }
  std::string findings() const { return result.text(); }
  const std::optional<Facts> &facts(const std::string &name) const {
    const Value *value = result.value(name);
    return analysis.facts[static_cast<size_t>(value - result.model->graph.values.data())];
  }
  std::string shape(const std::string &name) const {
    return facts(name)
               ? std::string(elementTypeName(facts(name)->type)) + " " + analysis.symbols->text(facts(name)->shape)
               : "nothing";
  }
  std::string elements(const std::string &name) const {
    return facts(name) && facts(name)->elements ? analysis.symbols->text(*facts(name)->elements) : "nothing";
  }
  /// Operators of the nodes that are needed.
  std::string live() const {
    std::string ops;
    for (NodeId id = 0; id < result.model->graph.nodes.size(); ++id)
      if (analysis.isLive(id))
        ops += (ops.empty() ? "" : " ") + result.model->graph.nodes[id].op;
    return ops;
  }
  bool isParameter(NodeId node, size_t i) const { return analysis.isParameter(node, i); }

  ::onnx::ModelProto proto;
  Read result;
  Analysis analysis;
};

} // namespace cadenza::onnx::test

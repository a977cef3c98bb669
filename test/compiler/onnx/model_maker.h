// Small ONNX models for the tests, made of the generated classes: whole and valid, until a test breaks one thing.
#pragma once

#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/onnx/read_model.h"

#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

namespace cadenza::onnx::test {

inline ::onnx::ModelProto emptyModel(int64_t opset = 18, int64_t irVersion = 10) {
  ::onnx::ModelProto model;
  model.set_ir_version(irVersion);
  auto *import = model.add_opset_import();
  import->set_domain("");
  import->set_version(opset);
  model.mutable_graph()->set_name("g");
  return model;
}

inline void import(::onnx::ModelProto &model, const std::string &domain, int64_t version) {
  auto *opset = model.add_opset_import();
  opset->set_domain(domain);
  opset->set_version(version);
}

/// Symbols where the text is no number: {"batch", "4"}.
inline ::onnx::TypeProto tensorType(int type, const std::vector<std::string> &shape) {
  ::onnx::TypeProto proto;
  proto.mutable_tensor_type()->set_elem_type(type);
  auto *dims = proto.mutable_tensor_type()->mutable_shape();
  for (const std::string &extent : shape) {
    auto *dim = dims->add_dim();
    if (!extent.empty() && (isdigit(extent[0]) || extent[0] == '-'))
      dim->set_dim_value(std::stoll(extent));
    else if (!extent.empty())
      dim->set_dim_param(extent);
  }
  return proto;
}

inline ::onnx::ValueInfoProto &addInput(::onnx::GraphProto &graph, const std::string &name,
                                        const std::vector<std::string> &shape = {"n", "4"},
                                        int type = ::onnx::TensorProto::FLOAT) {
  auto *input = graph.add_input();
  input->set_name(name);
  *input->mutable_type() = tensorType(type, shape);
  return *input;
}

inline void addOutput(::onnx::GraphProto &graph, const std::string &name) {
  auto *output = graph.add_output();
  output->set_name(name);
  *output->mutable_type() = tensorType(::onnx::TensorProto::FLOAT, {"n", "4"});
}

using Names = std::vector<std::string>;

template <typename NodesOwner>
::onnx::NodeProto &addNode(NodesOwner &graph, const std::string &op, const Names &inputs, const Names &outputs,
                           const std::string &name = "", const std::string &domain = "") {
  auto *node = graph.add_node();
  node->set_op_type(op);
  node->set_name(name);
  node->set_domain(domain);
  for (const std::string &input : inputs)
    node->add_input(input);
  for (const std::string &output : outputs)
    node->add_output(output);
  return *node;
}

inline ::onnx::AttributeProto &addAttribute(::onnx::NodeProto &node, const std::string &name, int64_t value) {
  auto *attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(::onnx::AttributeProto::INT);
  attribute->set_i(value);
  return *attribute;
}

inline ::onnx::AttributeProto &addReference(::onnx::NodeProto &node, const std::string &name, const std::string &to,
                                            ::onnx::AttributeProto::AttributeType type = ::onnx::AttributeProto::INT) {
  auto *attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  attribute->set_ref_attr_name(to);
  return *attribute;
}

/// f32 in raw_data.
inline ::onnx::TensorProto floats(const std::string &name, const std::vector<int64_t> &shape,
                                  const std::vector<float> &values) {
  ::onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(::onnx::TensorProto::FLOAT);
  for (int64_t extent : shape)
    tensor.add_dims(extent);
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
  return tensor;
}

/// i64 in int64_data.
inline ::onnx::TensorProto int64s(const std::string &name, const std::vector<int64_t> &shape,
                                  const std::vector<int64_t> &values) {
  ::onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(::onnx::TensorProto::INT64);
  for (int64_t extent : shape)
    tensor.add_dims(extent);
  for (int64_t value : values)
    tensor.add_int64_data(value);
  return tensor;
}

inline ::onnx::TensorProto boolean(const std::string &name, bool value) {
  ::onnx::TensorProto tensor;
  tensor.set_name(name);
  tensor.set_data_type(::onnx::TensorProto::BOOL);
  tensor.set_raw_data(std::string(1, value ? '\1' : '\0'));
  return tensor;
}

/// y = Relu(x), the smallest model that there is.
inline ::onnx::ModelProto reluModel() {
  ::onnx::ModelProto model = emptyModel();
  addInput(*model.mutable_graph(), "x");
  addNode(*model.mutable_graph(), "Relu", {"x"}, {"y"}, "act");
  addOutput(*model.mutable_graph(), "y");
  return model;
}

/// A model and what was found in it.
struct Read {
  std::optional<Model> model;
  Findings findings;

  /// All findings, one a line: "invalid: m.onnx: ...".
  std::string text() const {
    std::string lines;
    for (const Finding &finding : findings.all())
      lines += std::string(findingKindName(finding.kind)) + ": " + finding.message + "\n";
    return lines;
  }
  /// The operators of the nodes, in order: "Relu Add".
  std::string operators() const {
    std::string ops;
    for (const Node &node : model->graph.nodes)
      ops += (ops.empty() ? "" : " ") + node.op;
    return ops;
  }
  const Value *value(const std::string &name) const {
    for (const Value &found : model->graph.values)
      if (found.name == name)
        return &found;
    return nullptr;
  }
};

inline Read readBytes(const std::string &bytes, const std::string &directory = "", const ReadOptions &options = {}) {
  auto owner = std::make_shared<const std::string>(bytes);
  Read read;
  read.model = readModel(std::as_bytes(std::span(*owner)), owner, "m.onnx", directory, read.findings, options);
  return read;
}

inline Read read(const ::onnx::ModelProto &model, const std::string &directory = "", const ReadOptions &options = {}) {
  return readBytes(model.SerializeAsString(), directory, options);
}

} // namespace cadenza::onnx::test

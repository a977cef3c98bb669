// The references of ops on tensors, by name, against the ONNX project's own operator cases: inputs and the outputs that
// they expect, converted by test/fixtures/nn/make_node_cases.py.
#include "runtime/reference/bound_op.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <regex>
#include <set>

using namespace cadenza;
using namespace cadenza::nn;
using Json = nlohmann::json;
using Tensors = std::vector<TensorValue>;

namespace {

const std::string folder = CADENZA_SOURCE_DIR "/test/fixtures/nn/";

std::string contentsOf(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TensorValue tensorAt(const Json &entry, const std::string &blob) {
  TensorValue value = zeros({*elementType(entry["type"].get<int64_t>()), entry["shape"].get<Shape>()});
  const auto *data = reinterpret_cast<const std::byte *>(blob.data()) + entry["at"].get<size_t>();
  std::copy_n(data, value.bytes.size(), value.bytes.begin());
  return value;
}

/// Relative, and for values below 1 absolute. The cases compute f16 and bf16 in their own type, step by step.
double toleranceOf(ElementType type) {
  switch (type) {
  case ElementType::f64:
    return 1e-7; // some cases compute in f32
  case ElementType::f32:
    return 1e-5;
  case ElementType::f16:
    return 2e-3;
  default: // bf16
    return 1.6e-2;
  }
}

void expectSame(const TensorValue &actual, const TensorValue &expected) {
  ASSERT_EQ(text(actual), text(expected));
  if (!isFloat(expected.element)) {
    EXPECT_EQ(integers(actual), integers(expected));
    return;
  }
  const std::vector<double> values = reals(actual), others = reals(expected);
  for (size_t i = 0; i < values.size(); ++i) {
    const double bound = toleranceOf(expected.element) * std::max(1.0, std::abs(others[i]));
    const bool same = values[i] == others[i] || (std::isnan(values[i]) && std::isnan(others[i])) ||
                      std::abs(values[i] - others[i]) <= bound;
    ASSERT_TRUE(same) << "element " << i << ": " << values[i] << " is not " << others[i];
  }
}

/// The call in node_cases.json as the op that it is: its name, its attributes, operands that the call has as numbers.
struct Op {
  std::string name;
  Json attributes = Json::object();
  Tensors operands;
};

Op opOf(const Json &entry, Tensors inputs) {
  static const std::map<std::string, std::string> renamed = {{"gatherElements", "gather_elements"},
                                                             {"gatherND", "gather_nd"},
                                                             {"scatterElements", "scatter_elements"},
                                                             {"scatterND", "scatter_nd"},
                                                             {"tensorScatter", "tensor_scatter"},
                                                             {"argReduce", "arg_reduce"},
                                                             {"logSoftmax", "log_softmax"},
                                                             {"layerNormalization", "layer_normalization"},
                                                             {"rmsNormalization", "rms_normalization"},
                                                             {"starts", "static_starts"},
                                                             {"sizes", "static_sizes"},
                                                             {"epsilon", "eps"}};
  static const std::set<std::string> flags = {"upper", "circular", "keep_dims", "last", "exclusive", "reverse"};
  const auto nameOf = [&](const std::string &name) { return renamed.contains(name) ? renamed.at(name) : name; };
  Op op{nameOf(entry["call"]), Json::object(), std::move(inputs)};
  for (const auto &[key, value] : entry.items()) {
    if (key == "case" || key == "call" || key == "inputs" || key == "outputs" || (op.name == "cast" && key == "type"))
      continue; // the type of a cast is the result's
    if (op.name == "scatter_nd" && key == "axis")
      continue; // the call has none either
    if (op.name == "trilu" && key == "k")
      op.operands.push_back(scalar(value.get<int64_t>()));
    else if (key == "largest")
      op.attributes["smallest"] = value == 0 || value == false;
    else
      op.attributes[nameOf(key)] = flags.contains(key) ? Json(value != 0 && value != false) : value;
  }
  return op;
}

StatusOr<Tensors> run(const Op &op, const Tensors &expected) {
  const std::vector<TensorSpec> results(expected.begin(), expected.end());
  const std::vector<TensorSpec> types(op.operands.begin(), op.operands.end());
  const std::vector<TensorView> views(op.operands.begin(), op.operands.end());
  CADENZA_ASSIGN_OR_RETURN(const reference::BoundOp bound,
                           reference::bindOp(op.name, op.attributes, op.operands.size(), results));
  CADENZA_RETURN_IF_ERROR(reference::checkTypes(bound, types, results));
  return bound.evaluate(views);
}

/// The ops on tensors that the dialect has, but for those whose values come from elsewhere.
std::set<std::string> dialectOps() {
  const std::string definitions = contentsOf(CADENZA_SOURCE_DIR "/compiler/ir/nn/NNTensorOps.td");
  std::set<std::string> names;
  const std::regex definition("\\ndef NN_\\w+Op : NN_\\w+Op<\"(\\w+)\"");
  for (std::sregex_iterator i(definitions.begin(), definitions.end(), definition), end; i != end; ++i)
    names.insert((*i)[1]);
  for (const char *source : {"constant", "get_weight", "past_length", "read_cache"})
    EXPECT_EQ(names.erase(source), 1u) << source;
  return names;
}

TEST(NodeCases, AreWhatOnnxExpects) {
  const Json cases = Json::parse(contentsOf(folder + "node_cases.json"));
  const std::string blob = contentsOf(folder + "node_cases.bin");
  std::set<std::string> seen;
  for (const Json &entry : cases) {
    SCOPED_TRACE(entry["case"].get<std::string>());
    Tensors inputs, expected;
    for (const Json &tensor : entry["inputs"])
      inputs.push_back(tensorAt(tensor, blob));
    for (const Json &tensor : entry["outputs"])
      expected.push_back(tensorAt(tensor, blob));
    const Op op = opOf(entry, std::move(inputs));
    const StatusOr<Tensors> results = run(op, expected);
    if (!results.isOk()) {
      ADD_FAILURE() << results.status().message();
      continue;
    }
    ASSERT_EQ(results->size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      expectSame((*results)[i], expected[i]);
    seen.insert(op.name);
  }
  EXPECT_EQ(seen, dialectOps()) << "every op has a case";
}

} // namespace

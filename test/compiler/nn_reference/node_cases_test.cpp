// The references of ops on tensors against the ONNX project's own operator cases: inputs and the outputs that they
// expect, converted by test/fixtures/nn/make_node_cases.py.
#include "compiler/ir/nn/reference/reference.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>

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

template <typename Function> Function functionOf(const Json &entry) {
  return *named<Function>(entry["function"].get<std::string>());
}
std::vector<int64_t> integersOf(const Json &entry, const char *key) { return entry[key].get<std::vector<int64_t>>(); }
bool flagOf(const Json &entry, const char *key) {
  return entry[key].is_boolean() ? entry[key].get<bool>() : entry[key] != 0;
}
const TensorValue *optional(const Tensors &x, size_t index) { return index < x.size() ? &x[index] : nullptr; }

using Call = std::function<StatusOr<TensorValue>(const Json &, const Tensors &, const TensorSpec &expected)>;

/// By the name of the call in node_cases.json.
const std::map<std::string, Call> &calls() {
  namespace r = reference;
  static const std::map<std::string, Call> table = {
      {"unary", [](auto &p, auto &x, auto &) { return r::unary(functionOf<UnaryFunction>(p), x[0]); }},
      {"binary", [](auto &p, auto &x, auto &) { return r::binary(functionOf<BinaryFunction>(p), x[0], x[1]); }},
      {"where", [](auto &, auto &x, auto &) { return r::where(x[0], x[1], x[2]); }},
      {"cast", [](auto &p, auto &x, auto &) { return r::cast(x[0], *elementType(p["type"].template get<int64_t>())); }},
      {"reshape", [](auto &, auto &x, auto &expected) { return r::reshape(x[0], expected.shape); }},
      {"transpose", [](auto &p, auto &x, auto &) { return r::transpose(x[0], integersOf(p, "permutation")); }},
      {"slice",
       [](auto &p, auto &x, auto &) {
         return r::slice(x[0], integersOf(p, "starts"), integersOf(p, "sizes"), integersOf(p, "steps"));
       }},
      {"concat", [](auto &p, auto &x, auto &) { return r::concat(x, p["axis"]); }},
      {"expand", [](auto &, auto &x, auto &expected) { return r::expand(x[0], expected.shape); }},
      {"pad",
       [](auto &p, auto &x, auto &) {
         return r::pad(x[0], integersOf(p, "begins"), integersOf(p, "ends"),
                       *named<PadMode>(p["mode"].template get<std::string>()), optional(x, 1));
       }},
      {"trilu", [](auto &p, auto &x, auto &) { return r::trilu(x[0], flagOf(p, "upper"), p["k"]); }},
      {"range", [](auto &, auto &x, auto &) { return r::range(x[0], x[1], x[2]); }},
      {"gather", [](auto &p, auto &x, auto &) { return r::gather(x[0], x[1], p["axis"]); }},
      {"gatherElements", [](auto &p, auto &x, auto &) { return r::gatherElements(x[0], x[1], p["axis"]); }},
      {"gatherND", [](auto &p, auto &x, auto &) { return r::gatherND(x[0], x[1], p["batch_dims"]); }},
      {"scatterElements",
       [](auto &p, auto &x, auto &) {
         return r::scatterElements(x[0], x[1], x[2], p["axis"], functionOf<ScatterFunction>(p));
       }},
      {"scatterND",
       [](auto &p, auto &x, auto &) { return r::scatterND(x[0], x[1], x[2], functionOf<ScatterFunction>(p)); }},
      {"tensorScatter",
       [](auto &p, auto &x, auto &) {
         return r::tensorScatter(x[0], x[1], optional(x, 2), p["axis"], flagOf(p, "circular"));
       }},
      {"reduce",
       [](auto &p, auto &x, auto &) {
         return r::reduce(functionOf<ReduceFunction>(p), x[0], integersOf(p, "axes"), flagOf(p, "keep_dims"));
       }},
      {"argReduce",
       [](auto &p, auto &x, auto &) {
         return r::argReduce(functionOf<ArgFunction>(p), x[0], p["axis"], flagOf(p, "keep_dims"), flagOf(p, "last"));
       }},
      {"softmax", [](auto &p, auto &x, auto &) { return r::softmax(x[0], p["axis"]); }},
      {"logSoftmax", [](auto &p, auto &x, auto &) { return r::logSoftmax(x[0], p["axis"]); }},
      {"cumsum", [](auto &p, auto &x,
                    auto &) { return r::cumsum(x[0], p["axis"], flagOf(p, "exclusive"), flagOf(p, "reverse")); }},
      {"matmul", [](auto &, auto &x, auto &) { return r::matmul(x[0], x[1]); }},
      {"layerNormalization",
       [](auto &p, auto &x, auto &) {
         return r::layerNormalization(x[0], x[1], optional(x, 2), p["axis"], p["epsilon"]);
       }},
      {"rmsNormalization",
       [](auto &p, auto &x, auto &) { return r::rmsNormalization(x[0], x[1], p["axis"], p["epsilon"]); }},
  };
  return table;
}

StatusOr<Tensors> run(const Json &entry, const Tensors &inputs, const Tensors &expected) {
  const std::string name = entry["call"];
  if (name == "topk") {
    CADENZA_ASSIGN_OR_RETURN(auto both,
                             reference::topk(inputs[0], entry["k"], entry["axis"], flagOf(entry, "largest")));
    return Tensors{both.first, both.second};
  }
  CADENZA_ASSIGN_OR_RETURN(TensorValue result, calls().at(name)(entry, inputs, expected[0]));
  return Tensors{std::move(result)};
}

TEST(NodeCases, AreWhatOnnxExpects) {
  const Json cases = Json::parse(contentsOf(folder + "node_cases.json"));
  const std::string blob = contentsOf(folder + "node_cases.bin");
  std::map<std::string, int> counts;
  for (const Json &entry : cases) {
    SCOPED_TRACE(entry["case"].get<std::string>());
    Tensors inputs, expected;
    for (const Json &tensor : entry["inputs"])
      inputs.push_back(tensorAt(tensor, blob));
    for (const Json &tensor : entry["outputs"])
      expected.push_back(tensorAt(tensor, blob));
    const StatusOr<Tensors> results = run(entry, inputs, expected);
    if (!results.isOk()) {
      ADD_FAILURE() << results.status().message();
      continue;
    }
    ASSERT_EQ(results->size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i)
      expectSame((*results)[i], expected[i]);
    ++counts[entry["call"]];
  }
  EXPECT_EQ(counts.size(), calls().size() + 1) << "every call has a case";
}

} // namespace

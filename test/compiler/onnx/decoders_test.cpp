// The exported decoders of test/fixtures/onnx: what stays open of a step of one token, and that the ops which their
// nodes become, evaluated by the references, give ONNX Runtime's logits (logits_f32.npy; README.md there).
#include "compiler/import/onnx/lower/evaluator.h"
#include "compiler/import/onnx/lower/graph_lowering.h"
#include "compiler/import/onnx/read_model.h"
#include "compiler/import/onnx/shapes/analysis.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>

namespace cadenza::onnx {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> folders() {
  std::vector<std::string> names;
  for (const auto &entry : fs::directory_iterator(CADENZA_SOURCE_DIR "/test/fixtures/onnx"))
    if (fs::exists(entry.path() / "logits_f32.npy"))
      names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

fs::path pathOf(const std::string &name) { return fs::path(CADENZA_SOURCE_DIR "/test/fixtures/onnx") / name; }

/// float32 [steps, vocabulary] of a .npy file, row-major.
std::vector<float> logitsOf(const fs::path &file) {
  std::ifstream stream(file, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  uint16_t header = 0;
  std::memcpy(&header, bytes.data() + 8, sizeof(header)); // after the magic number and the version
  std::vector<float> values((bytes.size() - 10 - header) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + 10 + header, values.size() * sizeof(float));
  return values;
}

/// Where an input's past tokens are counted; nothing: it is no cache that grows.
std::string pastOf(const Port &input) {
  const std::vector<Dimension> &shape = *input.type->shape;
  return shape.size() == 4 ? shape[2].symbol : "";
}

/// Batch and sequence of 1, `past` tokens before (a number, or a name).
AnalysisOptions oneToken(const Model &model, const std::string &past) {
  AnalysisOptions options;
  const auto set = [&](const Dimension &dimension, const std::string &value) {
    if (!dimension.symbol.empty())
      options.dims[dimension.symbol] = value;
  };
  for (const Port &input : model.graph.inputs) {
    const std::vector<Dimension> &shape = *input.type->shape;
    set(shape[0], "1");
    if (input.name == "attention_mask")
      set(shape[1], past + " + 1");
    else if (shape.size() == 2)
      set(shape[1], "1");
    else if (shape.size() == 4)
      set(shape[2], past);
  }
  return options;
}

Model readFixture(const std::string &name, Findings &findings) {
  std::optional<Model> model = readModel((pathOf(name) / "model.onnx").string(), findings);
  EXPECT_TRUE(model && !findings.hasErrors()) << findings.toStatus().message();
  return model ? std::move(*model) : Model();
}

struct Decoders : testing::TestWithParam<std::string> {};

TEST_P(Decoders, OnlyThePastLengthStaysOpen) {
  Findings findings;
  const Model model = readFixture(GetParam(), findings);
  const Analysis analysis = analyse(model, oneToken(model, "p"), findings);
  EXPECT_EQ(findings.errors(), 0U) << findings.toStatus().message();
  std::string open;
  for (ValueId id = 0; id < model.graph.values.size(); ++id) {
    ASSERT_TRUE(analysis.facts[id]) << model.graph.values[id].name;
    for (const Extent &extent : analysis.facts[id]->shape)
      for (const Polynomial::Term &term : extent.terms())
        for (SymbolId symbol : term.symbols)
          if (const std::string &name = (*analysis.symbols)[symbol].name; name != "p")
            open += model.graph.values[id].name + ": " + analysis.symbols->text(extent) + "\n";
  }
  EXPECT_EQ(open, "");
  // No live node computes with shapes; what is left of integers are tokens, positions and masks.
  for (NodeId id = 0; id < model.graph.nodes.size(); ++id) {
    const std::string &op = model.graph.nodes[id].op;
    EXPECT_FALSE(analysis.isLive(id) && (op == "Shape" || op == "ConstantOfShape")) << describe(model.graph, id);
  }
}

/// One input for the token at `step`.
nn::TensorValue inputFor(const Port &input, const nn::Shape &shape, int64_t token, int64_t step) {
  nn::TensorValue value = nn::zeros({input.type->element, shape});
  std::vector<int64_t> elements(static_cast<size_t>(value.elements()), 0);
  if (input.name == "input_ids")
    elements[0] = token;
  else if (input.name == "position_ids" || input.name == "write_indices")
    elements[0] = step;
  else if (input.name == "nonpad_kv_seqlen")
    elements[0] = step + 1;
  else if (input.name == "attention_mask")
    std::ranges::fill(elements, 1);
  else
    return value; // a cache, of nothing or of zeros
  return nn::tensorOf(value.element, shape, std::span<const int64_t>(elements));
}

/// The output that continues an input cache.
std::string continued(const std::string &cache) {
  if (cache.starts_with("key_cache") || cache.starts_with("value_cache"))
    return "updated_" + cache;
  if (cache.starts_with("past_key_values"))
    return "present" + cache.substr(std::strlen("past_key_values"));
  return "output" + cache.substr(std::strlen("input"));
}

TEST_P(Decoders, OpsGiveTheLogits) {
  Findings findings;
  const Model model = readFixture(GetParam(), findings);
  std::ifstream stream(pathOf(GetParam()) / "tokens.json");
  const std::vector<int64_t> tokens = nlohmann::json::parse(stream).get<std::vector<int64_t>>();
  const std::vector<float> reference = logitsOf(pathOf(GetParam()) / "logits_f32.npy");
  const size_t vocabulary = reference.size() / tokens.size();
  std::map<std::string, nn::TensorValue> caches;
  double largest = 0, worst = 0;
  ElementType type = ElementType::f32;
  for (float logit : reference)
    largest = std::max(largest, std::abs(static_cast<double>(logit)));
  for (size_t step = 0; step < tokens.size(); ++step) {
    const Analysis analysis = analyse(model, oneToken(model, std::to_string(step)), findings);
    Evaluator evaluator;
    GraphLowering lowering(model, analysis, evaluator, findings);
    for (const Port &input : model.graph.inputs) {
      const auto known = input.name.find("cache") != std::string::npos || !pastOf(input).empty()
                             ? caches.find(continued(input.name))
                             : caches.end();
      nn::TensorValue value = known != caches.end() ? known->second
                                                    : inputFor(input, *numbers(analysis.facts[input.value]->shape),
                                                               tokens[step], static_cast<int64_t>(step));
      lowering.bind(input.value, evaluator.add(std::move(value)));
    }
    ASSERT_TRUE(lowering.run()) << findings.toStatus().message();
    for (const Port &output : model.graph.outputs) {
      const nn::TensorValue &value = evaluator.value(lowering.get(output.value));
      if (output.name != "logits") {
        caches[output.name] = value;
        continue;
      }
      const std::vector<double> logits = nn::reals(value);
      type = value.element;
      ASSERT_EQ(logits.size(), vocabulary);
      for (size_t i = 0; i < vocabulary; ++i)
        worst = std::max(worst, std::abs(logits[i] - static_cast<double>(reference[step * vocabulary + i])));
    }
  }
  // Logits of a model in 16 bits differ from those in fp32 by its rounding.
  const double allowed = type == ElementType::bf16 ? 5e-2 : type == ElementType::f16 ? 1e-2 : 1e-5;
  EXPECT_LE(worst, allowed * largest);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Decoders, testing::ValuesIn(folders()), [](const auto &info) {
  std::string name = info.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

} // namespace
} // namespace cadenza::onnx

// Which graphs are decoders, and what is said of those that are not. The models are made here, node by node; exported
// ones are in test/fixtures/onnx.
#include "compiler/import/onnx/decoder/companions.h"
#include "test/compiler/onnx/analysis_case.h"
#include "test/temporary_folder.h"

#include <filesystem>

namespace cadenza::onnx {
namespace {

using namespace test;
using cadenza::test::TemporaryFolder;

constexpr int i64 = ::onnx::TensorProto::INT64;

::onnx::AttributeProto &addIntegers(::onnx::NodeProto &node, const std::string &name,
                                    const std::vector<int64_t> &values) {
  auto *attribute = node.add_attribute();
  attribute->set_name(name);
  attribute->set_type(::onnx::AttributeProto::INTS);
  for (int64_t value : values)
    attribute->add_ints(value);
  return *attribute;
}

/// A decoder of attention alone: hidden size 8, 2 heads of 4 elements, a vocabulary of 10. Names say nothing.
class Decoder : public Case {
public:
  explicit Decoder(int64_t opset = 18) : Case(opset) {
    weight("table", {10, 8});
    list("split", {0, -1, 2, 4});
    list("join", {0, -1, 8});
    input("a", {"n", "s"}, i64);
    node("Gather", {"table", "a"}, {"x0"});
  }

  Decoder &weight(const std::string &name, const std::vector<int64_t> &shape) {
    int64_t count = 1;
    for (int64_t extent : shape)
      count *= extent;
    *graph().add_initializer() = floats(name, shape, std::vector<float>(static_cast<size_t>(count), 0.5F));
    return *this;
  }

  /// Rows [n, s, 8] of `from` times a matrix.
  std::string projection(const std::string &from, const std::string &to) {
    weight(to + ".w", {8, 8});
    node("MatMul", {from, to + ".w"}, {to});
    return to;
  }
  std::string heads(const std::string &from, const std::string &to) {
    node("Reshape", {from, "split"}, {to + ".4"});
    addIntegers(node("Transpose", {to + ".4"}, {to}), "perm", {0, 2, 1, 3});
    return to;
  }

  /// Layer i reads "x<i>" and makes "x<i+1>"; its caches are "k<i>" and "v<i>", "K<i>" and "V<i>" once they grew.
  Decoder &layer(int i, const std::vector<std::string> &past = {"n", "2", "p", "4"}) {
    const std::string n = std::to_string(i), x = "x" + n;
    const std::string q = heads(projection(x, "q.p" + n), "q" + n);
    const std::string k = heads(projection(x, "k.p" + n), "k.h" + n);
    const std::string v = heads(projection(x, "v.p" + n), "v.h" + n);
    if (declares) {
      input("v" + n, past); // values first: what they are is where they go
      input("k" + n, past);
    }
    addAttribute(node("Concat", {"k" + n, k}, {"K" + n}), "axis", 2);
    addAttribute(node("Concat", {"v" + n, v}, {"V" + n}), "axis", -2);
    addIntegers(node("Transpose", {"K" + n}, {"K.t" + n}), "perm", {0, 1, 3, 2});
    node("MatMul", {q, "K.t" + n}, {"scores" + n});
    node("Softmax", {scores(n)}, {"weights" + n});
    node("MatMul", {"weights" + n, "V" + n}, {"mixed" + n});
    addIntegers(node("Transpose", {"mixed" + n}, {"mixed.t" + n}), "perm", {0, 2, 1, 3});
    node("Reshape", {"mixed.t" + n, "join"}, {"out" + n});
    node("Add", {x, "out" + n}, {"x" + std::to_string(i + 1)});
    return *this;
  }

  Decoder &head(int layers) {
    weight("head", {8, 10});
    node("MatMul", {"x" + std::to_string(layers), "head"}, {"y"});
    output("y");
    for (int i = layers; i-- > 0;) // the last first: their order says nothing
      output("V" + std::to_string(i)).output("K" + std::to_string(i));
    return *this;
  }

  /// A mask [n, t] that is added to the scores of the layers that follow.
  Decoder &mask(const std::string &name = "b") {
    input(name, {"n", "t"}, i64);
    list("axes", {1, 2});
    addAttribute(node("Cast", {name}, {name + ".f"}), "to", static_cast<int64_t>(::onnx::TensorProto::FLOAT));
    node("Unsqueeze", {name + ".f", "axes"}, {name + ".bias"});
    maskName = name + ".bias";
    return *this;
  }

  std::string recognise(const DecoderHints &hints = {}, const std::map<std::string, std::string> &dims = {}) {
    result = read(proto);
    EXPECT_EQ(result.text(), "");
    auto recognised = recogniseDecoder(*result.model, dims, hints, result.findings);
    if (!recognised.isOk())
      return std::string(recognised.status().message());
    step = std::move(*recognised);
    return summarize(*step);
  }
  bool isMeant(const std::map<std::string, std::string> &dims = {}) {
    result = read(proto);
    EXPECT_EQ(result.text(), "");
    return isDecoder(*result.model, dims);
  }
  std::string name(ValueId value) const { return step->model.graph.values[value].name; }
  std::string stepShape(const std::string &value) const {
    for (ValueId id = 0; id < step->model.graph.values.size(); ++id)
      if (step->model.graph.values[id].name == value)
        return step->analysis.symbols->text(step->analysis.facts[id]->shape);
    return "";
  }

  bool declares = true; // inputs of caches
  std::string maskName;
  std::optional<DecoderStep> step;

private:
  std::string scores(const std::string &n) {
    if (maskName.empty())
      return "scores" + n;
    node("Add", {"scores" + n, maskName}, {"masked" + n});
    return "masked" + n;
  }
};

TEST(Decoder, IsRecognisedByWhereValuesGo) {
  Decoder model;
  model.mask().layer(0).layer(1).head(2);
  EXPECT_EQ(model.recognise(), "decoder: 2 layers, 2 key-value heads of 4 elements, hidden size 8, vocabulary 10\n"
                               "  'a' takes the token\n"
                               "  'b' takes ones\n");
  ASSERT_EQ(model.step->layers.size(), 2U);
  EXPECT_EQ(model.name(model.step->layers[0].pastKey), "k0");
  EXPECT_EQ(model.name(model.step->layers[0].pastValue), "v0");
  EXPECT_EQ(model.name(model.step->layers[1].pastKey), "k1");
  EXPECT_EQ(model.name(model.step->logits), "y");
  EXPECT_EQ(model.step->past, "p");
  EXPECT_EQ(model.stepShape("a"), "[1, 1]");
  EXPECT_EQ(model.stepShape("b"), "[1, p + 1]");
  EXPECT_EQ(model.stepShape("k1"), "[1, 2, p, 4]");
  EXPECT_EQ(model.stepShape("K1"), "[1, 2, p + 1, 4]");
  EXPECT_EQ(model.stepShape("y"), "[1, 1, 10]");
}

TEST(Decoder, LayersOfDifferentNamesHaveOnePast) {
  Decoder model;
  model.layer(0).layer(1, {"m", "2", "q", "4"}).head(2);
  model.recognise();
  ASSERT_TRUE(model.step);
  EXPECT_EQ(model.stepShape("k0"), model.stepShape("k1"));
  EXPECT_EQ(model.stepShape("k1"), "[1, 2, " + model.step->past + ", 4]");
}

TEST(Decoder, UnnamedExtentsAreThoseOfAStep) {
  Decoder model;
  model.layer(0, {"", "2", "", "4"}).head(1);
  model.recognise();
  ASSERT_TRUE(model.step);
  EXPECT_EQ(model.stepShape("V0"), "[1, 2, past_sequence_length + 1, 4]");
}

TEST(Decoder, PositionsAreAsManyAsTokens) {
  Decoder model;
  model.input("position", {"n", "s"}, i64);
  model.weight("places", {6, 8});
  model.node("Gather", {"places", "position"}, {"place"});
  model.node("Add", {"x0", "place"}, {"x1"});
  model.layer(1);
  model.weight("head", {8, 10});
  model.node("MatMul", {"x2", "head"}, {"y"});
  model.output("y").output("K1").output("V1");
  model.proto.mutable_graph()->mutable_output(0)->mutable_type()->CopyFrom(tensorType(1, {"n", "s", "10"}));
  // The table of tokens has as many rows as there are logits; learned positions limit the text.
  EXPECT_EQ(model.recognise(), "decoder: 1 layers, 2 key-value heads of 4 elements, hidden size 8, vocabulary 10, "
                               "room for 6 tokens\n"
                               "  'a' takes the token\n"
                               "  'position' takes its position\n");
}

TEST(Decoder, WhatElseThereIsOfEachTokenIsNoPosition) {
  Decoder model;
  model.input("speaker", {"n", "s"}, i64);
  model.layer(0).head(1);
  EXPECT_NE(
      model.recognise().find("input 'speaker' (i64 [n, s]) is neither the tokens nor, by its name, their positions"),
      std::string::npos);
}

TEST(Decoder, SeveralTablesNeedAName) {
  Decoder model;
  model.input("c", {"n", "s"}, i64);
  model.weight("places", {6, 8});
  model.node("Gather", {"places", "c"}, {"place"});
  model.layer(0).head(1);
  EXPECT_EQ(model.recognise(), "m.onnx: is no decoder that can be compiled: inputs 'a' and 'c' may both be "
                               "the tokens: name one of them input_ids");
}

TEST(Decoder, AStaticCacheGrows) {
  Decoder model(24);
  model.declares = false;
  model.input("at", {"n"}, i64).input("k0", {"n", "2", "16", "4"}).input("v0", {"n", "2", "16", "4"});
  model.layer(0).head(1);
  for (::onnx::NodeProto &node : *model.graph().mutable_node())
    if (node.op_type() == "Concat") {
      node.set_op_type("TensorScatter");
      node.add_input("at");
      node.clear_attribute(); // axis -2
    }
  EXPECT_EQ(model.recognise(), "decoder: 1 layers, 2 key-value heads of 4 elements, hidden size 8, vocabulary 10, "
                               "room for 16 tokens\n"
                               "  'a' takes the token\n"
                               "  'at' takes its position\n");
  EXPECT_EQ(model.stepShape("K0"), "[1, 2, past_sequence_length + 1, 4]");
}

TEST(Decoder, WithoutACacheAModelIsAGraph) {
  {
    Decoder model;
    model.node("Relu", {"x0"}, {"y"});
    model.output("y");
    EXPECT_FALSE(model.isMeant());
  }
  { // Two inputs one after the other, which no attention takes.
    Decoder model;
    model.input("b", {"n", "p", "8"});
    addAttribute(model.node("Concat", {"b", "x0"}, {"y"}), "axis", 1);
    model.output("y");
    EXPECT_FALSE(model.isMeant());
  }
}

TEST(Decoder, WithACacheAModelIsMeantToBeOne) {
  {
    Decoder model;
    model.input("image", {"n", "3", "8", "8"});
    EXPECT_TRUE(model.layer(0).head(1).isMeant());
  }
  { // Tokens that come as embeddings; with all extents known an attention is a graph like any other.
    Decoder model;
    model.graph().clear_input();
    model.input("x0", {"1", "1", "8"});
    model.graph().mutable_node()->DeleteSubrange(0, 1);
    model.layer(0, {"1", "2", "p", "4"}).head(1);
    EXPECT_TRUE(model.isMeant());
    EXPECT_FALSE(model.isMeant({{"p", "3"}}));
  }
}

TEST(Decoder, WhatIsNoneIsSaid) {
  {
    Decoder model;
    model.node("Relu", {"x0"}, {"y"});
    model.output("y");
    EXPECT_EQ(model.recognise(), "m.onnx: is no decoder that can be compiled: no output is a past that grew "
                                 "by the new tokens");
  }
  {
    Decoder model;
    model.input("image", {"n", "3", "8", "8"});
    model.layer(0).head(1);
    EXPECT_EQ(model.recognise(),
              "m.onnx: is no decoder that can be compiled: input 'image' (f32 [n, 3, "
              "8, 8]) is neither the "
              "tokens nor, by its name, their positions (position_ids), no mask over past and present, no length that "
              "an attention takes, and no "
              "keys or values of the past");
  }
  {
    Decoder model;
    model.layer(0).head(1);
    model.proto.mutable_graph()->mutable_output()->DeleteSubrange(2, 1); // K0
    EXPECT_EQ(model.recognise(), "m.onnx: is no decoder that can be compiled: input 'v0' holds values of "
                                 "node 'node_weights0' (Softmax), which takes no past keys");
  }
  {
    Decoder model;
    model.layer(0, {"n", "2", "7", "4"}).head(1);
    EXPECT_EQ(model.recognise(), "m.onnx: is no decoder that can be compiled: input 'v0' (f32 [n, 2, 7, 4]) "
                                 "has room for 7 positions and grows, so its length has to be open");
  }
  {
    Decoder model;
    model.layer(0, {"2", "2", "p", "4"}).head(1);
    EXPECT_EQ(model.recognise(), "m.onnx: axis 0 of input 'v0' is 2; in a decoder's step, which takes one token of one "
                                 "sequence, it would have to be 1");
  }
  {
    Decoder model;
    model.input("b", {"n", "s"}, i64); // as many elements as tokens
    model.layer(0).head(1);
    model.proto.mutable_graph()->mutable_input(1)->set_name("mask");
    EXPECT_NE(model.recognise().find("input 'mask' (i64 [n, s]) is neither the tokens nor"), std::string::npos);
  }
}

TEST(Decoder, ExtentsThatStayOpenAreNamed) {
  Decoder model;
  model.mask();
  model.layer(0, {"n", "2", "p", "4"}).head(1);
  model.input("position", {"n", "s"}, i64);
  EXPECT_NE(model.recognise({}, {{"p", "7"}}).find("--dim p=7: that is how many tokens stand before a step"),
            std::string::npos);
  EXPECT_NE(model.recognise({}, {{"n", "2"}}).find("'n' would have to be 1 and 2 (--dim)"), std::string::npos);
  EXPECT_EQ(model.recognise({}, {{"n", "1"}, {"s", "1"}}).substr(0, 8), "decoder:");
}

TEST(Decoder, FilesThatSayOtherwiseAreErrors) {
  Decoder model;
  model.layer(0, {"n", "h", "p", "d"}).head(1);
  const auto recognise = [&](DecoderHints hints) {
    hints.file = "genai_config.json";
    return model.recognise(hints);
  };
  EXPECT_EQ(recognise({.kvHeads = 2, .headDim = 4}).substr(0, 8), "decoder:");
  EXPECT_EQ(recognise({.layers = 3}), "genai_config.json: the number of layers is 3, but 1 in m.onnx");
  EXPECT_EQ(recognise({.hiddenSize = 9}), "genai_config.json: the hidden size is 9, but 8 in m.onnx");
  EXPECT_EQ(recognise({.vocabulary = 11}), "genai_config.json: the vocabulary is 11, but 10 in m.onnx");
  EXPECT_EQ(recognise({.tokens = "ids"}), "genai_config.json: the tokens are input 'ids', but in m.onnx it is input "
                                          "'a' that chooses embeddings");
}

/// Gives inputs, outputs and what nodes take and make other names.
void rename(::onnx::GraphProto &graph, const std::map<std::string, std::string> &names) {
  const auto apply = [&](std::string *name) {
    if (const auto found = names.find(*name); found != names.end())
      *name = found->second;
  };
  for (auto *ports : {graph.mutable_input(), graph.mutable_output()})
    for (auto &port : *ports)
      apply(port.mutable_name());
  for (auto &node : *graph.mutable_node()) {
    for (std::string &input : *node.mutable_input())
      apply(&input);
    for (std::string &output : *node.mutable_output())
      apply(&output);
  }
}

TEST(Decoder, NamesOfCachesMustNotContradictTheGraph) {
  const std::map<std::string, std::string> consistent = {
      {"k0", "past_key_values.0.key"},   {"v0", "past_key_values.0.value"}, {"k1", "past_key_values.1.key"},
      {"v1", "past_key_values.1.value"}, {"K0", "present.0.key"},           {"V0", "present.0.value"},
      {"K1", "present.1.key"},           {"V1", "present.1.value"}};
  const auto recognise = [&](std::map<std::string, std::string> other) {
    other.insert(consistent.begin(), consistent.end());
    Decoder model;
    model.layer(0).layer(1).head(2);
    rename(model.graph(), other);
    return model.recognise();
  };
  EXPECT_EQ(recognise({}).substr(0, 8), "decoder:");
  EXPECT_EQ(
      recognise({{"K0", "present.1.key"}, {"K1", "present.0.key"}}),
      "m.onnx: output 'present.0.key' is input 'past_key_values.1.key' grown, but is named as if it belonged to "
      "input 'past_key_values.0.key': who feeds outputs to inputs by their names computes something else than the "
      "graph does by itself");
  EXPECT_NE(recognise({{"K0", "present.0.value"}, {"V0", "present.0.key"}}).find("is named as if it belonged to input"),
            std::string::npos);
  // Names that are no such pairs say nothing.
  EXPECT_EQ(recognise({{"K0", "Concat_57"}, {"K1", "Concat_34"}}).substr(0, 8), "decoder:");
}

TEST(Decoder, AnExtentWithoutANameIsSaidByItsPlace) {
  Decoder model;
  model.input("image", {"", "3"});
  std::map<std::string, std::string> dims = {{"image[0]", "7"}, {"s", "1"}};
  Read result = read(model.layer(0).head(1).proto);
  declareUnnamed(*result.model, dims, result.findings);
  EXPECT_EQ(result.text(), "");
  EXPECT_EQ(dims, (std::map<std::string, std::string>{{"s", "1"}}));
  EXPECT_EQ(typeText(result.model->graph.inputs[1].type.get()), "f32 [7, 3]");
  const auto refused = [&](const std::string &name, const std::string &text) {
    Read other = read(model.proto);
    std::map<std::string, std::string> dims = {{name, text}};
    declareUnnamed(*other.model, dims, other.findings);
    return other.text();
  };
  EXPECT_EQ(refused("image[2]", "7"), "invalid: --dim image[2]=7: input 'image' has 2 axes\n");
  EXPECT_EQ(refused("image[1]", "7"), "invalid: --dim image[1]=7: axis 1 of input 'image' is 3\n");
  EXPECT_EQ(refused("a[0]", "7"), "invalid: --dim a[0]=7: axis 0 of input 'a' has a name: say --dim n=7\n");
  EXPECT_EQ(refused("image[0]", "-1"), "invalid: --dim image[0]=-1: the value is no number or expression such as "
                                       "'past_sequence_length + 1'\n");
}

/// Every exported decoder, with all extents known but for the past: recogniseDecoder checks that.
TEST(Decoder, Fixtures) {
  size_t count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(CADENZA_SOURCE_DIR "/test/fixtures/onnx")) {
    const std::string file = (entry.path() / "model.onnx").string();
    if (!std::filesystem::exists(entry.path() / "tokens.json")) // a graph
      continue;
    SCOPED_TRACE(file);
    Findings findings;
    const std::optional<Model> model = readModel(file, findings);
    auto directory = ModelDirectory::open(entry.path().string());
    ASSERT_TRUE(model && directory.isOk());
    EXPECT_TRUE(isDecoder(*model, {}));
    const Companions companions = readCompanions(*directory, findings);
    auto step = recogniseDecoder(*model, {}, companions.hints, findings);
    ASSERT_TRUE(step.isOk()) << step.status().message();
    ++count;
    const std::string name = entry.path().filename().string();
    EXPECT_EQ(step->layers.size(), name.starts_with("gemma3") ? 3U : 2U);
    EXPECT_EQ(step->vocabulary, 288);
    EXPECT_EQ(step->capacity.has_value(),
              name.starts_with("gpt2") || name.find("-genai-") != std::string::npos || name == "llama-static24");
    EXPECT_EQ(companions.eosTokens.empty(), name.find("-genai-") == std::string::npos && !name.ends_with("-optimum"));
  }
  EXPECT_GE(count, 39U);
}

//===----------------------------------------------------------------------===//
// Files beside a model
//===----------------------------------------------------------------------===//

std::string modelIn(const TemporaryFolder &folder) {
  const auto file = modelFileIn(folder.path().string());
  if (!file.isOk())
    return std::string(file.status().message());
  return *file ? std::filesystem::path(**file).filename().string() : "none";
}

TEST(Companions, TheModelOfADirectory) {
  TemporaryFolder folder;
  EXPECT_EQ(modelIn(folder), "none");
  folder.write("decoder.onnx", "");
  EXPECT_EQ(modelIn(folder), "decoder.onnx");
  folder.write("encoder.onnx", "");
  EXPECT_NE(modelIn(folder).find("has several ONNX models, 'decoder.onnx' and 'encoder.onnx': give one of them"),
            std::string::npos);
  folder.write("model.safetensors", "");
  EXPECT_EQ(modelIn(folder), "none"); // a Hugging Face directory
  folder.write("genai_config.json", R"({"model": {"decoder": {"filename": "decoder.onnx"}}})");
  EXPECT_EQ(modelIn(folder), "decoder.onnx");
  folder.write("genai_config.json", R"({"model": {"decoder": {"filename": "../decoder.onnx"}}})");
  EXPECT_NE(modelIn(folder).find("is no .onnx file of its directory"), std::string::npos);
}

TEST(Companions, AttentionsOfOnnxRuntimeGenAi) {
  Findings findings;
  const std::string fixture = CADENZA_SOURCE_DIR "/test/fixtures/onnx/mistral-genai-int4";
  const std::optional<Model> model = readModel(fixture + "/model.onnx", findings);
  auto directory = ModelDirectory::open(fixture);
  ASSERT_TRUE(model && directory.isOk());
  const DecoderHints said = readCompanions(*directory, findings).hints;
  EXPECT_EQ(said.heads, 6);
  EXPECT_EQ(said.window, 7);
  EXPECT_EQ(said.windowed, (std::vector<int64_t>{0, 1}));
  const auto recognise = [&](const DecoderHints &hints) {
    const auto step = recogniseDecoder(*model, {}, hints, findings);
    return step.isOk() ? "" : std::string(step.status().message());
  };
  EXPECT_EQ(recognise(said), "");
  DecoderHints other = said;
  other.heads = 4;
  EXPECT_EQ(recognise(other), "genai_config.json: the number of heads of layer 0 is 4, but 6 in model.onnx");
  other = said;
  other.window = 8;
  EXPECT_EQ(recognise(other), "genai_config.json: the window of layer 0 is 8, but 7 in model.onnx");
  other = said;
  other.windowed = {1};
  EXPECT_EQ(recognise(other), "genai_config.json: the window of layer 0 is 0, but 7 in model.onnx");
}

/// The builder leaves the window out where config.json has no layer_types: genai_config.json still has it, of no layer.
TEST(Companions, AWindowThatWasNotExported) {
  Findings findings;
  const std::string fixture = CADENZA_SOURCE_DIR "/test/fixtures/onnx/llama-genai-fp32";
  const std::optional<Model> model = readModel(fixture + "/model.onnx", findings);
  auto directory = ModelDirectory::open(fixture);
  ASSERT_TRUE(model && directory.isOk());
  DecoderHints hints = readCompanions(*directory, findings).hints;
  hints.window = 7;
  hints.windowed = std::vector<int64_t>();
  EXPECT_TRUE(recogniseDecoder(*model, {}, hints, findings).isOk());
  ASSERT_FALSE(findings.all().empty());
  EXPECT_EQ(findings.all().back().kind, Finding::Kind::Warning);
  EXPECT_NE(findings.all().back().message.find("there is a window of 7, but no layer has it"), std::string::npos);
}

TEST(Companions, GenerationConfigGoesBeforeConfig) {
  TemporaryFolder folder;
  folder.write("config.json", R"({"model_type": "gpt2", "n_layer": 3, "n_embd": 8, "n_positions": 64,
                                  "vocab_size": 10, "eos_token_id": 1, "bos_token_id": 2})");
  folder.write("generation_config.json", R"({"eos_token_id": [3, 4]})");
  Findings findings;
  auto directory = ModelDirectory::open(folder.path().string());
  const Companions companions = readCompanions(*directory, findings);
  EXPECT_EQ(companions.family, "gpt2");
  EXPECT_EQ(companions.hints.layers, 3);
  EXPECT_EQ(companions.hints.hiddenSize, 8);
  EXPECT_EQ(companions.context, 64);
  EXPECT_EQ(companions.bosToken, 2);
  EXPECT_EQ(companions.eosTokens, (std::vector<int32_t>{3, 4}));
  EXPECT_FALSE(findings.hasErrors());
}

} // namespace
} // namespace cadenza::onnx

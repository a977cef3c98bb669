// Replays the fuzzer's target over a corpus and seeded mutations of it.
#include "test/compiler/onnx/fuzz_target.h"
#include "test/compiler/onnx/model_maker.h"

#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <random>
#include <sstream>

namespace cadenza::onnx {
namespace {

using namespace test;

void feed(std::string_view bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
}

/// Everything that the reader does something about, in few bytes: a function with attributes, a branch, a constant, an
/// optional input, tensors in three encodings, a contrib operator.
std::string corpusModel() {
  ::onnx::ModelProto model = emptyModel();
  import(model, "f", 1);
  import(model, "com.microsoft", 1);
  ::onnx::GraphProto &graph = *model.mutable_graph();
  addInput(graph, "x", {"n", "2"});
  *graph.add_initializer() = floats("w", {2}, {1, 2});
  *graph.add_initializer() = boolean("c", true);
  ::onnx::TensorProto &typed = *graph.add_initializer();
  typed.set_name("i");
  typed.set_data_type(::onnx::TensorProto::INT4);
  typed.add_dims(3);
  typed.add_int32_data(0x21);
  typed.add_int32_data(3);
  ::onnx::NodeProto &call = addNode(graph, "F", {"x"}, {"a"}, "k", "f");
  addAttribute(call, "v", 1);
  ::onnx::NodeProto &choice = addNode(graph, "If", {"c"}, {"b"});
  for (const char *name : {"then_branch", "else_branch"}) {
    auto *branch = choice.add_attribute();
    branch->set_name(name);
    branch->set_type(::onnx::AttributeProto::GRAPH);
    addNode(*branch->mutable_g(), "Add", {"a", "w"}, {"r"});
    branch->mutable_g()->add_output()->set_name("r");
  }
  addAttribute(addNode(graph, "Constant", {}, {"d"}), "value_int", 2);
  addNode(graph, "Clip", {"b", "", "w"}, {"e"});
  addNode(graph, "QuickGelu", {"e"}, {"y"}, "", "com.microsoft");
  addOutput(graph, "y");
  ::onnx::FunctionProto &function = *model.add_functions();
  function.set_domain("f");
  function.set_name("F");
  function.add_input("p");
  function.add_output("q");
  function.add_attribute("v");
  *function.add_opset_import() = model.opset_import(0);
  addReference(addNode(function, "Softmax", {"p"}, {"q"}), "axis", "v");
  EXPECT_EQ(read(model).text(), "");
  EXPECT_EQ(read(model).operators(), "Softmax Add Clip QuickGelu");
  return model.SerializeAsString();
}

std::string fixture() {
  std::ifstream file(CADENZA_SOURCE_DIR "/test/fixtures/onnx/encodings.onnx", std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

TEST(OnnxFuzz, Seeds) {
  const std::pair<const char *, std::string> seeds[] = {
      {"corpus", corpusModel()}, {"encodings", fixture()}, {"relu", reluModel().SerializeAsString()}, {"empty", ""}};
  for (const auto &[name, bytes] : seeds) {
    feed(bytes);
    if (const char *folder = std::getenv("CADENZA_ONNX_CORPUS"))
      std::ofstream(std::string(folder) + "/" + name, std::ios::binary) << bytes;
  }
}

TEST(OnnxFuzz, PrefixesAndFlippedBits) {
  const std::string seed = corpusModel();
  for (size_t length = 0; length < seed.size(); ++length)
    feed(std::string_view(seed).substr(0, length));
  for (size_t bit = 0; bit < 8 * seed.size(); ++bit) {
    std::string flipped = seed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    feed(flipped);
  }
}

TEST(OnnxFuzz, Mutations) {
  std::mt19937 random(17);
  const auto below = [&](size_t limit) { return static_cast<size_t>(random() % limit); };
  for (const std::string &seed : {corpusModel(), fixture()}) {
    for (int round = 0; round < 10'000; ++round) {
      std::string mutated = seed;
      for (size_t edits = 1 + below(4); edits > 0 && !mutated.empty(); --edits) {
        const size_t at = below(mutated.size());
        switch (below(4)) {
        case 0:
          mutated[at] = static_cast<char>(random());
          break;
        case 1:
          mutated.insert(at, std::string(1 + below(10), '\xff'));
          break;
        case 2:
          mutated.erase(at, 1 + below(8));
          break;
        case 3:
          mutated.insert(at, mutated.substr(below(mutated.size()), below(40)));
          break;
        }
      }
      feed(mutated);
    }
  }
}

/// Mutations that keep the file well-formed: messages of a sound model moved, doubled and emptied.
TEST(OnnxFuzz, MutatedMessages) {
  ::onnx::ModelProto seed;
  ASSERT_TRUE(seed.ParseFromString(corpusModel()));
  std::mt19937 random(18);
  const auto below = [&](int limit) {
    return limit == 0 ? 0 : static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  const std::string names[] = {"", "x", "a", "b", "c", "y", "w", "d", "F", "If"};
  const auto name = [&] { return names[below(std::size(names))]; };
  for (int round = 0; round < 10'000; ++round) {
    ::onnx::ModelProto model = seed;
    auto &nodes = *model.mutable_graph()->mutable_node();
    for (int edits = 1 + below(3); edits > 0; --edits) {
      ::onnx::NodeProto &node = *nodes.Mutable(below(nodes.size()));
      switch (below(8)) {
      case 0:
        nodes.SwapElements(below(nodes.size()), below(nodes.size()));
        break;
      case 1:
        if (node.input_size() != 0)
          node.set_input(below(node.input_size()), name());
        break;
      case 2:
        if (node.output_size() != 0)
          node.set_output(below(node.output_size()), name());
        break;
      case 3:
        node.add_input(name());
        break;
      case 4:
        node.set_op_type(nodes.Get(below(nodes.size())).op_type());
        break;
      case 5:
        *nodes.Add() = ::onnx::NodeProto(node);
        break;
      case 6:
        *model.mutable_functions(0)->add_node() = ::onnx::NodeProto(node);
        break;
      case 7:
        if (node.attribute_size() != 0)
          *node.mutable_attribute(below(node.attribute_size())) =
              nodes.Get(1).attribute_size() != 0 ? ::onnx::AttributeProto(nodes.Get(1).attribute(0))
                                                 : ::onnx::AttributeProto();
        break;
      }
    }
    feed(model.SerializeAsString());
  }
}

} // namespace
} // namespace cadenza::onnx

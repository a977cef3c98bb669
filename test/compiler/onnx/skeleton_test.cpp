// The walk over a file before protobuf sees it: what it keeps, what it leaves out, what it refuses.
#include "compiler/import/onnx/skeleton.h"
#include "test/compiler/onnx/model_maker.h"
#include "test/temporary_folder.h"

#include <gtest/gtest.h>

namespace cadenza::onnx {
namespace {

using namespace test;

StatusOr<Skeleton> skeleton(const std::string &file) { return skeletonOf(std::as_bytes(std::span(file))); }

std::string errorOf(const std::string &file) {
  StatusOr<Skeleton> result = skeleton(file);
  EXPECT_FALSE(result.isOk());
  if (result.isOk())
    return "";
  EXPECT_EQ(result.status().code(), StatusCode::InvalidInput);
  return result.status().message();
}

/// A length-delimited field.
std::string field(int number, const std::string &payload) {
  std::string bytes;
  for (uint64_t value : {static_cast<uint64_t>(number) << 3 | 2, static_cast<uint64_t>(payload.size())}) {
    for (; value >= 0x80; value >>= 7)
      bytes += static_cast<char>(value | 0x80);
    bytes += static_cast<char>(value);
  }
  return bytes + payload;
}

/// A model that has every field that the reader uses, and documentation, which it does not.
::onnx::ModelProto everything() {
  ::onnx::ModelProto model = emptyModel();
  model.set_producer_name("maker");
  model.set_producer_version("1");
  ::onnx::GraphProto &graph = *model.mutable_graph();
  for (auto set : {&::onnx::TypeProto::mutable_sequence_type}) {
    auto *input = graph.add_input();
    input->set_name("sequence");
    (input->mutable_type()->*set)();
  }
  graph.add_input()->mutable_type()->mutable_map_type();
  graph.add_input()->mutable_type()->mutable_opaque_type();
  graph.add_input()->mutable_type()->mutable_sparse_tensor_type();
  graph.add_input()->mutable_type()->mutable_optional_type();
  addInput(graph, "x", {"n", "4", ""});
  addOutput(graph, "y");
  *graph.add_value_info() = graph.output(0);
  *graph.add_initializer() = floats("w", {2}, {1, 2});
  ::onnx::TensorProto &typed = *graph.add_initializer();
  typed.set_name("typed");
  typed.set_data_type(1);
  typed.mutable_segment()->set_begin(1);
  typed.mutable_segment()->set_end(2);
  typed.add_float_data(1.5F);
  typed.add_int32_data(-3);
  typed.add_string_data("s");
  typed.add_int64_data(INT64_MIN);
  typed.add_double_data(2.5);
  typed.add_uint64_data(UINT64_MAX);
  auto *entry = typed.add_external_data();
  entry->set_key("location");
  entry->set_value("f");
  typed.set_data_location(::onnx::TensorProto::EXTERNAL);
  *graph.add_sparse_initializer()->mutable_values() = typed;

  ::onnx::NodeProto &node = addNode(graph, "Op", {"x", ""}, {"y"}, "name", "domain");
  node.set_overload("o");
  ::onnx::AttributeProto &attribute = addAttribute(node, "a", 7);
  attribute.set_ref_attr_name("r");
  attribute.set_f(1.5F);
  attribute.set_s("text");
  *attribute.mutable_t() = typed;
  attribute.mutable_g()->set_name("branch");
  *attribute.mutable_sparse_tensor()->mutable_values() = typed;
  *attribute.mutable_tp() = graph.input(5).type();
  attribute.add_floats(1);
  attribute.add_ints(2);
  attribute.add_strings("s");
  *attribute.add_tensors() = typed;
  attribute.add_graphs()->set_name("other");
  *attribute.add_sparse_tensors()->mutable_values() = typed;
  *attribute.add_type_protos() = graph.input(5).type();

  ::onnx::FunctionProto &function = *model.add_functions();
  function.set_name("f");
  function.set_domain("d");
  function.set_overload("o");
  function.add_input("a");
  function.add_output("b");
  function.add_attribute("alpha");
  *function.add_attribute_proto() = attribute;
  *function.add_node() = node;
  *function.add_opset_import() = model.opset_import(0);
  return model;
}

TEST(Skeleton, KeepsWhatTheReaderUses) {
  const ::onnx::ModelProto model = everything();
  ::onnx::ModelProto documented = model;
  documented.set_doc_string("what nobody needs");
  documented.mutable_graph()->set_doc_string("what nobody needs");
  documented.mutable_graph()->mutable_node(0)->add_metadata_props()->set_key("what nobody needs");
  documented.add_training_info()->mutable_algorithm()->set_name("what nobody needs");
  const std::string file = documented.SerializeAsString();
  StatusOr<Skeleton> result = skeleton(file);
  ASSERT_TRUE(result.isOk()) << result.status().message();
  ASSERT_EQ(result->pieces.size(), 1U);
  EXPECT_EQ(result->pieces[0].size(), 8U);
  const auto *begin = reinterpret_cast<const std::byte *>(file.data());
  EXPECT_TRUE(result->pieces[0].data() > begin && result->pieces[0].data() < begin + file.size()) << "not a view";
  EXPECT_EQ(result->message.find("what nobody needs"), std::string::npos);

  ::onnx::ModelProto parsed;
  ASSERT_TRUE(parsed.ParseFromString(result->message));
  EXPECT_EQ(parsed.graph().initializer(0).raw_data(), std::string(4, '\0')); // the piece's number
  ::onnx::ModelProto wanted = model;
  wanted.mutable_graph()->mutable_initializer(0)->set_raw_data(std::string(4, '\0'));
  EXPECT_EQ(parsed.SerializeAsString(), wanted.SerializeAsString());
}

TEST(Skeleton, NumbersEveryRawData) {
  ::onnx::ModelProto model = emptyModel();
  *model.mutable_graph()->add_initializer() = floats("a", {1}, {1});
  *model.mutable_graph()->add_initializer() = floats("b", {2}, {2, 3});
  *addAttribute(addNode(*model.mutable_graph(), "Constant", {}, {"c"}), "value", 0).mutable_t() = floats("", {}, {4});
  const std::string file = model.SerializeAsString();
  StatusOr<Skeleton> result = skeleton(file);
  ASSERT_TRUE(result.isOk());
  std::vector<size_t> sizes;
  for (auto piece : result->pieces)
    sizes.push_back(piece.size());
  std::sort(sizes.begin(), sizes.end());
  EXPECT_EQ(sizes, (std::vector<size_t>{4, 4, 8}));
}

TEST(Skeleton, RefusesWhatIsNoModel) {
  EXPECT_EQ(errorOf(""), "is empty");
  EXPECT_NE(errorOf("version https://git-lfs.github.com/spec/v1\noid sha256:").find("git lfs pull"), std::string::npos);
  EXPECT_EQ(errorOf(std::string("\x0b", 1)),
            "offset 0: ModelProto.ir_version: has wire type 3, which ONNX does not use");
  EXPECT_EQ(errorOf(std::string("\0", 1)),
            "offset 0: ModelProto: there is no field tag here; the file is damaged or no ONNX model");
  EXPECT_EQ(errorOf("\x08\xff"), "offset 0: ModelProto.ir_version: a number is cut short");
  EXPECT_EQ(errorOf("\x3a\x05\x0a"), "offset 0: ModelProto.graph: a length leaves what it lies in, which ends at 3; is "
                                     "the file truncated?");
  EXPECT_EQ(errorOf("\x38\x05"), "offset 0: ModelProto.graph: has wire type 0, which is another field's");
}

TEST(Skeleton, RefusesLengthsThatWrap) {
  // 2^64 - 1 as the length of the graph.
  EXPECT_NE(errorOf("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").find("a length leaves"), std::string::npos);
  // A node that is longer than its graph, but not than the file.
  EXPECT_NE(errorOf(field(7, "\x0a\x09") + std::string(40, ' ')).find("offset 2: GraphProto.node: a length leaves"),
            std::string::npos);
}

/// A graph in an attribute of a node in a graph, `depth` times, as bytes: protobuf would refuse to write it.
std::string nested(int depth) {
  std::string graph;
  for (int i = 0; i < depth; ++i)
    graph = field(1, field(5, field(6, graph)));
  return field(7, graph);
}

TEST(Skeleton, RefusesDepth) {
  EXPECT_TRUE(skeleton(nested(29)).isOk()); // 1 + 3 * 29 messages
  EXPECT_NE(errorOf(nested(30)).find("nests deeper than 90 messages"), std::string::npos);
  EXPECT_NE(errorOf(nested(1000)).find("nests deeper than 90 messages"), std::string::npos);
}

TEST(Skeleton, RefusesMessagesThatTakeMoreMemoryThanTheFile) {
  // Two bytes an empty node, some hundred in memory.
  std::string nodes;
  for (int i = 0; i < 3'000'000; ++i)
    nodes += std::string("\x0a\0", 2);
  EXPECT_NE(errorOf(field(7, nodes)).find("take more than 167772160 bytes of memory"), std::string::npos);
  // A byte an element, eight in memory.
  EXPECT_NE(errorOf(field(7, field(5, field(7, std::string(25'000'000, '\1'))))).find("TensorProto.int64_data"),
            std::string::npos);
  // But bytes of tensors and text are what they are.
  for (int bytes : {4, 9}) // float_data, raw_data
    EXPECT_TRUE(skeleton(field(7, field(5, field(bytes, std::string(160'000'000, '\1'))))).isOk());
}

TEST(Skeleton, RefusesFilesBeyondProtobufsLimit) {
  const cadenza::test::TemporaryFolder folder;
  folder.write("big.onnx", "");
  std::filesystem::resize_file(folder.path("big.onnx"), maxMessageBytes + 1); // sparse
  Findings findings;
  EXPECT_FALSE(readModel(folder.path("big.onnx"), findings));
  EXPECT_NE(findings.toStatus().message().find("big.onnx: is 2147483648 bytes"), std::string::npos);
  EXPECT_NE(findings.toStatus().message().find("external data"), std::string::npos);
}

} // namespace
} // namespace cadenza::onnx

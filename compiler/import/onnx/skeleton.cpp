#include "compiler/import/onnx/skeleton.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "runtime/support/checked.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace cadenza::onnx {
namespace {

/// Number: varints, one or packed. Fixed: numbers of 4 or 8 bytes, one or packed.
enum class Kind : uint8_t { Number, Fixed, Text, Message, RawData };

struct MessageType;

/// A field that the reader uses. All others are left out.
struct Field {
  uint32_t number;
  std::string_view name;
  Kind kind;
  const MessageType *message = nullptr;
  uint64_t kept = 0; // bytes that the graph will have for it, about, beside what the parser allocates
};

struct MessageType {
  std::string_view name;
  size_t size; // of the parsed object
  std::span<const Field> fields;
};

extern const MessageType graph, tensor, anyType;

constexpr Field entryFields[] = {{1, "key", Kind::Text}, {2, "value", Kind::Text}};
constexpr MessageType entry = {"StringStringEntryProto", sizeof(::onnx::StringStringEntryProto), entryFields};

constexpr Field opsetFields[] = {{1, "domain", Kind::Text}, {2, "version", Kind::Number}};
constexpr MessageType opset = {"OperatorSetIdProto", sizeof(::onnx::OperatorSetIdProto), opsetFields};

constexpr Field dimensionFields[] = {{1, "dim_value", Kind::Number}, {2, "dim_param", Kind::Text}};
constexpr MessageType dimension = {"TensorShapeProto.Dimension", sizeof(::onnx::TensorShapeProto_Dimension),
                                   dimensionFields};
constexpr Field shapeFields[] = {{1, "dim", Kind::Message, &dimension, 56}};
constexpr MessageType shape = {"TensorShapeProto", sizeof(::onnx::TensorShapeProto), shapeFields};

constexpr Field tensorTypeFields[] = {{1, "elem_type", Kind::Number}, {2, "shape", Kind::Message, &shape}};
constexpr MessageType tensorType = {"TypeProto.Tensor", sizeof(::onnx::TypeProto_Tensor), tensorTypeFields};
// Of the types that no operator here takes it is enough to know which they are.
constexpr MessageType sequenceType = {"TypeProto.Sequence", sizeof(::onnx::TypeProto_Sequence), {}};
constexpr MessageType mapType = {"TypeProto.Map", sizeof(::onnx::TypeProto_Map), {}};
constexpr MessageType opaqueType = {"TypeProto.Opaque", sizeof(::onnx::TypeProto_Opaque), {}};
constexpr MessageType sparseType = {"TypeProto.SparseTensor", sizeof(::onnx::TypeProto_SparseTensor), {}};
constexpr MessageType optionalType = {"TypeProto.Optional", sizeof(::onnx::TypeProto_Optional), {}};
constexpr Field typeFields[] = {{1, "tensor_type", Kind::Message, &tensorType},
                                {4, "sequence_type", Kind::Message, &sequenceType},
                                {5, "map_type", Kind::Message, &mapType},
                                {7, "opaque_type", Kind::Message, &opaqueType},
                                {8, "sparse_tensor_type", Kind::Message, &sparseType},
                                {9, "optional_type", Kind::Message, &optionalType}};
const MessageType anyType = {"TypeProto", sizeof(::onnx::TypeProto), typeFields};

constexpr Field valueInfoFields[] = {{1, "name", Kind::Text}, {2, "type", Kind::Message, &anyType}};
constexpr MessageType valueInfo = {"ValueInfoProto", sizeof(::onnx::ValueInfoProto), valueInfoFields};

constexpr Field segmentFields[] = {{1, "begin", Kind::Number}, {2, "end", Kind::Number}};
constexpr MessageType segment = {"TensorProto.Segment", sizeof(::onnx::TensorProto_Segment), segmentFields};
constexpr Field tensorFields[] = {
    {1, "dims", Kind::Number},          {2, "data_type", Kind::Number},    {3, "segment", Kind::Message, &segment},
    {4, "float_data", Kind::Fixed},     {5, "int32_data", Kind::Number},   {6, "string_data", Kind::Text},
    {7, "int64_data", Kind::Number},    {8, "name", Kind::Text},           {9, "raw_data", Kind::RawData},
    {10, "double_data", Kind::Fixed},   {11, "uint64_data", Kind::Number}, {13, "external_data", Kind::Message, &entry},
    {14, "data_location", Kind::Number}};
const MessageType tensor = {"TensorProto", sizeof(::onnx::TensorProto), tensorFields};

// Sparse tensors are refused by name; their bytes are not looked at.
constexpr Field sparseFields[] = {{1, "values", Kind::Message, &tensor}};
constexpr MessageType sparse = {"SparseTensorProto", sizeof(::onnx::SparseTensorProto), sparseFields};

constexpr Field attributeFields[] = {{1, "name", Kind::Text},
                                     {2, "f", Kind::Fixed},
                                     {3, "i", Kind::Number},
                                     {4, "s", Kind::Text},
                                     {5, "t", Kind::Message, &tensor},
                                     {6, "g", Kind::Message, &graph},
                                     {7, "floats", Kind::Fixed},
                                     {8, "ints", Kind::Number},
                                     {9, "strings", Kind::Text},
                                     {10, "tensors", Kind::Message, &tensor},
                                     {11, "graphs", Kind::Message, &graph},
                                     {14, "tp", Kind::Message, &anyType},
                                     {15, "type_protos", Kind::Message, &anyType},
                                     {20, "type", Kind::Number},
                                     {21, "ref_attr_name", Kind::Text},
                                     {22, "sparse_tensor", Kind::Message, &sparse},
                                     {23, "sparse_tensors", Kind::Message, &sparse}};
constexpr MessageType attribute = {"AttributeProto", sizeof(::onnx::AttributeProto), attributeFields};

constexpr Field nodeFields[] = {
    {1, "input", Kind::Text},   {2, "output", Kind::Text, nullptr, 176},          {3, "name", Kind::Text},
    {4, "op_type", Kind::Text}, {5, "attribute", Kind::Message, &attribute, 128}, {7, "domain", Kind::Text},
    {8, "overload", Kind::Text}};
constexpr MessageType node = {"NodeProto", sizeof(::onnx::NodeProto), nodeFields};

constexpr Field graphFields[] = {{1, "node", Kind::Message, &node, 256},
                                 {2, "name", Kind::Text},
                                 {5, "initializer", Kind::Message, &tensor, 288},
                                 {11, "input", Kind::Message, &valueInfo, 420},
                                 {12, "output", Kind::Message, &valueInfo, 160},
                                 {13, "value_info", Kind::Message, &valueInfo, 128},
                                 {15, "sparse_initializer", Kind::Message, &sparse}};
const MessageType graph = {"GraphProto", sizeof(::onnx::GraphProto), graphFields};

constexpr Field functionFields[] = {
    {1, "name", Kind::Text},           {4, "input", Kind::Text},
    {5, "output", Kind::Text},         {6, "attribute", Kind::Text},
    {7, "node", Kind::Message, &node}, {9, "opset_import", Kind::Message, &opset},
    {10, "domain", Kind::Text},        {11, "attribute_proto", Kind::Message, &attribute},
    {13, "overload", Kind::Text}};
constexpr MessageType function = {"FunctionProto", sizeof(::onnx::FunctionProto), functionFields};

constexpr Field modelFields[] = {{1, "ir_version", Kind::Number},
                                 {2, "producer_name", Kind::Text},
                                 {3, "producer_version", Kind::Text},
                                 {7, "graph", Kind::Message, &graph},
                                 {8, "opset_import", Kind::Message, &opset},
                                 {25, "functions", Kind::Message, &function}};
constexpr MessageType model = {"ModelProto", sizeof(::onnx::ModelProto), modelFields};

enum Wire : uint32_t { Varint = 0, Fixed64 = 1, Length = 2, Fixed32 = 5 };

class Walk {
public:
  explicit Walk(std::span<const std::byte> file) : file(file) {}

  Status message(const MessageType &type, uint64_t end, int depth) {
    if (depth > maxDepth)
      return fail(type, "", at, "nests deeper than " + std::to_string(maxDepth) + " messages");
    while (at < end)
      CADENZA_RETURN_IF_ERROR(field(type, end, depth));
    return Status::ok();
  }

  Skeleton result;

private:
  static Status fail(const MessageType &type, std::string_view field, uint64_t offset, const std::string &what) {
    return {StatusCode::InvalidInput, "offset " + std::to_string(offset) + ": " + std::string(type.name) +
                                          (field.empty() ? "" : "." + std::string(field)) + ": " + what};
  }

  /// Nothing if it runs past `end` or is longer than 64 bits.
  std::optional<uint64_t> varint(uint64_t end) {
    uint64_t value = 0;
    for (int shift = 0; shift < 70 && at < end; shift += 7) {
      const auto byte = static_cast<uint64_t>(file[at++]);
      if (shift == 63 && byte > 1)
        return std::nullopt;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80)
        return value;
    }
    return std::nullopt;
  }

  void putVarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7)
      result.message += static_cast<char>(value | 0x80);
    result.message += static_cast<char>(value);
  }

  void copy(uint64_t from, uint64_t bytes) {
    result.message.append(reinterpret_cast<const char *>(file.data()) + from, bytes);
  }

  static const Field *find(const MessageType &type, uint64_t number) {
    for (const Field &field : type.fields)
      if (field.number == number)
        return &field;
    return nullptr;
  }

  /// How many numbers a field of varints holds: a packed one may have one a byte.
  uint64_t numbers(uint64_t payload, uint32_t wire, uint64_t length) const {
    if (wire != Length)
      return 1;
    const auto bytes = file.subspan(payload, length);
    return std::count_if(bytes.begin(), bytes.end(), [](std::byte byte) { return static_cast<uint8_t>(byte) < 0x80; });
  }

  /// Counts what the parser, and the graph after it, will take for one field beside the bytes themselves.
  Status allocate(const MessageType &type, const Field &field, uint64_t start, uint64_t bytes) {
    parsed += bytes;
    return parsed <= maxParsedBytes
               ? Status::ok()
               : fail(type, field.name, start,
                      "the messages up to here take more than " + std::to_string(maxParsedBytes) +
                          " bytes of memory; values of tensors belong into raw_data or external data");
  }

  Status field(const MessageType &type, uint64_t end, int depth) {
    const uint64_t start = at;
    const auto tag = varint(end);
    if (!tag || *tag >> 3 == 0 || *tag >> 3 > 0x1fffffff)
      return fail(type, "", start, "there is no field tag here; the file is damaged or no ONNX model");
    const Field *known = find(type, *tag >> 3);
    const std::string_view name = known ? known->name : "";
    const auto wire = static_cast<uint32_t>(*tag & 7);
    uint64_t payload = at, length = 0;
    switch (wire) {
    case Varint:
      if (!varint(end))
        return fail(type, name, start, "a number is cut short");
      break;
    case Fixed64:
    case Fixed32:
      length = wire == Fixed64 ? 8 : 4;
      if (!checked::inBounds(payload, length, end))
        return fail(type, name, start, "a number is cut short");
      at += length;
      break;
    case Length: {
      const auto bytes = varint(end);
      if (!bytes || !checked::inBounds(at, *bytes, end))
        return fail(type, name, start,
                    "a length leaves what it lies in, which ends at " + std::to_string(end) +
                        "; is the file truncated?");
      payload = at;
      length = *bytes;
      at += length;
      break;
    }
    default:
      return fail(type, name, start, "has wire type " + std::to_string(wire) + ", which ONNX does not use");
    }
    if (!known)
      return Status::ok();
    if (wire != Length && known->kind != (wire == Varint ? Kind::Number : Kind::Fixed))
      return fail(type, name, start, "has wire type " + std::to_string(wire) + ", which is another field's");
    return put(type, *known, start, payload, length, wire, depth);
  }

  Status put(const MessageType &type, const Field &field, uint64_t start, uint64_t payload, uint64_t length,
             uint32_t wire, int depth) {
    constexpr uint64_t pointer = sizeof(void *);
    switch (field.kind) {
    case Kind::Number:
      CADENZA_RETURN_IF_ERROR(allocate(type, field, start, sizeof(int64_t) * numbers(payload, wire, length)));
      copy(start, at - start);
      return Status::ok();
    case Kind::Fixed: // packed, they are as large in memory as in the file
      CADENZA_RETURN_IF_ERROR(allocate(type, field, start, wire == Length ? 0 : sizeof(double)));
      copy(start, at - start);
      return Status::ok();
    case Kind::Text:
      CADENZA_RETURN_IF_ERROR(allocate(type, field, start, sizeof(std::string) + pointer + field.kept));
      copy(start, at - start);
      return Status::ok();
    case Kind::RawData: {
      CADENZA_RETURN_IF_ERROR(allocate(type, field, start, sizeof(std::string) + pointer));
      auto index = static_cast<uint32_t>(result.pieces.size());
      result.pieces.push_back(file.subspan(payload, length));
      putVarint(uint64_t{field.number} << 3 | Length);
      putVarint(sizeof(index));
      for (size_t i = 0; i < sizeof(index); ++i)
        result.message += static_cast<char>(index >> (8 * i));
      return Status::ok();
    }
    case Kind::Message:
      break;
    }
    CADENZA_RETURN_IF_ERROR(allocate(type, field, start, field.message->size + pointer + field.kept));
    putVarint(uint64_t{field.number} << 3 | Length);
    // The length is known only afterwards: five bytes, which a varint may have though fewer would do.
    constexpr size_t lengthBytes = 5;
    const size_t place = result.message.size();
    result.message.append(lengthBytes, '\0');
    const uint64_t after = at;
    at = payload;
    CADENZA_RETURN_IF_ERROR(message(*field.message, payload + length, depth + 1));
    at = after;
    const uint64_t written = result.message.size() - place - lengthBytes;
    for (size_t i = 0; i < lengthBytes; ++i)
      result.message[place + i] = static_cast<char>((written >> (7 * i) & 0x7f) | (i + 1 < lengthBytes ? 0x80 : 0));
    return Status::ok();
  }

  std::span<const std::byte> file;
  uint64_t at = 0;
  uint64_t parsed = 0;
};

} // namespace

StatusOr<Skeleton> skeletonOf(std::span<const std::byte> file) {
  const std::string_view text(reinterpret_cast<const char *>(file.data()), file.size());
  if (text.starts_with("version https://git-lfs.github.com/spec/"))
    return Status(StatusCode::InvalidInput,
                  "is a Git LFS pointer, not the model itself; run 'git lfs pull' in the model's directory");
  if (file.empty())
    return Status(StatusCode::InvalidInput, "is empty");
  if (file.size() > maxMessageBytes)
    return Status(StatusCode::InvalidInput,
                  "is " + std::to_string(file.size()) +
                      " bytes; an ONNX file ends at 2^31 - 1, the limit of protobuf: "
                      "export the model with external data (onnx.save(..., save_as_external_data=True))");
  Walk walk(file);
  CADENZA_RETURN_IF_ERROR(walk.message(model, file.size(), 0));
  if (walk.result.message.size() > maxMessageBytes)
    return Status(StatusCode::InvalidInput, "holds more messages than protobuf can");
  return std::move(walk.result);
}

} // namespace cadenza::onnx

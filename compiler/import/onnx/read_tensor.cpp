#include "compiler/import/onnx/read_tensor.h"
#include "compiler/import/onnx/onnx_proto.h"
#include "compiler/import/text.h"
#include "runtime/support/checked.h"

#include <charconv>
#include <cstring>
#include <optional>

namespace cadenza::onnx {
namespace {

constexpr int maxRank = 64;

Status invalid(std::string message) { return {StatusCode::InvalidInput, std::move(message)}; }

/// The values of a field with one number an element, as their little-endian bytes.
template <typename T, typename Field> std::vector<std::byte> bytesOf(const Field &field) {
  std::vector<std::byte> bytes(static_cast<size_t>(field.size()) * sizeof(T));
  for (int i = 0; i < field.size(); ++i) {
    const auto value = static_cast<T>(field[i]);
    std::memcpy(&bytes[static_cast<size_t>(i) * sizeof(T)], &value, sizeof(T));
  }
  return bytes;
}

/// int32_data: an element of 8, 16 or 32 bits each, 6 bits of one, or a byte of two or four.
StatusOr<std::vector<std::byte>> bytesOfInt32(const ::onnx::TensorProto &proto, ElementType type) {
  const auto &field = proto.int32_data();
  const unsigned bits = elementBits(type), entryBits = bits < 6 ? 8 : bits;
  const bool isTwosComplement = isSigned(type) && bits >= 8;
  const int64_t low = isTwosComplement ? -(int64_t{1} << (entryBits - 1)) : 0;
  const int64_t high = type == ElementType::boolean ? 1 : (int64_t{1} << (entryBits - isTwosComplement)) - 1;
  std::vector<std::byte> bytes((static_cast<uint64_t>(field.size()) * entryBits + 7) / 8);
  for (int i = 0; i < field.size(); ++i) {
    if (field[i] < low || field[i] > high)
      return invalid("int32_data[" + std::to_string(i) + "] is " + std::to_string(field[i]) + ", no value of " +
                     std::string(elementTypeName(type)));
    const auto value = static_cast<uint32_t>(field[i]);
    for (unsigned bit = 0; bit < entryBits; bit += entryBits == 6 ? 1 : 8) {
      const uint64_t place = static_cast<uint64_t>(i) * entryBits + bit;
      const uint32_t piece = entryBits == 6 ? (value >> bit & 1) << (place % 8) : value >> bit & 0xff;
      bytes[place / 8] |= static_cast<std::byte>(piece);
    }
  }
  return bytes;
}

/// The field that may hold typed values of a type.
std::string_view typedField(ElementType type) {
  switch (type) {
  case ElementType::f32:
  case ElementType::c64:
    return "float_data";
  case ElementType::f64:
  case ElementType::c128:
    return "double_data";
  case ElementType::i64:
    return "int64_data";
  case ElementType::u32:
  case ElementType::u64:
    return "uint64_data";
  default:
    return "int32_data";
  }
}

StatusOr<std::vector<std::byte>> typedBytes(const ::onnx::TensorProto &proto, ElementType type) {
  const std::string_view field = typedField(type);
  if (field == "float_data")
    return bytesOf<float>(proto.float_data());
  if (field == "double_data")
    return bytesOf<double>(proto.double_data());
  if (field == "int64_data")
    return bytesOf<int64_t>(proto.int64_data());
  if (field == "int32_data")
    return bytesOfInt32(proto, type);
  if (type == ElementType::u64)
    return bytesOf<uint64_t>(proto.uint64_data());
  for (int i = 0; i < proto.uint64_data_size(); ++i)
    if (proto.uint64_data(i) > UINT32_MAX)
      return invalid("uint64_data[" + std::to_string(i) + "] is " + std::to_string(proto.uint64_data(i)) +
                     ", no value of u32");
  return bytesOf<uint32_t>(proto.uint64_data());
}

std::optional<uint64_t> parseNumber(const std::string &text) {
  uint64_t value = 0;
  const char *end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || stop != end || error != std::errc())
    return std::nullopt;
  return value;
}

Status checkSize(std::string_view field, uint64_t found, uint64_t wanted, const Tensor &tensor) {
  if (found == wanted)
    return Status::ok();
  return invalid(std::string(field) + " has " + std::to_string(found) + " bytes, but " + shapeText(tensor.shape) +
                 " of " + std::string(elementTypeName(tensor.type)) + " takes " + std::to_string(wanted));
}

} // namespace

std::string valueFields(const ::onnx::TensorProto &proto) {
  const std::pair<bool, std::string_view> fields[] = {{proto.has_raw_data(), "raw_data"},
                                                      {proto.float_data_size() != 0, "float_data"},
                                                      {proto.int32_data_size() != 0, "int32_data"},
                                                      {proto.int64_data_size() != 0, "int64_data"},
                                                      {proto.double_data_size() != 0, "double_data"},
                                                      {proto.uint64_data_size() != 0, "uint64_data"},
                                                      {proto.string_data_size() != 0, "string_data"}};
  std::string names;
  for (const auto &[present, name] : fields)
    if (present)
      names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

StatusOr<Tensor> TensorReader::read(const ::onnx::TensorProto &proto) {
  Tensor tensor;
  const auto type = elementType(proto.data_type());
  if (proto.data_type() == 0)
    return invalid("data_type is missing");
  if (!type)
    return Status(StatusCode::Unsupported, "data_type " + std::to_string(proto.data_type()) + " is not known");
  if (*type == ElementType::string)
    return Status(StatusCode::Unsupported, "data_type string is not supported");
  if (proto.has_segment())
    return Status(StatusCode::Unsupported, "segment: tensors in pieces are not supported");
  tensor.type = *type;
  if (proto.dims_size() > maxRank)
    return invalid("dims has " + std::to_string(proto.dims_size()) + " dimensions, more than " +
                   std::to_string(maxRank));
  tensor.shape.assign(proto.dims().begin(), proto.dims().end());
  for (int64_t extent : tensor.shape)
    if (extent < 0)
      return invalid("dims " + shapeText(tensor.shape) + " has a negative extent");
  const auto bits = checked::byteSize(tensor.shape, elementBits(*type));
  if (!bits || *bits > INT64_MAX)
    return invalid("dims " + shapeText(tensor.shape) + " overflows");
  const uint64_t bytes = *bits / 8 + (*bits % 8 != 0);

  const std::string fields = valueFields(proto);
  if (proto.data_location() == ::onnx::TensorProto_DataLocation_EXTERNAL) {
    if (!fields.empty())
      return invalid("data_location is EXTERNAL, but there is " + fields);
    CADENZA_RETURN_IF_ERROR(readExternal(proto, bytes, tensor));
    return tensor;
  }
  if (proto.has_raw_data() && fields == "raw_data") {
    uint32_t index = UINT32_MAX; // as the skeleton has it
    if (proto.raw_data().size() == sizeof(index))
      std::memcpy(&index, proto.raw_data().data(), sizeof(index));
    if (index >= pieces.size())
      return Status(StatusCode::Internal, "raw_data is no index of the skeleton's pieces");
    CADENZA_RETURN_IF_ERROR(checkSize("raw_data", pieces[index].size(), bytes, tensor));
    tensor.bytes = pieces[index];
    tensor.owner = owner;
    return tensor;
  }
  if (!fields.empty() && fields != typedField(*type))
    return invalid("values of " + std::string(elementTypeName(*type)) + " are in " + fields + "; raw_data or " +
                   std::string(typedField(*type)) + " may hold them");
  CADENZA_ASSIGN_OR_RETURN(std::vector<std::byte> values, typedBytes(proto, *type));
  CADENZA_RETURN_IF_ERROR(checkSize(typedField(*type), values.size(), bytes, tensor));
  return makeTensor(*type, std::move(tensor.shape), std::move(values));
}

Status TensorReader::readExternal(const ::onnx::TensorProto &proto, uint64_t bytes, Tensor &tensor) {
  const std::string *location = nullptr;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  for (const auto &entry : proto.external_data()) {
    if (entry.key() == "location") {
      location = &entry.value();
    } else if (entry.key() == "offset" || entry.key() == "length") {
      const auto number = parseNumber(entry.value());
      if (!number)
        return invalid("external_data: " + entry.key() + " " + quotedName(entry.value()) + " is no whole number");
      if (entry.key() == "offset")
        offset = *number;
      else
        length = number;
    } // "checksum" is of the whole file, which nobody reads as a whole
  }
  if (!location)
    return invalid("external_data: there is no location");
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const MappedFile> file, external.file(*location));
  const uint64_t size = file->bytes().size();
  const std::string where = "external_data: " + quotedName(*location) + ": ";
  if (length)
    CADENZA_RETURN_IF_ERROR(checkSize(where + "length", *length, bytes, tensor));
  if (!checked::inBounds(offset, bytes, size))
    return invalid(where + std::to_string(bytes) + " bytes from offset " + std::to_string(offset) +
                   " on leave the file of " + std::to_string(size) + " bytes; is it truncated?");
  tensor.bytes = file->bytes().subspan(offset, bytes);
  tensor.owner = std::move(file);
  return Status::ok();
}

} // namespace cadenza::onnx

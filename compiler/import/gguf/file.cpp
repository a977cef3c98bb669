#include "compiler/import/gguf/file.h"
#include "compiler/import/text.h"
#include "runtime/support/checked.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace cadenza::gguf {
namespace {

static_assert(std::endian::native == std::endian::little);

// Far above any model: bounds of what a small file can make this reader hold.
constexpr uint64_t maxKeys = 65'536, maxTensors = 131'072, maxKeyBytes = 65'535, maxTensorNameBytes = 1024;
constexpr int maxDepth = 4; // of arrays of arrays
constexpr uint32_t maxRank = 4;
constexpr uint64_t defaultAlignment = 32, maxAlignment = uint64_t{1} << 30;

/// Bytes of a value, 0 for strings and arrays.
uint64_t fixedSize(ValueType type) {
  constexpr uint64_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<size_t>(type)];
}

/// A position in the file that never leaves it.
class Cursor {
public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t offset() const { return offset_; }
  uint64_t left() const { return bytes_.size() - offset_; }

  Status fail(const std::string &what) const {
    return {StatusCode::InvalidInput, "offset " + std::to_string(offset_) + ": " + what};
  }

  StatusOr<std::span<const std::byte>> take(uint64_t count, const char *what) {
    if (count > left())
      return fail(std::string(what) + " of " + std::to_string(count) + " bytes, but the file ends " +
                  std::to_string(left()) + " bytes on");
    const auto taken = bytes_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }

  template <typename T> StatusOr<T> number(const char *what) {
    CADENZA_ASSIGN_OR_RETURN(const auto bytes, take(sizeof(T), what));
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  StatusOr<std::string_view> string(const char *what) {
    CADENZA_ASSIGN_OR_RETURN(const uint64_t length, number<uint64_t>(what));
    CADENZA_ASSIGN_OR_RETURN(const auto bytes, take(length, what));
    return std::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size());
  }

  StatusOr<ValueType> valueType() {
    CADENZA_ASSIGN_OR_RETURN(const uint32_t type, number<uint32_t>("the type of a value"));
    if (type > static_cast<uint32_t>(ValueType::f64))
      return fail("type of a value " + std::to_string(type) + " is not known");
    return static_cast<ValueType>(type);
  }

private:
  std::span<const std::byte> bytes_;
  uint64_t offset_ = 0;
};

/// Reads what follows the type of an array, itself `depth` arrays deep, and checks all of it.
StatusOr<Array> readArray(Cursor &cursor, int depth, std::span<const std::byte> file) {
  if (depth == maxDepth)
    return cursor.fail("arrays in more than " + std::to_string(maxDepth) + " arrays");
  CADENZA_ASSIGN_OR_RETURN(const ValueType type, cursor.valueType());
  CADENZA_ASSIGN_OR_RETURN(const uint64_t count, cursor.number<uint64_t>("the length of an array"));
  const uint64_t begin = cursor.offset();
  if (const uint64_t size = fixedSize(type); size != 0) {
    const auto bytes = checked::multiply(count, size);
    if (!bytes || *bytes > cursor.left())
      return cursor.fail("array of " + std::to_string(count) + " " + std::string(valueTypeName(type)) +
                         " goes beyond the end of the file");
    CADENZA_RETURN_IF_ERROR(cursor.take(*bytes, "an array").status());
  } else {
    // Of a string or an array, there are eight bytes at least: a count that is too large ends at the file's end.
    for (uint64_t i = 0; i < count; ++i) {
      if (type == ValueType::string)
        CADENZA_RETURN_IF_ERROR(cursor.string("a string").status());
      else
        CADENZA_RETURN_IF_ERROR(readArray(cursor, depth + 1, file).status());
    }
  }
  return Array{type, count, file.subspan(begin, cursor.offset() - begin)};
}

template <typename T> T load(std::span<const std::byte> bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

/// A number or a truth value.
Value fixedValue(ValueType type, std::span<const std::byte> bytes) {
  switch (type) {
  case ValueType::u8:
    return int64_t{load<uint8_t>(bytes)};
  case ValueType::i8:
    return int64_t{load<int8_t>(bytes)};
  case ValueType::u16:
    return int64_t{load<uint16_t>(bytes)};
  case ValueType::i16:
    return int64_t{load<int16_t>(bytes)};
  case ValueType::u32:
    return int64_t{load<uint32_t>(bytes)};
  case ValueType::i32:
    return int64_t{load<int32_t>(bytes)};
  case ValueType::i64:
    return load<int64_t>(bytes);
  case ValueType::f32:
    return load<float>(bytes);
  case ValueType::f64:
    return load<double>(bytes);
  case ValueType::boolean:
    return load<uint8_t>(bytes) != 0;
  default:
    break;
  }
  const auto value = load<uint64_t>(bytes);
  return value <= static_cast<uint64_t>(INT64_MAX) ? Value(static_cast<int64_t>(value)) : Value(value);
}

StatusOr<Value> readValue(Cursor &cursor, std::span<const std::byte> file) {
  CADENZA_ASSIGN_OR_RETURN(const ValueType type, cursor.valueType());
  if (type == ValueType::string) {
    CADENZA_ASSIGN_OR_RETURN(const std::string_view text, cursor.string("a string"));
    return Value(text);
  }
  if (type == ValueType::array) {
    CADENZA_ASSIGN_OR_RETURN(const Array array, readArray(cursor, 0, file));
    return Value(array);
  }
  CADENZA_ASSIGN_OR_RETURN(const auto bytes, cursor.take(fixedSize(type), "a value"));
  if (type == ValueType::boolean && load<uint8_t>(bytes) > 1)
    return cursor.fail("truth value " + std::to_string(load<uint8_t>(bytes)) + " is neither 0 nor 1");
  return fixedValue(type, bytes);
}

Status checkVersion(const Cursor &cursor, uint32_t version) {
  if (version == 2 || version == 3)
    return Status::ok();
  if ((version & 0xFFFF) == 0 && version != 0)
    return {StatusCode::Unsupported, "offset 4: the file is big-endian, which is not supported (little-endian is)"};
  if (version == 1)
    return {StatusCode::Unsupported,
            "offset 4: version 1 of the format is not supported (2 and 3 are): convert the model again"};
  return cursor.fail("version " + std::to_string(version) + " of the format is not known (2 and 3 are)");
}

/// A tensor as the header describes it.
struct Described {
  Tensor tensor;
  uint64_t offset = 0, bytes = 0; // relative to the beginning of the data
  uint64_t at = 0;                // of the description, for messages
};

Status invalidTensor(const Described &described, const std::string &what) {
  return {StatusCode::InvalidInput,
          "offset " + std::to_string(described.at) + ": tensor " + quotedName(described.tensor.name) + " " + what};
}

/// The bytes of a tensor, whose columns must be whole blocks.
Status measure(Described &described) {
  const Tensor &tensor = described.tensor;
  const int64_t columns = tensor.shape.back();
  if (columns % tensor.type->blockElements != 0)
    return invalidTensor(described, "has rows of " + std::to_string(columns) + ", no multiple of the " +
                                        std::to_string(tensor.type->blockElements) + " of a block of " +
                                        std::string(tensor.type->name));
  std::vector<int64_t> blocks = tensor.shape;
  blocks.back() = columns / tensor.type->blockElements;
  const auto elements = checked::byteSize(tensor.shape, 1);
  const auto bytes = checked::byteSize(blocks, tensor.type->blockBytes);
  if (!bytes || !elements || *elements > static_cast<uint64_t>(INT64_MAX))
    return invalidTensor(described, "of shape " + shapeText(tensor.shape) + " has more elements than can be counted");
  described.bytes = *bytes;
  return Status::ok();
}

StatusOr<Described> readTensor(Cursor &cursor) {
  Described described;
  described.at = cursor.offset();
  CADENZA_ASSIGN_OR_RETURN(const std::string_view name, cursor.string("a tensor's name"));
  if (name.empty() || name.size() > maxTensorNameBytes)
    return cursor.fail("a tensor's name of " + std::to_string(name.size()) + " bytes");
  described.tensor.name = name;
  CADENZA_ASSIGN_OR_RETURN(const uint32_t rank, cursor.number<uint32_t>("a tensor's rank"));
  if (rank == 0 || rank > maxRank)
    return invalidTensor(described, "has " + std::to_string(rank) + " dimensions (1 to 4 are possible)");
  for (uint32_t i = 0; i < rank; ++i) {
    CADENZA_ASSIGN_OR_RETURN(const uint64_t extent, cursor.number<uint64_t>("a tensor's shape"));
    if (extent == 0 || extent > static_cast<uint64_t>(INT64_MAX))
      return invalidTensor(described, "has the extent " + std::to_string(extent));
    described.tensor.shape.insert(described.tensor.shape.begin(), static_cast<int64_t>(extent));
  }
  CADENZA_ASSIGN_OR_RETURN(const uint32_t type, cursor.number<uint32_t>("a tensor's type"));
  CADENZA_ASSIGN_OR_RETURN(described.offset, cursor.number<uint64_t>("a tensor's offset"));
  described.tensor.type = findTensorType(type);
  if (!described.tensor.type)
    return Status(StatusCode::Unsupported,
                  invalidTensor(described, "is of type " + std::to_string(type) + ", which is not known (" +
                                               supportedTensorTypes() + " are supported)")
                      .message());
  CADENZA_RETURN_IF_ERROR(measure(described));
  return described;
}

/// Tensors may lie in any order, with holes between them, but not in one another.
Status checkOverlaps(const std::vector<Described> &tensors) {
  std::vector<const Described *> byOffset;
  byOffset.reserve(tensors.size());
  for (const Described &described : tensors)
    byOffset.push_back(&described);
  std::sort(byOffset.begin(), byOffset.end(),
            [](const Described *a, const Described *b) { return a->offset < b->offset; });
  for (size_t i = 1; i < byOffset.size(); ++i)
    if (byOffset[i - 1]->offset + byOffset[i - 1]->bytes > byOffset[i]->offset) // both are inside the file
      return invalidTensor(*byOffset[i], "begins inside tensor " + quotedName(byOffset[i - 1]->tensor.name));
  return Status::ok();
}

StatusOr<uint64_t> readAlignment(const Value *value) {
  if (!value)
    return defaultAlignment;
  const auto *alignment = std::get_if<int64_t>(value);
  if (!alignment || *alignment <= 0 || static_cast<uint64_t>(*alignment) > maxAlignment ||
      !std::has_single_bit(static_cast<uint64_t>(*alignment)))
    return Status(StatusCode::InvalidInput,
                  "general.alignment is no power of two in [1, " + std::to_string(maxAlignment) + "]");
  return static_cast<uint64_t>(*alignment);
}

Status checkSplit(const Value *count) {
  const auto *parts = count ? std::get_if<int64_t>(count) : nullptr;
  if (!parts || *parts <= 1)
    return Status::ok();
  return {StatusCode::Unsupported, "is one of " + std::to_string(*parts) +
                                       " parts of a model, which is not supported: merge them with llama.cpp's "
                                       "llama-gguf-split --merge FIRST-PART.gguf WHOLE.gguf"};
}

} // namespace

std::string_view valueTypeName(ValueType type) {
  constexpr std::string_view names[] = {"uint8", "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
                                        "bool",  "string", "array",  "uint64", "int64",  "float64"};
  return names[static_cast<size_t>(type)];
}

std::vector<double> Array::numbers() const {
  std::vector<double> values;
  const uint64_t size = fixedSize(type);
  if (size == 0)
    return values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i)
    std::visit(
        [&](const auto &value) {
          if constexpr (std::is_arithmetic_v<std::decay_t<decltype(value)>>)
            values.push_back(static_cast<double>(value));
        },
        fixedValue(type, bytes.subspan(i * size, size)));
  return values;
}

std::vector<std::string_view> Array::strings() const {
  std::vector<std::string_view> values;
  if (type != ValueType::string)
    return values;
  values.reserve(count);
  Cursor cursor(bytes);
  for (uint64_t i = 0; i < count; ++i)
    if (auto text = cursor.string("a string"); text.isOk()) // it has been checked
      values.push_back(*text);
  return values;
}

Status File::read() {
  Cursor cursor(bytes_);
  constexpr std::string_view magic = "GGUF";
  if (bytes_.size() < magic.size() || std::memcmp(bytes_.data(), magic.data(), magic.size()) != 0)
    return cursor.fail("is no GGUF file: the first bytes are not 'GGUF'");
  CADENZA_RETURN_IF_ERROR(cursor.take(magic.size(), "the magic").status());
  CADENZA_ASSIGN_OR_RETURN(const uint32_t version, cursor.number<uint32_t>("the version"));
  CADENZA_RETURN_IF_ERROR(checkVersion(cursor, version));
  CADENZA_ASSIGN_OR_RETURN(const uint64_t tensorCount, cursor.number<uint64_t>("the number of tensors"));
  CADENZA_ASSIGN_OR_RETURN(const uint64_t keyCount, cursor.number<uint64_t>("the number of keys"));
  if (tensorCount > maxTensors)
    return cursor.fail(std::to_string(tensorCount) + " tensors, more than " + std::to_string(maxTensors));
  if (keyCount > maxKeys)
    return cursor.fail(std::to_string(keyCount) + " keys, more than " + std::to_string(maxKeys));
  for (uint64_t i = 0; i < keyCount; ++i) {
    CADENZA_ASSIGN_OR_RETURN(const std::string_view key, cursor.string("a key"));
    if (key.empty() || key.size() > maxKeyBytes)
      return cursor.fail("a key of " + std::to_string(key.size()) + " bytes");
    if (metadata_.contains(key))
      return cursor.fail("key " + quotedName(key) + " occurs twice");
    auto value = readValue(cursor, bytes_);
    if (!value.isOk())
      return value.status().withPrefix("key " + quotedName(key));
    metadata_.emplace(key, *value);
  }
  CADENZA_RETURN_IF_ERROR(checkSplit(find("split.count")));
  CADENZA_ASSIGN_OR_RETURN(const uint64_t alignment, readAlignment(find("general.alignment")));

  std::vector<Described> described;
  for (uint64_t i = 0; i < tensorCount; ++i) {
    CADENZA_ASSIGN_OR_RETURN(Described tensor, readTensor(cursor));
    if (tensor.offset % alignment != 0)
      return invalidTensor(tensor, "has the offset " + std::to_string(tensor.offset) +
                                       ", no multiple of general.alignment " + std::to_string(alignment));
    described.push_back(std::move(tensor));
  }
  headerBytes_ = cursor.offset();
  const uint64_t data = tensorCount == 0 ? headerBytes_ : *checked::alignUp(headerBytes_, alignment);
  for (Described &tensor : described) {
    if (data > bytes_.size() || !checked::inBounds(tensor.offset, tensor.bytes, bytes_.size() - data))
      return invalidTensor(tensor, "of " + std::to_string(tensor.bytes) + " bytes at " + std::to_string(tensor.offset) +
                                       " of the data, which begin at " + std::to_string(data) +
                                       ", goes beyond the file's " + std::to_string(bytes_.size()) +
                                       " bytes: it was cut short");
    tensor.tensor.data = bytes_.subspan(data + tensor.offset, tensor.bytes);
  }
  CADENZA_RETURN_IF_ERROR(checkOverlaps(described));
  for (Described &tensor : described)
    if (std::string name = tensor.tensor.name; !tensors_.emplace(name, std::move(tensor.tensor)).second)
      return {StatusCode::InvalidInput,
              "offset " + std::to_string(tensor.at) + ": tensor " + quotedName(name) + " occurs twice"};
  return Status::ok();
}

StatusOr<File> File::parse(std::span<const std::byte> bytes) {
  File file;
  file.bytes_ = bytes;
  CADENZA_RETURN_IF_ERROR(file.read());
  return file;
}

StatusOr<File> File::open(const std::string &path) {
  File file;
  file.name_ = escaped(std::filesystem::path(path).filename().string(), 128);
  CADENZA_ASSIGN_OR_RETURN(file.mapping_, MappedFile::open(path));
  file.bytes_ = file.mapping_.bytes();
  CADENZA_RETURN_IF_ERROR(file.read().withPrefix(file.name_));
  return file;
}

const Value *File::find(std::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

const Tensor *File::findTensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

bool isGgufFile(const std::string &path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    return false;
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof(magic));
  return std::string_view(magic, sizeof(magic)) == "GGUF" || path.ends_with(".gguf");
}

} // namespace cadenza::gguf

// A GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): metadata by key, and tensors. The file is
// mapped into memory and validated as a whole; nothing of it is copied, and no tensor's bytes are read here.
#pragma once

#include "compiler/import/gguf/types.h"
#include "runtime/support/mapped_file.h"
#include "runtime/support/status.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cadenza::gguf {

/// Types of metadata, as the format numbers them.
enum class ValueType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// "uint32", as the format's description has it.
std::string_view valueTypeName(ValueType type);

/// Elements of one type, as they lie in the file.
struct Array {
  ValueType type;
  uint64_t count;
  std::span<const std::byte> bytes; // validated

  /// Numbers and truth values; empty for other types.
  std::vector<double> numbers() const;
  /// Empty for other types.
  std::vector<std::string_view> strings() const;
};

/// Integers are signed if they fit, else unsigned.
using Value = std::variant<int64_t, uint64_t, float, double, bool, std::string_view, Array>;

struct Tensor {
  std::string name;
  const TensorType *type;
  /// Rows first, columns last: the other way round than the file has it.
  std::vector<int64_t> shape;
  std::span<const std::byte> data; // of the type's blocks; aligned to nothing
};

class File {
public:
  /// Errors name the file by its last component, and what is wrong with its offset. InvalidInput for what contradicts
  /// the format; Unsupported for version 1, big-endian files, tensors of types that nobody knows, and parts of a model
  /// that is split.
  static StatusOr<File> open(const std::string &path);
  /// The same for bytes that outlive the result.
  static StatusOr<File> parse(std::span<const std::byte> bytes);

  const std::string &name() const { return name_; } // "model.gguf"
  /// Null if there is no such key.
  const Value *find(std::string_view key) const;
  const std::map<std::string, Value, std::less<>> &metadata() const { return metadata_; }
  const Tensor *findTensor(std::string_view name) const;
  const std::map<std::string, Tensor, std::less<>> &tensors() const { return tensors_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// Everything before the tensors' bytes.
  std::span<const std::byte> header() const { return bytes_.first(headerBytes_); }

private:
  Status read();

  std::string name_;
  MappedFile mapping_;
  std::span<const std::byte> bytes_;
  uint64_t headerBytes_ = 0;
  std::map<std::string, Value, std::less<>> metadata_;
  std::map<std::string, Tensor, std::less<>> tensors_;
};

/// Whether a file is a GGUF file: by its first four bytes, or by its name.
bool isGgufFile(const std::string &path);

} // namespace cadenza::gguf

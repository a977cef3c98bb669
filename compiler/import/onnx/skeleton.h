// A model file without its big bytes. The file is mapped and walked once, before protobuf sees any of it: fields that
// the reader does not use are left out, the raw_data of a tensor is replaced by the number of a view of the mapping,
// and what would make the parser allocate without measure (many small messages, deep nesting) is refused.
#pragma once

#include "runtime/support/status.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace cadenza::onnx {

struct Skeleton {
  /// A serialized onnx.ModelProto. TensorProto.raw_data, where present, is a little-endian uint32: an index of
  /// `pieces`.
  std::string message;
  /// The raw_data of each tensor, as it lies in the file.
  std::vector<std::span<const std::byte>> pieces;
};

/// The deepest nesting of messages that is followed; protobuf's own limit is 100.
inline constexpr int maxDepth = 90;
/// What the parsed message, and the graph made of it, may take beside the strings and bytes of the file itself. That is
/// enough for 100,000 nodes; what measures more is made to exhaust memory.
inline constexpr uint64_t maxParsedBytes = uint64_t{160} << 20;
/// Protobuf's limit: lengths and offsets of a message are 31 bits.
inline constexpr uint64_t maxMessageBytes = (uint64_t{1} << 31) - 1;

/// Walks a file that should be a serialized ModelProto. Errors are InvalidInput and name message, field and offset.
StatusOr<Skeleton> skeletonOf(std::span<const std::byte> file);

} // namespace cadenza::onnx

// Zeroed memory, 64-byte aligned. Untouched pages cost nothing, which matters for the KV cache of a long context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace cadenza::cpu {

class Buffer {
public:
  Buffer() = default;
  /// Throws std::bad_alloc; the executor turns it into OutOfMemory.
  explicit Buffer(uint64_t bytes) : size_(bytes) {
    if (bytes > SIZE_MAX - alignment)
      throw std::bad_alloc();
    memory_.reset(std::calloc(bytes + alignment, 1));
    if (!memory_)
      throw std::bad_alloc();
    auto address = reinterpret_cast<uintptr_t>(memory_.get());
    data_ = static_cast<std::byte *>(memory_.get()) + (alignment - address % alignment) % alignment;
  }

  std::byte *data() { return data_; }
  const std::byte *data() const { return data_; }
  uint64_t size() const { return size_; }

private:
  static constexpr uint64_t alignment = 64;
  struct Free {
    void operator()(void *memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  std::byte *data_ = nullptr;
  uint64_t size_ = 0;
};

} // namespace cadenza::cpu

// Copies for the caller, who frees them with cadenza_free.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string_view>

namespace cadenza::library {

template <typename T> T *copyOf(std::span<const T> values) {
  auto *copy = static_cast<T *>(std::malloc(values.empty() ? 1 : values.size_bytes()));
  if (!copy)
    throw std::bad_alloc();
  if (!values.empty())
    std::memcpy(copy, values.data(), values.size_bytes());
  return copy;
}

/// With a NUL behind it.
inline char *copyOf(std::string_view text) {
  auto *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (!copy)
    throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

} // namespace cadenza::library

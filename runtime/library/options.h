// Structs of options with a size: those of programs that were compiled with another version of the header.
#pragma once

#include "runtime/library/errors.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>

namespace cadenza::library {

inline const cadenza_open_options openDefaults = {
    .size = sizeof(cadenza_open_options),
    .device = nullptr,
    .schedule = nullptr,
    .division = nullptr,
    .context = 0,
    .threads = 0,
    .logits = 0,
    .prefill = 1,
};
inline const cadenza_chat_options chatDefaults = {
    .size = sizeof(cadenza_chat_options),
    .chat_template = nullptr,
    .variables = nullptr,
    .add_generation_prompt = 1,
};
inline const cadenza_sampling samplingDefaults = {
    .size = sizeof(cadenza_sampling),
    .temperature = 0,
    .top_k = 0,
    .top_p = 1,
    .min_p = 0,
    .repetition_penalty = 1,
    .presence_penalty = 0,
    .frequency_penalty = 0,
    .logit_biases = nullptr,
    .logit_bias_count = 0,
    .seed = 0,
    .has_seed = 0,
};
inline const cadenza_generate_options generateDefaults = {
    .size = sizeof(cadenza_generate_options),
    .max_tokens = -1,
    .ignore_eos = 0,
    .reuse = -1,
    .stop_tokens = nullptr,
    .stop_token_count = 0,
    .stop_texts = nullptr,
    .stop_text_count = 0,
    .sampling = nullptr,
    .logprobs = -1,
    .json_schema = nullptr,
    .regex = nullptr,
    .on_text = nullptr,
    .on_token = nullptr,
    .on_prompt = nullptr,
    .user = nullptr,
};

/// The sizes of version 0.1: no program has smaller ones. Fields that are added later come behind.
template <typename T> constexpr size_t firstSize = sizeof(T);

template <typename T> Status checkSize(size_t size, const char *name) {
  return size >= firstSize<T> ? Status::ok()
                              : Status(StatusCode::InvalidArgument,
                                       std::string(name) + ".size is " + std::to_string(size) + ", less than " +
                                           std::to_string(firstSize<T>) + ": fill the struct with " + name + "_init");
}

/// Fills the first `size` bytes of a caller's struct.
template <typename T> Status fill(T *to, size_t size, const T &values, const char *name) {
  CADENZA_RETURN_IF_ERROR(checkSize<T>(size, name));
  std::memset(static_cast<void *>(to), 0, size);
  std::memcpy(static_cast<void *>(to), &values, std::min(size, sizeof(T)));
  to->size = size;
  return Status::ok();
}

/// What a caller gave, with defaults for what it does not know. Unsupported if it knows, and uses, more.
template <typename T> StatusOr<T> read(const T *given, const T &defaults, const char *name) {
  if (!given)
    return defaults;
  CADENZA_RETURN_IF_ERROR(checkSize<T>(given->size, name));
  const auto *bytes = reinterpret_cast<const unsigned char *>(given);
  if (given->size > sizeof(T) &&
      !std::all_of(bytes + sizeof(T), bytes + given->size, [](unsigned char byte) { return byte == 0; }))
    return Status(StatusCode::Unsupported, std::string(name) + " uses a field that this libcadenza, " +
                                               cadenza_version() + ", does not have: update the library");
  T result = defaults;
  std::memcpy(static_cast<void *>(&result), bytes, std::min(given->size, sizeof(T)));
  return result;
}

} // namespace cadenza::library

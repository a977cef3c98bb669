// GGUF files for the tests: whole and valid by default, one thing broken by the test.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::test {

template <typename T> std::string little(T value) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &value, sizeof(T));
  return bytes;
}

inline std::string ggufString(std::string_view text) { return little<uint64_t>(text.size()) + std::string(text); }

// Values with their type before them.
inline std::string u32(uint32_t value) { return little<uint32_t>(4) + little(value); }
inline std::string f32(float value) { return little<uint32_t>(6) + little(value); }
inline std::string text(std::string_view value) { return little<uint32_t>(8) + ggufString(value); }
inline std::string strings(const std::vector<std::string> &values) {
  std::string bytes = little<uint32_t>(9) + little<uint32_t>(8) + little<uint64_t>(values.size());
  for (const std::string &value : values)
    bytes += ggufString(value);
  return bytes;
}
inline std::string floats(const std::vector<float> &values) {
  std::string bytes = little<uint32_t>(9) + little<uint32_t>(6) + little<uint64_t>(values.size());
  for (float value : values)
    bytes += little(value);
  return bytes;
}
inline std::string integers(const std::vector<int32_t> &values) {
  std::string bytes = little<uint32_t>(9) + little<uint32_t>(5) + little<uint64_t>(values.size());
  for (int32_t value : values)
    bytes += little(value);
  return bytes;
}

struct GgufTensor {
  std::string name;
  std::vector<uint64_t> extents; // columns first, as the file has them
  uint32_t type = 0;             // f32
  std::string bytes = {};
  uint64_t offset = UINT64_MAX; // in place of the next free one
};

struct GgufBytes {
  std::string magic = "GGUF";
  uint32_t version = 3;
  std::vector<std::pair<std::string, std::string>> keys = {};
  std::vector<GgufTensor> tensors = {};
  uint64_t keyCount = UINT64_MAX, tensorCount = UINT64_MAX; // in place of how many there are

  std::string make(uint64_t alignment = 32) const {
    std::string data, header = magic + little(version) +
                               little(tensorCount == UINT64_MAX ? tensors.size() : tensorCount) +
                               little(keyCount == UINT64_MAX ? keys.size() : keyCount);
    const auto pad = [&](std::string &bytes) { bytes.resize((bytes.size() + alignment - 1) / alignment * alignment); };
    for (const auto &[key, value] : keys)
      header += ggufString(key) + value;
    for (const GgufTensor &tensor : tensors) {
      header += ggufString(tensor.name) + little<uint32_t>(tensor.extents.size());
      for (uint64_t extent : tensor.extents)
        header += little(extent);
      header += little(tensor.type) + little<uint64_t>(tensor.offset == UINT64_MAX ? data.size() : tensor.offset);
      data += tensor.bytes;
      pad(data);
    }
    pad(header);
    return header + data;
  }
};

/// A vector or a matrix of f32, all 1.
inline GgufTensor onesF32(const std::string &name, std::vector<uint64_t> extents) {
  uint64_t elements = 1;
  for (uint64_t extent : extents)
    elements *= extent;
  std::string bytes;
  for (uint64_t i = 0; i < elements; ++i)
    bytes += little(1.0F);
  return {name, std::move(extents), 0, bytes};
}

/// A Llama of one layer: hidden 32, 4 query and 2 KV heads of 8, ffn 64, vocabulary 10, tied.
inline GgufBytes smallGguf() {
  GgufBytes file;
  file.keys = {{"general.architecture", text("llama")},   {"llama.block_count", u32(1)},
               {"llama.context_length", u32(64)},         {"llama.embedding_length", u32(32)},
               {"llama.feed_forward_length", u32(64)},    {"llama.attention.head_count", u32(4)},
               {"llama.attention.head_count_kv", u32(2)}, {"llama.attention.layer_norm_rms_epsilon", f32(1e-5F)}};
  file.tensors = {onesF32("token_embd.weight", {32, 10}),        onesF32("output_norm.weight", {32}),
                  onesF32("blk.0.attn_norm.weight", {32}),       onesF32("blk.0.attn_q.weight", {32, 32}),
                  onesF32("blk.0.attn_k.weight", {32, 16}),      onesF32("blk.0.attn_v.weight", {32, 16}),
                  onesF32("blk.0.attn_output.weight", {32, 32}), onesF32("blk.0.ffn_norm.weight", {32}),
                  onesF32("blk.0.ffn_gate.weight", {32, 64}),    onesF32("blk.0.ffn_up.weight", {32, 64}),
                  onesF32("blk.0.ffn_down.weight", {64, 32})};
  return file;
}

} // namespace cadenza::test

// The models of test/fixtures/models, and what transformers computed from them.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace cadenza::test {

inline std::string contents(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  return (std::ostringstream() << in.rdbuf()).str();
}

inline std::filesystem::path fixtureModels() {
  return std::filesystem::path(CADENZA_SOURCE_DIR) / "test/fixtures/models";
}

/// Their names, sorted.
inline std::vector<std::string> fixtureModelNames() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(fixtureModels()))
    if (entry.is_directory())
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// "qwen3-gqa2-tied" as a name for GoogleTest.
inline std::string testName(std::string model) {
  std::replace(model.begin(), model.end(), '-', '_');
  return model;
}

inline std::vector<int32_t> tokensOf(const std::string &model) {
  return nlohmann::json::parse(contents(fixtureModels() / model / "tokens.json"));
}

/// The values of a float32 .npy file (format version 1, C order).
inline std::vector<float> readNpy(const std::filesystem::path &path) {
  std::string bytes = contents(path);
  size_t start = 10 + static_cast<unsigned char>(bytes.at(8)) + 256 * static_cast<unsigned char>(bytes.at(9));
  std::vector<float> values((bytes.size() - start) / sizeof(float));
  std::memcpy(values.data(), bytes.data() + start, values.size() * sizeof(float));
  return values;
}

/// Whether the weights of `model` are used as they are stored: fp32 weights are rounded.
inline bool hasExactWeights(const std::string &model) {
  return model != "llama-mha-f32" && model != "gpt2-published-form";
}

/// How far the logits of the nn reference may be from those of the fp32 model: only the order of sums differs.
constexpr double exactLogits = 1e-3;

} // namespace cadenza::test

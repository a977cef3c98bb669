// A plan in memory whose step is kernels/toy.cu, and the same step in plain C++.
#pragma once

#include "runtime/decode/cache_fill.h"
#include "runtime/plan/plan.h"
#include "runtime/support/float16.h"

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace cadenza::test {

constexpr int toyVocabulary = 97, toyWidth = 64, toyHeadDim = 32, toyLayers = 3, toyMaxContext = 256;

class ToyPlan final : public Plan {
public:
  /// `image`: the host shared object that kernels/toy.cu became.
  explicit ToyPlan(std::vector<std::byte> image) : image_(std::move(image)) {
    buildProgram();
    code_.push_back({.target = "host", .kind = ImageKind::Host, .resources = {}, .image = image_});
    metadata_ = {{"source_sha256", "0123abcd"}, {"passes", {"roll-layers"}}, {"compiler", {{"commit", "abcdef"}}}};
    weights_.resize(1024);
    for (int i = 0; i < toyWidth * toyLayers; ++i)
      store(i, weight(i / toyWidth, i % toyWidth));
    for (int i = 0; i < 4; ++i)
      store(toyWidth * toyLayers + i, 1.0f / static_cast<float>(1 + i));
  }
  static float weight(int layer, int i) { return 0.125f + 0.03125f * static_cast<float>((layer + i) % 3); }

  const std::string &path() const override { return path_; }
  uint64_t fileBytes() const override { return 0; }
  const Program &program() const override { return program_; }
  const nlohmann::json &metadata() const override { return metadata_; }
  std::span<const CodeSection> code() const override { return code_; }
  std::span<const SourceFile> sources() const override { return {}; }
  std::string_view tokenizerJson() const override { return {}; }
  std::string_view ir() const override { return {}; }
  std::span<const std::byte> weights() const override { return weights_; }
  Status verifyWeights(int) const override { return verified; }

  Program &mutableProgram() { return program_; }
  std::vector<CodeSection> &mutableCode() { return code_; }
  Status verified;

private:
  void store(int index, float value) { std::memcpy(weights_.data() + index * 4, &value, 4); }

  void buildProgram() {
    Program &p = program_;
    p.model = {.name = "toy", .weights = "random:1"};
    p.decoder = {.entry = 0,
                 .headBlock = 2,
                 .vocabulary = toyVocabulary,
                 .maxContext = toyMaxContext,
                 .bosToken = -1,
                 .eosTokens = {},
                 .family = "toy",
                 .hiddenSize = toyWidth,
                 .layers = toyLayers,
                 .weightDtype = DType::f32};
    p.edges = {{"x", DType::f32, toyWidth, 0}, {"y", DType::bf16, toyWidth, 256}, {"row", DType::f32, 8, 512}};
    p.arenaBytes = 1024;
    Table layerWeights, layerCaches;
    for (uint32_t i = 0; i < toyLayers; ++i) {
      p.weights.push_back({.name = "w" + std::to_string(i), .rows = toyWidth, .offset = i * 256, .bytes = 256});
      p.caches.push_back({"kv" + std::to_string(i), DType::f32, toyWidth / toyHeadDim, toyHeadDim});
      layerWeights.push_back(i);
      layerCaches.push_back(i);
    }
    p.weights.push_back(
        {.name = "rope", .encoding = Encoding::rope_table, .rows = 4, .scale = 2.0f, .offset = 768, .bytes = 16});
    p.weightTables = {layerWeights};
    p.cacheTables = {layerCaches};
    p.scratch = {{"counter", 64}};
    for (auto [name, kind, threads] : {std::tuple{"toy_embed", "embed", 64u},
                                       {"toy_rope", "map", 32u},
                                       {"toy_layer", "attend", 64u},
                                       {"toy_head", "select", 32u}}) {
      Kernel &kernel = p.kernels.emplace_back();
      kernel.name = name;
      kernel.phaseKind = kind;
      kernel.threads = threads;
      kernel.sharedBytes = 128; // unused, but asked for
    }
    auto edge = [](uint32_t i) { return Argument{ArgumentKind::Edge, i, {}}; };
    auto plain = [](ArgumentKind kind) { return Argument{kind, 0, {}}; };
    auto layer = [](ArgumentKind kind) { return Argument{kind, 0, {true, 0}}; };
    using enum ArgumentKind;
    auto phase = [](const char *name, PhaseKind kind, std::vector<uint32_t> outputs, const char *kernel,
                    std::vector<Argument> arguments) {
      Phase made;
      made.name = name;
      made.kind = kind;
      made.outputs = std::move(outputs);
      made.launch = {kernel, std::move(arguments)};
      return made;
    };
    Phase attend = phase("layer.attend", PhaseKind::Attend, {0, 1}, "toy_layer",
                         {edge(0), edge(1), layer(ArgumentKind::Weight), layer(CacheKey), layer(CacheValue),
                          plain(State), layer(CachePositions)});
    attend.caches = {{true, 0}};
    Entry &step = p.entries.emplace_back();
    step.name = "decode";
    step.blocks = {{"first",
                    1,
                    {phase("embed", PhaseKind::Embed, {0}, "toy_embed", {edge(0), plain(State), plain(Tokens)}),
                     phase("rope", PhaseKind::Map, {2}, "toy_rope",
                           {{ArgumentKind::Weight, 0, {false, toyLayers}}, edge(2), plain(State)})}},
                   {"layers", toyLayers, {attend}},
                   {"head",
                    1,
                    {phase("head", PhaseKind::Select, {}, "toy_head",
                           {edge(0), plain(State), plain(Tokens), plain(Logits), plain(ArgumentKind::Scratch)})}}};
    step.blocks[2].phases[0].epilogues = {{"argmax", {{"segment", 0}}, {}, {}, {}}};
  }

  std::string path_ = "toy.plan";
  Program program_;
  nlohmann::json metadata_;
  std::vector<std::byte> image_;
  std::vector<CodeSection> code_;
  std::vector<std::byte> weights_;
};

/// The toy step on the host.
class ToyReference {
public:
  std::vector<float> x = std::vector<float>(toyWidth);
  std::array<size_t, toyLayers> kept = {toyMaxContext, toyMaxContext, toyMaxContext}; // positions, of each layer

  /// Processes `token` at the next position; returns the token selected.
  int step(int token) {
    for (int i = 0; i < toyWidth; ++i)
      x[static_cast<size_t>(i)] = static_cast<float>(token + i);
    for (int l = 0; l < toyLayers; ++l) {
      auto &rows = cache_[static_cast<size_t>(l)];
      std::array<std::pair<float, float>, toyWidth> row;
      for (size_t i = 0; i < toyWidth; ++i)
        row[i] = {x[i], 2 * x[i]};
      rows.push_back(row);
      for (size_t i = 0; i < toyWidth; ++i) {
        float sum = 0;
        for (size_t p = rows.size() - std::min(rows.size(), kept[static_cast<size_t>(l)]); p < rows.size(); ++p)
          sum += rows[p][i].first + rows[p][i].second;
        x[i] = sum * ToyPlan::weight(l, static_cast<int>(i));
      }
    }
    float sum = 0;
    for (float value : x)
      sum += value;
    return static_cast<int>((static_cast<int64_t>(sum) % 97 + 97) % 97);
  }

  void fill(int64_t length, uint64_t seed) {
    for (uint32_t l = 0; l < toyLayers; ++l) {
      cache_[l].assign(static_cast<size_t>(length), {});
      for (int64_t p = 0; p < length; ++p)
        for (int i = 0; i < toyWidth; ++i) {
          auto value = [&](bool isValue) {
            return cacheFillValue(seed, cacheFillIndex(l, isValue, i / toyHeadDim, p, i % toyHeadDim));
          };
          cache_[l][static_cast<size_t>(p)][static_cast<size_t>(i)] = {value(false), value(true)};
        }
    }
  }

  /// The `count` tokens that follow `prompt`.
  std::vector<int> generate(std::vector<int32_t> prompt, int count) {
    int token = 0;
    for (int32_t given : prompt)
      token = step(given);
    std::vector<int> tokens;
    for (int i = 0; i < count; ++i) {
      tokens.push_back(token);
      token = step(token);
    }
    return tokens;
  }

private:
  std::array<std::vector<std::array<std::pair<float, float>, toyWidth>>, toyLayers> cache_;
};

inline std::vector<std::byte> readImage(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

} // namespace cadenza::test

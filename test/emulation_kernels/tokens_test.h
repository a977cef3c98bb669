// What the tests of tiles of tokens share: edges of several tokens, a state, a phase of two launches.
#pragma once

#include "test/emulation_kernels/kernel_test.h"
#include "test/emulation_kernels/tokens_configs.cuh"

namespace cadenza::emulation {

/// A vector a token.
using Rows = std::vector<std::vector<float>>;

class TokensTest : public KernelTest {
protected:
  static constexpr int base = 5;         // position of a tile's first token
  static constexpr float mark = -768.0f; // what an edge holds where nothing is written; exact in 16 bits

  Rows randomRows(int tokens, int elements, float scale = 1.0f) {
    Rows rows;
    for (int token = 0; token < tokens; ++token)
      rows.push_back(random(elements, scale));
    return rows;
  }
  template <class T> static Rows rounded(Rows rows) {
    for (std::vector<float> &row : rows)
      row = emulation::rounded<T>(row);
    return rows;
  }

  /// An edge with these rows, and marks between them.
  template <class T> T *uploadEdge(const Rows &rows) {
    const auto stride = static_cast<size_t>(token_stride(static_cast<int>(rows[0].size()), sizeof(T)));
    std::vector<T> memory(rows.size() * stride, arch::from_float<T>(mark));
    for (size_t token = 0; token < rows.size(); ++token)
      for (size_t i = 0; i < rows[token].size(); ++i)
        memory[token * stride + i] = arch::from_float<T>(rows[token][i]);
    return upload(memory);
  }
  template <class T> T *markedEdge(int tokens, int elements) {
    return uploadEdge<T>(Rows(static_cast<size_t>(tokens), std::vector<float>(static_cast<size_t>(elements), mark)));
  }
  /// The rows of an edge; what lies between them is marked.
  template <class T> Rows downloadEdge(const T *edge, int tokens, int elements) {
    const auto stride = static_cast<size_t>(token_stride(elements, sizeof(T)));
    const std::vector<T> memory = download(edge, static_cast<size_t>(tokens) * stride);
    Rows rows(static_cast<size_t>(tokens));
    for (size_t i = 0; i < memory.size(); ++i) {
      const float x = arch::to_float(memory[i]);
      if (i % stride < static_cast<size_t>(elements))
        rows[i / stride].push_back(x);
      else
        EXPECT_EQ(x, mark) << "between tokens";
    }
    return rows;
  }
  /// Whether the rows from `live` on are as they were.
  static bool isMarkedFrom(const Rows &rows, int live) {
    return std::all_of(rows.begin() + live, rows.end(), [](const std::vector<float> &row) {
      return std::all_of(row.begin(), row.end(), [](float x) { return x == mark; });
    });
  }

  static DecodeState tile(int live, int first = base) {
    DecodeState state{};
    state.position = state.next_position = first;
    state.forced_tokens = first + live;
    return state;
  }

  template <class Instance> static Geometry geometry(int tokens) {
    return {Instance::blocks(tokens), Instance::threads, Instance::shared_bytes, Instance::words};
  }
  template <class Instance> void runTokens(const std::string &name, int tokens, const Words &words) {
    KernelTest::run(name, geometry<Instance>(tokens), words, "token_templates");
  }

  /// A phase of a product: its preparation by the kernel of `prepare`, if it has one, and the product.
  struct Phase {
    std::string name, prepare;
    uint64_t input = 0, matrix = 0;
    DecodeState *state = nullptr;
    Words prologue, epilogue; // their arguments
  };
  template <class Config> void runPhase(const Phase &phase, int tokens) {
    startPhase<Config>(phase, tokens);
    ASSERT_EQ(finish(), CUDA_SUCCESS) << phase.name << ": " << message();
  }
  /// dependent: it may overlap the launch before it.
  template <class Config> void startPhase(const Phase &phase, int tokens, bool dependent = false) {
    using A = TokenActivation<Config>;
    Words activation{phase.input};
    if constexpr (A::prepared) {
      activation = {word(allocate<uint16_t>(static_cast<size_t>(tokens * A::padded)))};
      if (A::deferred)
        activation.push_back(word(allocate<float>(static_cast<size_t>(tokens))));
      Words words{phase.input};
      words.insert(words.end(), activation.begin(), activation.end());
      words.push_back(word(phase.state));
      words.insert(words.end(), phase.prologue.begin(), phase.prologue.end());
      start("prepare_" + phase.prepare, geometry<PrepareTokens<Config>>(tokens), words, "token_templates", dependent);
    }
    activation.insert(activation.end(), {phase.matrix, word(phase.state)});
    activation.insert(activation.end(), phase.epilogue.begin(), phase.epilogue.end());
    start("project_" + phase.name, geometry<ProjectTokens<Config>>(tokens), activation, "token_templates",
          dependent || A::prepared);
  }
};

} // namespace cadenza::emulation

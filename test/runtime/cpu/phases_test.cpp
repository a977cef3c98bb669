// Phase kinds: packed layouts, K segments, embedding rows, attention, selection.
#include "test/runtime/cpu/phase_harness.h"

#include <algorithm>
#include <numeric>

namespace cadenza::test {
namespace {

const std::vector<int32_t> prompt = {1, 6, 2, 2, 9, 0};
constexpr int64_t vocabulary = 10;

struct Shape {
  DType dtype;
  int64_t columns;
  std::vector<int64_t> rows;
  bool interleaved;
  std::vector<int64_t> groups;
  int64_t ways;
};

TEST(Project, MatchesDoubleForEveryPacking) {
  for (const Shape &shape : {
           Shape{DType::bf16, 32, {8}, false, {0}, 1},
           Shape{DType::bf16, 40, {13}, false, {0}, 2},
           Shape{DType::f16, 97, {5, 1, 19}, false, {0, 1}, 4},
           Shape{DType::f16, 64, {16, 16}, true, {0, 1}, 1},
           Shape{DType::bf16, 33, {24, 24, 24}, true, {0}, 1},
           Shape{DType::bf16, 8, {1}, false, {0}, 32},
           Shape{DType::bf16, 320, {700}, false, {0, 3, 7}, 2}, // enough rows for several threads
       }) {
    TestProgram test(vocabulary);
    Matrix rows = test.randomMatrix(DType::f16, vocabulary, shape.columns, 1.0f);
    Ref embedding = test.matrix("embedding", DType::f16, {rows});
    std::vector<Matrix> parts;
    std::vector<uint32_t> outputs;
    uint32_t x = test.edge("x", DType::f32, shape.columns);
    for (int64_t count : shape.rows) {
      parts.push_back(test.randomMatrix(shape.dtype, count, shape.columns, 0.5f));
      outputs.push_back(test.edge("y", DType::f32, count));
    }
    Ref matrix = test.matrix("matrix", shape.dtype, parts, shape.interleaved);
    test.block("input");
    test.embed(embedding, x, 1.01f); // so that the input needs rounding
    Phase &phase = test.project("tested", x, matrix, shape.rows, outputs);
    phase.interleaved = shape.interleaved;
    phase.kGroups = shape.groups;
    phase.kWays = shape.ways;
    test.head(x, embedding);
    Observations seen = observe(test, prompt);
    for (size_t t = 0; t < prompt.size(); ++t) {
      std::vector<float> input = seen[{"embed", 0}][t];
      for (float &value : input)
        value = stored(shape.dtype, value);
      for (size_t i = 0; i < parts.size(); ++i)
        expectNear(seen[{"tested", i}][t], parts[i].times(input), 2e-6 * std::sqrt(shape.columns), "segment");
    }
  }
}

/// The products of what is stored, and those of the matrices that it was rounded from, within the encoding's error
/// bound.
void checkEncoded(const Encoding &encoding) {
  for (const Shape &shape : {
           Shape{DType::bf16, 32, {8}, false, {0}, 1},
           Shape{DType::bf16, 40, {13}, false, {0}, 2},
           Shape{DType::f16, 97, {5, 1, 19}, false, {0, 1}, 4},
           Shape{DType::f16, 64, {16, 16}, true, {0, 1}, 1},
           Shape{DType::bf16, 320, {700}, false, {0, 3, 7}, 2},
       }) {
    TestProgram test(vocabulary);
    Matrix rows = test.randomMatrix(DType::f16, vocabulary, shape.columns, 1.0f);
    Ref embedding = test.matrix("embedding", DType::f16, {rows});
    std::vector<Matrix> parts;
    std::vector<uint32_t> outputs;
    uint32_t x = test.edge("x", DType::f32, shape.columns);
    for (int64_t count : shape.rows) {
      parts.push_back(test.randomMatrix(shape.dtype, count, shape.columns, 0.5f));
      outputs.push_back(test.edge("y", DType::f32, count));
    }
    const std::vector<Matrix> before = parts;
    Ref matrix = test.encodedMatrix("matrix", encoding, shape.dtype, parts, shape.interleaved);
    test.block("input");
    test.embed(embedding, x, 1.01f);
    Phase &phase = test.project("tested", x, matrix, shape.rows, outputs);
    phase.interleaved = shape.interleaved;
    phase.kGroups = shape.groups;
    phase.kWays = shape.ways;
    test.head(x, embedding);
    Observations seen = observe(test, prompt);
    for (size_t t = 0; t < prompt.size(); ++t) {
      std::vector<float> input = seen[{"embed", 0}][t];
      double magnitude = 0;
      for (float &value : input) {
        value = stored(shape.dtype, value);
        magnitude += std::fabs(value);
      }
      for (size_t i = 0; i < parts.size(); ++i) {
        const std::vector<float> &y = seen[{"tested", i}][t];
        expectNear(y, parts[i].times(input), 2e-6 * std::sqrt(shape.columns), "segment");
        const std::vector<double> exact = before[i].times(input);
        for (int64_t row = 0; row < before[i].rows; ++row) {
          float largest = 0;
          for (int64_t k = 0; k < shape.columns; ++k)
            largest = std::max(largest, std::fabs(before[i](row, k)));
          const double bound = format_of(encoding).error_bound * largest * magnitude;
          ASSERT_NEAR(y[row], exact[row], 1.0001 * bound);
        }
      }
    }
  }
}

TEST(Project, EncodedMatricesMatchDoubleForEveryPacking) {
  for (const Encoding &encoding : matrixEncodings()) {
    SCOPED_TRACE(encodingName(encoding));
    if (encoding != Encoding::tiles16)
      checkEncoded(encoding);
  }
}

/// 2^25, 1, -2^25 and 1, a step each: what is left depends on who meets whom, for 2^25 + 1 is 2^25 in fp32.
TEST(Project, AddsInTheOrderOfGroupsAndWays) {
  constexpr int64_t columns = 4 * 32;
  struct Order {
    std::vector<int64_t> groups;
    int64_t ways;
    float sum;
  };
  for (const Order &order : {Order{{0}, 1, 1.0f}, Order{{0}, 2, 2.0f}, Order{{0, 2}, 1, 0.0f}, Order{{0}, 4, 0.0f},
                             Order{{0, 3}, 2, 2.0f}, Order{{0, 1}, 1, 0.0f}, Order{{0, 1}, 2, 2.0f}}) {
    TestProgram test(vocabulary);
    Matrix rows{vocabulary, columns, std::vector<float>(vocabulary * columns)};
    for (int64_t token = 0; token < vocabulary; ++token) {
      const float steps[] = {0x1p25f, 1.0f, -0x1p25f, 1.0f};
      for (int64_t step = 0; step < 4; ++step)
        rows.values[token * columns + 32 * step] = steps[step];
    }
    Ref embedding = test.matrix("embedding", DType::bf16, {rows});
    Ref ones = test.matrix("ones", DType::bf16, {Matrix{3, columns, std::vector<float>(3 * columns, 1.0f)}});
    uint32_t x = test.edge("x", DType::f32, columns), y = test.edge("y", DType::f32, 3);
    test.block("input");
    test.embed(embedding, x);
    Phase &phase = test.project("tested", x, ones, {3}, {y});
    phase.kGroups = order.groups;
    phase.kWays = order.ways;
    test.head(x, embedding);
    Observations seen = observe(test, prompt);
    for (float sum : seen[{"tested", 0}][0])
      EXPECT_EQ(sum, order.sum) << order.groups.size() << " groups, " << order.ways << " ways";
  }
}

TEST(Embed, ReadsRowsOfAPackedMatrix) {
  for (DType dtype : {DType::bf16, DType::f16}) {
    for (int64_t columns : {3, 8, 44}) {
      TestProgram test(vocabulary);
      Matrix rows = test.randomMatrix(dtype, vocabulary, columns, 1.0f);
      Ref embedding = test.matrix("embedding", dtype, {rows});
      uint32_t x = test.edge("x", dtype, columns);
      test.block("input");
      test.embed(embedding, x, 2.0f);
      test.head(x, embedding);
      Observations seen = observe(test, prompt);
      for (size_t t = 0; t < prompt.size(); ++t)
        for (int64_t i = 0; i < columns; ++i)
          EXPECT_EQ(seen[std::make_pair("embed", 0)][t][i], 2.0f * rows(prompt[t], i));
    }
  }
}

TEST(Embed, AddsTheRowOfThePosition) {
  TestProgram test(vocabulary);
  const int64_t columns = 44;
  Matrix rows = test.randomMatrix(DType::bf16, vocabulary, columns, 1.0f);
  const int64_t longest = test.program.decoder->maxContext;
  Matrix positions = test.randomMatrix(DType::f16, longest, columns, 1.0f);
  Ref embedding = test.matrix("embedding", DType::bf16, {rows});
  uint32_t x = test.edge("x", DType::f32, columns);
  test.block("input");
  test.embed(embedding, x, 0.5f).positions = test.matrix("positions", DType::f16, {positions});
  test.head(x, embedding);
  Observations seen = observe(test, prompt);
  for (size_t t = 0; t < prompt.size(); ++t)
    for (int64_t i = 0; i < columns; ++i)
      EXPECT_EQ(seen[std::make_pair("embed", 0)][t][i],
                0.5f * rows(prompt[t], i) + positions(static_cast<int64_t>(t), i));
}

struct AttentionShape {
  DType edges, cache;
  int64_t heads, kvHeads, headDim;
};

TEST(Attend, MatchesDouble) {
  for (const AttentionShape &shape :
       {AttentionShape{DType::f32, DType::bf16, 4, 2, 16}, AttentionShape{DType::bf16, DType::f16, 3, 3, 20},
        AttentionShape{DType::f16, DType::f32, 6, 1, 8}}) {
    TestProgram test(vocabulary);
    int64_t qSize = shape.heads * shape.headDim, kvSize = shape.kvHeads * shape.headDim;
    Ref embedding = test.matrix("embedding", DType::bf16, {test.randomMatrix(DType::bf16, vocabulary, 24, 1.0f)});
    Ref matrix =
        test.matrix("qkv", DType::bf16,
                    {test.randomMatrix(DType::bf16, qSize, 24, 0.3f), test.randomMatrix(DType::bf16, kvSize, 24, 0.3f),
                     test.randomMatrix(DType::bf16, kvSize, 24, 0.3f)});
    uint32_t x = test.edge("x", DType::f32, 24), q = test.edge("q", shape.edges, qSize);
    uint32_t k = test.edge("k", DType::f32, kvSize), v = test.edge("v", DType::f32, kvSize);
    uint32_t out = test.edge("out", shape.edges, qSize);
    Ref cache = test.cache(shape.cache, shape.kvHeads, shape.headDim);
    test.block("input");
    test.embed(embedding, x);
    test.project("qkv", x, matrix, {qSize, kvSize, kvSize}, {q, k, v});
    test.phase("append", PhaseKind::Map, {v, k}, {}).epilogues = {TestProgram::function(
        "kv_append", {{"key", 1}, {"value", 0}, {"kv_heads", shape.kvHeads}, {"head_dim", shape.headDim}}, {}, {},
        {cache})};
    Phase &attend = test.phase("attend", PhaseKind::Attend, {q}, {out});
    attend.parameters = {
        {"heads", shape.heads}, {"kv_heads", shape.kvHeads}, {"head_dim", shape.headDim}, {"scale", 0.3}, {"splits", 4},
        {"warps", 16}};
    attend.caches = {cache};
    test.head(x, embedding);

    Observations seen = observe(test, prompt);
    for (size_t t = 0; t < prompt.size(); ++t) {
      std::vector<double> expected(qSize);
      for (int64_t h = 0; h < shape.heads; ++h) {
        int64_t kv = h * shape.kvHeads / shape.heads;
        auto cached = [&](size_t output, size_t position, int64_t i) -> double {
          return stored(shape.cache, seen[{"qkv", output}][position][kv * shape.headDim + i]);
        };
        std::vector<double> weights;
        for (size_t p = 0; p <= t; ++p) {
          double score = 0;
          for (int64_t i = 0; i < shape.headDim; ++i)
            score += seen[{"qkv", 0}][t][h * shape.headDim + i] * cached(1, p, i);
          weights.push_back(std::exp(static_cast<float>(0.3) * score));
        }
        double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        for (size_t p = 0; p <= t; ++p)
          for (int64_t i = 0; i < shape.headDim; ++i)
            expected[h * shape.headDim + i] += weights[p] / sum * cached(2, p, i);
      }
      expectNear(seen[{"attend", 0}][t], expected, edgeTolerance(shape.edges), "attention");
    }
  }
}

/// One head of one element: what a cap makes of scores.
TEST(Attend, CappedScores) {
  TestProgram test(vocabulary);
  Matrix rows = test.randomMatrix(DType::bf16, vocabulary, 8, 1.0f);
  Ref embedding = test.matrix("embedding", DType::bf16, {rows});
  uint32_t x = test.edge("x", DType::f32, 8), out = test.edge("out", DType::f32, 8);
  Ref cache = test.cache(DType::bf16, 1, 8);
  test.block("input");
  test.embed(embedding, x);
  test.phase("append", PhaseKind::Map, {x, x}, {}).epilogues = {TestProgram::function(
      "kv_append", {{"key", 0}, {"value", 1}, {"kv_heads", 1}, {"head_dim", 8}}, {}, {}, {cache})};
  Phase &attend = test.phase("attend", PhaseKind::Attend, {x}, {out});
  attend.parameters = {{"heads", 1},  {"kv_heads", 1}, {"head_dim", 8}, {"scale", 0.5},
                       {"splits", 1}, {"warps", 8},    {"cap", 1.5}};
  attend.caches = {cache};
  test.head(x, embedding);

  Observations seen = observe(test, prompt);
  for (size_t t = 0; t < prompt.size(); ++t) {
    std::vector<double> expected(8);
    double sum = 0;
    for (size_t p = 0; p <= t; ++p) {
      double score = 0;
      for (int64_t i = 0; i < 8; ++i)
        score += static_cast<double>(rows(prompt[t], i)) * rows(prompt[p], i);
      const double weight = std::exp(1.5 * std::tanh(0.5 * score / 1.5));
      sum += weight;
      for (int64_t i = 0; i < 8; ++i)
        expected[i] += weight * rows(prompt[p], i);
    }
    for (double &value : expected)
      value /= sum;
    expectNear(seen[{"attend", 0}][t], expected, 1e-6, "token " + std::to_string(t));
  }
}

/// All scores are equal, so attention is the mean of the values in the window, of each of three iterations its own.
TEST(Attend, WindowsOfAScalarTable) {
  constexpr int64_t windows[] = {2, 0, 100};
  TestProgram test(vocabulary);
  Matrix rows = test.randomMatrix(DType::bf16, vocabulary, 8, 1.0f);
  Ref embedding = test.matrix("embedding", DType::bf16, {rows});
  uint32_t x = test.edge("x", DType::f32, 8), zero = test.edge("zero", DType::f32, 8);
  uint32_t out = test.edge("out", DType::f32, 8);
  Ref zeros = test.matrix("zeros", DType::bf16, {Matrix{8, 8, std::vector<float>(64)}});
  Ref cache = test.cache(DType::bf16, 1, 8);
  for (int64_t window : windows)
    test.program.scalars.push_back({"window" + std::to_string(window), window});
  test.program.scalarTables = {{0, 1, 2}};
  test.block("input");
  test.embed(embedding, x);
  test.project("zero", x, zeros, {8}, {zero});
  test.phase("append", PhaseKind::Map, {zero, x}, {}).epilogues = {TestProgram::function(
      "kv_append", {{"key", 0}, {"value", 1}, {"kv_heads", 1}, {"head_dim", 8}}, {}, {}, {cache})};
  test.block("layers", 3);
  Phase &attend = test.phase("attend", PhaseKind::Attend, {zero}, {out});
  attend.parameters = {{"heads", 1}, {"kv_heads", 1}, {"head_dim", 8}, {"scale", 1.0}, {"splits", 1}, {"warps", 8}};
  attend.caches = {cache};
  attend.scalars = {{true, 0}};
  test.head(x, embedding);

  Observations seen = observe(test, prompt);
  ASSERT_EQ((seen[{"attend", 0}].size()), 3 * prompt.size());
  for (size_t t = 0; t < prompt.size(); ++t)
    for (size_t iteration = 0; iteration < 3; ++iteration) {
      const auto window = static_cast<size_t>(windows[iteration]);
      const size_t first = window > 0 && window <= t ? t + 1 - window : 0;
      std::vector<double> expected(8);
      for (size_t p = first; p <= t; ++p)
        for (int64_t i = 0; i < 8; ++i)
          expected[i] += rows(prompt[p], i) / static_cast<double>(t + 1 - first);
      expectNear(seen[{"attend", 0}][3 * t + iteration], expected, 1e-6, "iteration " + std::to_string(iteration));
    }
}

/// A program whose logits are rows of a matrix, chosen by the token.
struct Chooser {
  TestProgram test{vocabulary};
  Chooser(const Matrix &logitsByToken, bool select) {
    Ref embedding = test.matrix("rows", DType::bf16, {logitsByToken});
    uint32_t x = test.edge("x", DType::f32, vocabulary);
    test.block("input");
    test.embed(embedding, x);
    test.program.decoder->headBlock = 1;
    test.block("head");
    test.phase("select", select ? PhaseKind::Select : PhaseKind::Map, {x}, {}).epilogues = {
        TestProgram::function("argmax", {{"segment", 0}})};
  }
};

TEST(Argmax, TakesTheLowestOfEqualsAndKeepsTheLogits) {
  for (bool select : {false, true}) {
    Matrix rows{vocabulary, vocabulary, std::vector<float>(vocabulary * vocabulary, -2.0f)};
    auto set = [&](int64_t token, int64_t next, float value) { rows.values[token * vocabulary + next] = value; };
    set(1, 4, 5.0f);
    set(1, 7, 5.0f);
    set(4, 9, -1.0f);
    set(9, 0, INFINITY);
    Chooser chooser(rows, select);
    auto executor = makeExecutor(chooser.test);
    ASSERT_TRUE(executor->begin(std::vector<int32_t>{1}, {}).isOk());
    int64_t position = 0;
    for (int32_t expected : {4, 9, 0, 0}) {
      ++position;
      ASSERT_TRUE(executor->enqueueStep(true).isOk());
      EXPECT_EQ(*executor->awaitToken(position), expected) << position;
      if (expected == 4) {
        EXPECT_TRUE(std::equal(rows.values.begin() + vocabulary, rows.values.begin() + 2 * vocabulary,
                               executor->logits()->begin()));
      }
    }
  }
}

} // namespace
} // namespace cadenza::test

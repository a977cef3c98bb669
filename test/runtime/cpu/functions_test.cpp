// Every epilogue and prologue, in a map and in a project phase, against references in double written from program.h.
#include "runtime/cpu/functions.h"
#include "test/runtime/cpu/phase_harness.h"

#include <algorithm>
#include <limits>

namespace cadenza::test {
namespace {

using Vector = std::vector<double>;
constexpr int64_t vocabulary = 24, size = 32; // elements of each segment
const std::vector<int32_t> prompt = {3, 17, 5, 3, 23};

/// What a test case applies, and its reference on the initial segments at a position. The reference returns the phase's
/// outputs.
struct Case {
  std::vector<Function> epilogues;
  std::function<std::vector<Vector>(std::vector<Vector> segments, int position)> reference;
};

/// A program with two segments of `size`, made by the phase under test from the edge "x": in a project phase as
/// products with two matrices (whose outputs a bare phase "bare" shows first), in a map phase as the inputs.
class FunctionTest : public ::testing::TestWithParam<std::tuple<PhaseKind, DType>> {
protected:
  FunctionTest() {
    Ref embedding = test.matrix("embedding", DType::bf16, {test.randomMatrix(DType::bf16, vocabulary, size, 1.0f)});
    x = test.edge("x", DType::f32, size);
    a = test.edge("a", DType::f32, size);
    b = test.edge("b", DType::f32, size);
    head = embedding;
    matrix = test.matrix(
        "two", DType::bf16,
        {test.randomMatrix(DType::bf16, size, size, 0.3f), test.randomMatrix(DType::bf16, size, size, 0.3f)});
    test.block("input");
    test.embed(embedding, x);
    test.block("layers");
    test.project("bare", x, matrix, {size, size}, {a, b});
  }

  void run(const Case &c, size_t outputCount) {
    auto [kind, dtype] = GetParam();
    std::vector<uint32_t> outputs;
    for (size_t i = 0; i < outputCount; ++i)
      outputs.push_back(test.edge("out" + std::to_string(i), dtype, size));
    Phase &phase = kind == PhaseKind::Project ? test.project("tested", x, matrix, {size, size}, outputs)
                                              : test.phase("tested", kind, {a, b}, outputs);
    phase.epilogues = c.epilogues;
    test.head(x, head);
    Observations seen = observe(test, prompt);
    for (size_t t = 0; t < prompt.size(); ++t) {
      std::vector<Vector> segments;
      for (size_t i = 0; i < 2; ++i)
        segments.emplace_back(seen[{"bare", i}][t].begin(), seen[{"bare", i}][t].end());
      std::vector<Vector> expected = c.reference(segments, static_cast<int>(t));
      ASSERT_EQ(expected.size(), outputCount);
      for (size_t i = 0; i < outputCount; ++i)
        expectNear(seen[{"tested", i}][t], expected[i], edgeTolerance(dtype),
                   "token " + std::to_string(t) + " output " + std::to_string(i));
    }
  }

  TestProgram test{vocabulary};
  uint32_t x, a, b;
  Ref head, matrix;
};

Vector map(Vector v, double (*f)(double)) {
  std::transform(v.begin(), v.end(), v.begin(), f);
  return v;
}

TEST_P(FunctionTest, Bias) {
  std::vector<float> bias = test.randomValues(size);
  run({{TestProgram::function("bias", {{"segment", 1}}, {test.vector("bias", bias)})},
       [&](std::vector<Vector> s, int) {
         for (int64_t i = 0; i < size; ++i)
           s[1][i] += bias[i];
         return s;
       }},
      2);
}

TEST_P(FunctionTest, RmsNorm) {
  std::vector<float> gamma = test.randomValues(8, 0.3f, 1.0f);
  run({{TestProgram::function("rms_norm", {{"segment", 0}, {"eps", 0.01}, {"group_size", 8}},
                              {test.vector("g", gamma)})},
       [&](std::vector<Vector> s, int) {
         for (int64_t group = 0; group < size; group += 8) {
           double sum = 0;
           for (int i = 0; i < 8; ++i)
             sum += s[0][group + i] * s[0][group + i];
           for (int i = 0; i < 8; ++i)
             s[0][group + i] *= gamma[i] / std::sqrt(sum / 8 + 0.01);
         }
         return s;
       }},
      2);
}

/// Groups of `gamma.size()` elements.
Vector layerNorm(Vector x, const std::vector<float> &gamma, const std::vector<float> &beta, double eps) {
  const size_t group = gamma.size();
  for (size_t first = 0; first < x.size(); first += group) {
    double mean = 0, squares = 0;
    for (size_t i = 0; i < group; ++i)
      mean += x[first + i] / static_cast<double>(group);
    for (size_t i = 0; i < group; ++i)
      squares += (x[first + i] - mean) * (x[first + i] - mean);
    for (size_t i = 0; i < group; ++i)
      x[first + i] = (x[first + i] - mean) / std::sqrt(squares / static_cast<double>(group) + eps) * gamma[i] +
                     (beta.empty() ? 0 : beta[i]);
  }
  return x;
}

TEST_P(FunctionTest, LayerNorm) {
  std::vector<float> gamma = test.randomValues(8, 0.3f, 1.0f), whole = test.randomValues(size, 0.3f, 1.0f);
  std::vector<float> beta = test.randomValues(size);
  run({{TestProgram::function("layer_norm", {{"segment", 0}, {"eps", 0.01}, {"group_size", 8}, {"bias", false}},
                              {test.vector("g", gamma)}),
        TestProgram::function("layer_norm", {{"segment", 1}, {"eps", 0.01}, {"group_size", size}, {"bias", true}},
                              {test.vector("w", whole), test.vector("b", beta)})},
       [&](std::vector<Vector> s, int) {
         return std::vector<Vector>{layerNorm(s[0], gamma, {}, 0.01), layerNorm(s[1], whole, beta, 0.01)};
       }},
      2);
}

TEST_P(FunctionTest, RopeOnPartOfTheHead) {
  std::vector<float> frequencies = {1.0f, 0.5f, 0.01f};
  Function rope = TestProgram::function("rope", {{"segment", 1}, {"head_dim", 16}, {"rotary_dim", 6}},
                                        {test.ropeTable(frequencies, 1.25f)});
  run({{rope},
       [&](std::vector<Vector> s, int position) {
         for (int64_t h = 0; h < size; h += 16) {
           for (int i = 0; i < 3; ++i) {
             double c = 1.25 * std::cos(position * double(frequencies[i]));
             double n = 1.25 * std::sin(position * double(frequencies[i]));
             double low = s[1][h + i], high = s[1][h + i + 3];
             s[1][h + i] = low * c - high * n;
             s[1][h + i + 3] = high * c + low * n;
           }
         }
         return s;
       }},
      2);
}

TEST_P(FunctionTest, RopeOfNeighboursOnPartOfTheHead) {
  std::vector<float> frequencies = {1.0f, 0.5f, 0.01f};
  Function rope = TestProgram::function("rope_interleaved", {{"segment", 1}, {"head_dim", 16}, {"rotary_dim", 6}},
                                        {test.ropeTable(frequencies, 1.25f)});
  run({{rope},
       [&](std::vector<Vector> s, int position) {
         for (int64_t h = 0; h < size; h += 16) {
           for (int i = 0; i < 3; ++i) {
             double c = 1.25 * std::cos(position * double(frequencies[i]));
             double n = 1.25 * std::sin(position * double(frequencies[i]));
             double even = s[1][h + 2 * i], odd = s[1][h + 2 * i + 1];
             s[1][h + 2 * i] = even * c - odd * n;
             s[1][h + 2 * i + 1] = odd * c + even * n;
           }
         }
         return s;
       }},
      2);
}

TEST_P(FunctionTest, Silu) {
  run({{TestProgram::function("silu", {{"segment", 0}})},
       [](std::vector<Vector> s, int) {
         s[0] = map(s[0], [](double v) { return v / (1 + std::exp(-v)); });
         return s;
       }},
      2);
}

TEST_P(FunctionTest, Gelu) {
  run({{TestProgram::function("gelu", {{"segment", 1}})},
       [](std::vector<Vector> s, int) {
         s[1] = map(s[1], [](double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2.0))); });
         return s;
       }},
      2);
}

TEST_P(FunctionTest, GeluTanh) {
  run({{TestProgram::function("gelu_tanh", {{"segment", 1}})},
       [](std::vector<Vector> s, int) {
         s[1] = map(s[1], [](double v) {
           return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
         });
         return s;
       }},
      2);
}

TEST_P(FunctionTest, Scale) {
  run({{TestProgram::function("scale", {{"segment", 1}, {"factor", -0.75}})},
       [](std::vector<Vector> s, int) {
         s[1] = map(s[1], [](double v) { return -0.75 * v; });
         return s;
       }},
      2);
}

TEST_P(FunctionTest, Softcap) {
  run({{TestProgram::function("softcap", {{"segment", 0}, {"cap", 1.5}})},
       [](std::vector<Vector> s, int) {
         s[0] = map(s[0], [](double v) { return 1.5 * std::tanh(v / 1.5); });
         return s;
       }},
      2);
}

TEST_P(FunctionTest, MulConsumesItsRhs) {
  run({{TestProgram::function("mul", {{"lhs", 1}, {"rhs", 0}})},
       [](std::vector<Vector> s, int) {
         for (int64_t i = 0; i < size; ++i)
           s[1][i] *= s[0][i];
         return std::vector<Vector>{s[1]};
       }},
      1);
}

TEST_P(FunctionTest, AddReadsAnEdge) {
  run({{TestProgram::function("add", {{"segment", 0}}, {}, {b})},
       [](std::vector<Vector> s, int) {
         for (int64_t i = 0; i < size; ++i)
           s[0][i] += s[1][i]; // edge b holds the second product
         return s;
       }},
      2);
}

TEST_P(FunctionTest, ChainsKeepSlotNumbers) {
  std::vector<float> bias = test.randomValues(size);
  run({{TestProgram::function("silu", {{"segment", 0}}), TestProgram::function("mul", {{"lhs", 1}, {"rhs", 0}}),
        TestProgram::function("bias", {{"segment", 1}}, {test.vector("bias", bias)})},
       [&](std::vector<Vector> s, int) {
         for (int64_t i = 0; i < size; ++i)
           s[1][i] = s[1][i] * s[0][i] / (1 + std::exp(-s[0][i])) + bias[i];
         return std::vector<Vector>{s[1]};
       }},
      1);
}

std::string parameterName(const auto &info) {
  return std::string(phaseKindName(std::get<0>(info.param))) + "_" + std::string(dtypeName(std::get<1>(info.param)));
}
INSTANTIATE_TEST_SUITE_P(All, FunctionTest,
                         ::testing::Combine(::testing::Values(PhaseKind::Map, PhaseKind::Project),
                                            ::testing::Values(DType::f32, DType::bf16, DType::f16)),
                         [](const auto &info) { return parameterName(info); });

/// Prologue norm: in a map phase over groups; in a project phase plain and deferred.
TEST(Epilogue, ArgmaxOrdersAsTheKernelsDo) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  auto argmax = [](std::initializer_list<float> x) { return cpu::argmax(std::vector<float>(x)); };
  EXPECT_EQ(argmax({1, 3, 2, 3}), 1); // the lowest among equals
  EXPECT_EQ(argmax({-0.0f, 0.0f}), 0);
  EXPECT_EQ(argmax({nan, -2, nan, -1}), 3);
  EXPECT_EQ(argmax({nan, -inf}), 1);
  EXPECT_EQ(argmax({-1, nan}), 0);
  EXPECT_EQ(argmax({nan, nan}), 0);
}

/// A large mean, which the sum of squares about zero would not survive, over more than one chunk of 128.
TEST(LayerNorm, SubtractsTheMeanFirst) {
  std::vector<float> x(300), gamma(300, 2.0f), beta(300, 1.0f);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = 4096.0f + static_cast<float>(i % 3);
  const Vector expected = layerNorm({x.begin(), x.end()}, gamma, beta, 1e-5);
  cpu::layerNorm(x, gamma.data(), beta.data(), 1e-5f, 300);
  expectNear(x, expected, 1e-5, "layer norm");
}

TEST(Prologue, LayerNormWithAndWithoutBias) {
  TestProgram test(vocabulary);
  Matrix rows = test.randomMatrix(DType::bf16, vocabulary, size, 1.0f);
  Matrix weights = test.randomMatrix(DType::bf16, 13, size, 0.2f);
  Ref embedding = test.matrix("embedding", DType::bf16, {rows}), matrix = test.matrix("matrix", DType::bf16, {weights});
  std::vector<float> gamma = test.randomValues(size, 0.3f, 1.0f), beta = test.randomValues(size);
  uint32_t x = test.edge("x", DType::f32, size), plain = test.edge("plain", DType::f32, 13);
  uint32_t biased = test.edge("biased", DType::f32, 13);
  test.block("input");
  test.embed(embedding, x, 3.0f);
  test.project("plain", x, matrix, {13}, {plain}).prologue = {TestProgram::function(
      "layer_norm", {{"eps", 1e-5}, {"group_size", size}, {"bias", false}}, {test.vector("g", gamma)})};
  test.project("biased", x, matrix, {13}, {biased}).prologue = {
      TestProgram::function("layer_norm", {{"eps", 1e-5}, {"group_size", size}, {"bias", true}},
                            {test.vector("g", gamma), test.vector("b", beta)})};
  test.head(x, embedding);
  Observations seen = observe(test, prompt);
  for (size_t t = 0; t < prompt.size(); ++t) {
    Vector in(size);
    for (int64_t i = 0; i < size; ++i)
      in[i] = 3.0 * rows(prompt[t], i);
    for (bool bias : {false, true}) {
      const Vector normal = layerNorm(in, gamma, bias ? beta : std::vector<float>(), 1e-5);
      std::vector<float> rounded(size);
      for (int64_t i = 0; i < size; ++i)
        rounded[i] = stored(DType::bf16, static_cast<float>(normal[i]));
      // An element on the edge of two bf16 numbers may be rounded either way.
      expectNear(seen[{bias ? "biased" : "plain", 0}][t], weights.times(rounded), 0.01, "layer norm");
    }
  }
}

TEST(Prologue, RmsNormInMapAndProject) {
  TestProgram test(vocabulary);
  Matrix rows = test.randomMatrix(DType::bf16, vocabulary, size, 1.0f);
  Matrix weights = test.randomMatrix(DType::bf16, 13, size, 0.2f);
  Ref embedding = test.matrix("embedding", DType::bf16, {rows});
  Ref matrix = test.matrix("matrix", DType::bf16, {weights});
  std::vector<float> gamma = test.randomValues(size, 0.3f, 1.0f), groupGamma = test.randomValues(16, 0.3f, 1.0f);
  Ref gammaRef = test.vector("gamma", gamma), groupRef = test.vector("group gamma", groupGamma);
  uint32_t x = test.edge("x", DType::f32, size), whole = test.edge("whole", DType::f32, size);
  uint32_t grouped = test.edge("grouped", DType::f32, size);
  uint32_t plain = test.edge("plain", DType::f32, 13), deferred = test.edge("deferred", DType::f32, 13);
  auto norm = [](int64_t group, bool defer, Ref ref) {
    return std::vector{
        TestProgram::function("rms_norm", {{"eps", 1e-5}, {"group_size", group}, {"defer_scale", defer}}, {ref})};
  };
  test.block("input");
  test.embed(embedding, x, 3.0f);
  test.phase("whole", PhaseKind::Map, {x}, {whole}).prologue = norm(size, false, gammaRef);
  test.phase("grouped", PhaseKind::Map, {x}, {grouped}).prologue = norm(16, false, groupRef);
  test.project("plain", x, matrix, {13}, {plain}).prologue = norm(size, false, gammaRef);
  test.project("deferred", x, matrix, {13}, {deferred}).prologue = norm(size, true, gammaRef);
  test.head(x, embedding);

  Observations seen = observe(test, prompt);
  for (size_t t = 0; t < prompt.size(); ++t) {
    Vector in(size);
    for (int64_t i = 0; i < size; ++i)
      in[i] = 3.0 * rows(prompt[t], i);
    auto inverse = [&](int64_t begin, int64_t count) {
      double sum = 0;
      for (int64_t i = begin; i < begin + count; ++i)
        sum += in[i] * in[i];
      return 1 / std::sqrt(sum / count + 1e-5);
    };
    Vector expectedWhole(size), expectedGrouped(size);
    std::vector<float> roundedNorm(size), roundedProduct(size);
    for (int64_t i = 0; i < size; ++i) {
      expectedWhole[i] = in[i] * inverse(0, size) * gamma[i];
      expectedGrouped[i] = in[i] * inverse(i / 16 * 16, 16) * groupGamma[i % 16];
      roundedProduct[i] = stored(DType::bf16, static_cast<float>(in[i]) * gamma[i]);
    }
    for (int64_t i = 0; i < size; ++i)
      roundedNorm[i] = stored(DType::bf16, seen[{"whole", 0}][t][i]);
    Vector expectedDeferred = weights.times(roundedProduct);
    for (double &y : expectedDeferred)
      y *= inverse(0, size);
    expectNear(seen[{"whole", 0}][t], expectedWhole, 1e-6, "whole");
    expectNear(seen[{"grouped", 0}][t], expectedGrouped, 1e-6, "grouped");
    expectNear(seen[{"plain", 0}][t], weights.times(roundedNorm), 1e-5, "plain");
    expectNear(seen[{"deferred", 0}][t], expectedDeferred, 1e-5, "deferred");
  }
}

} // namespace
} // namespace cadenza::test

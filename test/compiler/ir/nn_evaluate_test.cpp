// The executable reference of each nn op against values computed by hand, or by a naive formula written here.
#include "compiler/ir/nn/NN.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

using namespace mlir;
using namespace cadenza;
using cadenza::nn::Vector;

namespace {

class EvaluateTest : public testing::Test {
protected:
  EvaluateTest() { context.loadDialect<func::FuncDialect, nn::NNDialect>(); }

  /// Parses `declarations` and a function @decode of `body`; %x and so on are
  /// embeddings of one row, @in.x: their functions run with token 0.
  void parse(const std::string &declarations, const std::string &body, const std::string &results) {
    std::string inputs;
    for (auto &[name, values] : weights) {
      if (name.rfind("in.", 0) == 0) {
        std::string size = std::to_string(values.size());
        inputs += "nn.weight @" + name + " : tensor<1x" + size + "xf32> from \"" + name + "\"\n";
        prefix += "%" + name.substr(3) + " = nn.embedding %token, @" + name + " : tensor<1x" + size + "xf32>\n";
      }
    }
    module = parseSourceString<ModuleOp>(declarations + "\n" + inputs +
                                             "func.func @decode(%token: tensor<1xi32>, %position: tensor<1xi32>) -> " +
                                             results + " {\n" + prefix + body + "\n}\n",
                                         &context);
    ASSERT_TRUE(module);
    state.emplace(*module, [this](Operation *weight) {
      ++reads;
      return weights.at(cast<nn::WeightOp>(weight).getSource()->str());
    });
  }

  FailureOr<SmallVector<Vector>> run(int64_t token = 0, int64_t position = 0) {
    return nn::evaluateFunction(*module->getOps<func::FuncOp>().begin(), *state,
                                {{static_cast<float>(token)}, {static_cast<float>(position)}});
  }
  Vector one(int64_t token = 0, int64_t position = 0) {
    auto results = run(token, position);
    EXPECT_TRUE(succeeded(results));
    return succeeded(results) ? (*results)[0] : Vector();
  }
  /// The message of the error that running ends with.
  std::string error(int64_t token, int64_t position) {
    std::string message;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) { message = diagnostic.str(); });
    EXPECT_TRUE(failed(run(token, position)));
    return message;
  }

  static void expectNear(const Vector &actual, const std::vector<double> &expected) {
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < actual.size(); ++i)
      EXPECT_NEAR(actual[i], expected[i], 1e-6) << "element " << i;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::map<std::string, Vector> weights; // by source
  std::string prefix;
  std::optional<nn::EvaluationState> state;
  int reads = 0;
};

TEST_F(EvaluateTest, EmbeddingIsTheRow) {
  weights["e"] = {1, 2, 3, 4, 5, 6};
  parse(R"(nn.weight @e : tensor<3x2xbf16> from "e")", R"(
    %y = nn.embedding %token, @e : tensor<1x2xf32>
    return %y : tensor<1x2xf32>)",
        "tensor<1x2xf32>");
  expectNear(one(0), {1, 2});
  expectNear(one(2), {5, 6});
  EXPECT_EQ(reads, 1) << "weights are read once";
}

TEST_F(EvaluateTest, EmbeddingOutOfRange) {
  weights["e"] = {1, 2, 3, 4, 5, 6};
  parse(R"(nn.weight @e : tensor<3x2xbf16> from "e")", R"(
    %y = nn.embedding %token, @e : tensor<1x2xf32>
    return %y : tensor<1x2xf32>)",
        "tensor<1x2xf32>");
  EXPECT_EQ(error(3, 0), "'nn.embedding' op token 3 is outside the vocabulary of 3");
  EXPECT_EQ(error(-1, 0), "'nn.embedding' op token -1 is outside the vocabulary of 3");
}

TEST_F(EvaluateTest, EmbeddingWithLearnedPositions) {
  weights["e"] = {1, 2, 3, 4, 5, 6};
  weights["p"] = {0.5, 0.25, 10, 20};
  parse(R"(
    nn.weight @e : tensor<3x2xbf16> from "e"
    nn.weight @p : tensor<2x2xbf16> from "p")",
        R"(
    %y = nn.embedding %token, @e positions @p at %position scale 3.0 : tensor<1x2xf32>
    return %y : tensor<1x2xf32>)",
        "tensor<1x2xf32>");
  expectNear(one(0, 1), {3 + 10, 6 + 20}); // the scale is the token's
  expectNear(one(2, 0), {15.5, 18.25});
  EXPECT_EQ(error(0, 2), "'nn.embedding' op position 2 is beyond the 2 that were learned");
}

TEST_F(EvaluateTest, RMSNormOfTheWholeVector) {
  weights["in.x"] = {3, 4};
  weights["g"] = {1, 2};
  parse(R"(nn.weight @g : tensor<2xbf16> from "g")", R"(
    %y = nn.rms_norm %x, @g eps 0.5 : tensor<1x2xf32>
    return %y : tensor<1x2xf32>)",
        "tensor<1x2xf32>");
  const double rms = std::sqrt((9 + 16) / 2.0 + 0.5);
  expectNear(one(), {3 / rms, 4 / rms * 2});
}

TEST_F(EvaluateTest, RMSNormOfHeads) {
  weights["in.x"] = {3, 4, 0, 2};
  weights["g"] = {1, 10};
  parse(R"(nn.weight @g : tensor<2xbf16> from "g")", R"(
    %y = nn.rms_norm %x, @g eps 0.0 group_size 2 : tensor<1x4xf32>
    return %y : tensor<1x4xf32>)",
        "tensor<1x4xf32>");
  expectNear(one(), {3 / std::sqrt(12.5), 40 / std::sqrt(12.5), 0, 20 / std::sqrt(2.0)});
}

TEST_F(EvaluateTest, LayerNormWithAndWithoutBias) {
  weights["in.x"] = {1, 2, 6, 7};
  weights["g"] = {1, 2, 3, 4};
  weights["b"] = {0.5, 0, -0.5, 10};
  parse(R"(
    nn.weight @g : tensor<4xbf16> from "g"
    nn.weight @b : tensor<4xbf16> from "b")",
        R"(
    %y = nn.layer_norm %x, @g eps 0.5 : tensor<1x4xf32>
    %z = nn.layer_norm %x, @g bias @b eps 0.5 : tensor<1x4xf32>
    return %y, %z : tensor<1x4xf32>, tensor<1x4xf32>)",
        "(tensor<1x4xf32>, tensor<1x4xf32>)");
  auto results = run();
  ASSERT_TRUE(succeeded(results));
  const double deviation = std::sqrt((9 + 4 + 4 + 9) / 4.0 + 0.5); // the mean is 4
  expectNear((*results)[0], {-3 / deviation, -4 / deviation, 6 / deviation, 12 / deviation});
  expectNear((*results)[1], {-3 / deviation + 0.5, -4 / deviation, 6 / deviation - 0.5, 12 / deviation + 10});
}

TEST_F(EvaluateTest, LayerNormOfHeads) {
  weights["in.x"] = {3, 5, 100, 90};
  weights["g"] = {1, 10};
  parse(R"(nn.weight @g : tensor<2xbf16> from "g")", R"(
    %y = nn.layer_norm %x, @g eps 0.0 group_size 2 : tensor<1x4xf32>
    return %y : tensor<1x4xf32>)",
        "tensor<1x4xf32>");
  expectNear(one(), {-1, 10, 1, -10});
}

TEST_F(EvaluateTest, LinearWithAndWithoutBias) {
  weights["in.x"] = {1, 10, 100};
  weights["w"] = {1, 2, 3, 4, 5, 6};
  weights["b"] = {0.5, -0.5};
  parse(R"(
    nn.weight @w : tensor<2x3xbf16> from "w"
    nn.weight @b : tensor<2xbf16> from "b")",
        R"(
    %y = nn.linear %x, @w : (tensor<1x3xf32>) -> tensor<1x2xf32>
    %z = nn.linear %x, @w bias @b : (tensor<1x3xf32>) -> tensor<1x2xf32>
    return %y, %z : tensor<1x2xf32>, tensor<1x2xf32>)",
        "(tensor<1x2xf32>, tensor<1x2xf32>)");
  auto results = run();
  ASSERT_TRUE(succeeded(results));
  expectNear((*results)[0], {321, 654});
  expectNear((*results)[1], {321.5, 653.5});
}

TEST_F(EvaluateTest, RopeAtSeveralPositions) {
  // Two heads of four: pairs (0, 2) and (1, 3) of each.
  weights["in.x"] = {1, 2, 3, 4, 5, 6, 7, 8};
  parse(R"(nn.weight @f : tensor<2xf32> = dense<[1.0, 0.25]> : tensor<2xf32>)", R"(
    %y = nn.rope %x, %position, @f head_dim 4 : tensor<1x8xf32>
    return %y : tensor<1x8xf32>)",
        "tensor<1x8xf32>");
  expectNear(one(0, 0), {1, 2, 3, 4, 5, 6, 7, 8});
  for (int position : {1, 2, 7}) {
    const double a = position, b = 0.25 * position;
    std::vector<double> expected;
    for (double h : {0, 4}) {
      expected.push_back((h + 1) * std::cos(a) - (h + 3) * std::sin(a));
      expected.push_back((h + 2) * std::cos(b) - (h + 4) * std::sin(b));
      expected.push_back((h + 3) * std::cos(a) + (h + 1) * std::sin(a));
      expected.push_back((h + 4) * std::cos(b) + (h + 2) * std::sin(b));
    }
    expectNear(one(0, position), expected);
  }
}

/// Attention over several steps. Keys and values depend on the token by their embeddings.
class AttentionTest : public EvaluateTest {
protected:
  void SetUp() override {
    weights["q"] = random(3 * 8); // 4 heads of 2
    weights["k"] = random(3 * 4); // 2 heads of 2
    weights["v"] = random(3 * 4);
    parse(R"(
      nn.weight @q : tensor<3x8xbf16> from "q"
      nn.weight @k : tensor<3x4xbf16> from "k"
      nn.weight @v : tensor<3x4xbf16> from "v"
      nn.cache @cache heads 2 head_dim 2 : bf16)",
          R"(
      %q = nn.embedding %token, @q : tensor<1x8xf32>
      %k = nn.embedding %token, @k : tensor<1x4xf32>
      %v = nn.embedding %token, @v : tensor<1x4xf32>
      nn.kv_append %k, %v, %position, @cache : tensor<1x4xf32>
      %a = nn.attention %q, %position, @cache heads 4 scale 0.75 : tensor<1x8xf32>
      return %a : tensor<1x8xf32>)",
          "tensor<1x8xf32>");
  }

  static Vector random(size_t size) {
    Vector values(size);
    for (size_t i = 0; i < size; ++i)
      values[i] = static_cast<float>(std::sin(12.9898 * (size + i)) * 2);
    return values;
  }

  /// softmax(0.75 q k) v for the query of the last of `tokens`, head by head; query heads 0 and 1 see KV head 0, 2 and
  /// 3 see KV head 1.
  std::vector<double> expected(const std::vector<int> &tokens) {
    std::vector<double> result;
    for (int head = 0; head < 4; ++head) {
      const int kv = head < 2 ? 0 : 2;
      double total = 0, sum[2] = {};
      for (int token : tokens) {
        const float *q = &weights["q"][tokens.back() * 8 + head * 2], *k = &weights["k"][token * 4 + kv];
        const double weight = std::exp(0.75 * (double(q[0]) * k[0] + double(q[1]) * k[1]));
        total += weight;
        for (int d = 0; d < 2; ++d)
          sum[d] += weight * weights["v"][token * 4 + kv + d];
      }
      result.push_back(sum[0] / total);
      result.push_back(sum[1] / total);
    }
    return result;
  }
};

TEST_F(AttentionTest, OverSeveralSteps) {
  expectNear(one(1, 0), expected({1}));
  expectNear(one(1, 0), {weights["v"][4], weights["v"][5], weights["v"][4], weights["v"][5], weights["v"][6],
                         weights["v"][7], weights["v"][6], weights["v"][7]});
  expectNear(one(0, 1), expected({1, 0}));
  expectNear(one(2, 2), expected({1, 0, 2}));
  expectNear(one(0, 3), expected({1, 0, 2, 0}));
}

TEST_F(AttentionTest, AStepAgainOverwritesItsPositionAndSeesNoLaterOne) {
  one(0, 0);
  one(1, 1);
  one(1, 2);
  expectNear(one(2, 1), expected({0, 2}));
}

TEST_F(AttentionTest, PositionsThatWereNeverWritten) {
  one(0, 0);
  EXPECT_EQ(error(1, 2), "'nn.attention' op position 1 is not in the cache");
}

TEST_F(EvaluateTest, AttentionInAWindow) {
  // All scores are equal, so attention is the mean of the values that count: tokens 1, 2, 3, 4 have 1, 10, 100, 1000.
  weights["v"] = {1, 10, 100, 1000};
  weights["k"] = {0, 0, 0, 0};
  parse(R"(
    nn.weight @v : tensor<4x1xbf16> from "v"
    nn.weight @k : tensor<4x1xbf16> from "k"
    nn.scalar @two = 2
    nn.scalar @all = 0
    nn.scalar @many = 100
    nn.cache @cache heads 1 head_dim 1 : bf16)",
        R"(
    %k = nn.embedding %token, @k : tensor<1x1xf32>
    %v = nn.embedding %token, @v : tensor<1x1xf32>
    nn.kv_append %k, %v, %position, @cache : tensor<1x1xf32>
    %a = nn.attention %k, %position, @cache heads 1 scale 1.0 window @two : tensor<1x1xf32>
    %b = nn.attention %k, %position, @cache heads 1 scale 1.0 window @all : tensor<1x1xf32>
    %c = nn.attention %k, %position, @cache heads 1 scale 1.0 window @many : tensor<1x1xf32>
    return %a, %b, %c : tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>)",
        "(tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>)");
  const double windowed[] = {1, 5.5, 55, 550}, whole[] = {1, 5.5, 37, 277.75};
  for (int64_t position = 0; position < 4; ++position) {
    auto results = run(position, position);
    ASSERT_TRUE(succeeded(results));
    expectNear((*results)[0], {windowed[position]});
    expectNear((*results)[1], {whole[position]});
    expectNear((*results)[2], {whole[position]});
  }
}

TEST_F(EvaluateTest, AttentionOfAnEmptyCache) {
  weights["in.q"] = {1, 2};
  parse("nn.cache @cache heads 1 head_dim 2 : bf16", R"(
    %a = nn.attention %q, %position, @cache heads 1 scale 1.0 : tensor<1x2xf32>
    return %a : tensor<1x2xf32>)",
        "tensor<1x2xf32>");
  EXPECT_EQ(error(0, 0), "'nn.attention' op position 0 is not in the cache");
}

TEST_F(EvaluateTest, LargeScoresDoNotOverflow) {
  weights["in.q"] = {1000, 1000};
  weights["in.k"] = {1000, 1000};
  weights["in.v"] = {3, 4};
  parse("nn.cache @cache heads 1 head_dim 2 : bf16", R"(
    nn.kv_append %k, %v, %position, @cache : tensor<1x2xf32>
    %a = nn.attention %q, %position, @cache heads 1 scale 1.0 : tensor<1x2xf32>
    return %a : tensor<1x2xf32>)",
        "tensor<1x2xf32>");
  expectNear(one(), {3, 4});
}

TEST_F(EvaluateTest, Elementwise) {
  weights["in.x"] = {-100, -1, 0, 2, 100};
  weights["in.y"] = {1, 2, 3, 4, 5};
  const std::string t = "tensor<1x5xf32>";
  parse("",
        "%s = nn.silu %x : " + t + "\n%g = nn.gelu_tanh %x : " + t + "\n%e = nn.gelu %x : " + t +
            "\n%m = nn.mul %x, %y : " + t + "\n%a = nn.add %x, %y : " + t + "\nreturn %s, %g, %m, %a, %e : " + t +
            ", " + t + ", " + t + ", " + t + ", " + t,
        "(" + t + ", " + t + ", " + t + ", " + t + ", " + t + ")");
  auto results = run();
  ASSERT_TRUE(succeeded(results));
  // silu(2) = 2 / (1 + e^-2); gelu_tanh(-1) = -0.158808, gelu_tanh(2) = 1.954598 (torch.nn.functional.gelu);
  // gelu(x) is x times the normal distribution up to x
  expectNear((*results)[0], {0, -0.2689414214, 0, 1.7615941560, 100});
  expectNear((*results)[1], {0, -0.1588080, 0, 1.9545977, 100});
  expectNear((*results)[2], {-100, -2, 0, 8, 500});
  expectNear((*results)[3], {-99, 1, 3, 6, 105});
  expectNear((*results)[4], {0, -0.1586552539, 0, 1.9544997361, 100});
}

TEST_F(EvaluateTest, ScaleAndSoftcap) {
  weights["in.x"] = {-100, -1, 0, 2, 100};
  const std::string t = "tensor<1x5xf32>";
  parse("",
        "%s = nn.scale %x by 0.25 : " + t + "\n%c = nn.softcap %x cap 4.0 : " + t +
            "\n%e = nn.embedding %token, @in.x " + "scale 3.0 : " + t + "\nreturn %s, %c, %e : " + t + ", " + t + ", " +
            t,
        "(" + t + ", " + t + ", " + t + ")");
  auto results = run();
  ASSERT_TRUE(succeeded(results));
  expectNear((*results)[0], {-25, -0.25, 0, 0.5, 25});
  expectNear((*results)[1], {-4, 4 * std::tanh(-0.25), 0, 4 * std::tanh(0.5), 4});
  expectNear((*results)[2], {-300, -3, 0, 6, 300});
}

TEST_F(EvaluateTest, RopeOfAPartOfEachHead) {
  weights["in.x"] = {1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6}; // two heads of six, of which four are rotated
  const std::string t = "tensor<1x12xf32>";
  parse("nn.weight @f : tensor<2xf32> = dense<[1.0, 0.5]> : tensor<2xf32> factor 1.5",
        "%h = nn.rope %x, %position, @f head_dim 6 rotary_dim 4 : " + t +
            "\n%i = nn.rope %x, %position, @f head_dim 6 rotary_dim 4 interleaved : " + t + "\nreturn %h, %i : " + t +
            ", " + t,
        "(" + t + ", " + t + ")");
  const int position = 3;
  auto results = run(0, position);
  ASSERT_TRUE(succeeded(results));
  const double c[] = {1.5 * std::cos(3.0), 1.5 * std::cos(1.5)}, s[] = {1.5 * std::sin(3.0), 1.5 * std::sin(1.5)};
  std::vector<double> halves, pairs;
  for (double sign : {1.0, -1.0}) {
    for (double x : {1 * c[0] - 3 * s[0], 2 * c[1] - 4 * s[1], 3 * c[0] + 1 * s[0], 4 * c[1] + 2 * s[1], 5.0, 6.0})
      halves.push_back(sign * x);
    for (double x : {1 * c[0] - 2 * s[0], 2 * c[0] + 1 * s[0], 3 * c[1] - 4 * s[1], 4 * c[1] + 3 * s[1], 5.0, 6.0})
      pairs.push_back(sign * x);
  }
  expectNear((*results)[0], halves);
  expectNear((*results)[1], pairs);
}

TEST_F(EvaluateTest, RopeGrowsAtMultiples) {
  weights["in.x"] = {1, 2, 3, 4};
  const std::string t = "tensor<1x4xf32>";
  parse("nn.weight @f : tensor<2xf32> = dense<[1.0, 0.5]> : tensor<2xf32> factor 1.5\n"
        "nn.weight @g : tensor<2xf32> = dense<[1.0, 0.5]> : tensor<2xf32> factor 1.5 growth #nn.growth<rate = 0.25, "
        "every = 7>",
        "%f = nn.rope %x, %position, @f head_dim 4 : " + t + "\n%g = nn.rope %x, %position, @g head_dim 4 : " + t +
            "\nreturn %f, %g : " + t + ", " + t,
        "(" + t + ", " + t + ")");
  for (int position : {0, 6, 7, 13, 14, 70}) {
    auto results = run(0, position);
    ASSERT_TRUE(succeeded(results));
    const double growth = 1 + 0.25 * std::log(1 + position / 7);
    std::vector<double> expected;
    for (float x : (*results)[0])
      expected.push_back(growth * x);
    expectNear((*results)[1], expected);
  }
}

/// Two positions, whose scores are 0 and 6 before a cap of 2.
TEST_F(EvaluateTest, CappedScores) {
  weights["k"] = {0, 3};
  weights["v"] = {1, 10};
  weights["q"] = {2, 2};
  parse(R"(
    nn.weight @k : tensor<2x1xbf16> from "k"
    nn.weight @v : tensor<2x1xbf16> from "v"
    nn.weight @q : tensor<2x1xbf16> from "q"
    nn.cache @cache heads 1 head_dim 1 : bf16)",
        R"(
    %k = nn.embedding %token, @k : tensor<1x1xf32>
    %v = nn.embedding %token, @v : tensor<1x1xf32>
    %q = nn.embedding %token, @q : tensor<1x1xf32>
    nn.kv_append %k, %v, %position, @cache : tensor<1x1xf32>
    %a = nn.attention %q, %position, @cache heads 1 scale 1.0 cap 2.0 : tensor<1x1xf32>
    return %a : tensor<1x1xf32>)",
        "tensor<1x1xf32>");
  one(0, 0);
  const double weight = std::exp(2 * std::tanh(3.0));
  expectNear(one(1, 1), {(1 + 10 * weight) / (1 + weight)});
}

TEST_F(EvaluateTest, ArgmaxTakesTheLowestOfEquals) {
  weights["in.x"] = {-3, 7, 7, 1, 7};
  weights["in.y"] = {-3, -3};
  parse("", R"(
    %s = nn.argmax %x : tensor<1x5xf32>
    %t = nn.argmax %y : tensor<1x2xf32>
    return %s, %t : tensor<1xi32>, tensor<1xi32>)",
        "(tensor<1xi32>, tensor<1xi32>)");
  auto results = run();
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], Vector{1});
  EXPECT_EQ((*results)[1], Vector{0});
}

TEST_F(EvaluateTest, WholeFunction) {
  // A one-layer model small enough to follow by hand: the embedding, a residual, a tied head.
  weights["e"] = {1, 0, 0, 1, -1, -1};
  weights["w"] = {0, 3, 0, 0};
  parse(R"(
    nn.weight @e : tensor<3x2xbf16> from "e"
    nn.weight @w : tensor<2x2xbf16> from "w")",
        R"(
    %x = nn.embedding %token, @e : tensor<1x2xf32>
    %b = nn.linear %x, @w : (tensor<1x2xf32>) -> tensor<1x2xf32>
    %y = nn.add %x, %b : tensor<1x2xf32>
    %l = nn.linear %y, @e : (tensor<1x2xf32>) -> tensor<1x3xf32>
    %t = nn.argmax %l : tensor<1x3xf32>
    return %t : tensor<1xi32>)",
        "tensor<1xi32>");
  std::map<std::string, Vector> seen;
  auto results = nn::evaluateFunction(
      *module->getOps<func::FuncOp>().begin(), *state, {{1}, {0}},
      [&](Operation *op, ArrayRef<Vector> values) { seen[op->getName().stripDialect().str()] = values[0]; });
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], Vector{0}); // logits 3, 1, -4
  EXPECT_EQ(seen["linear"], (Vector{3, 1, -4}));
  EXPECT_EQ(seen["add"], (Vector{3, 1}));
  EXPECT_EQ(one(2), Vector{2}); // x = (-1, -1), y = (-4, -1): logits -4, -1, 5
}

TEST_F(EvaluateTest, OpsWithoutReference) {
  parse("", R"(
    %t = call @decode(%token, %position) : (tensor<1xi32>, tensor<1xi32>) -> tensor<1xi32>
    return %t : tensor<1xi32>)",
        "tensor<1xi32>");
  EXPECT_EQ(error(0, 0), "'func.call' op has no executable reference");
}

/// Ops on rows treat every row alike, whatever the rank.
TEST_F(EvaluateTest, RowsOfAnyRank) {
  module = parseSourceString<ModuleOp>(R"(
    nn.weight @w : tensor<3x2xf32> from "w"
    nn.weight @b : tensor<3xf32> from "b"
    nn.weight @g : tensor<2xf32> from "g"
    func.func @run(%x: tensor<2x1x2xf32>, %v: tensor<2xf32>)
        -> (tensor<2x1x3xf32>, tensor<2x1x2xf32>, tensor<3xf32>, tensor<2x1x2xf32>) {
      %y = nn.linear %x, @w bias @b : (tensor<2x1x2xf32>) -> tensor<2x1x3xf32>
      %n = nn.rms_norm %x, @g eps 0.0 : tensor<2x1x2xf32>
      %u = nn.linear %v, @w : (tensor<2xf32>) -> tensor<3xf32>
      %s = nn.add %x, %x : tensor<2x1x2xf32>
      return %y, %n, %u, %s : tensor<2x1x3xf32>, tensor<2x1x2xf32>, tensor<3xf32>, tensor<2x1x2xf32>
    })",
                                       &context);
  ASSERT_TRUE(module);
  std::map<std::string, Vector> values = {{"w", {1, 0, 0, 1, 1, 1}}, {"b", {0, 0, 10}}, {"g", {1, 2}}};
  nn::EvaluationState weightsOf(
      *module, [&](Operation *weight) { return values.at(cast<nn::WeightOp>(weight).getSource()->str()); });
  auto results = nn::evaluateFunction(*module->getOps<func::FuncOp>().begin(), weightsOf, {{3, 3, 0, 4}, {5, 6}});
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], (Vector{3, 3, 16, 0, 4, 14}));
  expectNear((*results)[1], {1, 2, 0, 2 * std::sqrt(2.0)}); // rms 3; rms sqrt(8)
  EXPECT_EQ((*results)[2], (Vector{5, 6, 11}));
  EXPECT_EQ((*results)[3], (Vector{6, 6, 0, 8}));
}

} // namespace

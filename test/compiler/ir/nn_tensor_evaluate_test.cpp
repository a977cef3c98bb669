// `evaluate` of ops on tensors: that each calls its reference with its operands and attributes, that open extents find
// their values, and how such ops mix with those of a decoder.
#include "compiler/ir/nn/Evaluate.h"
#include "compiler/ir/nn/TensorValues.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace cadenza;
using nn::TensorValue;
using Doubles = std::vector<double>;

namespace {

TensorValue tensor(ElementType type, nn::Shape shape, Doubles values) {
  return nn::tensorOf(type, std::move(shape), std::span<const double>(values));
}
TensorValue f32(nn::Shape shape, Doubles values) {
  return tensor(ElementType::f32, std::move(shape), std::move(values));
}
TensorValue i64(nn::Shape shape, Doubles values) {
  return tensor(ElementType::i64, std::move(shape), std::move(values));
}

class TensorEvaluateTest : public testing::Test {
protected:
  TensorEvaluateTest() { context.loadDialect<func::FuncDialect, nn::NNDialect>(); }

  func::FuncOp parse(const std::string &text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    state.emplace(*module, [](Operation *) { return nn::Vector{1, 2, 3, 4}; });
    return *module->getOps<func::FuncOp>().begin();
  }

  /// The value that `op` makes of %x, f32 2x3, and %i, i64 of 2: "type = op". The type is that of `expected`.
  void expectOp(const std::string &op, const TensorValue &expected, Doubles indices = {1, 0}) {
    SCOPED_TRACE(op);
    std::string type;
    llvm::raw_string_ostream(type) << nn::typeOf(&context, expected);
    func::FuncOp function = parse("func.func @f(%x: tensor<2x3xf32>, %i: tensor<2xi64>) -> " + type +
                                  " {\n %n = nn.constant dense<1> : tensor<i64>\n %y = " + op + " -> " + type +
                                  "\n return %y : " + type + "\n}");
    const auto results = nn::evaluateTensors(function, *state, {f32({2, 3}, {1, 5, 3, 4, 2, 6}), i64({2}, indices)});
    ASSERT_TRUE(succeeded(results));
    EXPECT_EQ(text((*results)[0]), text(expected));
    EXPECT_EQ(reals((*results)[0]), reals(expected));
  }

  /// The first error of `work`, which fails.
  template <typename Work> std::string errorOf(Work &&work) {
    std::string message;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (message.empty())
        message = diagnostic.str();
    });
    EXPECT_TRUE(failed(work()));
    return message;
  }

  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::optional<nn::EvaluationState> state;
};

TEST_F(TensorEvaluateTest, EveryOp) {
  const std::string x = "(tensor<2x3xf32>)", xi = "(tensor<2x3xf32>, tensor<2xi64>)";
  expectOp("nn.unary neg %x : " + x, f32({2, 3}, {-1, -5, -3, -4, -2, -6}));
  expectOp("nn.binary sub %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>)", f32({2, 3}, {0, 0, 0, 0, 0, 0}));
  expectOp("nn.cast %x : tensor<2x3xf32>", tensor(ElementType::u8, {2, 3}, {1, 5, 3, 4, 2, 6}));
  expectOp("nn.reshape %x : tensor<2x3xf32>", f32({3, 2}, {1, 5, 3, 4, 2, 6}));
  expectOp("nn.transpose %x [1, 0] : " + x, f32({3, 2}, {1, 4, 5, 2, 3, 6}));
  expectOp("nn.slice %x starts [%n, 2] sizes [1, %n] steps [1, -1] : (tensor<2x3xf32>, tensor<i64>, tensor<i64>)",
           f32({1, 1}, {6}));
  expectOp("nn.concat %x, %x axis 1 : (tensor<2x3xf32>, tensor<2x3xf32>)",
           f32({2, 6}, {1, 5, 3, 1, 5, 3, 4, 2, 6, 4, 2, 6}));
  expectOp("nn.expand %i : (tensor<2xi64>)", i64({2, 2}, {1, 0, 1, 0}));
  expectOp("nn.pad edge %x begins [0, 1] ends [-1, 0] : " + x, f32({1, 4}, {1, 1, 5, 3}));
  expectOp("nn.trilu upper %x, %n : (tensor<2x3xf32>, tensor<i64>)", f32({2, 3}, {0, 5, 3, 0, 0, 6}));
  expectOp("nn.trilu %x, %n : (tensor<2x3xf32>, tensor<i64>)", f32({2, 3}, {1, 5, 0, 4, 2, 6}));
  expectOp("nn.range %n, %n, %n : (tensor<i64>, tensor<i64>, tensor<i64>)", i64({0}, {}));
  expectOp("nn.gather %x, %i axis 0 : " + xi, f32({2, 3}, {4, 2, 6, 1, 5, 3}));
  expectOp("nn.reduce max %x axes [0] keep_dims : " + x, f32({1, 3}, {4, 5, 6}));
  expectOp("nn.arg_reduce min %x axis 1 : " + x, i64({2}, {0, 1}));
  expectOp("nn.arg_reduce min %i axis 0 keep_dims last : (tensor<2xi64>)", i64({1}, {1}), {7, 7});
  expectOp("nn.cumsum %x axis 1 exclusive reverse : " + x, f32({2, 3}, {8, 3, 0, 8, 6, 0}));
  expectOp("nn.matmul %i, %i : (tensor<2xi64>, tensor<2xi64>)", i64({}, {25}), {3, 4});
  expectOp("nn.reduce log_sum_exp %x axes [] : " + x, f32({2, 3}, {1, 5, 3, 4, 2, 6}));
}

TEST_F(TensorEvaluateTest, OpsOfSeveralOperands) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<2x2xf32>, %i: tensor<2x1xi64>, %u: tensor<2x1xf32>, %row: tensor<2x2xf32>, %at: tensor<2xi64>)
        -> (tensor<2x1xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x1xi64>) {
      %a = nn.gather_elements %x, %i axis 1 : (tensor<2x2xf32>, tensor<2x1xi64>) -> tensor<2x1xf32>
      %b = nn.gather_nd %x, %i batch_dims 0 : (tensor<2x2xf32>, tensor<2x1xi64>) -> tensor<2x2xf32>
      %c = nn.scatter_elements add %x, %i, %u axis 1 : (tensor<2x2xf32>, tensor<2x1xi64>, tensor<2x1xf32>) -> tensor<2x2xf32>
      %d = nn.scatter_nd max %x, %i, %row : (tensor<2x2xf32>, tensor<2x1xi64>, tensor<2x2xf32>) -> tensor<2x2xf32>
      %e = nn.tensor_scatter %x, %u at %at axis 1 : (tensor<2x2xf32>, tensor<2x1xf32>, tensor<2xi64>) -> tensor<2x2xf32>
      %zero = nn.constant dense<[true, false]> : tensor<2xi1>
      %f = nn.where %zero, %x, %u : (tensor<2xi1>, tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
      %nine = nn.constant dense<9.0> : tensor<f32>
      %g = nn.pad constant %u, %nine begins [0, 0] ends [0, 1] : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x2xf32>
      %v, %h = nn.topk %x k 1 axis 1 smallest : (tensor<2x2xf32>) -> (tensor<2x1xf32>, tensor<2x1xi64>)
      return %a, %b, %c, %d, %e, %f, %g, %h : tensor<2x1xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x1xi64>
    })");
  const auto results = nn::evaluateTensors(function, *state,
                                           {f32({2, 2}, {1, 2, 4, 3}), i64({2, 1}, {1, 0}), f32({2, 1}, {10, 20}),
                                            f32({2, 2}, {0, 5, 3, 0}), i64({2}, {1, 0})});
  ASSERT_TRUE(succeeded(results));
  const std::vector<Doubles> expected = {{2, 4},         {4, 3, 1, 2},   {1, 12, 24, 3}, {3, 2, 4, 5},
                                         {1, 10, 20, 3}, {1, 10, 4, 20}, {10, 9, 20, 9}, {0, 1}};
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_EQ(reals((*results)[i]), expected[i]) << "result " << i;
}

TEST_F(TensorEvaluateTest, NormsAndSoftmaxes) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<1x2xf32>, %s: tensor<2xf32>) -> (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>) {
      %a = nn.layer_normalization %x, %s, %s axis -1 eps 0.0 : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
      %b = nn.layer_normalization %x, %s axis -1 eps 0.0 : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
      %c = nn.rms_normalization %x, %s axis -1 eps 7.0 : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
      %d = nn.softmax %s axis 0 : (tensor<2xf32>) -> tensor<2xf32>
      %e = nn.reshape %d : tensor<2xf32> -> tensor<1x2xf32>
      %f = nn.log_softmax %x axis 0 : (tensor<1x2xf32>) -> tensor<1x2xf32>
      return %a, %b, %c, %e, %f : tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>, tensor<1x2xf32>
    })");
  const auto results = nn::evaluateTensors(function, *state, {f32({1, 2}, {1, 5}), f32({2}, {2, 2})});
  ASSERT_TRUE(succeeded(results));
  // Mean 3, deviation 2; mean of squares 13.
  const std::vector<Doubles> expected = {
      {0, 4}, {-2, 2}, {2 / std::sqrt(20.0), 10 / std::sqrt(20.0)}, {0.5, 0.5}, {0, 0}};
  for (size_t i = 0; i < expected.size(); ++i)
    for (size_t j = 0; j < 2; ++j)
      EXPECT_NEAR(reals((*results)[i])[j], expected[i][j], 1e-6) << "result " << i;
}

TEST_F(TensorEvaluateTest, WeightsAndConstantsHaveTheirStoredType) {
  func::FuncOp function = parse(R"(
    nn.weight @w : tensor<2x2xbf16> from "w"
    func.func @f() -> (tensor<2x2xbf16>, tensor<3xi1>, tensor<3xui64>) {
      %w = nn.get_weight @w : tensor<2x2xbf16>
      %b = nn.constant dense<[true, false, true]> : tensor<3xi1>
      %u = nn.constant dense<18446744073709551615> : tensor<3xui64>
      return %w, %b, %u : tensor<2x2xbf16>, tensor<3xi1>, tensor<3xui64>
    })");
  const auto results = nn::evaluateTensors(function, *state, {});
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], tensor(ElementType::bf16, {2, 2}, {1, 2, 3, 4}));
  EXPECT_EQ((*results)[1], tensor(ElementType::boolean, {3}, {1, 0, 1}));
  EXPECT_EQ((*results)[2].bytes, std::vector<std::byte>(24, std::byte{0xff}));
  for (const TensorValue &value : *results) // and back
    EXPECT_EQ(nn::valueOf(nn::constantOf(&context, value)), value);
}

TEST_F(TensorEvaluateTest, IntegerWeightsNeedAReaderOfTensors) {
  func::FuncOp function = parse(R"(
    nn.weight @w : tensor<2xi64> from "w"
    func.func @f() -> tensor<2xi64> {
      %w = nn.get_weight @w : tensor<2xi64>
      return %w : tensor<2xi64>
    })");
  EXPECT_EQ(errorOf([&] { return nn::evaluateTensors(function, *state, {}); }),
            "'nn.get_weight' op needs the elements of @w, 'tensor<2xi64>', which cannot be read here");
  state->tensorReader = [](Operation *) { return FailureOr<TensorValue>(i64({2}, {7, 9})); };
  const auto results = nn::evaluateTensors(function, *state, {});
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], i64({2}, {7, 9}));
}

TEST_F(TensorEvaluateTest, ResultsAreRoundedToTheirType) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<2xf16>) -> tensor<2xf16> {
      %a = nn.binary add %x, %x : (tensor<2xf16>, tensor<2xf16>) -> tensor<2xf16>
      %b = nn.binary add %a, %x : (tensor<2xf16>, tensor<2xf16>) -> tensor<2xf16>
      return %b : tensor<2xf16>
    })");
  // 3 * 1365 is 4095, which f16 does not have.
  const auto results = nn::evaluateTensors(function, *state, {tensor(ElementType::f16, {2}, {1, 1365})});
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ(reals((*results)[0]), (Doubles{3, 4096}));
}

TEST_F(TensorEvaluateTest, MixesWithTheOpsOfADecoder) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<1x4xf32>, %position: tensor<1xi32>) -> (tensor<1x4xf32>, tensor<i64>) {
      %a = nn.scale %x by 2.0 : tensor<1x4xf32>
      %b = nn.reshape %a : tensor<1x4xf32> -> tensor<2x2xf32>
      %c = nn.transpose %b [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>
      %d = nn.reshape %c : tensor<2x2xf32> -> tensor<1x4xf32>
      %e = nn.add %d, %x : tensor<1x4xf32>
      %n = nn.past_length %position
      return %e, %n : tensor<1x4xf32>, tensor<i64>
    })");
  std::vector<std::string> seen;
  const auto results =
      nn::evaluateFunction(function, *state, {{1, 2, 3, 4}, {11}}, [&](Operation *op, ArrayRef<nn::Vector>) {
        seen.push_back(op->getName().getStringRef().str());
      });
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], (nn::Vector{3, 8, 7, 12}));
  EXPECT_EQ((*results)[1], nn::Vector{11});
  EXPECT_EQ(seen, (std::vector<std::string>{"nn.scale", "nn.add"}));
}

TEST_F(TensorEvaluateTest, ReadsTheTokensBeforeThisOne) {
  func::FuncOp function = parse(R"(
    nn.cache @cache heads 2 head_dim 2 : bf16
    func.func @f(%k: tensor<1x4xf32>, %v: tensor<1x4xf32>, %position: tensor<1xi32>) -> (tensor<1x2x?x2xf32>, tensor<1x2x?x2xbf16>) {
      nn.kv_append %k, %v, %position, @cache : tensor<1x4xf32>
      %keys = nn.read_cache @cache key at %position : tensor<1x2x?x2xf32>
      %values = nn.read_cache @cache value at %position : tensor<1x2x?x2xbf16>
      return %keys, %values : tensor<1x2x?x2xf32>, tensor<1x2x?x2xbf16>
    })");
  const auto step = [&](double token, double position) {
    return nn::evaluateTensors(function, *state,
                               {f32({1, 4}, {token, token + 1, token + 2, token + 3}),
                                f32({1, 4}, {token + 0.001, 0, 0, -token}), tensor(ElementType::i32, {1}, {position})});
  };
  auto results = step(10, 0);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], f32({1, 2, 0, 2}, {}));
  results = step(20, 1);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], f32({1, 2, 1, 2}, {10, 11, 12, 13}));
  results = step(30, 2);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], f32({1, 2, 2, 2}, {10, 11, 20, 21, 12, 13, 22, 23}));
  EXPECT_EQ((*results)[1], tensor(ElementType::bf16, {1, 2, 2, 2}, {10, 0, 20, 0, 0, -10, 0, -20})); // rounded
  EXPECT_EQ(errorOf([&] { return step(40, 4); }), "'nn.read_cache' op position 3 is not in the cache");
}

TEST_F(TensorEvaluateTest, ReadsACacheWithRoom) {
  func::FuncOp function = parse(R"(
    nn.cache @cache heads 2 head_dim 1 : bf16
    func.func @f(%k: tensor<1x2xf32>, %position: tensor<1xi32>) -> tensor<1x2x3x1xf32> {
      nn.kv_append %k, %k, %position, @cache : tensor<1x2xf32>
      %keys = nn.read_cache @cache key at %position : tensor<1x2x3x1xf32>
      return %keys : tensor<1x2x3x1xf32>
    })");
  const auto step = [&](double position) {
    return nn::evaluateTensors(
        function, *state, {f32({1, 2}, {10 + position, 20 + position}), tensor(ElementType::i32, {1}, {position})});
  };
  ASSERT_TRUE(succeeded(step(0)));
  ASSERT_TRUE(succeeded(step(1)));
  const auto results = step(2);
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0], f32({1, 2, 3, 1}, {10, 11, 0, 20, 21, 0}));
  ASSERT_TRUE(succeeded(step(3)));
  EXPECT_EQ(errorOf([&] { return step(4); }),
            "'nn.read_cache' op 4 tokens are before this one, more than the 3 positions");
}

TEST_F(TensorEvaluateTest, KnowsWhatIsAppended) {
  func::FuncOp function = parse(R"(
    nn.cache @cache heads 2 head_dim 4 : bf16
    func.func @f(%k: tensor<1x2x1x4xf32>, %v: tensor<1x1x8xf32>, %i: tensor<1xi64>, %position: tensor<1xi32>) {
      %past = nn.read_cache @cache key at %position : tensor<1x2x?x4xf32>
      %room = nn.read_cache @cache value at %position : tensor<1x2x3x4xf32>
      %first = nn.concat %k, %past axis 2 : (tensor<1x2x1x4xf32>, tensor<1x2x?x4xf32>) -> tensor<1x2x?x4xf32>
      %turned = nn.transpose %room [0, 2, 1, 3] : (tensor<1x2x3x4xf32>) -> tensor<1x3x2x4xf32>
      %flat = nn.reshape %turned : tensor<1x3x2x4xf32> -> tensor<1x3x8xf32>
      %keys = nn.concat %past, %k axis 2 : (tensor<1x2x?x4xf32>, tensor<1x2x1x4xf32>) -> tensor<1x2x?x4xf32>
      %values = nn.tensor_scatter %flat, %v at %i axis 1 : (tensor<1x3x8xf32>, tensor<1x1x8xf32>, tensor<1xi64>) -> tensor<1x3x8xf32>
      return
    })");
  std::vector<std::pair<bool, Value>> found; // of values, what
  for (Operation &op : function.getBody().front())
    if (std::optional<nn::Appended> appended = nn::appendedBy(&op))
      found.emplace_back(appended->past.getOfValues(), appended->added);
  EXPECT_EQ(found,
            (std::vector<std::pair<bool, Value>>{{false, function.getArgument(0)}, {true, function.getArgument(1)}}));
}

//===----------------------------------------------------------------------===//
// Open extents
//===----------------------------------------------------------------------===//

const char *const causal = R"(
  func.func @f(%position: tensor<1xi32>, %scores: tensor<1x2x1x?xf32>) -> tensor<1x1x1x?xf32> {
    %zero = nn.constant dense<0> : tensor<i64>
    %one = nn.constant dense<1> : tensor<i64>
    %off = nn.constant dense<0xFF800000> : tensor<f32>
    %on = nn.constant dense<0.0> : tensor<f32>
    %past = nn.past_length %position
    %total = nn.binary add %past, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %keys = nn.range %zero, %total, %one : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64>
    %square = nn.expand %off extents %total, %total : (tensor<f32>, tensor<i64>, tensor<i64>) -> tensor<?x?xf32>
    %upper = nn.trilu upper %square, %one : (tensor<?x?xf32>, tensor<i64>) -> tensor<?x?xf32>
    %four = nn.reshape %upper : tensor<?x?xf32> -> tensor<1x1x?x?xf32>
    %row = nn.slice %four starts [0, 0, %past, 0] sizes [1, 1, 1, %total] : (tensor<1x1x?x?xf32>, tensor<i64>, tensor<i64>) -> tensor<1x1x1x?xf32>
    %window = nn.constant dense<2> : tensor<i64>
    %first = nn.binary sub %past, %window : (tensor<i64>, tensor<i64>) -> tensor<i64>
    %near = nn.binary greater %keys, %first : (tensor<?xi64>, tensor<i64>) -> tensor<?xi1>
    %mask = nn.where %near, %row, %off : (tensor<?xi1>, tensor<1x1x1x?xf32>, tensor<f32>) -> tensor<1x1x1x?xf32>
    %sum = nn.binary add %scores, %mask : (tensor<1x2x1x?xf32>, tensor<1x1x1x?xf32>) -> tensor<1x2x1x?xf32>
    return %mask : tensor<1x1x1x?xf32>
  })";

TEST_F(TensorEvaluateTest, ASliceAtSeveralLengths) {
  func::FuncOp function = parse(causal);
  const Value mask = function.getBody().front().getTerminator()->getOperand(0);
  const double off = -std::numeric_limits<double>::infinity();
  for (int64_t past : {0, 1, 4}) {
    const TensorValue position = tensor(ElementType::i32, {1}, {static_cast<double>(past)});
    const auto value = nn::evaluateSlice(mask, *state, {{function.getArgument(0), position}});
    ASSERT_TRUE(succeeded(value));
    Doubles expected;
    for (int64_t key = 0; key <= past; ++key)
      expected.push_back(key > past - 2 ? 0 : off);
    EXPECT_EQ(text(*value), "f32 [1, 1, 1, " + std::to_string(past + 1) + "]");
    EXPECT_EQ(reals(*value), expected);
  }
}

TEST_F(TensorEvaluateTest, ASliceFromAnOpsResult) {
  func::FuncOp function = parse(causal);
  const Value mask = function.getBody().front().getTerminator()->getOperand(0);
  const Value past = (*function.getOps<nn::PastLengthOp>().begin()).getResult();
  const auto value = nn::evaluateSlice(mask, *state, {{past, nn::scalar(2)}});
  ASSERT_TRUE(succeeded(value));
  EXPECT_EQ(text(*value), "f32 [1, 1, 1, 3]");
}

TEST_F(TensorEvaluateTest, ASliceNeedsItsArguments) {
  func::FuncOp function = parse(causal);
  const Value mask = function.getBody().front().getTerminator()->getOperand(0);
  EXPECT_EQ(errorOf([&] { return nn::evaluateSlice(mask, *state, {}); }),
            "argument 0, on which a value depends that is evaluated, is not known");
  EXPECT_EQ(errorOf([&] { return nn::evaluateSlice(mask, *state, {{function.getArgument(0), i64({1}, {3})}}); }),
            "a value of type 'tensor<1xi32>' cannot be i64 [1]");
}

TEST_F(TensorEvaluateTest, ASliceHasNoEffects) {
  func::FuncOp function = parse(R"(
    nn.cache @cache heads 1 head_dim 2 : bf16
    func.func @f(%q: tensor<1x2xf32>, %position: tensor<1xi32>) -> tensor<1x2xf32> {
      %o = nn.attention %q, %position, @cache heads 1 scale 1.0 : tensor<1x2xf32>
      return %o : tensor<1x2xf32>
    })");
  const Value value = function.getBody().front().getTerminator()->getOperand(0);
  EXPECT_EQ(errorOf([&] { return nn::evaluateSlice(value, *state, {}); }),
            "'nn.attention' op is not a function of its operands alone: its result cannot be evaluated on its own");
}

TEST_F(TensorEvaluateTest, ErrorsOfReferencesAreThoseOfTheOp) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<2xf32>, %i: tensor<1xi64>) -> tensor<1xf32> {
      %y = nn.gather %x, %i axis 0 : (tensor<2xf32>, tensor<1xi64>) -> tensor<1xf32>
      return %y : tensor<1xf32>
    })");
  EXPECT_EQ(errorOf([&] { return nn::evaluateTensors(function, *state, {f32({2}, {1, 2}), i64({1}, {2})}); }),
            "'nn.gather' op index 2 is outside of an extent of 2");
}

TEST_F(TensorEvaluateTest, DeclaredExtentsAreChecked) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<?xf32>) -> tensor<3xf32> {
      %y = nn.unary neg %x : (tensor<?xf32>) -> tensor<3xf32>
      return %y : tensor<3xf32>
    })");
  EXPECT_TRUE(succeeded(nn::evaluateTensors(function, *state, {f32({3}, {1, 2, 3})})));
  EXPECT_EQ(errorOf([&] { return nn::evaluateTensors(function, *state, {f32({2}, {1, 2})}); }),
            "a value of type 'tensor<3xf32>' cannot be f32 [2]");
}

TEST_F(TensorEvaluateTest, BuildersInferTypes) {
  func::FuncOp function = parse("func.func @f(%x: tensor<2x?xf32>, %n: tensor<i64>) { return }");
  OpBuilder builder(function.getBody().front().getTerminator());
  const Location loc = function.getLoc();
  const Value x = function.getArgument(0), n = function.getArgument(1);
  const auto typeOf = [](Value value) {
    std::string type;
    llvm::raw_string_ostream(type) << value.getType();
    return type;
  };
  EXPECT_EQ(typeOf(nn::UnaryOp::create(builder, loc, nn::UnaryFunction::IsNaN, x)), "tensor<2x?xi1>");
  EXPECT_EQ(typeOf(nn::ReduceOp::create(builder, loc, nn::ReduceFunction::Mean, x, {-1}, true)), "tensor<2x1xf32>");
  const OpFoldResult zero = builder.getI64IntegerAttr(0), one = builder.getI64IntegerAttr(1);
  EXPECT_EQ(typeOf(nn::SliceOp::create(builder, loc, x, {zero, n}, {one, n}, {1, 1})), "tensor<1x?xf32>");
  EXPECT_EQ(typeOf(nn::TransposeOp::create(builder, loc, x, {1, 0})), "tensor<?x2xf32>");
  EXPECT_EQ(typeOf(nn::ConstantOp::create(builder, loc, nn::constantOf(&context, nn::scalar(3)))), "tensor<i64>");
  EXPECT_TRUE(succeeded(verify(*module)));
}

} // namespace

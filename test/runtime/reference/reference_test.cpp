// What the ONNX project's cases leave open of the references: rounding, wrapping, empty tensors, values that do not
// fit, and types with unknown extents.
#include "runtime/reference/infer.h"
#include "runtime/reference/reference.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace cadenza;
using namespace cadenza::nn;

namespace {

constexpr int64_t open = unknownExtent;
const double infinity = std::numeric_limits<double>::infinity();

TensorValue tensor(ElementType type, Shape shape, std::vector<double> values) {
  return tensorOf(type, std::move(shape), std::span<const double>(values));
}
TensorValue whole(ElementType type, std::vector<int64_t> values) {
  const int64_t size = static_cast<int64_t>(values.size());
  return tensorOf(type, {size}, std::span<const int64_t>(values));
}
TensorValue number(ElementType type, int64_t value) { return tensorOf(type, {}, std::span<const int64_t>(&value, 1)); }

/// The message of an error; of a success what it is.
template <typename T> std::string messageOf(const StatusOr<T> &result) {
  return result.isOk() ? "no error" : result.status().message();
}

TEST(Rounding, IsOnceAndToNearestEven) {
  // Of 1 + 2^-11 + 2^-40, half of f16's unit and a little more: over f32, it would become the tie, and then 1.
  const double above = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(reals(tensor(ElementType::f16, {3}, {above, 1 + 0x1p-11, 1 + 3 * 0x1p-11})),
            (std::vector<double>{1 + 0x1p-10, 1, 1 + 0x1p-9}));
  EXPECT_EQ(reals(tensor(ElementType::bf16, {2}, {1 + 0x1p-8 + 0x1p-50, 1 + 0x1p-8})),
            (std::vector<double>{1 + 0x1p-7, 1}));
  EXPECT_EQ(reals(tensor(ElementType::f16, {4}, {65519.999, 65520, -1e300, 0x1p-25})),
            (std::vector<double>{65504, infinity, -infinity, 0}));
  EXPECT_TRUE(std::signbit(reals(tensor(ElementType::f16, {1}, {-1e-300}))[0]));
  // The tie between two bf16 numbers goes to the even one; the 1 more that no double holds beside it goes up.
  const int64_t tie = (int64_t{1} << 60) + (int64_t{1} << 52);
  EXPECT_EQ(reals(whole(ElementType::bf16, {tie, tie + 1})), (std::vector<double>{0x1p60, 0x1p60 + 0x1p53}));
}

TEST(Rounding, OfSumsIsAtTheEnd) {
  // In f16, 2048 + 1 is 2048: added one by one, ones would be lost.
  const TensorValue x = tensor(ElementType::f16, {3}, {2048, 1, 1});
  const int64_t axis = 0;
  EXPECT_EQ(reals(*reference::reduce(ReduceFunction::Sum, x, {&axis, 1}, false)), (std::vector<double>{2050}));
  EXPECT_EQ(reals(*reference::binary(BinaryFunction::Add, x, x)), (std::vector<double>{4096, 2, 2}));
}

TEST(Cast, OfFloatsToIntegersTruncatesAndSaturates) {
  const TensorValue x = tensor(ElementType::f64, {6}, {-1.9, 1.9, 300, -300, NAN, 1e30});
  EXPECT_EQ(integers(*reference::cast(x, ElementType::i8)), (std::vector<int64_t>{-1, 1, 127, -128, 0, 127}));
  EXPECT_EQ(integers(*reference::cast(x, ElementType::u8)), (std::vector<int64_t>{0, 1, 255, 0, 0, 255}));
  EXPECT_EQ(integers(*reference::cast(x, ElementType::i64)), (std::vector<int64_t>{-1, 1, 300, -300, 0, INT64_MAX}));
  EXPECT_EQ(integers(*reference::cast(x, ElementType::boolean)), (std::vector<int64_t>{1, 1, 1, 1, 1, 1}));
}

TEST(Cast, OfIntegersWraps) {
  const TensorValue x = whole(ElementType::i64, {255, 256, -1, INT64_MIN});
  EXPECT_EQ(integers(*reference::cast(x, ElementType::i8)), (std::vector<int64_t>{-1, 0, -1, 0}));
  EXPECT_EQ(integers(*reference::cast(x, ElementType::u16)), (std::vector<int64_t>{255, 256, 65535, 0}));
}

TEST(Integers, AreExactAndWrap) {
  const TensorValue a = whole(ElementType::i64, {INT64_MAX, INT64_MIN, INT64_MIN, (int64_t{1} << 53) + 1});
  const TensorValue b = whole(ElementType::i64, {1, 1, -1, 2});
  using F = BinaryFunction;
  EXPECT_EQ(integers(*reference::binary(F::Add, a, b)),
            (std::vector<int64_t>{INT64_MIN, INT64_MIN + 1, INT64_MAX, (int64_t{1} << 53) + 3}));
  EXPECT_EQ(integers(*reference::binary(F::Div, a, b)),
            (std::vector<int64_t>{INT64_MAX, INT64_MIN, INT64_MIN, int64_t{1} << 52}));
  EXPECT_EQ(integers(*reference::binary(F::Mod, a, b)), (std::vector<int64_t>{0, 0, 0, 1}));
  const TensorValue small = whole(ElementType::i8, {100, -7, 7}), other = whole(ElementType::i8, {100, 2, -2});
  EXPECT_EQ(integers(*reference::binary(F::Add, small, other)), (std::vector<int64_t>{-56, -5, 5}));
  EXPECT_EQ(integers(*reference::binary(F::Div, small, other)), (std::vector<int64_t>{1, -3, -3}));
  EXPECT_EQ(integers(*reference::binary(F::Mod, small, other)), (std::vector<int64_t>{0, 1, -1}));
  EXPECT_EQ(integers(*reference::binary(F::Fmod, small, other)), (std::vector<int64_t>{0, -1, 1}));
  const TensorValue base = whole(ElementType::i32, {3, -2, -1, 2}), exponent = whole(ElementType::i32, {4, 3, -3, -1});
  EXPECT_EQ(integers(*reference::binary(F::Pow, base, exponent)), (std::vector<int64_t>{81, -8, -1, 0}));
}

TEST(Integers, ByZeroIsAnError) {
  const TensorValue one = number(ElementType::i32, 1), zero = number(ElementType::i32, 0);
  EXPECT_EQ(messageOf(reference::binary(BinaryFunction::Div, one, zero)), "div divides an integer by 0");
  EXPECT_EQ(messageOf(reference::binary(BinaryFunction::Mod, one, zero)), "mod divides an integer by 0");
  EXPECT_EQ(messageOf(reference::binary(BinaryFunction::Pow, zero, number(ElementType::i32, -1))),
            "pow divides an integer by 0");
}

TEST(Empty, TensorsAreTensors) {
  const TensorValue past = zeros({ElementType::f32, {1, 2, 0, 3}}),
                    now = tensor(ElementType::f32, {1, 2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const TensorView parts[] = {past, now};
  EXPECT_EQ(*reference::concat(parts, 2), now);
  const int64_t order[] = {0, 1, 3, 2};
  const TensorValue transposed = *reference::transpose(past, order);
  EXPECT_EQ(text(*reference::matmul(zeros({ElementType::f32, {1, 2, 4, 3}}), transposed)), "f32 [1, 2, 4, 0]");
  // Of no columns and rows, a product is zero.
  EXPECT_EQ(reals(*reference::matmul(transposed, past)), std::vector<double>(18, 0));
  const int64_t axis = 2;
  EXPECT_EQ(reals(*reference::reduce(ReduceFunction::Max, past, {&axis, 1}, false)), std::vector<double>(6, -infinity));
  EXPECT_EQ(text(*reference::softmax(past, 2)), "f32 [1, 2, 0, 3]");
}

TEST(Values, ThatDoNotFitAreErrors) {
  const TensorValue x = tensor(ElementType::f32, {2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(messageOf(reference::gather(x, whole(ElementType::i64, {0, 3}), 1)),
            "index 3 is outside of an extent of 3");
  EXPECT_EQ(messageOf(reference::gatherElements(x, tensor(ElementType::i64, {1, 1}, {-3}), 0)),
            "index -3 is outside of an extent of 2");
  EXPECT_EQ(messageOf(reference::scatterND(x, tensor(ElementType::i64, {1, 1}, {2}), zeros({ElementType::f32, {1, 3}}),
                                           ScatterFunction::Replace)),
            "index 2 is outside of an extent of 2");
  const TensorValue at = whole(ElementType::i64, {2, 0});
  const TensorView place = at;
  EXPECT_EQ(messageOf(reference::tensorScatter(x, zeros({ElementType::f32, {2, 2}}), &place, 1, false)),
            "an update of 2 from position 2 on does not fit into a cache of 3");
  EXPECT_EQ(messageOf(reference::range(number(ElementType::i64, 0), number(ElementType::i64, INT64_MAX),
                                       number(ElementType::i64, 1))),
            "a range has a step that is not 0, and at most 2^32 elements");
  EXPECT_EQ(messageOf(reference::range(number(ElementType::i64, 0), number(ElementType::i64, 1),
                                       number(ElementType::i64, 0))),
            "a range has a step that is not 0, and at most 2^32 elements");
  EXPECT_EQ(messageOf(reference::expand(x, {int64_t{1} << 40, 2, 3})),
            "a tensor of shape [1099511627776, 2, 3] has more elements than the reference computes with");
  EXPECT_EQ(messageOf(reference::expand(x, {-1, 2, 3})), "there is no tensor of shape [-1, 2, 3]");
}

TEST(Range, EndsBeforeItsLimit) {
  const auto range = [](ElementType type, std::vector<double> values) {
    return reals(
        *reference::range(tensor(type, {}, {values[0]}), tensor(type, {}, {values[1]}), tensor(type, {}, {values[2]})));
  };
  EXPECT_EQ(range(ElementType::i64, {0, 7, 3}), (std::vector<double>{0, 3, 6}));
  EXPECT_EQ(range(ElementType::i64, {0, 6, 3}), (std::vector<double>{0, 3}));
  EXPECT_EQ(range(ElementType::i64, {5, -1, -2}), (std::vector<double>{5, 3, 1}));
  EXPECT_EQ(range(ElementType::i64, {5, 5, 1}), std::vector<double>());
  EXPECT_EQ(range(ElementType::i32, {5, 9, -1}), std::vector<double>());
  EXPECT_EQ(range(ElementType::f32, {0, 1, 0.5}), (std::vector<double>{0, 0.5}));
}

TEST(TopK, KeepsTheOrderOfEquals) {
  const auto both = *reference::topk(tensor(ElementType::f32, {1, 5}, {1, 3, 2, 3, 1}), 4, -1, true);
  EXPECT_EQ(integers(both.second), (std::vector<int64_t>{1, 3, 2, 0}));
  const auto smallest = *reference::topk(tensor(ElementType::f32, {5, 1}, {1, 3, 2, 3, 1}), 3, 0, false);
  EXPECT_EQ(integers(smallest.second), (std::vector<int64_t>{0, 4, 2}));
  EXPECT_EQ(reals(smallest.first), (std::vector<double>{1, 1, 2}));
}

TEST(NaN, IsTheLargestAndTheSmallest) {
  const TensorValue x = tensor(ElementType::f32, {3}, {1, NAN, 2});
  const int64_t axis = 0;
  EXPECT_TRUE(std::isnan(reals(*reference::reduce(ReduceFunction::Max, x, {&axis, 1}, false))[0]));
  EXPECT_EQ(integers(*reference::argReduce(ArgFunction::Min, x, 0, false, false)), (std::vector<int64_t>{1}));
  EXPECT_TRUE(std::isnan(reals(*reference::unary(UnaryFunction::Relu, x))[1]));
  EXPECT_TRUE(std::isnan(reals(*reference::binary(BinaryFunction::Min, x, tensor(ElementType::f32, {}, {0})))[1]));
}

TEST(Names, ComeBack) {
  EXPECT_EQ(named<UnaryFunction>("gelu_tanh"), UnaryFunction::GeluTanh);
  EXPECT_EQ(name(BinaryFunction::LessOrEqual), "less_or_equal");
  EXPECT_EQ(named<ReduceFunction>("sum_square"), ReduceFunction::SumSquare);
  EXPECT_EQ(named<PadMode>("mirror"), std::nullopt);
}

//===----------------------------------------------------------------------===//
// Types with unknown extents
//===----------------------------------------------------------------------===//

std::string inferred(const StatusOr<TensorSpec> &result) { return result.isOk() ? text(*result) : messageOf(result); }
TensorSpec f32(Shape shape) { return {ElementType::f32, std::move(shape)}; }
TensorSpec i64(Shape shape) { return {ElementType::i64, std::move(shape)}; }

TEST(Infer, Broadcast) {
  const auto add = [](Shape a, Shape b) { return inferred(infer::binary(BinaryFunction::Add, f32(a), f32(b))); };
  EXPECT_EQ(add({open}, {1}), "f32 [?]");
  EXPECT_EQ(add({open}, {5}), "f32 [5]");
  EXPECT_EQ(add({1, open}, {2, open}), "f32 [2, ?]");
  EXPECT_EQ(add({}, {open, 3}), "f32 [?, 3]");
  EXPECT_EQ(add({2, 3}, {2}), "shapes [2, 3] and [2] do not broadcast: 3 and 2 differ");
  EXPECT_EQ(inferred(infer::binary(BinaryFunction::Add, f32({}), i64({}))),
            "operands are of one element type, not of f32 and i64");
  EXPECT_EQ(inferred(infer::binary(BinaryFunction::And, f32({}), f32({}))), "and takes booleans, not f32");
  EXPECT_EQ(inferred(infer::binary(BinaryFunction::Less, f32({2}), f32({2}))), "bool [2]");
  EXPECT_EQ(inferred(infer::unary(UnaryFunction::Sqrt, i64({2}))), "sqrt takes floats, not i64");
}

TEST(Infer, Reshape) {
  EXPECT_EQ(inferred(infer::reshape(f32({2, 6}), {open, 4})), "f32 [3, 4]");
  EXPECT_EQ(inferred(infer::reshape(f32({1, open, 8}), {open, 4})), "f32 [?, 4]");
  EXPECT_EQ(inferred(infer::reshape(f32({open, open}), {1, open, open})), "f32 [1, ?, ?]");
  EXPECT_EQ(inferred(infer::reshape(f32({2, 6}), {5, 2})), "a tensor of shape [2, 6] cannot be reshaped to [5, 2]");
  EXPECT_EQ(inferred(infer::reshape(f32({2, 6}), {open, 5})), "a tensor of shape [2, 6] cannot be reshaped to [?, 5]");
  EXPECT_EQ(inferred(infer::reshape(f32({2, 0}), {open, 0})),
            "the unknown extent of [?, 0] does not follow from that of [2, 0]: there are no elements");
  EXPECT_EQ(inferred(infer::reshape(f32({open, 4}), {open, open})),
            "shapes [?, 4] and [?, ?] do not have the same number of unknown extents, nor the second at most one");
  EXPECT_EQ(inferred(infer::reshape(f32({open, open, 4}), {open, open, 2})),
            "the unknown extents of [?, ?, 2] are not those of [?, ?, 4], as the others are of another product");
  const int64_t large = int64_t{1} << 40;
  EXPECT_EQ(inferred(infer::reshape(f32({large, large}), {large, large})), "f32 [1099511627776, 1099511627776]");
}

TEST(Infer, SlicesAndConcatenations) {
  const int64_t starts[] = {open, 0}, sizes[] = {1, open}, steps[] = {1, 1};
  EXPECT_EQ(inferred(infer::slice(f32({32, 32}), starts, sizes, steps)), "f32 [1, ?]");
  const int64_t last[] = {31, 31}, back[] = {-1, -31}, two[] = {32, 2}, three[] = {32, 3};
  EXPECT_EQ(inferred(infer::slice(f32({32, 32}), last, two, back)), "f32 [32, 2]");
  EXPECT_EQ(inferred(infer::slice(f32({32, 32}), last, three, back)),
            "the slice on axis 1 leaves the tensor: start 31, size 3, step -31 of an extent of 32");
  const TensorSpec parts[] = {f32({1, open, 3}), f32({1, 2, open})};
  EXPECT_EQ(inferred(infer::concat(parts, 1)), "f32 [1, ?, 3]");
  EXPECT_EQ(inferred(infer::concat(parts, -1)), "f32 [1, 2, ?]");
  EXPECT_EQ(inferred(infer::concat(parts, 3)), "axis 3 is none of a tensor of rank 3");
}

TEST(Infer, Products) {
  EXPECT_EQ(inferred(infer::matmul(f32({1, 8, 1, 64}), f32({8, 64, open}))), "f32 [1, 8, 1, ?]");
  EXPECT_EQ(inferred(infer::matmul(f32({open}), f32({64, 3}))), "f32 [3]");
  EXPECT_EQ(inferred(infer::matmul(f32({64}), f32({64}))), "f32 []");
  EXPECT_EQ(inferred(infer::matmul(f32({2, 3}), f32({2, 3}))),
            "matrices of shapes [2, 3] and [2, 3] have no product: 3 columns, 2 rows");
}

TEST(Infer, Axes) {
  const int64_t twice[] = {1, -1}, one[] = {-1};
  EXPECT_EQ(inferred(infer::reduce(ReduceFunction::Sum, f32({2, open}), one, true)), "f32 [2, 1]");
  EXPECT_EQ(inferred(infer::reduce(ReduceFunction::Sum, f32({2, open}), twice, true)), "axis -1 is reduced twice");
  EXPECT_EQ(inferred(infer::topk(f32({2, 3}), 4, 1)), "there are no 4 elements on axis 1 of [2, 3]");
  EXPECT_EQ(inferred(infer::softmax(i64({2}), 0)), "softmax takes floats, not i64");
}

} // namespace

// Every elementwise function and every cast, of every element type, as kernels.
#include "runtime/reference/infer.h"
#include "test/emulation_fusions/fusion_test.h"

using namespace cadenza;
using namespace cadenza::emulation;

namespace {

const std::map<ElementType, std::string> types = {
    {ElementType::f32, "f32"},   {ElementType::f16, "f16"},  {ElementType::bf16, "bf16"}, {ElementType::f64, "f64"},
    {ElementType::i8, "i8"},     {ElementType::i16, "i16"},  {ElementType::i32, "i32"},   {ElementType::i64, "i64"},
    {ElementType::u8, "ui8"},    {ElementType::u16, "ui16"}, {ElementType::u32, "ui32"},  {ElementType::u64, "ui64"},
    {ElementType::boolean, "i1"}};

std::string tensor(const std::string &type) { return "tensor<40x" + type + ">"; }

/// A fusion with a result for each op; `ops`: "unary exp" and so on, with the types of their results.
std::string fusion(const std::string &name, const std::vector<std::string> &inputs,
                   const std::vector<std::pair<std::string, std::string>> &ops) {
  std::string parameters, assigned, operands, operandTypes, body, values, results;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string comma = i == 0 ? "" : ", ", number = std::to_string(i);
    parameters += comma + "%x" + number + ": " + tensor(inputs[i]);
    assigned += comma + "%a" + number + " = %x" + number;
    operands += comma + "%a" + number;
    operandTypes += comma + tensor(inputs[i]);
  }
  for (size_t i = 0; i < ops.size(); ++i) {
    const std::string comma = i == 0 ? "" : ", ", value = "%" + std::to_string(i);
    const bool isCast = ops[i].first == "cast";
    body += "    " + value + " = nn." + ops[i].first + " " + operands + " : " +
            (isCast ? operandTypes + " -> " : "(" + operandTypes + ") -> ") + tensor(ops[i].second) + "\n";
    values += comma + value;
    results += comma + tensor(ops[i].second);
  }
  return "func.func @" + name + "(" + parameters + ") {\n  %r:" + std::to_string(ops.size()) + " = step.fusion (" +
         assigned + ") : (" + operandTypes + ") -> (" + results + ") {\n" + body + "    step.yield " + values + " : " +
         results + "\n  }\n  return\n}\n";
}

template <typename Function> std::vector<std::string_view> allOf() {
  const std::span<const std::string_view> names = nn::names(Function{});
  return {names.begin(), names.end()};
}

/// Functions of integers that are not defined for all of them.
bool isPartial(std::string_view function) {
  return function == "div" || function == "mod" || function == "fmod" || function == "pow";
}

class Elementwise : public FusionTest {
protected:
  static void SetUpTestSuite() {
    std::string program;
    for (const auto &[type, name] : types) {
      std::vector<std::pair<std::string, std::string>> unary, binary, partial, casts;
      const nn::TensorSpec x{type, {40}};
      for (std::string_view function : allOf<nn::UnaryFunction>())
        if (const auto made = nn::infer::unary(*nn::named<nn::UnaryFunction>(function), x); made.isOk())
          unary.emplace_back("unary " + std::string(function), types.at(made->element));
      for (std::string_view function : allOf<nn::BinaryFunction>())
        if (const auto made = nn::infer::binary(*nn::named<nn::BinaryFunction>(function), x, x); made.isOk())
          (isPartial(function) && !isFloat(type) ? partial : binary)
              .emplace_back("binary " + std::string(function), types.at(made->element));
      for (const auto &[to, toName] : types)
        if (to != type)
          casts.emplace_back("cast", toName);
      program += fusion("unary_" + name, {name}, unary) + fusion("binary_" + name, {name, name}, binary) +
                 fusion("cast_" + name, {name}, casts);
      if (!partial.empty())
        program += fusion("partial_" + name, {name, name}, partial);
      program += fusion("where_" + name, {"i1", name, name}, {{"where", name}});
    }
    fusions_ = new Fusions(program);
  }
  static void TearDownTestSuite() { delete fusions_; }
  void SetUp() override {
    FusionTest::SetUp();
    ASSERT_EQ(fusions_->errors, "");
  }
  static Fusions *fusions_;
};
Fusions *Elementwise::fusions_ = nullptr;

TEST_F(Elementwise, Unary) {
  for (const auto &[type, name] : types) {
    check(*fusions_, "unary_" + name, {}, 4);
    check(*fusions_, "unary_" + name, {}, 4, /*special=*/true);
  }
}

TEST_F(Elementwise, Binary) {
  for (const auto &[type, name] : types) {
    check(*fusions_, "binary_" + name, {}, 4);
    check(*fusions_, "binary_" + name, {}, 4, /*special=*/true);
  }
}

TEST_F(Elementwise, IntegersThatDivide) {
  for (const auto &[type, name] : types)
    if (fusions_->launches.contains("partial_" + name)) {
      check(*fusions_, "partial_" + name, {Range{-100, 100}, Range{1, 9}});
      if (isSigned(type))
        check(*fusions_, "partial_" + name, {Range{1, 100}, Range{-9, -1}});
    }
}

TEST_F(Elementwise, Casts) {
  for (const auto &[type, name] : types) {
    check(*fusions_, "cast_" + name, {}, 0);
    check(*fusions_, "cast_" + name, {}, 0, /*special=*/true);
  }
}

TEST_F(Elementwise, Where) {
  for (const auto &[type, name] : types)
    check(*fusions_, "where_" + name, {}, 0);
}

} // namespace

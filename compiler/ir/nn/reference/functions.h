// What the ops on tensors of the `nn` dialect can compute: the enumerations that their attributes hold. A function is
// one row of functions.inc, with its formula.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cadenza::nn {

enum class UnaryFunction : uint8_t {
#define CADENZA_UNARY(kind, name, spelling, formula) name,
#include "compiler/ir/nn/reference/functions.inc"
};
enum class BinaryFunction : uint8_t {
#define CADENZA_BINARY(kind, name, spelling, formula) name,
#include "compiler/ir/nn/reference/functions.inc"
};
/// Of elements x: sum of x, mean of x, ..., sum of |x|, sqrt of the sum of x^2, log of the sum of x, log of the sum of
/// e^x, sum of x^2.
enum class ReduceFunction : uint8_t { Sum, Mean, Max, Min, Prod, L1, L2, LogSum, LogSumExp, SumSquare };
enum class ArgFunction : uint8_t { Max, Min };
/// What a scatter does with an element and its update.
enum class ScatterFunction : uint8_t { Replace, Add, Mul, Max, Min };
/// What stands around a padded tensor: one value; the tensor mirrored at its edge elements (which do not repeat); its
/// edge elements; the tensor over and over.
enum class PadMode : uint8_t { Constant, Reflect, Edge, Wrap };

/// How they are spelled in IR: "sqrt", "less_or_equal", "log_sum_exp", ...
std::string_view name(UnaryFunction function);
std::string_view name(BinaryFunction function);
std::string_view name(ReduceFunction function);
std::string_view name(ArgFunction function);
std::string_view name(ScatterFunction function);
std::string_view name(PadMode mode);

/// The function of that spelling: `named<UnaryFunction>("sqrt")`.
template <typename Function> std::optional<Function> named(std::string_view spelling);
template <> std::optional<UnaryFunction> named(std::string_view spelling);
template <> std::optional<BinaryFunction> named(std::string_view spelling);
template <> std::optional<ReduceFunction> named(std::string_view spelling);
template <> std::optional<ArgFunction> named(std::string_view spelling);
template <> std::optional<ScatterFunction> named(std::string_view spelling);
template <> std::optional<PadMode> named(std::string_view spelling);

} // namespace cadenza::nn

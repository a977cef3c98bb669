// What the ops on tensors of the `nn` dialect can compute: the enumerations that their attributes hold. A function is
// one row of functions.inc, with its formula.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace cadenza::nn {

enum class UnaryFunction : uint8_t {
#define CADENZA_UNARY(kind, name, spelling, formula) name,
#include "runtime/reference/functions.inc"
};
enum class BinaryFunction : uint8_t {
#define CADENZA_BINARY(kind, name, spelling, formula) name,
#include "runtime/reference/functions.inc"
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

/// All spellings of the enumeration, by value (the argument only chooses which).
std::span<const std::string_view> names(UnaryFunction);
std::span<const std::string_view> names(BinaryFunction);
std::span<const std::string_view> names(ReduceFunction);
std::span<const std::string_view> names(ArgFunction);
std::span<const std::string_view> names(ScatterFunction);
std::span<const std::string_view> names(PadMode);

/// The function of that spelling: `named<UnaryFunction>("sqrt")`.
template <typename Function> std::optional<Function> named(std::string_view spelling) {
  const std::span<const std::string_view> all = names(Function{});
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i] == spelling)
      return static_cast<Function>(i);
  return std::nullopt;
}

} // namespace cadenza::nn

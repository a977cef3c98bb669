#include "runtime/reference/functions.h"

namespace cadenza::nn {
namespace {

// By value of the enumerations.
constexpr std::string_view unaryNames[] = {
#define CADENZA_UNARY(kind, name, spelling, formula) spelling,
#include "runtime/reference/functions.inc"
};
constexpr std::string_view binaryNames[] = {
#define CADENZA_BINARY(kind, name, spelling, formula) spelling,
#include "runtime/reference/functions.inc"
};
constexpr std::string_view reduceNames[] = {"sum", "mean", "max",     "min",         "prod",
                                            "l1",  "l2",   "log_sum", "log_sum_exp", "sum_square"};
constexpr std::string_view argNames[] = {"max", "min"};
constexpr std::string_view scatterNames[] = {"replace", "add", "mul", "max", "min"};
constexpr std::string_view padNames[] = {"constant", "reflect", "edge", "wrap"};

} // namespace

std::string_view name(UnaryFunction function) { return unaryNames[static_cast<size_t>(function)]; }
std::string_view name(BinaryFunction function) { return binaryNames[static_cast<size_t>(function)]; }
std::string_view name(ReduceFunction function) { return reduceNames[static_cast<size_t>(function)]; }
std::string_view name(ArgFunction function) { return argNames[static_cast<size_t>(function)]; }
std::string_view name(ScatterFunction function) { return scatterNames[static_cast<size_t>(function)]; }
std::string_view name(PadMode mode) { return padNames[static_cast<size_t>(mode)]; }

std::span<const std::string_view> names(UnaryFunction) { return unaryNames; }
std::span<const std::string_view> names(BinaryFunction) { return binaryNames; }
std::span<const std::string_view> names(ReduceFunction) { return reduceNames; }
std::span<const std::string_view> names(ArgFunction) { return argNames; }
std::span<const std::string_view> names(ScatterFunction) { return scatterNames; }
std::span<const std::string_view> names(PadMode) { return padNames; }

} // namespace cadenza::nn

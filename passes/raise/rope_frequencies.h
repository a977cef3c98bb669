// Which inverse frequencies a graph rotates by, in the numbers that a configuration would give.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"

#include <optional>
#include <span>
#include <vector>

namespace cadenza::raise {

using Frequencies = std::vector<float>;

/// The frequencies of a formula (theta alone; divided by a factor; those of Llama 3.1 and 3.2) that `accepts` them,
/// tried in that order with thetas of few digits near those that `estimates`, a frequency for each pair, come from.
/// Nothing if there is none.
std::optional<Frequencies> frequenciesByFormula(std::span<const double> estimates,
                                                llvm::function_ref<bool(const Frequencies &)> accepts);

/// The formula's frequencies if `computed` are those but for the roundings of a computation in fp32, else `computed`.
Frequencies withoutRoundings(const Frequencies &computed);

/// Rows of cosines and sines of angles, a pair a column, times one factor.
struct AngleTable {
  int64_t rows = 0, pairs = 0;
  std::vector<double> cos, sin; // [rows][pairs]
  double factor = 1;
  double unit = 0; // how far apart numbers of the table's type are, at 1
};

/// The frequencies of the formula that `table` is by, within a unit of its type; nothing if there is none.
std::optional<Frequencies> frequenciesOf(const AngleTable &table);

/// A factor of cosines and sines that is in fp32 that one, as a configuration gives it.
double exactFactor(float factor);

} // namespace cadenza::raise

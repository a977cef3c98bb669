#include "passes/raise/rope_frequencies.h"

#include "compiler/import/hf/config.h"
#include "passes/raise/match.h"

#include <cmath>

namespace cadenza::raise {
namespace {

/// `number` rounded to that many decimal digits.
double toDigits(double number, int digits) {
  if (!std::isfinite(number) || number <= 0)
    return 0;
  const double unit = std::pow(10.0, std::floor(std::log10(number)) - digits + 1);
  const double rounded = std::round(number / unit) * unit;
  return rounded >= 1 ? std::round(rounded * 16) / 16 : rounded; // no noise of the powers
}

/// By how much an fp32 implementation of a formula may differ from it, relatively: a power, a division and what scales.
constexpr double computedError = 8.0 / (1 << 24);

} // namespace

std::optional<Frequencies> frequenciesByFormula(std::span<const double> estimates,
                                                llvm::function_ref<bool(const Frequencies &)> accepts) {
  const auto pairs = static_cast<int64_t>(estimates.size());
  if (pairs < 2)
    return std::nullopt;
  const auto fits = [&](const RopeParameters &rope) -> std::optional<Frequencies> {
    const std::vector<double> exact = ropeInverseFrequencies(rope, 2 * pairs);
    Frequencies rounded(exact.begin(), exact.end());
    return accepts(rounded) ? std::optional(std::move(rounded)) : std::nullopt;
  };
  // frequency[i] = theta^(-i / pairs), of linear scaling divided by a factor, so that the first one is 1 / factor; of
  // Llama 3's, the last one is divided by a factor, the first one is not.
  const auto thetaBy = [&](double factor) {
    return std::pow(estimates.back() * factor, -static_cast<double>(pairs) / static_cast<double>(pairs - 1));
  };
  const double linear = toDigits(1 / estimates[0], 4);
  for (int digits = 1; digits <= 8; ++digits) {
    RopeParameters rope;
    rope.theta = toDigits(thetaBy(1 / estimates[0]), digits);
    if (rope.theta <= 1)
      continue;
    if (auto found = fits(rope))
      return found;
    rope.type = RopeParameters::Type::Linear;
    rope.factor = linear;
    if (linear > 1)
      if (auto found = fits(rope))
        return found;
    rope.type = RopeParameters::Type::Llama3;
    rope.lowFrequencyFactor = 1;
    rope.highFrequencyFactor = 4;
    for (rope.factor = 2; rope.factor <= 64; rope.factor *= 2) {
      rope.theta = toDigits(thetaBy(rope.factor), digits);
      for (rope.originalMaxPositions = 16; rope.theta > 1 && rope.originalMaxPositions <= 1 << 18;
           rope.originalMaxPositions *= 2)
        if (auto found = fits(rope))
          return found;
    }
  }
  return std::nullopt;
}

Frequencies withoutRoundings(const Frequencies &computed) {
  const std::vector<double> estimates(computed.begin(), computed.end());
  const auto accepts = [&](const Frequencies &exact) {
    for (size_t i = 0; i < exact.size(); ++i)
      if (!(std::abs(exact[i] - computed[i]) <= computedError * exact[i]))
        return false;
    return true;
  };
  return frequenciesByFormula(estimates, accepts).value_or(computed);
}

std::optional<Frequencies> frequenciesOf(const AngleTable &table) {
  const auto angle = [&](int64_t row, int64_t pair) {
    return std::atan2(table.sin[row * table.pairs + pair], table.cos[row * table.pairs + pair]);
  };
  // From the row whose angle is as large as it can be without a turn: there it is known best.
  std::vector<double> estimates;
  for (int64_t pair = 0; pair < table.pairs; ++pair) {
    int64_t row = 1;
    while (2 * row < table.rows && angle(row, pair) / static_cast<double>(row) * 2 * static_cast<double>(row) < 2.5)
      row *= 2;
    if (row >= table.rows)
      return std::nullopt;
    estimates.push_back(angle(row, pair) / static_cast<double>(row));
  }
  const auto accepts = [&](const Frequencies &exact) {
    for (int64_t row = 0; row < table.rows; ++row) {
      for (int64_t pair = 0; pair < table.pairs; ++pair) {
        const float turned = static_cast<float>(row) * exact[pair];
        const double tolerance = table.factor * (table.unit + computedError * turned);
        const size_t at = row * table.pairs + pair;
        if (!(std::abs(table.cos[at] - table.factor * std::cos(static_cast<double>(turned))) <= tolerance) ||
            !(std::abs(table.sin[at] - table.factor * std::sin(static_cast<double>(turned))) <= tolerance))
          return false;
      }
    }
    return true;
  };
  return frequenciesByFormula(estimates, accepts);
}

double exactFactor(float factor) {
  for (int scale = 2; scale <= 128; ++scale) { // YaRN's
    const double yarn = 0.1 * std::log(static_cast<double>(scale)) + 1.0;
    if (static_cast<float>(yarn) == factor)
      return yarn;
  }
  return shortestDecimal(factor);
}

} // namespace cadenza::raise

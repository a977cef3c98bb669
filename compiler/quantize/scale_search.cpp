#include "compiler/quantize/scale_search.h"

#include "compiler/quantize/group_fit.h"
#include "compiler/quantize/scales.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace cadenza {
namespace {

constexpr float smallestMagnitude = 0x1p-120F; // of a group that has a scale: its reciprocal must be finite
constexpr int maximumRounds = 8;               // of alternating least squares; most groups need two or three

/// Of a group: what its largest magnitude is divided by to get a scale. In units of the largest code; beyond 1 clips.
constexpr std::array<float, 15> clips = {0.75F, 0.8125F, 0.875F, 0.9375F, 1,     1.0625F, 1.125F, 1.1875F,
                                         1.25F, 1.3125F, 1.375F, 1.5F,    1.65F, 1.85F,   2.2F};
/// Of many levels, where rounding is fine: only clipping matters.
constexpr std::array<float, 12> fineClips = {1,     1.03F, 1.06F, 1.1F,  1.16F, 1.24F,
                                             1.34F, 1.46F, 1.62F, 1.85F, 2.2F,  2.8F};

struct Candidate {
  float scale = 0;
  float lowest = 0, highest = 0; // codes, less the zero point
  Fit fit;
};

double squaresOf(std::span<const float> values) {
  double sum = 0;
  for (const float value : values)
    sum += static_cast<double>(value) * value;
  return sum;
}

/// One search: a group, normalised so that its largest magnitude is in [1, 2), and what may stand for it.
class Search {
public:
  /// `unit`: what 1 stands for, a power of two.
  Search(const StoredFormat &format, std::span<const float> group, float unit)
      : format_(format), group_(group), unit_(unit), range_(codeRange(format)) {
    for (const float value : group) {
      least_ = std::min(least_, value);
      most_ = std::max(most_, value);
    }
  }

  GroupScale run(ScaleRule rule) {
    const Candidate plain = plainCandidate();
    if (!std::isfinite(plain.scale))
      return {.overflows = true};
    if (rule == ScaleRule::largestMagnitude)
      return result(plain);
    if (const std::optional<Candidate> exact = findExact())
      return result(*exact);
    best_ = plain;
    if (format_.kind == CodeKind::e4m3)
      searchE4m3();
    else if (format_.has_zeros)
      searchZeros();
    else
      searchSymmetric();
    return result(best_);
  }

private:
  bool isInteger() const { return format_.kind == CodeKind::integer; }
  float largest() const { return std::max(-least_, most_); }
  float largestCode() const { return isInteger() ? static_cast<float>(range_.highest) : 448; }

  /// As the type stores the scale; in units of the normalised group.
  float rounded(float scale) const { return roundScale(scale * unit_, format_.scales) / unit_; }
  float next(float scale, int direction) const { return neighbour(scale * unit_, format_.scales, direction) / unit_; }

  Candidate at(float scale, float lowest, float highest) const {
    const auto size = static_cast<int64_t>(group_.size());
    if (scale == 0 || !std::isfinite(scale))
      return {scale, lowest, highest, {.squares = INFINITY}};
    return {scale, lowest, highest,
            isInteger() ? fitIntegers(group_.data(), size, scale, lowest, highest)
                        : fitE4m3(group_.data(), size, scale)};
  }
  Candidate at(const Candidate &like, float scale) const { return at(scale, like.lowest, like.highest); }

  GroupScale result(const Candidate &found) const {
    if (std::isinf(found.fit.squares)) // no scale that small
      return {.squares = squaresOf(group_) * unit_ * unit_};
    const int zero = format_.has_zeros ? range_.lowest - static_cast<int>(found.lowest) : 0;
    return {
        .scale = found.scale * unit_, .zero = zero, .squares = static_cast<double>(found.fit.squares) * unit_ * unit_};
  }

  Candidate unfitted(float scale) const {
    return {scale, static_cast<float>(range_.lowest), static_cast<float>(range_.highest), {}};
  }
  Candidate symmetric(float scale) const { return at(unfitted(scale), scale); }

  /// With the zero point `zero` steps above the lowest code.
  Candidate withZero(int zero, float scale) const {
    return at(scale, static_cast<float>(-zero), static_cast<float>(range_.highest - range_.lowest - zero));
  }

  int levels() const { return range_.highest - range_.lowest; }
  /// The zero point and the scale for which the codes are the whole range of values.
  std::pair<int, float> plainZero() const {
    const float scale = (most_ - least_) / static_cast<float>(levels());
    return {std::clamp(static_cast<int>(std::nearbyint(-least_ / scale)), 0, levels()), scale};
  }

  Candidate plainCandidate() const {
    if (format_.has_zeros) {
      const auto [zero, scale] = plainZero();
      return withZero(zero, rounded(scale));
    }
    return symmetric(rounded(largest() / largestCode()));
  }

  /// Whether all values are codes times this scale.
  bool isExact(const Candidate &candidate) const {
    constexpr int64_t first = 2 * fitLanes; // nearly all groups end here
    const auto size = static_cast<int64_t>(group_.size());
    const auto differs = [&](int64_t begin, int64_t count) {
      const float *x = group_.data() + begin;
      return (isInteger() ? fitIntegers(x, count, candidate.scale, candidate.lowest, candidate.highest)
                          : fitE4m3(x, count, candidate.scale))
                 .squares != 0;
    };
    return candidate.scale != 0 && std::isfinite(candidate.scale) && !differs(0, std::min(first, size)) &&
           (size <= first || !differs(first, size - first));
  }

  /// The candidate, its scale rounded, if all values are codes times it.
  std::optional<Candidate> exactAt(Candidate candidate) const {
    const float nearest = rounded(candidate.scale);
    if (nearest == 0 || !std::isfinite(nearest))
      return std::nullopt;
    // A quotient in fp32 can miss the scale that it should be by one unit in the last place of fp32, but no narrower.
    const bool isWide = format_.scales == DType::f32;
    for (const float near : {nearest, isWide ? next(nearest, -1) : nearest, isWide ? next(nearest, 1) : nearest}) {
      candidate.scale = near;
      if (isExact(candidate))
        return candidate;
    }
    return std::nullopt;
  }

  std::optional<Candidate> findExact() const {
    if (!isInteger())
      return findExactE4m3();
    return format_.has_zeros ? findExactZeros() : findExactSymmetric();
  }

  /// By the code of the largest magnitude: of each mantissa one, as large as the type has it.
  std::optional<Candidate> findExactE4m3() const {
    for (int mantissa = 15; mantissa >= 8; --mantissa)
      if (const auto found = exactAt(unfitted(largest() / static_cast<float>(mantissa == 15 ? 240 : 32 * mantissa))))
        return found;
    return std::nullopt;
  }

  std::optional<Candidate> findExactSymmetric() const {
    const float top = -least_ > most_ ? least_ : most_;
    if (range_.lowest != -range_.highest)
      if (const auto found = exactAt(unfitted(top / static_cast<float>(range_.lowest))))
        return found;
    // Of a small group not all codes, which would take longer than the search does.
    const int tries = std::min<int>(range_.highest, std::max<int>(8, static_cast<int>(group_.size() / 32)));
    for (int code = range_.highest; code > range_.highest - tries; --code)
      if (const auto found = exactAt(unfitted(largest() / static_cast<float>(code))))
        return found;
    return std::nullopt;
  }

  std::optional<Candidate> findExactZeros() const {
    for (int steps = levels(); steps > 0; --steps) {
      const float scale = (most_ - least_) / static_cast<float>(steps);
      const int zero = std::clamp(static_cast<int>(std::nearbyint(-least_ / scale)), 0, levels());
      if (const auto found = exactAt({scale, static_cast<float>(-zero), static_cast<float>(levels() - zero), {}}))
        return found;
    }
    return std::nullopt;
  }

  void searchE4m3() {
    // Within an octave of the largest code: where values lie between codes changes, their range hardly does.
    Top top;
    for (int step = -8; step < 16; ++step)
      top.add(symmetric(largest() / 448 * std::exp2(static_cast<float>(step) / 16)));
    refine(top);
  }

  void searchSymmetric() {
    const auto widest = static_cast<float>(std::max(-range_.lowest, range_.highest));
    Top top;
    for (const float clip : levels() > 64 ? std::span<const float>(fineClips) : std::span<const float>(clips)) {
      const float scale = largest() / (widest * clip);
      top.add(symmetric(scale));
      if (range_.lowest != -range_.highest)
        top.add(symmetric(-scale)); // the other side has one code more
    }
    refine(top);
  }

  void searchZeros() {
    const int middle = plainZero().first;
    Top top;
    for (int zero = std::max(0, middle - 2); zero <= std::min(levels(), middle + 2); ++zero) {
      const float below = zero == 0 ? 0 : -least_ / static_cast<float>(zero);
      const float above = zero == levels() ? 0 : most_ / static_cast<float>(levels() - zero);
      const float whole = std::max(below, above); // neither side is clipped
      for (const float clip : {0.9F, 1.0F, 1.08F, 1.17F, 1.27F, 1.4F, 1.55F, 1.8F})
        top.add(withZero(zero, whole / clip));
    }
    refine(top);
    // Other zero points, from where that ended.
    for (const int direction : {-1, 1})
      while (true) {
        const Candidate before = best_;
        const int zero = static_cast<int>(-before.lowest) + direction;
        if (zero < 0 || zero > levels())
          break;
        improve(withZero(zero, before.scale));
        if (best_.fit.squares >= before.fit.squares)
          break;
      }
  }

  /// The best points of a grid, by what is in reach of them.
  struct Top {
    std::array<Candidate, 3> best{};
    size_t count = 0;

    void add(const Candidate &candidate) {
      if (std::isinf(candidate.fit.squares))
        return;
      size_t place = count < best.size() ? count++ : best.size();
      if (place == best.size()) {
        if (candidate.fit.reachable() >= best.back().fit.reachable())
          return;
        --place;
      }
      for (; place > 0 && best[place - 1].fit.reachable() > candidate.fit.reachable(); --place)
        best[place] = best[place - 1];
      best[place] = candidate;
    }
  };

  void refine(const Top &top) {
    for (size_t i = 0; i < top.count; ++i)
      improve(top.best[i]);
    if (format_.scales == DType::f32 || std::isinf(best_.fit.squares))
      return;
    for (const int direction : {-1, 1})
      while (keepIfBetter(at(best_, next(best_.scale, direction)))) {
      }
  }

  /// Alternating least squares from a candidate.
  void improve(Candidate candidate) {
    float before = INFINITY; // of the error
    for (int round = 0; round < maximumRounds; ++round) {
      candidate = at(candidate, rounded(candidate.scale + candidate.fit.step()));
      if (candidate.fit.squares >= before)
        return;
      before = candidate.fit.squares;
      keepIfBetter(candidate);
    }
  }

  bool keepIfBetter(const Candidate &candidate) {
    if (candidate.fit.squares >= best_.fit.squares)
      return false;
    best_ = candidate;
    return true;
  }

  const StoredFormat &format_;
  std::span<const float> group_;
  const float unit_;
  const CodeRange range_;
  float least_ = 0, most_ = 0; // zero is always in the range of codes
  Candidate best_;
};

} // namespace

CodeRange codeRange(const StoredFormat &format) {
  const int half = 1 << (format.bits - 1);
  if (!format.is_signed)
    return {0, 2 * half - 1};
  return {format.bits == 8 ? 1 - half : -half, half - 1};
}

GroupScale chooseScale(const StoredFormat &format, std::span<float> group, ScaleRule rule) {
  float largest = 0;
  for (const float value : group)
    largest = std::max(largest, std::fabs(value));
  if (largest < smallestMagnitude)
    return {.squares = squaresOf(group)};
  const int exponent = std::ilogb(largest);
  const float unit = std::ldexp(1.0F, exponent);
  for (float &value : group)
    value /= unit;
  return Search(format, group, unit).run(rule);
}

} // namespace cadenza

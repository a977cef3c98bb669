#include "compiler/plan/encoders.h"

#include "runtime/support/float16.h"

#include <algorithm>
#include <cmath>

namespace cadenza {
namespace {

/// The smallest number of the type that is not below `scale`, which is not negative; perhaps an infinity.
float roundUp(float scale, Encoding::Scale type) {
  if (type == Encoding::f32)
    return scale;
  const auto narrow = type == Encoding::f16 ? floatToF16 : floatToBf16;
  const auto widen = type == Encoding::f16 ? f16ToFloat : bf16ToFloat;
  const uint16_t nearest = narrow(scale);
  return widen(nearest) < scale ? widen(static_cast<uint16_t>(nearest + 1)) : widen(nearest);
}

/// Of numbers that are not negative: the one of a group whose values reach from `low` to `high`, in `span` codes.
StatusOr<float> scaleOf(float low, float high, double span, const Encoding &encoding) {
  const auto exact = static_cast<float>((static_cast<double>(high) - low) / span);
  const float scale = roundUp(exact, encoding.scale);
  if (std::isfinite(scale))
    return scale;
  return Status(StatusCode::InvalidInput, "magnitudes of " + std::to_string(std::max(high, -low)) +
                                              " take a scale that is too large for f16; use an encoding with scales in "
                                              "bf16 or f32, or --encode=tiles16");
}

Status checkFinite(const Encoding &encoding, std::span<const float> values) {
  for (float value : values)
    if (!std::isfinite(value))
      return {StatusCode::InvalidInput,
              "an infinity or NaN cannot be stored as " + encodingName(encoding) + "; use --encode=tiles16"};
  return Status::ok();
}

/// How many of `unit` are as much as `value`, at least: 0 to `most`, which the unit was chosen for.
int countOf(float value, float unit, int most) {
  return unit == 0 ? 0 : static_cast<int>(std::min<double>(most, std::ceil(static_cast<double>(value) / unit)));
}

/// Super-blocks: every part's scale and minimum are the least multiples of the factors by which no value is beyond the
/// codes.
struct SuperBlockEncoder {
  const Encoding &encoding;
  std::span<const float> values; // of the super-block
  EncodedRow &out;
  size_t first, number; // its first column; of the super-block
  // Codes of q6_k are as many below 0 as above it; minima that it may have stay 0.
  bool hasMinima = encoding.kind != Encoding::q6_k;
  int codes = encoding.kind == Encoding::q4_k ? 15 : 31, most = hasMinima ? 63 : 127;

  Status run() {
    std::vector<float> lows, spans;
    forEachPart([&](size_t, std::span<const float> part) {
      float low = 0, high = 0;
      for (float value : part) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
      lows.push_back(-low);
      spans.push_back(hasMinima ? high - low : std::max(high, -low));
    });
    float minimum = 0;
    if (hasMinima) {
      CADENZA_ASSIGN_OR_RETURN(minimum, scaleOf(0, *std::ranges::max_element(lows), most, encoding));
      out.minima[number] = minimum;
      for (size_t i = 0; i < lows.size(); ++i) { // the range begins at the minimum
        const int count = out.sub_minima[partOf(i)] = static_cast<int16_t>(countOf(lows[i], minimum, most));
        spans[i] += static_cast<float>(count) * minimum - lows[i];
      }
    }
    CADENZA_ASSIGN_OR_RETURN(const float scale,
                             scaleOf(0, *std::ranges::max_element(spans), double{1} * codes * most, encoding));
    out.scales[number] = scale;
    size_t i = 0;
    forEachPart([&](size_t at, std::span<const float> part) {
      const int count = countOf(spans[i], scale * static_cast<float>(codes), most);
      out.sub_scales[partOf(i)] = static_cast<int16_t>(count);
      const double step = static_cast<double>(scale) * count;
      const double shift = hasMinima ? static_cast<double>(minimum) * out.sub_minima[partOf(i)] : 0;
      for (size_t k = 0; k < part.size(); ++k)
        out.codes[first + at + k] =
            step == 0 ? int16_t{0}
                      : static_cast<int16_t>(
                            std::clamp<double>(std::nearbyint((part[k] + shift) / step), hasMinima ? 0 : -32, codes));
      ++i;
    });
    return Status::ok();
  }

private:
  size_t partOf(size_t i) const { return first / encoding.group + i; }
  template <typename Visit> void forEachPart(const Visit &visit) const {
    for (size_t at = 0; at < values.size(); at += encoding.group)
      visit(at, values.subspan(at, std::min<size_t>(encoding.group, values.size() - at)));
  }
};

Status encodeSuperBlocks(const Encoding &encoding, std::span<const float> values, EncodedRow &out) {
  CADENZA_RETURN_IF_ERROR(checkFinite(encoding, values));
  for (size_t first = 0, i = 0; first < values.size(); first += super_columns, ++i)
    CADENZA_RETURN_IF_ERROR((SuperBlockEncoder{
        encoding, values.subspan(first, std::min<size_t>(super_columns, values.size() - first)), out, first, i}
                                 .run()));
  return Status::ok();
}

/// The codes of values, which have one scale and zero.
struct NearestCode {
  Encoding::Kind kind;
  double scale;
  int zero, least, most;

  int operator()(float value) const {
    if (scale == 0)
      return zero;
    if (kind == Encoding::fp8)
      return e4m3Nearest(value / scale);
    return static_cast<int>(std::clamp<double>(std::nearbyint(value / scale) + zero, least, most));
  }
};

class NearestCodes final : public RowEncoder {
public:
  Status encode(const Encoding &encoding, const WeightSpec &, int64_t, std::span<const float> values,
                EncodedRow &out) const override {
    if (has_super_blocks(encoding))
      return encodeSuperBlocks(encoding, values, out);
    const size_t group = encoding.group == 0 ? values.size() : encoding.group;
    for (size_t first = 0, i = 0; first < values.size(); first += group, ++i)
      CADENZA_RETURN_IF_ERROR(
          encodeGroup(encoding, values.subspan(first, std::min(group, values.size() - first)), first, i, out));
    return Status::ok();
  }

private:
  static Status encodeGroup(const Encoding &encoding, std::span<const float> values, size_t first, size_t group,
                            EncodedRow &out) {
    CADENZA_RETURN_IF_ERROR(checkFinite(encoding, values));
    float low = 0, high = 0;
    for (float value : values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
    NearestCode code{encoding.kind, 0, 0, -127, 127};
    if (encoding.zeros) {
      CADENZA_ASSIGN_OR_RETURN(out.scales[group], scaleOf(low, high, 15, encoding));
      code.least = 0;
      code.most = 15;
      if (out.scales[group] > 0)
        code.zero =
            static_cast<int>(std::clamp<double>(std::nearbyint(-static_cast<double>(low) / out.scales[group]), 0, 15));
      out.zeros[group] = static_cast<int16_t>(code.zero);
    } else {
      const double most = encoding.kind == Encoding::int8 ? 127 : encoding.kind == Encoding::int4 ? 7 : 448;
      CADENZA_ASSIGN_OR_RETURN(out.scales[group], scaleOf(0, std::max(high, -low), most, encoding));
      if (encoding.kind == Encoding::int4) {
        code.least = -7;
        code.most = 7;
      }
    }
    code.scale = out.scales[group];
    for (size_t i = 0; i < values.size(); ++i)
      out.codes[first + i] = static_cast<int16_t>(code(values[i]));
    return Status::ok();
  }
};

} // namespace

EncodedRow::EncodedRow(const Encoding &encoding, int64_t columns) : codes(static_cast<size_t>(columns)) {
  const int64_t groups = encoding.group == 0 ? 1 : groups_of(format_of(encoding), steps_of(columns));
  if (has_super_blocks(encoding)) {
    const bool hasMinima = format_of(encoding).minima;
    minima.resize(hasMinima ? static_cast<size_t>(groups) : 0);
    const auto width = std::max<int64_t>(1, encoding.group);
    sub_scales.resize(static_cast<size_t>((columns + width - 1) / width));
    sub_minima.resize(hasMinima ? static_cast<size_t>(steps_of(columns)) : 0);
  }
  scales.resize(static_cast<size_t>(groups));
  if (format_of(encoding).zeros)
    zeros.resize(static_cast<size_t>(groups));
}

int e4m3Nearest(double value) {
  const int sign = std::signbit(value) ? 0x80 : 0;
  const double magnitude = std::min(std::fabs(value), 448.0);
  if (magnitude == 0)
    return sign;
  const int exponent = std::max(std::ilogb(magnitude), -6); // of the smallest normal number
  // In units of the last place: 8 to 15 of a normal number; 16 of the one after it.
  const int units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 3 - exponent)));
  return sign | std::min((exponent + 6) * 8 + units, 0x7e);
}

const RowEncoder &nearestCodes() {
  static const NearestCodes encoder;
  return encoder;
}

} // namespace cadenza

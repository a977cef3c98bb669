#include "runtime/chat/jinja/filters.h"
#include "runtime/chat/jinja/access.h"
#include "runtime/chat/jinja/arguments.h"
#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace cadenza::jinja {
namespace {

/// Those of jinja2 that no chat template has been seen to use.
constexpr std::string_view refused[] = {"filesizeformat", "groupby",   "pprint", "random",   "striptags",
                                        "truncate",       "urlencode", "urlize", "wordwrap", "xmlattr"};

FilterFunction findFilter(std::string_view name) {
  for (const FilterTable *table : {&textFilters(), &sequenceFilters(), &valueFilters()})
    if (const auto found = table->find(name); found != table->end())
      return found->second;
  return nullptr;
}

Value filterDefault(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("default", arguments, {"default_value", "boolean"});
  if (!value.isUndefined() && (!bound.isTrue(1, false) || isTrue(value)))
    return value;
  return bound.has(0) ? bound.value(0) : runtime.text("");
}

Value filterLength(Runtime &, const Value &value, const Arguments &arguments) {
  const Bound bound("length", arguments, {});
  return lengthOf(value);
}

Value filterToJson(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style{.ensureAscii = bound.isTrue(0, false), .sortKeys = bound.isTrue(3, false)};
  if (bound.isSet(1)) {
    style.indent = bound.value(1).isText()
                       ? bound.text(1)
                       : std::string(static_cast<size_t>(std::clamp<int64_t>(bound.integer(1, 0), 0, 1000)), ' ');
    style.itemSeparator = ",";
  }
  if (bound.isSet(2)) {
    const std::vector<Value> separators = itemsOf(runtime, bound.value(2));
    if (separators.size() != 2 || !separators[0].isText() || !separators[1].isText())
      fail("tojson: 'separators' must be two texts");
    style.itemSeparator = separators[0].text().bytes;
    style.keySeparator = separators[1].text().bytes;
  }
  return runtime.text(jsonOf(value, style));
}

Value filterString(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("string", arguments, {});
  return value.isText() ? value : runtime.text(stringOf(value));
}

Value filterAbs(Runtime &, const Value &value, const Arguments &arguments) {
  const Bound bound("abs", arguments, {});
  if (value.isUndefined())
    fail(value.undefined().message);
  if (!value.isNumber())
    fail("abs: expected a number, not " + typeName(value));
  if (!value.isInteger())
    return std::fabs(value.number());
  return value.integer() < 0 ? negate(value, UnaryOperator::Minus) : Value(value.integer());
}

/// Digits with single underscores between them, and a sign, as Python's int() takes them; nothing else.
std::optional<int64_t> parseInteger(std::string_view text, int64_t base) {
  text = strip(text, {}, true, true);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+'))
    text.remove_prefix(1);
  if (base != 10 && base != 0 && text.size() > 2 && text[0] == '0' &&
      std::string_view(base == 16  ? "xX"
                       : base == 8 ? "oO"
                       : base == 2 ? "bB"
                                   : "")
              .find(text[1]) != std::string_view::npos)
    text.remove_prefix(2);
  if (text.empty() || text.front() == '_' || text.back() == '_' || text.find("__") != std::string_view::npos)
    return std::nullopt;
  std::string digits(text);
  std::erase(digits, '_');
  if (digits.empty() || digits[0] == '-' || digits[0] == '+')
    return std::nullopt;
  int64_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, static_cast<int>(base));
  if (parsed.ec == std::errc::result_out_of_range)
    unsupported("a whole number of more than 64 bits");
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())
    return std::nullopt;
  return negative ? -value : value;
}

/// float(value), if it is a number or the text of one.
std::optional<double> parseFloat(const Value &value) {
  if (value.isUndefined())
    fail(value.undefined().message);
  if (value.isNumber())
    return value.number();
  if (!value.isText())
    return std::nullopt;
  std::string digits(strip(value.text().bytes, {}, true, true));
  const std::string lower = toLower(digits);
  const size_t sign = lower.starts_with('-') || lower.starts_with('+') ? 1 : 0;
  const double factor = lower.starts_with('-') ? -1 : 1;
  if (const std::string word = lower.substr(sign); word == "inf" || word == "infinity" || word == "nan")
    return factor * (word == "nan" ? std::nan("") : INFINITY);
  std::erase(digits, '_');
  double number = 0;
  const char *begin = digits.data() + (digits.starts_with('+') ? 1 : 0), *end = digits.data() + digits.size();
  const auto parsed = std::from_chars(begin, end, number);
  if (parsed.ptr != end || begin == end || parsed.ec == std::errc::invalid_argument ||
      lower.find_first_not_of("0123456789.e+-_") != std::string::npos)
    return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range)
    number = lower.find("e-") != std::string::npos ? 0 : factor * INFINITY;
  return number;
}

Value filterInt(Runtime &, const Value &value, const Arguments &arguments) {
  const Bound bound("int", arguments, {"default", "base"});
  const Value fallback = bound.has(0) ? bound.value(0) : Value(int64_t{0});
  if (value.isInteger())
    return value.integer();
  if (value.isText())
    if (const auto parsed = parseInteger(value.text().bytes, bound.integer(1, 10)))
      return *parsed;
  const std::optional<double> number = parseFloat(value);
  if (!number || !std::isfinite(*number))
    return fallback;
  if (std::fabs(*number) >= 9.2e18)
    unsupported("a whole number of more than 64 bits");
  return static_cast<int64_t>(*number);
}

Value filterFloat(Runtime &, const Value &value, const Arguments &arguments) {
  const Bound bound("float", arguments, {"default"});
  const std::optional<double> number = parseFloat(value);
  return number ? Value(*number) : bound.has(0) ? bound.value(0) : Value(0.0);
}

/// round(value, precision) of Python: to the even one of two that are equally near, as the decimal digits have it.
double roundHalfEven(double value, int64_t precision) {
  if (!std::isfinite(value) || precision > 300)
    return value;
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(std::min<int64_t>(-precision, 300)));
    return std::nearbyint(value / scale) * scale;
  }
  char text[700];
  std::snprintf(text, sizeof text, "%.*f", static_cast<int>(precision), value);
  return std::strtod(text, nullptr);
}

Value filterRound(Runtime &, const Value &value, const Arguments &arguments) {
  const Bound bound("round", arguments, {"precision", "method"});
  const std::string method = bound.has(1) ? bound.text(1) : "common";
  const int64_t precision = bound.integer(0, 0);
  if (value.isUndefined())
    fail(value.undefined().message);
  if (!value.isNumber())
    fail("round: expected a number, not " + typeName(value));
  if (method == "common") {
    if (value.isInteger() && precision >= 0)
      return value.integer();
    const double rounded = roundHalfEven(value.number(), precision);
    return value.isInteger() ? Value(static_cast<int64_t>(rounded)) : Value(rounded);
  }
  if (method != "ceil" && method != "floor")
    fail("round: the method must be common, ceil or floor");
  const double scale = std::pow(10.0, static_cast<double>(precision)), scaled = value.number() * scale;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

Value filterAttr(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("attr", arguments, {"name"}, 1);
  const std::string name = bound.text(0);
  if (value.isDict() && !methodOf(runtime, value, name)) // elements are no attributes
    return runtime.undefined("'dict object' has no attribute " + reprOfText(name));
  return attributeOf(runtime, value, name);
}

} // namespace

const FilterTable &valueFilters() {
  static const FilterTable table = {
      {"abs", filterAbs},         {"attr", filterAttr},     {"count", filterLength},  {"d", filterDefault},
      {"default", filterDefault}, {"float", filterFloat},   {"int", filterInt},       {"length", filterLength},
      {"round", filterRound},     {"string", filterString}, {"tojson", filterToJson},
  };
  return table;
}

bool isFilter(std::string_view name) {
  return findFilter(name) || std::find(std::begin(refused), std::end(refused), name) != std::end(refused);
}

Value applyFilter(Runtime &runtime, const std::string &name, const Value &value, const Arguments &arguments) {
  if (const FilterFunction filter = findFilter(name))
    return filter(runtime, value, arguments);
  if (isFilter(name))
    unsupported("the filter " + name);
  fail("there is no filter " + reprOfText(name));
}

} // namespace cadenza::jinja

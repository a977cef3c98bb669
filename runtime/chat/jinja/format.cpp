// Python's two ways to put values into a text: "%s" % value and "{}".format(value).
#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace cadenza::jinja {
namespace {

constexpr int64_t maxWidth = 1 << 16;

/// One value's place: flags of either language.
struct Spec {
  std::string fill = " ";
  char align = 0; // '<', '>', '^', '=' (between sign and digits), 0: what the type has
  char sign = '-';
  bool alternate = false, comma = false;
  int64_t width = 0, precision = -1;
  char type = 0;
};

std::string pad(const std::string &text, const Spec &spec, char usual) {
  const int64_t missing = spec.width - characterCount(text);
  if (missing <= 0)
    return text;
  const char align = spec.align ? spec.align : usual;
  const auto fill = [&](int64_t count) {
    std::string filled;
    for (int64_t i = 0; i < count; ++i)
      filled += spec.fill;
    return filled;
  };
  const size_t sign = !text.empty() && (text[0] == '-' || text[0] == '+' || text[0] == ' ') ? 1 : 0;
  switch (align) {
  case '<':
    return text + fill(missing);
  case '^':
    return fill(missing / 2) + text + fill(missing - missing / 2);
  case '=':
    return text.substr(0, sign) + fill(missing) + text.substr(sign);
  default:
    return fill(missing) + text;
  }
}

std::string withSign(const std::string &digits, bool isNegative, const Spec &spec) {
  if (isNegative)
    return "-" + digits;
  return spec.sign == '-' ? digits : spec.sign + digits;
}

std::string withCommas(const std::string &digits) {
  const size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
  std::string result;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && i < whole && (whole - i) % 3 == 0)
      result += ',';
    result += digits[i];
  }
  return result;
}

std::string integerText(int64_t value, const Spec &spec) {
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  const char type = static_cast<char>(std::tolower(spec.type));
  const int base = type == 'x' ? 16 : type == 'o' ? 8 : type == 'b' ? 2 : 10;
  char buffer[72];
  std::string digits(buffer, std::to_chars(buffer, buffer + sizeof buffer, magnitude, base).ptr);
  if (spec.type == 'X')
    std::transform(digits.begin(), digits.end(), digits.begin(), [](unsigned char c) { return std::toupper(c); });
  if (spec.alternate && base != 10)
    digits = std::string("0") + spec.type + digits;
  return withSign(spec.comma ? withCommas(digits) : digits, value < 0, spec);
}

std::string floatText(double value, const Spec &spec) {
  if (!std::isfinite(value)) {
    std::string text = std::isnan(value) ? "nan" : "inf";
    if (std::isupper(static_cast<unsigned char>(spec.type)))
      text = toUpper(text);
    return withSign(text, value < 0, spec);
  }
  const int64_t precision = spec.precision < 0 ? 6 : std::min(spec.precision, maxWidth);
  const std::string format = std::string("%") + (spec.alternate ? "#" : "") + ".*" + spec.type;
  const double magnitude = std::fabs(value);
  std::string digits(
      static_cast<size_t>(std::snprintf(nullptr, 0, format.c_str(), static_cast<int>(precision), magnitude)), '\0');
  std::snprintf(digits.data(), digits.size() + 1, format.c_str(), static_cast<int>(precision), magnitude);
  return withSign(spec.comma ? withCommas(digits) : digits, std::signbit(value), spec);
}

/// The first characters, as many as a precision says.
std::string cut(const std::string &text, int64_t precision) {
  if (precision < 0)
    return text;
  std::string result;
  for (std::string_view character : characters(text))
    if (precision-- > 0)
      result += character;
  return result;
}

bool isFloatType(char type) { return type != 0 && std::string_view("eEfFgG").find(type) != std::string_view::npos; }
bool isIntegerType(char type) { return type != 0 && std::string_view("dxXob").find(type) != std::string_view::npos; }

int64_t readWidth(std::string_view text, size_t &at) {
  int64_t width = 0;
  for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at) {
    width = width * 10 + (text[at] - '0');
    if (width > maxWidth)
      fail("a width or precision of a format is larger than " + std::to_string(maxWidth));
  }
  return width;
}

/// "%-5.2f"
class PercentFormatter {
public:
  PercentFormatter(Runtime &runtime, std::string_view format, const Value &arguments)
      : runtime_(runtime), format_(format), arguments_(arguments) {
    if (arguments.isSequence() && arguments.sequence().kind == Sequence::Kind::Tuple)
      values_ = arguments.sequence().items;
    else
      values_ = {arguments};
  }

  std::string run() {
    while (at_ < format_.size()) {
      runtime_.charge();
      const size_t percent = std::min(format_.find('%', at_), format_.size());
      result_ += format_.substr(at_, percent - at_);
      at_ = percent + 1;
      if (percent < format_.size())
        convert();
    }
    // Whatever has elements could have been a mapping, to Python.
    const bool isMapping = arguments_.isDict() || arguments_.isUndefined() || arguments_.kind() == Kind::Loop ||
                           (arguments_.isSequence() && arguments_.sequence().isIndexed() &&
                            arguments_.sequence().kind != Sequence::Kind::Tuple);
    if (next_ < values_.size() && !isMapping)
      fail("not all arguments converted during string formatting");
    return std::move(result_);
  }

private:
  char peek() const {
    if (at_ >= format_.size())
      fail("incomplete format");
    return format_[at_];
  }

  Value nextValue() {
    if (next_ >= values_.size())
      fail("not enough arguments for format string");
    return values_[next_++];
  }

  void convert() {
    Spec spec;
    std::optional<Value> value;
    if (peek() == '(') {
      const size_t end = format_.find(')', at_);
      if (end == std::string_view::npos)
        fail("incomplete format key");
      if (!arguments_.isDict())
        fail("format requires a mapping");
      const std::string key(format_.substr(at_ + 1, end - at_ - 1));
      const Value *found = arguments_.dict().find(key);
      if (!found)
        fail("a format names '" + key + "', which is not given");
      value = *found;
      at_ = end + 1;
    }
    bool zero = false;
    for (; std::string_view("-+ #0").find(peek()) != std::string_view::npos; ++at_)
      switch (format_[at_]) {
      case '-':
        spec.align = '<';
        break;
      case '#':
        spec.alternate = true;
        break;
      case '0':
        zero = true;
        break;
      default:
        spec.sign = spec.sign == '+' ? '+' : format_[at_];
      }
    spec.width = readWidth(format_, at_);
    if (peek() == '.') {
      ++at_;
      spec.precision = readWidth(format_, at_);
    }
    if (peek() == '*')
      unsupported("a width of a format as an argument (*)");
    spec.type = format_[at_++];
    if (spec.type == '%') {
      result_ += '%';
      return;
    }
    append(spec, zero, value ? *value : nextValue());
  }

  void append(Spec spec, bool zero, const Value &value) {
    if (spec.type == 's' || spec.type == 'r') {
      result_ += pad(cut(spec.type == 's' ? stringOf(value) : reprOf(value), spec.precision), spec, '>');
      return;
    }
    if (spec.type == 'c')
      unsupported("%c in a format");
    if (zero && spec.align == 0) {
      spec.align = '=';
      spec.fill = "0";
    }
    if (spec.type == 'i' || spec.type == 'u')
      spec.type = 'd';
    if (!value.isNumber())
      fail(value.isUndefined()
               ? value.undefined().message
               : std::string("%") + spec.type + " format: a real number is required, not " + typeName(value));
    if (isFloatType(spec.type)) {
      result_ += pad(floatText(value.number(), spec), spec, '>');
      return;
    }
    if (!isIntegerType(spec.type) || spec.type == 'b')
      fail(std::string("unsupported format character '") + spec.type + "'");
    if (!value.isInteger() && (spec.type != 'd' || !(std::fabs(value.number()) < 9e18)))
      fail(std::string("%") + spec.type + " format: an integer is required, not " + typeName(value));
    if (spec.precision >= 0)
      unsupported("a precision of a whole number in a format");
    result_ +=
        pad(integerText(value.isInteger() ? value.integer() : static_cast<int64_t>(value.number()), spec), spec, '>');
  }

  Runtime &runtime_;
  std::string_view format_;
  const Value &arguments_;
  std::vector<Value> values_;
  size_t at_ = 0, next_ = 0;
  std::string result_;
};

/// What stands behind the colon of "{:>8.3f}".
Spec readSpec(std::string_view text) {
  Spec spec;
  size_t at = 0;
  const std::vector<std::string_view> all = characters(text);
  const auto isAlign = [](std::string_view c) {
    return c.size() == 1 && std::string_view("<>^=").find(c[0]) != std::string_view::npos;
  };
  if (all.size() > 1 && isAlign(all[1])) {
    spec.fill = all[0];
    spec.align = all[1][0];
    at = all[0].size() + 1;
  } else if (!all.empty() && isAlign(all[0])) {
    spec.align = all[0][0];
    at = 1;
  }
  const auto sees = [&](std::string_view any) {
    return at < text.size() && any.find(text[at]) != std::string_view::npos;
  };
  if (sees("+- "))
    spec.sign = text[at++];
  if (sees("#"))
    spec.alternate = text[at++] == '#';
  if (sees("0") && spec.align == 0) {
    spec.align = '=';
    spec.fill = "0";
  }
  spec.width = readWidth(text, at);
  if (sees(","))
    spec.comma = text[at++] == ',';
  if (sees(".")) {
    ++at;
    spec.precision = readWidth(text, at);
  }
  if (at < text.size())
    spec.type = text[at++];
  if (at < text.size() || (spec.type != 0 && spec.type != 's' && !isIntegerType(spec.type) && !isFloatType(spec.type)))
    unsupported("the format '" + std::string(text) + "'");
  return spec;
}

std::string formatted(const Value &value, const Spec &spec, std::string_view written) {
  if (written.empty())
    return stringOf(value);
  if (value.isText()) {
    if (spec.type != 0 && spec.type != 's')
      fail(std::string("unknown format code '") + spec.type + "' for a text");
    return pad(cut(value.text().bytes, spec.precision), spec, '<');
  }
  if (!value.isNumber())
    fail("a format is given for a value of type " + typeName(value));
  if (isFloatType(spec.type))
    return pad(floatText(value.number(), spec), spec, '>');
  if (!value.isInteger() || value.isBoolean() || spec.type == 's' || spec.precision >= 0)
    unsupported("the format '" + std::string(written) + "' of a value of type " + typeName(value));
  return pad(integerText(value.integer(), spec), spec, '>');
}

/// The value that a field such as "0", "name" or "" names; `automatic`: the number of the next "".
Value fieldValue(std::string_view name, const Arguments &arguments, size_t &automatic) {
  if (name.find_first_of(".[{") != std::string_view::npos)
    unsupported("the field {" + std::string(name) + "} of a format");
  size_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  if (name.empty() || (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size())) {
    const size_t index = name.empty() ? automatic++ : number;
    if (index >= arguments.positional.size())
      fail("a format has more fields than arguments");
    return arguments.positional[index];
  }
  for (const auto &[keyword, value] : arguments.keyword)
    if (keyword == name)
      return value;
  fail("a format names '" + std::string(name) + "', which is not given");
}

} // namespace

Value formatPercent(Runtime &runtime, const Value &format, const Value &arguments) {
  if (format.text().isMarkup)
    unsupported("% on a text that the filter safe has marked");
  return runtime.text(PercentFormatter(runtime, format.text().bytes, arguments).run());
}

Value formatBraces(Runtime &runtime, const Value &format, const Arguments &arguments) {
  const std::string_view text = format.text().bytes;
  std::string result;
  size_t automatic = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    runtime.charge();
    const char c = text[at];
    if ((c == '{' || c == '}') && at + 1 < text.size() && text[at + 1] == c) {
      result += c;
      ++at;
      continue;
    }
    if (c == '}')
      fail("a single '}' in a format");
    if (c != '{') {
      result += c;
      continue;
    }
    const size_t end = text.find('}', at);
    if (end == std::string_view::npos)
      fail("a field of a format has no '}'");
    std::string_view field = text.substr(at + 1, end - at - 1), written;
    if (const size_t colon = field.find(':'); colon != std::string_view::npos) {
      written = field.substr(colon + 1);
      field = field.substr(0, colon);
    }
    bool asRepr = false;
    if (const size_t mark = field.find('!'); mark != std::string_view::npos) {
      asRepr = field.substr(mark) == "!r";
      if (!asRepr && field.substr(mark) != "!s")
        unsupported("the conversion " + std::string(field.substr(mark)) + " of a format");
      field = field.substr(0, mark);
    }
    Value value = fieldValue(field, arguments, automatic);
    if (asRepr)
      value = runtime.text(reprOf(value));
    result += formatted(value, readSpec(written), written);
    at = end;
  }
  return runtime.text(std::move(result));
}

} // namespace cadenza::jinja

// Filters on texts. What is no text becomes one first, as str() makes it.
#include "runtime/chat/jinja/access.h"
#include "runtime/chat/jinja/arguments.h"
#include "runtime/chat/jinja/filters.h"
#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

#include <algorithm>

namespace cadenza::jinja {
namespace {

bool isMarkup(const Value &value) { return value.isText() && value.text().isMarkup; }

/// A method of the value as a text, with the arguments of the filter.
Value viaMethod(Runtime &runtime, const char *method, const Value &value, const Arguments &arguments) {
  const Value text = value.isText() ? value : runtime.text(stringOf(value));
  return methodOf(runtime, text, method)->callable().call(runtime, arguments);
}

template <std::string (*Convert)(std::string_view)>
Value filterConvert(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("a filter of a text", arguments, {});
  return runtime.text(Convert(stringOf(value)), isMarkup(value));
}

/// Words begin after spaces, hyphens and opening brackets, and end there alone.
std::string titleOfWords(std::string_view text) {
  std::string result, word;
  const auto finish = [&] {
    if (word.empty())
      return;
    const std::string_view first = characters(word).front();
    result += toUpper(first) + toLower(std::string_view(word).substr(first.size()));
    word.clear();
  };
  for (std::string_view character : characters(text)) {
    const char32_t point = codePoint(character);
    if (isSpace(point) || std::u32string_view(U"-({[<").find(point) != std::u32string_view::npos) {
      finish();
      result += character;
    } else {
      word += character;
    }
  }
  finish();
  return result;
}

Value filterTrim(Runtime &runtime, const Value &value, const Arguments &arguments) {
  return viaMethod(runtime, "strip", value, arguments);
}

Value filterReplace(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  const std::string text = stringOf(value), old = stringOf(bound.value(0)), with = stringOf(bound.value(1));
  runtime.chargeMany(static_cast<size_t>(countOf(text, old)), with.size());
  return runtime.text(replaced(text, old, with, bound.isSet(2) ? bound.integer(2, -1) : -1));
}

Value filterIndent(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("indent", arguments, {"width", "first", "blank"});
  if (value.isUndefined())
    fail(value.undefined().message);
  if (!value.isText())
    fail("indent: expected a text, not " + typeName(value));
  const bool isText = bound.has(0) && bound.value(0).isText();
  const int64_t width = isText ? 0 : std::max<int64_t>(bound.integer(0, 4), 0);
  runtime.chargeMany(static_cast<size_t>(width), 1);
  const std::string indentation = isText ? bound.text(0) : std::string(static_cast<size_t>(width), ' ');
  const bool blank = bound.isTrue(2, false);
  const std::string text = value.text().bytes + "\n";
  std::string result = bound.isTrue(1, false) ? indentation : "";
  const std::vector<std::string_view> lines = splitLines(text, /*keepEnds=*/false);
  runtime.chargeMany(lines.size(), indentation.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i > 0)
      result += blank || !lines[i].empty() ? "\n" + indentation : "\n";
    result += lines[i];
  }
  return runtime.text(std::move(result), isMarkup(value));
}

Value filterCenter(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("center", arguments, {"width"});
  Arguments width;
  width.positional = {bound.has(0) ? bound.value(0) : Value(int64_t{80})};
  return viaMethod(runtime, "center", value, width);
}

Value filterFormat(Runtime &runtime, const Value &value, const Arguments &arguments) {
  if (!arguments.positional.empty() && !arguments.keyword.empty())
    fail("format: can't handle positional and keyword arguments at the same time");
  const Value text = value.isText() ? value : runtime.text(stringOf(value));
  if (arguments.keyword.empty())
    return formatPercent(runtime, text, runtime.sequence(arguments.positional, Sequence::Kind::Tuple));
  const Value named = runtime.dict();
  for (const auto &[name, argument] : arguments.keyword)
    named.dict().put(runtime.text(name), argument);
  return formatPercent(runtime, text, named);
}

Value filterEscape(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("escape", arguments, {});
  return isMarkup(value) ? value : runtime.text(escapedForHtml(stringOf(value)), /*isMarkup=*/true);
}

Value filterForceEscape(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("forceescape", arguments, {});
  return runtime.text(escapedForHtml(stringOf(value)), /*isMarkup=*/true);
}

Value filterSafe(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("safe", arguments, {});
  return runtime.text(stringOf(value), /*isMarkup=*/true);
}

/// Runs of letters, digits and underscores.
Value filterWordCount(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("wordcount", arguments, {});
  int64_t count = 0;
  bool inside = false;
  const std::string text = stringOf(value);
  runtime.charge(text.size());
  for (std::string_view character : characters(text)) {
    const bool isWord = isNameCharacter(codePoint(character), /*isFirst=*/false);
    count += isWord && !inside ? 1 : 0;
    inside = isWord;
  }
  return count;
}

} // namespace

const FilterTable &textFilters() {
  static const FilterTable table = {
      {"capitalize", filterConvert<toCapitalized>},
      {"center", filterCenter},
      {"e", filterEscape},
      {"escape", filterEscape},
      {"forceescape", filterForceEscape},
      {"format", filterFormat},
      {"indent", filterIndent},
      {"lower", filterConvert<toLower>},
      {"replace", filterReplace},
      {"safe", filterSafe},
      {"title", filterConvert<titleOfWords>},
      {"trim", filterTrim},
      {"upper", filterConvert<toUpper>},
      {"wordcount", filterWordCount},
  };
  return table;
}

} // namespace cadenza::jinja

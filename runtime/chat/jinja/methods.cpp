#include "runtime/chat/jinja/access.h"
#include "runtime/chat/jinja/arguments.h"
#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

#include <algorithm>
#include <map>
#include <utf8proc.h>

namespace cadenza::jinja {
namespace {

using Method = Value (*)(Runtime &, const Value &self, const Arguments &);

const std::string &bytesOf(const Value &self) { return self.text().bytes; }

/// A text of the same kind as `self`.
Value like(Runtime &runtime, const Value &self, std::string text) {
  return runtime.text(std::move(text), self.text().isMarkup);
}

void refuseMarkup(const Value &self, const char *method) {
  if (self.text().isMarkup)
    unsupported(std::string(method) + "() of a text that the filter safe has marked");
}

Value listOf(Runtime &runtime, const Value &self, const std::vector<std::string_view> &parts,
             Sequence::Kind kind = Sequence::Kind::List) {
  std::vector<Value> items;
  items.reserve(parts.size());
  for (std::string_view part : parts)
    items.push_back(like(runtime, self, std::string(part)));
  return runtime.sequence(std::move(items), kind);
}

template <bool Left, bool Right> Value stripMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("strip", arguments, {"chars"});
  const std::string chars = bound.isSet(0) ? bound.text(0) : "";
  return like(runtime, self,
              std::string(strip(bytesOf(self), bound.isSet(0) ? std::optional<std::string_view>(chars) : std::nullopt,
                                Left, Right)));
}

template <bool FromRight> Value splitMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("split", arguments, {"sep", "maxsplit"});
  const std::string separator = bound.isSet(0) ? bound.text(0) : "";
  if (bound.isSet(0) && separator.empty())
    fail("split: the separator is empty");
  return listOf(runtime, self,
                split(bytesOf(self), bound.isSet(0) ? std::optional<std::string_view>(separator) : std::nullopt,
                      bound.integer(1, -1), FromRight));
}

/// The part of the text that arguments `start` and `end` name, and where it begins, in characters.
std::string_view within(Runtime &runtime, const Value &self, const Bound &bound, int64_t &begin) {
  const std::string_view text = bytesOf(self);
  begin = 0;
  if (!bound.isSet(1) && !bound.isSet(2))
    return text;
  runtime.charge(text.size());
  const int64_t size = characterCount(text);
  const auto place = [&](size_t parameter, int64_t fallback) {
    int64_t index = bound.isSet(parameter) ? bound.integer(parameter, 0) : fallback;
    return index < 0 ? std::max<int64_t>(index + size, 0) : index;
  };
  begin = place(1, 0);
  const int64_t end = std::min<int64_t>(place(2, size), size);
  if (begin > end)
    return {};
  const std::string_view rest = text.substr(bytesOfCharacters(text, begin));
  return rest.substr(0, bytesOfCharacters(rest, end - begin));
}

template <bool AtEnd> Value affixMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const std::string name = AtEnd ? "endswith" : "startswith";
  const Bound bound(name, arguments, {"prefix", "start", "end"}, 1);
  int64_t begin = 0;
  const std::string_view text = within(runtime, self, bound, begin);
  const bool beyond = begin > 0 && begin > characterCount(bytesOf(self));
  const auto matches = [&](const Value &affix) {
    if (!affix.isText())
      fail(name + ": expected a text or a tuple of texts, not " + typeName(affix));
    return !beyond && (AtEnd ? text.ends_with(bytesOf(affix)) : text.starts_with(bytesOf(affix)));
  };
  const Value affix = bound.value(0);
  if (!affix.isSequence() || affix.sequence().kind != Sequence::Kind::Tuple)
    return matches(affix);
  return std::any_of(affix.sequence().items.begin(), affix.sequence().items.end(), matches);
}

template <bool FromRight, bool Fails>
Value findMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound(Fails ? "index" : "find", arguments, {"sub", "start", "end"}, 1);
  const std::string part = bound.text(0);
  runtime.charge(bytesOf(self).size());
  int64_t begin = 0;
  const std::string_view text = within(runtime, self, bound, begin);
  const bool beyond = begin > 0 && begin > characterCount(bytesOf(self));
  const size_t found = beyond ? std::string_view::npos : FromRight ? findLastText(text, part) : findText(text, part);
  if (found != std::string_view::npos)
    return begin + characterCount(text.substr(0, found));
  if (Fails)
    fail("substring not found");
  return int64_t{-1};
}

template <std::string (*Convert)(std::string_view)>
Value convertMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("a conversion of a text", arguments, {});
  return like(runtime, self, Convert(bytesOf(self)));
}

/// Whether there are characters and `is` holds of each.
template <typename Is> bool everyCharacter(Runtime &runtime, const Value &self, const Is &is) {
  std::string_view text = bytesOf(self);
  const bool any = !text.empty();
  while (!text.empty()) {
    const size_t length = bytesOfCharacters(text, 1);
    if (!is(codePoint(text.substr(0, length))))
      return false;
    text.remove_prefix(length);
  }
  runtime.charge(bytesOf(self).size());
  return any;
}

template <bool (*Is)(utf8proc_category_t)>
Value everyMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("a question about a text", arguments, {});
  return everyCharacter(runtime, self,
                        [](char32_t point) { return Is(utf8proc_category(static_cast<utf8proc_int32_t>(point))); });
}

bool isLetter(utf8proc_category_t category) {
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool isDecimal(utf8proc_category_t category) { return category == UTF8PROC_CATEGORY_ND; }

Value isSpaceMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("isspace", arguments, {});
  return !bytesOf(self).empty() && strip(bytesOf(self), {}, true, false).empty();
}

/// Of decimal digits alone, and of superscripts, which are no letters either, as isdigit has it.
Value isDigitMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("isdigit", arguments, {});
  return everyCharacter(runtime, self, [](char32_t point) {
    return isDecimal(utf8proc_category(static_cast<utf8proc_int32_t>(point))) || point == 0xb2 || point == 0xb3 ||
           point == 0xb9 || point == 0x2070 || (point >= 0x2074 && point <= 0x2079) ||
           (point >= 0x2080 && point <= 0x2089) || (point >= 0x2460 && point <= 0x2468);
  });
}

Value joinMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("join", arguments, {"iterable"}, 1);
  refuseMarkup(self, "join");
  std::string text;
  bool first = true;
  for (const Value &item : itemsOf(runtime, bound.value(0))) {
    if (!item.isText())
      fail("join: expected texts, found " + typeName(item));
    runtime.charge(bytesOf(self).size() + bytesOf(item).size());
    text += std::exchange(first, false) ? "" : bytesOf(self);
    text += bytesOf(item);
  }
  return runtime.text(std::move(text));
}

Value replaceMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("replace", arguments, {"old", "new", "count"}, 2);
  refuseMarkup(self, "replace");
  const std::string old = bound.text(0), with = bound.text(1);
  runtime.chargeMany(static_cast<size_t>(countOf(bytesOf(self), old)), with.size());
  return runtime.text(replaced(bytesOf(self), old, with, bound.integer(2, -1)));
}

Value formatMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  refuseMarkup(self, "format");
  return formatBraces(runtime, self, arguments);
}

Value countMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("count", arguments, {"sub", "start", "end"}, 1);
  int64_t begin = 0;
  runtime.charge(bytesOf(self).size());
  return countOf(within(runtime, self, bound, begin), bound.text(0));
}

Value splitLinesMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("splitlines", arguments, {"keepends"});
  return listOf(runtime, self, splitLines(bytesOf(self), bound.isTrue(0, false)));
}

template <bool FromRight> Value partitionMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("partition", arguments, {"sep"}, 1);
  const std::string separator = bound.text(0);
  if (separator.empty())
    fail("partition: the separator is empty");
  const std::string_view text = bytesOf(self);
  const size_t at = FromRight ? findLastText(text, separator) : findText(text, separator);
  if (at == std::string_view::npos)
    return listOf(runtime, self, FromRight ? std::vector<std::string_view>{"", "", text} : std::vector{text, {}, {}},
                  Sequence::Kind::Tuple);
  return listOf(runtime, self, {text.substr(0, at), separator, text.substr(at + separator.size())},
                Sequence::Kind::Tuple);
}

template <bool AtEnd> Value removeAffix(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("removeprefix", arguments, {"affix"}, 1);
  const std::string affix = bound.text(0);
  std::string_view text = bytesOf(self);
  if (!AtEnd && text.starts_with(affix))
    text.remove_prefix(affix.size());
  if (AtEnd && text.ends_with(affix))
    text.remove_suffix(affix.size());
  return like(runtime, self, std::string(text));
}

template <char Align> Value justify(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("ljust, rjust, center or zfill", arguments, {"width", "fillchar"}, 1);
  const std::string fill = bound.has(1) ? bound.text(1) : Align == '0' ? "0" : " ";
  if (characterCount(fill) != 1)
    fail("the character to fill with must be one character");
  const int64_t length = characterCount(bytesOf(self)), missing = std::max<int64_t>(bound.integer(0, 0) - length, 0);
  runtime.chargeMany(static_cast<size_t>(missing), fill.size());
  // Python puts the odd character of str.center to the left if the width is odd.
  const int64_t left = Align == '<' ? 0 : Align == '^' ? missing / 2 + (missing & bound.integer(0, 0) & 1) : missing;
  std::string text = bytesOf(self), before, after;
  for (int64_t i = 0; i < missing; ++i)
    (i < left ? before : after) += fill;
  const bool isSigned = Align == '0' && (text.starts_with('-') || text.starts_with('+'));
  text.insert(isSigned ? 1 : 0, before);
  return like(runtime, self, text + after);
}

Value isUpperMethod(Runtime &, const Value &self, const Arguments &) { return isUpper(bytesOf(self)); }
Value isLowerMethod(Runtime &, const Value &self, const Arguments &) { return isLower(bytesOf(self)); }

const std::map<std::string_view, Method> textMethods = {
    {"strip", stripMethod<true, true>},
    {"lstrip", stripMethod<true, false>},
    {"rstrip", stripMethod<false, true>},
    {"split", splitMethod<false>},
    {"rsplit", splitMethod<true>},
    {"splitlines", splitLinesMethod},
    {"startswith", affixMethod<false>},
    {"endswith", affixMethod<true>},
    {"find", findMethod<false, false>},
    {"rfind", findMethod<true, false>},
    {"index", findMethod<false, true>},
    {"rindex", findMethod<true, true>},
    {"count", countMethod},
    {"upper", convertMethod<toUpper>},
    {"lower", convertMethod<toLower>},
    {"title", convertMethod<toTitle>},
    {"capitalize", convertMethod<toCapitalized>},
    {"isalpha", everyMethod<isLetter>},
    {"isdecimal", everyMethod<isDecimal>},
    {"isdigit", isDigitMethod},
    {"isspace", isSpaceMethod},
    {"isupper", isUpperMethod},
    {"islower", isLowerMethod},
    {"join", joinMethod},
    {"replace", replaceMethod},
    {"format", formatMethod},
    {"partition", partitionMethod<false>},
    {"rpartition", partitionMethod<true>},
    {"removeprefix", removeAffix<false>},
    {"removesuffix", removeAffix<true>},
    {"ljust", justify<'<'>},
    {"rjust", justify<'>'>},
    {"center", justify<'^'>},
    {"zfill", justify<'0'>},
    // What Python has and the engine has not.
    {"casefold", nullptr},
    {"encode", nullptr},
    {"expandtabs", nullptr},
    {"format_map", nullptr},
    {"isalnum", nullptr},
    {"isascii", nullptr},
    {"isidentifier", nullptr},
    {"isnumeric", nullptr},
    {"isprintable", nullptr},
    {"istitle", nullptr},
    {"maketrans", nullptr},
    {"swapcase", nullptr},
    {"translate", nullptr},
};

Value getMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("get", arguments, {"key", "default"}, 1);
  const Value key = bound.value(0);
  if (key.isDict() || (key.isSequence() && key.sequence().kind == Sequence::Kind::List))
    fail("unhashable type: '" + typeName(key) + "'");
  const Value *found = self.dict().find(key);
  return found ? *found : bound.value(1);
}

template <Sequence::Kind View> Value viewMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("keys, values or items", arguments, {});
  std::vector<Value> items;
  for (const auto &[key, value] : self.dict().entries)
    items.push_back(View == Sequence::Kind::Keys     ? key
                    : View == Sequence::Kind::Values ? value
                                                     : runtime.sequence({key, value}, Sequence::Kind::Tuple));
  return runtime.sequence(std::move(items), View);
}

Value copyDict(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("copy", arguments, {});
  const Value copy = runtime.dict();
  for (const auto &[key, value] : self.dict().entries) {
    runtime.charge(sizeof(std::pair<Value, Value>));
    copy.dict().put(key, value);
  }
  return copy;
}

const std::map<std::string_view, Method> dictMethods = {
    {"get", getMethod},
    {"keys", viewMethod<Sequence::Kind::Keys>},
    {"values", viewMethod<Sequence::Kind::Values>},
    {"items", viewMethod<Sequence::Kind::Items>},
    {"copy", copyDict},
    {"fromkeys", nullptr},
};

Value indexMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("index", arguments, {"value"}, 1);
  const std::vector<Value> &items = self.sequence().items;
  runtime.charge(items.size() * sizeof(Value));
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Value &item) { return areEqual(item, bound.value(0)); });
  if (found == items.end())
    fail("index: the value is not in the list");
  return static_cast<int64_t>(found - items.begin());
}

Value countItems(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("count", arguments, {"value"}, 1);
  const std::vector<Value> &items = self.sequence().items;
  runtime.charge(items.size() * sizeof(Value));
  return static_cast<int64_t>(
      std::count_if(items.begin(), items.end(), [&](const Value &item) { return areEqual(item, bound.value(0)); }));
}

Value copyList(Runtime &runtime, const Value &self, const Arguments &arguments) {
  const Bound bound("copy", arguments, {});
  return runtime.sequence(self.sequence().items);
}

const std::map<std::string_view, Method> listMethods = {
    {"index", indexMethod}, {"count", countItems}, {"copy", copyList}};
const std::map<std::string_view, Method> tupleMethods = {{"index", indexMethod}, {"count", countItems}};

Value cycleMethod(Runtime &, const Value &self, const Arguments &arguments) {
  if (arguments.positional.empty())
    fail("loop.cycle: no items for cycling given");
  return arguments.positional[self.loop().index % arguments.positional.size()];
}

Value changedMethod(Runtime &runtime, const Value &self, const Arguments &arguments) {
  Loop &loop = self.loop();
  const std::vector<Value> &now = arguments.positional;
  const bool same = loop.hasChanged && loop.lastChanged.size() == now.size() &&
                    std::equal(now.begin(), now.end(), loop.lastChanged.begin(), areEqual);
  runtime.charge(now.size() * sizeof(Value));
  loop.hasChanged = true;
  loop.lastChanged = now;
  return !same;
}

const std::map<std::string_view, Method> loopMethods = {{"cycle", cycleMethod}, {"changed", changedMethod}};

const std::map<std::string_view, Method> *methodsOf(const Value &object) {
  switch (object.kind()) {
  case Kind::Text:
    return &textMethods;
  case Kind::Dict:
    return &dictMethods;
  case Kind::Loop:
    return &loopMethods;
  case Kind::Sequence:
    return object.sequence().kind == Sequence::Kind::List    ? &listMethods
           : object.sequence().kind == Sequence::Kind::Tuple ? &tupleMethods
                                                             : nullptr;
  default:
    return nullptr;
  }
}

/// Methods that change a value, which jinja2's immutable sandbox forbids.
bool isForbidden(const Value &object, std::string_view name) {
  constexpr std::string_view ofDicts[] = {"clear", "pop", "popitem", "setdefault", "update"};
  constexpr std::string_view ofLists[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
  if (object.isDict())
    return std::find(std::begin(ofDicts), std::end(ofDicts), name) != std::end(ofDicts);
  return object.isSequence() && object.sequence().kind == Sequence::Kind::List &&
         std::find(std::begin(ofLists), std::end(ofLists), name) != std::end(ofLists);
}

} // namespace

std::optional<Value> methodOf(Runtime &runtime, const Value &object, std::string_view name) {
  if (isForbidden(object, name))
    return runtime.undefined("access to attribute " + reprOfText(name) + " of '" + typeName(object) +
                             "' object is unsafe.");
  const std::map<std::string_view, Method> *methods = methodsOf(object);
  const auto found = methods ? methods->find(name) : decltype(methods->find(name)){};
  if (!methods || found == methods->end())
    return std::nullopt;
  if (!found->second)
    unsupported("the method " + std::string(name) + " of a " + typeName(object));
  runtime.charge(sizeof(Callable));
  const Callable *bound = runtime.heap().make<Callable>(
      std::string(name), [method = found->second, object](Runtime &runtime, const Arguments &arguments) {
        return method(runtime, object, arguments);
      });
  return Value(bound);
}

} // namespace cadenza::jinja

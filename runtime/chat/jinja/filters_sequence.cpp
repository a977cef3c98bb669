// Filters on lists, dicts and whatever can be iterated over. Those that are generators in jinja2 give iterators here:
// always true, without a length, empty once they have been gone through. Their items are computed at once, not when
// they are asked for.
#include "runtime/chat/jinja/access.h"
#include "runtime/chat/jinja/arguments.h"
#include "runtime/chat/jinja/filters.h"
#include "runtime/chat/jinja/operators.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

#include <algorithm>
#include <charconv>

namespace cadenza::jinja {
namespace {

Value iterator(Runtime &runtime, std::vector<Value> items) {
  return runtime.sequence(std::move(items), Sequence::Kind::Iterator);
}

/// "a.b.0": elements of elements.
class AttributePath {
public:
  AttributePath(Runtime &runtime, const Value &attribute) {
    if (attribute.isNone())
      return;
    if (!attribute.isText()) {
      parts_.push_back(attribute);
      return;
    }
    for (std::string_view part : split(attribute.text().bytes, ".", -1)) {
      int64_t index = 0;
      const auto parsed = std::from_chars(part.data(), part.data() + part.size(), index);
      const bool isNumber =
          !part.empty() && part[0] != '-' && parsed.ec == std::errc() && parsed.ptr == part.data() + part.size();
      parts_.push_back(isNumber ? Value(index) : runtime.text(std::string(part)));
    }
  }

  Value of(Runtime &runtime, Value item, const Value &fallback = Value()) const {
    for (const Value &part : parts_) {
      item = itemOf(runtime, item, part);
      if (!fallback.isNone() && item.isUndefined())
        item = fallback;
    }
    return item;
  }

private:
  std::vector<Value> parts_;
};

/// Texts in lower case, other values as they are.
Value withoutCase(Runtime &runtime, const Value &value, bool caseSensitive) {
  return caseSensitive || !value.isText() ? value : runtime.text(toLower(value.text().bytes));
}

Arguments withoutFirst(const Arguments &arguments, size_t count) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(), rest.positional.begin() + static_cast<ptrdiff_t>(count));
  return rest;
}

const Value *keyword(const Arguments &arguments, std::string_view name) {
  for (const auto &[key, value] : arguments.keyword)
    if (key == name)
      return &value;
  return nullptr;
}

Value filterMap(Runtime &runtime, const Value &value, const Arguments &arguments) {
  std::vector<Value> items;
  if (!isTrue(value))
    return iterator(runtime, {});
  if (const Value *attribute = keyword(arguments, "attribute"); attribute && arguments.positional.empty()) {
    const Bound bound("map", arguments, {"attribute", "default"});
    const AttributePath path(runtime, *attribute);
    for (const Value &item : itemsOf(runtime, value))
      items.push_back(path.of(runtime, item, bound.value(1)));
    return iterator(runtime, std::move(items));
  }
  if (arguments.positional.empty() || !arguments.positional[0].isText())
    fail("map requires a filter argument");
  const Arguments rest = withoutFirst(arguments, 1);
  for (const Value &item : itemsOf(runtime, value))
    items.push_back(applyFilter(runtime, arguments.positional[0].text().bytes, item, rest));
  return iterator(runtime, std::move(items));
}

/// select, reject, selectattr, rejectattr: the items for which a test, or their truth, is `Wanted`.
template <bool Wanted, bool OfAttribute>
Value filterSelect(Runtime &runtime, const Value &value, const Arguments &arguments) {
  if (!isTrue(value))
    return iterator(runtime, {});
  constexpr size_t before = OfAttribute ? 1 : 0;
  if (arguments.positional.size() < before)
    fail("selectattr and rejectattr need the name of an attribute");
  const AttributePath path(runtime, OfAttribute ? arguments.positional[0] : Value());
  const bool hasTest = arguments.positional.size() > before;
  if (hasTest && !arguments.positional[before].isText())
    fail("select: expected the name of a test");
  const std::string test = hasTest ? arguments.positional[before].text().bytes : "";
  const Arguments rest = hasTest ? withoutFirst(arguments, before + 1) : Arguments();
  std::vector<Value> items;
  for (const Value &item : itemsOf(runtime, value)) {
    const Value looked = path.of(runtime, item);
    if ((hasTest ? applyTest(runtime, test, looked, rest) : isTrue(looked)) == Wanted)
      items.push_back(item);
  }
  return iterator(runtime, std::move(items));
}

Value filterJoin(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("join", arguments, {"d", "attribute"});
  const std::string separator = bound.has(0) ? stringOf(bound.value(0)) : "";
  const AttributePath path(runtime, bound.value(1));
  std::string text;
  bool first = true;
  for (const Value &item : itemsOf(runtime, value)) {
    const std::string part = stringOf(path.of(runtime, item));
    runtime.charge(separator.size() + part.size());
    text += std::exchange(first, false) ? "" : separator;
    text += part;
  }
  return runtime.text(std::move(text));
}

Value filterList(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("list", arguments, {});
  return runtime.sequence(itemsOf(runtime, value));
}

Value filterItems(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("items", arguments, {});
  std::vector<Value> items;
  if (!value.isUndefined() && !value.isDict())
    fail("items: expected a dict, not " + typeName(value));
  if (value.isDict())
    for (const auto &[key, item] : value.dict().entries)
      items.push_back(runtime.sequence({key, item}, Sequence::Kind::Tuple));
  return iterator(runtime, std::move(items));
}

Value filterFirst(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("first", arguments, {});
  if (value.isSequence() && value.sequence().isIterator() && value.sequence().next < value.sequence().items.size())
    return value.sequence().items[value.sequence().next++]; // the others stay
  const std::vector<Value> items = itemsOf(runtime, value);
  return items.empty() ? runtime.undefined("No first item, sequence was empty.") : items.front();
}

Value filterLast(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("last", arguments, {});
  if (value.isSequence() && value.sequence().isIterator())
    fail("last: a generator has no end; make a list of it");
  if (value.isUndefined())
    return runtime.undefined("No last item, sequence was empty.");
  const std::vector<Value> items = itemsOf(runtime, value);
  return items.empty() ? runtime.undefined("No last item, sequence was empty.") : items.back();
}

Value filterReverse(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("reverse", arguments, {});
  std::vector<Value> items = itemsOf(runtime, value);
  std::reverse(items.begin(), items.end());
  if (!value.isText())
    return iterator(runtime, std::move(items));
  std::string text;
  for (const Value &item : items)
    text += item.text().bytes;
  return runtime.text(std::move(text), value.text().isMarkup);
}

/// Sorts `items` by their keys; equal ones stay in order, backwards, too.
std::vector<Value> sorted(Runtime &runtime, std::vector<std::pair<Value, Value>> items, bool reverse) {
  std::stable_sort(items.begin(), items.end(), [&](const auto &a, const auto &b) {
    runtime.charge();
    return reverse ? isLess(b.first, a.first) : isLess(a.first, b.first);
  });
  std::vector<Value> result;
  result.reserve(items.size());
  for (const auto &[key, value] : items)
    result.push_back(value);
  return result;
}

Value filterSort(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  std::vector<AttributePath> paths;
  if (bound.isSet(2) && bound.value(2).isText())
    for (std::string_view part : split(bound.value(2).text().bytes, ",", -1))
      paths.emplace_back(runtime, runtime.text(std::string(part)));
  else
    paths.emplace_back(runtime, bound.value(2));
  std::vector<std::pair<Value, Value>> items;
  for (const Value &item : itemsOf(runtime, value)) {
    std::vector<Value> keys;
    keys.reserve(paths.size());
    for (const AttributePath &path : paths)
      keys.push_back(withoutCase(runtime, path.of(runtime, item), bound.isTrue(1, false)));
    items.emplace_back(runtime.sequence(std::move(keys)), item);
  }
  return runtime.sequence(sorted(runtime, std::move(items), bound.isTrue(0, false)));
}

Value filterDictSort(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = bound.has(1) ? bound.text(1) : "key";
  if (by != "key" && by != "value")
    fail("dictsort: 'by' must be key or value");
  if (value.isUndefined())
    fail(value.undefined().message);
  if (!value.isDict())
    fail("dictsort: expected a dict, not " + typeName(value));
  std::vector<std::pair<Value, Value>> items;
  for (const auto &[key, item] : value.dict().entries)
    items.emplace_back(withoutCase(runtime, by == "key" ? key : item, bound.isTrue(0, false)),
                       runtime.sequence({key, item}, Sequence::Kind::Tuple));
  return runtime.sequence(sorted(runtime, std::move(items), bound.isTrue(2, false)));
}

Value filterUnique(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("unique", arguments, {"case_sensitive", "attribute"});
  const AttributePath path(runtime, bound.value(1));
  std::vector<Value> items, seen;
  for (const Value &item : itemsOf(runtime, value)) {
    const Value key = withoutCase(runtime, path.of(runtime, item), bound.isTrue(0, false));
    if (key.isDict() || (key.isSequence() && key.sequence().kind == Sequence::Kind::List))
      fail("unique: unhashable type: '" + typeName(key) + "'");
    runtime.charge(seen.size() * sizeof(Value));
    if (std::any_of(seen.begin(), seen.end(), [&](const Value &other) { return areEqual(other, key); }))
      continue;
    seen.push_back(key);
    items.push_back(item);
  }
  return iterator(runtime, std::move(items));
}

template <bool Largest> Value filterExtreme(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("min or max", arguments, {"case_sensitive", "attribute"});
  const AttributePath path(runtime, bound.value(1));
  std::optional<std::pair<Value, Value>> best;
  for (const Value &item : itemsOf(runtime, value)) {
    const Value key = withoutCase(runtime, path.of(runtime, item), bound.isTrue(0, false));
    if (!best || (Largest ? isLess(best->first, key) : isLess(key, best->first)))
      best = {key, item};
  }
  return best ? best->second : runtime.undefined("No aggregated item, sequence was empty.");
}

Value filterSum(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("sum", arguments, {"attribute", "start"});
  const AttributePath path(runtime, bound.value(0));
  Value total = bound.has(1) ? bound.value(1) : Value(int64_t{0});
  if (total.isText())
    fail("sum: can't sum texts");
  for (const Value &item : itemsOf(runtime, value))
    total = calculate(runtime, BinaryOperator::Add, total, path.of(runtime, item));
  return total;
}

Value filterBatch(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("batch", arguments, {"linecount", "fill_with"}, 1);
  const int64_t count = bound.integer(0, 1);
  std::vector<Value> batches, batch;
  for (const Value &item : itemsOf(runtime, value)) {
    if (std::ssize(batch) == count)
      batches.push_back(runtime.sequence(std::exchange(batch, {})));
    batch.push_back(item);
  }
  if (bound.isSet(1) && !batch.empty() && std::ssize(batch) < count) {
    runtime.chargeMany(static_cast<size_t>(count), sizeof(Value));
    batch.resize(static_cast<size_t>(count), bound.value(1));
  }
  if (!batch.empty())
    batches.push_back(runtime.sequence(std::move(batch)));
  return iterator(runtime, std::move(batches));
}

Value filterSlice(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Bound bound("slice", arguments, {"slices", "fill_with"}, 1);
  const int64_t slices = bound.integer(0, 1);
  if (slices <= 0)
    fail("slice: the number of slices must be positive");
  runtime.chargeMany(static_cast<size_t>(slices), sizeof(Sequence));
  const std::vector<Value> items = itemsOf(runtime, value);
  const auto length = std::ssize(items);
  std::vector<Value> result;
  for (int64_t i = 0, begin = 0; i < slices; ++i) {
    const int64_t end = begin + length / slices + (i < length % slices ? 1 : 0);
    std::vector<Value> part(items.begin() + begin, items.begin() + end);
    if (bound.isSet(1) && i >= length % slices)
      part.push_back(bound.value(1));
    result.push_back(runtime.sequence(std::move(part)));
    begin = end;
  }
  return iterator(runtime, std::move(result));
}

} // namespace

const FilterTable &sequenceFilters() {
  static const FilterTable table = {
      {"batch", filterBatch},
      {"dictsort", filterDictSort},
      {"first", filterFirst},
      {"items", filterItems},
      {"join", filterJoin},
      {"last", filterLast},
      {"list", filterList},
      {"map", filterMap},
      {"max", filterExtreme<true>},
      {"min", filterExtreme<false>},
      {"reject", filterSelect<false, false>},
      {"rejectattr", filterSelect<false, true>},
      {"reverse", filterReverse},
      {"select", filterSelect<true, false>},
      {"selectattr", filterSelect<true, true>},
      {"slice", filterSlice},
      {"sort", filterSort},
      {"sum", filterSum},
      {"unique", filterUnique},
  };
  return table;
}

} // namespace cadenza::jinja

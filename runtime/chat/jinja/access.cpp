#include "runtime/chat/jinja/access.h"
#include "runtime/chat/jinja/python_text.h"
#include "runtime/chat/jinja/write_value.h"

#include <algorithm>

namespace cadenza::jinja {
namespace {

std::string describe(const Value &object) { return object.isNone() ? "None" : typeName(object) + " object"; }

Value noAttribute(Runtime &runtime, const Value &object, std::string_view name) {
  return runtime.undefined("'" + describe(object) + "' has no attribute " + reprOfText(name));
}

Value noElement(Runtime &runtime, const Value &object, const Value &index) {
  return index.isText() ? noAttribute(runtime, object, index.text().bytes)
                        : runtime.undefined(describe(object) + " has no element " + reprOf(index));
}

std::optional<Value> loopAttribute(Runtime &runtime, Loop &loop, std::string_view name) {
  const auto size = std::ssize(*loop.items);
  const auto index = static_cast<int64_t>(loop.index);
  if (name == "index")
    return Value(index + 1);
  if (name == "index0")
    return Value(index);
  if (name == "revindex")
    return Value(size - index);
  if (name == "revindex0")
    return Value(size - index - 1);
  if (name == "first")
    return Value(index == 0);
  if (name == "last")
    return Value(index + 1 == size);
  if (name == "length")
    return Value(int64_t{size});
  if (name == "depth")
    return Value(loop.depth);
  if (name == "depth0")
    return Value(loop.depth - 1);
  if (name == "previtem")
    return index > 0 ? (*loop.items)[loop.index - 1] : runtime.undefined("there is no previous item");
  if (name == "nextitem")
    return index + 1 < size ? (*loop.items)[loop.index + 1] : runtime.undefined("there is no next item");
  return std::nullopt;
}

bool isHashable(const Value &value) {
  if (value.isDict())
    return false;
  if (!value.isSequence())
    return true;
  const Sequence &sequence = value.sequence();
  return sequence.kind != Sequence::Kind::List &&
         (sequence.kind != Sequence::Kind::Tuple ||
          std::all_of(sequence.items.begin(), sequence.items.end(), isHashable));
}

/// Of a length, Python's slice.indices.
struct Indices {
  int64_t start, stop, step;
};

Indices indicesOf(int64_t length, const Value &start, const Value &stop, const Value &step) {
  const auto bound = [](const Value &value) {
    if (!value.isInteger())
      fail("slice indices must be whole numbers or None, not " + typeName(value));
    return value.integer();
  };
  Indices indices{0, 0, step.isNone() ? 1 : bound(step)};
  if (indices.step == 0)
    fail("a slice's step cannot be zero");
  indices.step = std::clamp<int64_t>(indices.step, -INT64_MAX, INT64_MAX);
  const bool backwards = indices.step < 0;
  const int64_t lower = backwards ? -1 : 0, upper = backwards ? length - 1 : length;
  const auto place = [&](const Value &value, int64_t fallback) {
    if (value.isNone())
      return fallback;
    int64_t index = bound(value);
    if (index < 0)
      index = std::max(index, -length - 1) + length;
    return std::clamp(index, lower, upper);
  };
  indices.start = place(start, backwards ? upper : lower);
  indices.stop = place(stop, backwards ? lower : upper);
  return indices;
}

template <typename Take> void forEachIndex(const Indices &indices, int64_t length, const Take &take) {
  const int64_t step = std::clamp<int64_t>(indices.step, -length - 1, length + 1);
  for (int64_t i = indices.start; step > 0 ? i < indices.stop : i > indices.stop; i += step)
    take(static_cast<size_t>(i));
}

} // namespace

Value attributeOf(Runtime &runtime, const Value &object, std::string_view name) {
  if (object.isUndefined())
    fail(object.undefined().message);
  if (object.kind() == Kind::Loop)
    if (const auto attribute = loopAttribute(runtime, object.loop(), name))
      return *attribute;
  if (object.kind() == Kind::Callable)
    unsupported("the attribute " + reprOfText(name) + " of a macro or a function");
  if (object.kind() == Kind::Namespace) {
    const Value *field = object.space().find(name);
    return field ? *field : noAttribute(runtime, object, name);
  }
  if (const auto method = methodOf(runtime, object, name))
    return *method;
  if (object.isDict())
    if (const Value *found = object.dict().find(name))
      return *found;
  if (name.starts_with("__"))
    return runtime.undefined("access to attribute " + reprOfText(name) + " of '" + typeName(object) +
                             "' object is unsafe.");
  return noAttribute(runtime, object, name);
}

Value itemOf(Runtime &runtime, const Value &object, const Value &index) {
  if (object.isUndefined())
    fail(object.undefined().message);
  if (object.isDict() && isHashable(index))
    if (const Value *found = object.dict().find(index))
      return *found;
  const bool isIndexed = object.isText() || (object.isSequence() && object.sequence().isIndexed());
  if (isIndexed && index.isInteger()) {
    const int64_t length = lengthOf(object), at = index.integer() < 0 ? index.integer() + length : index.integer();
    if (at < 0 || at >= length)
      return noElement(runtime, object, index);
    if (object.isSequence())
      return object.sequence().items[static_cast<size_t>(at)];
    runtime.charge(object.text().bytes.size());
    return runtime.text(std::string(characters(object.text().bytes)[static_cast<size_t>(at)]));
  }
  if (!index.isText())
    return noElement(runtime, object, index);
  if (object.isDict()) {
    const auto method = methodOf(runtime, object, index.text().bytes);
    return method ? *method : noElement(runtime, object, index);
  }
  return attributeOf(runtime, object, index.text().bytes);
}

Value sliceOf(Runtime &runtime, const Value &object, const Value &start, const Value &stop, const Value &step) {
  if (object.isUndefined())
    fail(object.undefined().message);
  if (!object.isText() && !(object.isSequence() && object.sequence().isIndexed()))
    fail("'" + typeName(object) + "' object has no slices");
  const int64_t length = lengthOf(object);
  const Indices indices = indicesOf(length, start, stop, step);
  if (object.isText()) {
    runtime.charge(object.text().bytes.size());
    const std::vector<std::string_view> all = characters(object.text().bytes);
    std::string text;
    forEachIndex(indices, length, [&](size_t i) { text += all[i]; });
    return runtime.text(std::move(text), object.text().isMarkup);
  }
  std::vector<Value> items;
  forEachIndex(indices, length, [&](size_t i) { items.push_back(object.sequence().items[i]); });
  return runtime.sequence(std::move(items), object.sequence().kind);
}

} // namespace cadenza::jinja

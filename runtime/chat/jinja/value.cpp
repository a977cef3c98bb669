#include "runtime/chat/jinja/value.h"
#include "runtime/chat/jinja/error.h"

#include <algorithm>

namespace cadenza::jinja {
namespace {

constexpr int maxDepth = 200; // of what is compared
/// Pairs that one comparison looks at. Lists that hold a list twice, which holds another one twice, have more elements
/// than memory does.
constexpr int64_t maxPairs = 1'000'000;

struct Place {
  int64_t &pairs; // looked at so far
  int depth = 0;
  Place below() const { return {pairs, depth + 1}; }
};

bool equal(const Value &left, const Value &right, Place place);

bool equalItems(const std::vector<Value> &left, const std::vector<Value> &right, Place place) {
  if (left.size() != right.size())
    return false;
  for (size_t i = 0; i < left.size(); ++i)
    if (!equal(left[i], right[i], place))
      return false;
  return true;
}

bool equalDicts(const Dict &left, const Dict &right, Place place) {
  if (left.entries.size() != right.entries.size())
    return false;
  for (const auto &[key, value] : left.entries) {
    const Value *other = right.find(key);
    if (!other || !equal(value, *other, place))
      return false;
  }
  return true;
}

bool equal(const Value &left, const Value &right, Place place) {
  if (place.depth > maxDepth)
    fail("values are nested too deeply to be compared");
  if (++place.pairs > maxPairs)
    fail("values are too large to be compared");
  if (left.isNumber() && right.isNumber())
    return left.isInteger() && right.isInteger() ? left.integer() == right.integer() : left.number() == right.number();
  if (left.kind() != right.kind())
    return false;
  switch (left.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return true;
  case Kind::Text:
    return left.text().bytes == right.text().bytes;
  case Kind::Sequence: {
    const Sequence &a = left.sequence(), &b = right.sequence();
    const bool comparable = a.isIndexed() || a.kind == Sequence::Kind::Keys || a.kind == Sequence::Kind::Items;
    return &a == &b || (comparable && a.kind == b.kind && equalItems(a.items, b.items, place.below()));
  }
  case Kind::Dict:
    return &left.dict() == &right.dict() || equalDicts(left.dict(), right.dict(), place.below());
  default:
    return left.isSame(right);
  }
}

} // namespace

bool Value::isSame(const Value &other) const {
  if (kind_ != other.kind_)
    return false;
  switch (kind_) {
  case Kind::None:
    return true;
  case Kind::Boolean:
    return word_.boolean == other.word_.boolean;
  case Kind::Float:
    return word_.number == other.word_.number;
  default: // an integer, or a pointer, which has as many bits
    return word_.integer == other.word_.integer;
  }
}

size_t Dict::indexOf(const Value &key) const {
  if (key.isText()) {
    const auto found = byText_.find(key.text().bytes);
    return found == byText_.end() ? npos : found->second;
  }
  if (entries.size() == byText_.size())
    return npos;
  const auto found =
      std::find_if(entries.begin(), entries.end(), [&](const auto &entry) { return areEqual(entry.first, key); });
  return found == entries.end() ? npos : static_cast<size_t>(found - entries.begin());
}

const Value *Dict::find(std::string_view key) const {
  const auto found = byText_.find(key);
  return found == byText_.end() ? nullptr : &entries[found->second].second;
}

const Value *Dict::find(const Value &key) const {
  const size_t index = indexOf(key);
  return index == npos ? nullptr : &entries[index].second;
}

void Dict::put(const Value &key, const Value &value) {
  if (const size_t index = indexOf(key); index != npos) {
    entries[index].second = value;
    return;
  }
  if (key.isText())
    byText_.emplace(key.text().bytes, entries.size());
  entries.emplace_back(key, value);
}

const Value *Namespace::find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto &field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

void Namespace::put(std::string_view name, const Value &value) {
  for (auto &[known, old] : fields)
    if (known == name) {
      old = value;
      return;
    }
  fields.emplace_back(name, value);
}

bool isTrue(const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
  case Kind::None:
    return false;
  case Kind::Boolean:
    return value.boolean();
  case Kind::Integer:
    return value.integer() != 0;
  case Kind::Float:
    return value.number() != 0;
  case Kind::Text:
    return !value.text().bytes.empty();
  case Kind::Sequence:
    return value.sequence().isIterator() || !value.sequence().items.empty();
  case Kind::Dict:
    return !value.dict().entries.empty();
  case Kind::Loop:
  case Kind::Namespace:
  case Kind::Callable:
    return true;
  }
  return false;
}

bool areEqual(const Value &left, const Value &right) {
  int64_t pairs = 0;
  return equal(left, right, {pairs});
}

std::string typeName(const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
    return "Undefined";
  case Kind::None:
    return "NoneType";
  case Kind::Boolean:
    return "bool";
  case Kind::Integer:
    return "int";
  case Kind::Float:
    return "float";
  case Kind::Text:
    return value.text().isMarkup ? "Markup" : "str";
  case Kind::Sequence: {
    constexpr const char *names[] = {"list", "tuple", "range", "dict_keys", "dict_values", "dict_items", "generator"};
    return names[static_cast<size_t>(value.sequence().kind)];
  }
  case Kind::Dict:
    return "dict";
  case Kind::Namespace:
    return "Namespace";
  case Kind::Loop:
    return "LoopContext";
  case Kind::Callable:
    return "function";
  }
  return "object";
}

} // namespace cadenza::jinja

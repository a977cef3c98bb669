#include "runtime/chat/jinja/runtime.h"
#include "runtime/chat/jinja/python_text.h"

namespace cadenza::jinja {

void Runtime::charge(size_t bytes) {
  steps_ += 1 + static_cast<int64_t>(bytes / 16);
  if (steps_ > options_.steps)
    fail("the template takes more than " + std::to_string(options_.steps) +
         " steps (of 16 bytes that it makes, too): it does not end, or repeats too much");
}

void Runtime::chargeMany(size_t count, size_t bytes) {
  if (bytes != 0 && count > static_cast<size_t>(options_.steps) * 16 / bytes)
    count = static_cast<size_t>(options_.steps) * 17 / bytes + 17;
  charge(count * bytes);
}

Value Runtime::text(std::string bytes, bool isMarkup) {
  charge(sizeof(Text) + bytes.size());
  return heap_.make<Text>(std::move(bytes), isMarkup);
}

Value Runtime::sequence(std::vector<Value> items, Sequence::Kind kind) {
  charge(sizeof(Sequence) + items.size() * sizeof(Value));
  return heap_.make<Sequence>(kind, std::move(items));
}

Value Runtime::dict() {
  charge(sizeof(Dict));
  return heap_.make<Dict>();
}

Value Runtime::undefined(std::string message) {
  charge(sizeof(Undefined));
  const Undefined *made = heap_.make<Undefined>(std::move(message));
  return made;
}

std::vector<Value> itemsOf(Runtime &runtime, const Value &value) {
  std::vector<Value> items;
  switch (value.kind()) {
  case Kind::Undefined:
    return items;
  case Kind::Text:
    for (std::string_view character : characters(value.text().bytes))
      items.push_back(runtime.text(std::string(character)));
    return items;
  case Kind::Sequence: {
    Sequence &sequence = value.sequence();
    runtime.charge(sequence.items.size() * sizeof(Value));
    if (!sequence.isIterator())
      return sequence.items;
    items.assign(sequence.items.begin() + static_cast<ptrdiff_t>(sequence.next), sequence.items.end());
    sequence.next = sequence.items.size();
    return items;
  }
  case Kind::Dict:
    runtime.charge(value.dict().entries.size() * sizeof(Value));
    for (const auto &[key, item] : value.dict().entries)
      items.push_back(key);
    return items;
  case Kind::Loop:
    unsupported("a loop over the object loop");
  default:
    fail("'" + typeName(value) + "' object is not iterable");
  }
}

int64_t lengthOf(const Value &value) {
  switch (value.kind()) {
  case Kind::Undefined:
    return 0;
  case Kind::Text:
    return characterCount(value.text().bytes);
  case Kind::Sequence:
    if (value.sequence().isIterator())
      break;
    return std::ssize(value.sequence().items);
  case Kind::Dict:
    return std::ssize(value.dict().entries);
  case Kind::Loop:
    return std::ssize(*value.loop().items);
  default:
    break;
  }
  fail("object of type '" + typeName(value) + "' has no len()");
}

} // namespace cadenza::jinja

// Values of templates: those of Python that templates can make. A value is a word and a kind; what does not fit into a
// word lies on the heap of its rendering, which frees all of it at once, so that neither cycles nor depth of what a
// template builds matter.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cadenza::jinja {

class Runtime;

/// What lies on a heap.
struct Object {
  virtual ~Object() = default;
};

struct Undefined;
struct Text;
struct Sequence;
struct Dict;
struct Namespace;
struct Loop;
struct Callable;

enum class Kind : uint8_t {
  Undefined,
  None,
  Boolean,
  Integer,
  Float,
  Text,
  Sequence,
  Dict,
  Namespace,
  Loop,
  Callable,
};

class Value {
public:
  Value() = default; // None
  Value(bool boolean) : kind_(Kind::Boolean) { word_.boolean = boolean; }
  Value(int64_t integer) : kind_(Kind::Integer) { word_.integer = integer; }
  Value(double number) : kind_(Kind::Float) { word_.number = number; }
  Value(const Undefined *object) : kind_(Kind::Undefined) { word_.undefined = object; }
  Value(const Text *object) : kind_(Kind::Text) { word_.text = object; }
  Value(Sequence *object) : kind_(Kind::Sequence) { word_.sequence = object; }
  Value(Dict *object) : kind_(Kind::Dict) { word_.dict = object; }
  Value(Namespace *object) : kind_(Kind::Namespace) { word_.space = object; }
  Value(Loop *object) : kind_(Kind::Loop) { word_.loop = object; }
  Value(const Callable *object) : kind_(Kind::Callable) { word_.callable = object; }
  Value(const void *) = delete; // which would be a boolean

  Kind kind() const { return kind_; }
  bool isUndefined() const { return kind_ == Kind::Undefined; }
  bool isNone() const { return kind_ == Kind::None; }
  bool isBoolean() const { return kind_ == Kind::Boolean; }
  bool isText() const { return kind_ == Kind::Text; }
  bool isSequence() const { return kind_ == Kind::Sequence; }
  bool isDict() const { return kind_ == Kind::Dict; }
  /// As in Python, where a boolean is an integer, too.
  bool isInteger() const { return kind_ == Kind::Integer || kind_ == Kind::Boolean; }
  bool isNumber() const { return isInteger() || kind_ == Kind::Float; }

  // Of a value of that kind.
  bool boolean() const { return word_.boolean; }
  int64_t integer() const { return kind_ == Kind::Boolean ? int64_t{word_.boolean} : word_.integer; }
  double number() const { return kind_ == Kind::Float ? word_.number : static_cast<double>(integer()); }
  const Undefined &undefined() const { return *word_.undefined; }
  const Text &text() const { return *word_.text; }
  Sequence &sequence() const { return *word_.sequence; }
  Dict &dict() const { return *word_.dict; }
  Namespace &space() const { return *word_.space; }
  Loop &loop() const { return *word_.loop; }
  const Callable &callable() const { return *word_.callable; }

  /// Whether both are the same object, or the same number, boolean or None: Python's `is`, nearly.
  bool isSame(const Value &other) const;

private:
  Kind kind_ = Kind::None;
  union {
    bool boolean;
    int64_t integer = 0;
    double number;
    const Undefined *undefined;
    const Text *text;
    Sequence *sequence;
    Dict *dict;
    Namespace *space;
    Loop *loop;
    const Callable *callable;
  } word_;
};

/// What a name or an attribute is that there is not. Using it as more than an empty text is the error `message`.
struct Undefined : Object {
  explicit Undefined(std::string message) : message(std::move(message)) {}
  std::string message;
};

struct Text : Object {
  Text(std::string bytes, bool isMarkup) : bytes(std::move(bytes)), isMarkup(isMarkup) {}
  std::string bytes; // UTF-8
  bool isMarkup;     // of the filter `safe`: what is added to it is escaped for HTML
};

struct Sequence : Object {
  enum class Kind : uint8_t { List, Tuple, Range, Keys, Values, Items, Iterator };
  Sequence(Kind kind, std::vector<Value> items) : kind(kind), items(std::move(items)) {}

  Kind kind;
  std::vector<Value> items;
  size_t next = 0; // of an iterator: what has been taken from it

  bool isIterator() const { return kind == Kind::Iterator; }
  /// Whether it has a length and elements by number.
  bool isIndexed() const { return kind == Kind::List || kind == Kind::Tuple || kind == Kind::Range; }
};

/// In the order in which keys came.
struct Dict : Object {
  std::vector<std::pair<Value, Value>> entries;

  /// Null if there is no such key.
  const Value *find(const Value &key) const;
  const Value *find(std::string_view key) const;
  void put(const Value &key, const Value &value);

private:
  /// npos if there is no such key.
  size_t indexOf(const Value &key) const;
  static constexpr size_t npos = static_cast<size_t>(-1);

  std::unordered_map<std::string_view, size_t> byText_; // keys that are texts: nearly all
};

/// namespace(): the one thing that a template can change.
struct Namespace : Object {
  std::vector<std::pair<std::string, Value>> fields;
  const Value *find(std::string_view name) const;
  void put(std::string_view name, const Value &value);
};

/// `loop` of a for loop, at one of its items.
struct Loop : Object {
  const std::vector<Value> *items = nullptr;
  size_t index = 0;
  int64_t depth = 1; // always: loops are not recursive
  std::vector<Value> lastChanged = {};
  bool hasChanged = false; // loop.changed() was called
};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keyword;
};

/// A function, a method of a value, or a macro.
struct Callable : Object {
  using Function = std::function<Value(Runtime &, const Arguments &)>;
  Callable(std::string name, Function call) : name(std::move(name)), call(std::move(call)) {}
  std::string name; // for messages
  Function call;
};

/// Python's bool(value).
bool isTrue(const Value &value);
/// Python's ==.
bool areEqual(const Value &left, const Value &right);
/// Python's name of its type: "str", "list", "NoneType".
std::string typeName(const Value &value);

} // namespace cadenza::jinja

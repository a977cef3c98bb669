// Functions that templates know by name.
#include "runtime/chat/jinja/arguments.h"
#include "runtime/chat/jinja/interpreter.h"
#include "runtime/chat/jinja/write_value.h"

#include <array>
#include <chrono>
#include <ctime>

namespace cadenza::jinja {
namespace {

constexpr int64_t maxRange = 100000; // as jinja2's sandbox

Value makeRange(Runtime &runtime, const Arguments &arguments) {
  const Bound bound("range", arguments, {"start", "stop", "step"}, 1);
  const bool isOnlyStop = !bound.has(1);
  const int64_t start = isOnlyStop ? 0 : bound.integer(0, 0),
                stop = isOnlyStop ? bound.integer(0, 0) : bound.integer(1, 0), step = bound.integer(2, 1);
  if (step == 0)
    fail("range: the step must not be zero");
  const __int128 span = step > 0 ? static_cast<__int128>(stop) - start : static_cast<__int128>(start) - stop;
  const __int128 width = step > 0 ? static_cast<__int128>(step) : -static_cast<__int128>(step);
  const __int128 count = span <= 0 ? 0 : (span + width - 1) / width;
  if (count > maxRange)
    fail("range too big: at most " + std::to_string(maxRange) + " items");
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i)
    items.emplace_back(start + i * step);
  return runtime.sequence(std::move(items), Sequence::Kind::Range);
}

/// The fields of a dict, or of pairs, and named ones.
template <typename Put> void forEachField(Runtime &runtime, const Arguments &arguments, const Put &put) {
  if (arguments.positional.size() > 1)
    fail("expected at most one argument without a name");
  for (const Value &fields : arguments.positional) {
    if (fields.isDict()) {
      for (const auto &[key, value] : fields.dict().entries)
        put(key, value);
      continue;
    }
    for (const Value &pair : itemsOf(runtime, fields)) {
      const std::vector<Value> both = itemsOf(runtime, pair);
      if (both.size() != 2)
        fail("expected pairs of a key and a value");
      put(both[0], both[1]);
    }
  }
  for (const auto &[name, value] : arguments.keyword)
    put(runtime.text(name), value);
}

Value makeDict(Runtime &runtime, const Arguments &arguments) {
  const Value dict = runtime.dict();
  forEachField(runtime, arguments, [&](const Value &key, const Value &value) {
    if (key.isDict() || (key.isSequence() && key.sequence().kind == Sequence::Kind::List))
      fail("unhashable type: '" + typeName(key) + "'");
    runtime.charge(sizeof(std::pair<Value, Value>));
    dict.dict().put(key, value);
  });
  return dict;
}

Value makeNamespace(Runtime &runtime, const Arguments &arguments) {
  runtime.charge(sizeof(Namespace));
  Namespace *space = runtime.heap().make<Namespace>();
  forEachField(runtime, arguments, [&](const Value &key, const Value &value) {
    if (!key.isText())
      fail("names of a namespace must be texts");
    space->put(key.text().bytes, value);
  });
  return space;
}

[[noreturn]] Value raiseException(Runtime &, const Arguments &arguments) {
  const Bound bound("raise_exception", arguments, {"message"}, 1);
  throw Error{StatusCode::InvalidArgument, "the chat template refuses this: " + stringOf(bound.value(0)), 0};
}

/// datetime.now().strftime(format)
Value formatTime(Runtime &runtime, const Arguments &arguments) {
  const Bound bound("strftime_now", arguments, {"format"}, 1);
  std::string format;
  const std::string given = bound.text(0);
  for (size_t i = 0; i < given.size(); ++i) { // what only Python knows: microseconds; a time without a zone
    if (given[i] != '%' || i + 1 == given.size()) {
      format += given[i];
      continue;
    }
    const char letter = given[++i];
    if (letter == 'f')
      format += "000000";
    else if (letter != 'z' && letter != 'Z')
      (format += '%') += letter;
  }
  const std::time_t now = runtime.options().now ? runtime.options().now : std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  if (format.empty() || format.size() > 1000)
    return format.empty() ? runtime.text("") : (fail("strftime_now: the format is too long"), Value());
  std::array<char, 16384> text{};
  return runtime.text(std::string(text.data(), std::strftime(text.data(), text.size(), format.c_str(), &local)));
}

} // namespace

void addGlobals(Runtime &runtime, Scope &scope) {
  const auto add = [&](const char *name, Callable::Function function) {
    const Callable *made = runtime.heap().make<Callable>(name, std::move(function));
    scope.put(name, made);
  };
  add("range", makeRange);
  add("dict", makeDict);
  add("namespace", makeNamespace);
  add("raise_exception", raiseException);
  add("strftime_now", formatTime);
}

} // namespace cadenza::jinja

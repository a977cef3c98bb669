// Values as text: Python's str(), repr() and json.dumps().
#pragma once

#include "runtime/chat/jinja/runtime.h"

#include <optional>
#include <string>

namespace cadenza::jinja {

/// str(value): what an expression writes.
std::string stringOf(const Value &value);
/// repr(value): how a text is written inside of a list.
std::string reprOf(const Value &value);
std::string reprOfText(std::string_view text);

struct JsonStyle {
  bool ensureAscii = false;
  std::optional<std::string> indent = {}; // of a level; none: all on one line
  std::string itemSeparator = ", ", keySeparator = ": ";
  bool sortKeys = false;
};
/// json.dumps(value), as the filter tojson of transformers calls it.
std::string jsonOf(const Value &value, const JsonStyle &style);

} // namespace cadenza::jinja

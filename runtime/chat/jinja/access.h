// Attributes, elements and methods of values, as the sandbox of jinja2 lets templates have them.
#pragma once

#include "runtime/chat/jinja/runtime.h"

#include <optional>
#include <string_view>

namespace cadenza::jinja {

/// object.name: a method, or an element of a dict; an undefined value if there is none.
Value attributeOf(Runtime &runtime, const Value &object, std::string_view name);
/// object[index]
Value itemOf(Runtime &runtime, const Value &object, const Value &index);
/// object[start:stop:step]; None: left out.
Value sliceOf(Runtime &runtime, const Value &object, const Value &start, const Value &stop, const Value &step);

/// A method of a value, bound to it. Nothing if Python has no such method; an undefined value for one that the sandbox
/// forbids, since it changes the value; an Error for one that the engine does not have.
std::optional<Value> methodOf(Runtime &runtime, const Value &object, std::string_view name);

} // namespace cadenza::jinja

// Filters and tests by name: those of jinja2, with tojson as transformers defines it.
#pragma once

#include "runtime/chat/jinja/runtime.h"

#include <map>
#include <string>
#include <string_view>

namespace cadenza::jinja {

/// value|name(arguments). Unsupported for a filter that jinja2 has and the engine has not, an Error for others.
Value applyFilter(Runtime &runtime, const std::string &name, const Value &value, const Arguments &arguments);
/// value is name(arguments)
bool applyTest(Runtime &runtime, const std::string &name, const Value &value, const Arguments &arguments);
bool isFilter(std::string_view name);
bool isTest(std::string_view name);

using FilterFunction = Value (*)(Runtime &, const Value &, const Arguments &);
using FilterTable = std::map<std::string_view, FilterFunction>;
/// By what they work on.
const FilterTable &textFilters();
const FilterTable &sequenceFilters();
const FilterTable &valueFilters();

} // namespace cadenza::jinja

#include "runtime/chat/jinja/arguments.h"

#include <algorithm>

namespace cadenza::jinja {

Bound::Bound(std::string callee, const Arguments &arguments, std::initializer_list<std::string_view> names,
             size_t required)
    : callee_(std::move(callee)), names_(names.begin(), names.end()), values_(names.size()) {
  if (arguments.positional.size() > names_.size())
    fail(callee_ + " takes at most " + std::to_string(names_.size()) + " arguments, " +
         std::to_string(arguments.positional.size()) + " are given");
  std::copy(arguments.positional.begin(), arguments.positional.end(), values_.begin());
  for (const auto &[name, value] : arguments.keyword) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end())
      fail(callee_ + " has no parameter '" + name + "'");
    std::optional<Value> &place = values_[static_cast<size_t>(found - names_.begin())];
    if (place)
      fail(callee_ + ": '" + name + "' is given twice");
    place = value;
  }
  for (size_t i = 0; i < required; ++i)
    if (!values_[i])
      fail(callee_ + " needs its argument '" + names_[i] + "'");
}

int64_t Bound::integer(size_t parameter, int64_t fallback) const {
  if (!has(parameter))
    return fallback;
  if (!value(parameter).isInteger())
    fail(callee_ + ": '" + names_[parameter] + "' must be a whole number, not " + typeName(value(parameter)));
  return value(parameter).integer();
}

bool Bound::isTrue(size_t parameter, bool fallback) const {
  return has(parameter) ? jinja::isTrue(value(parameter)) : fallback;
}

std::string Bound::text(size_t parameter) const {
  if (!value(parameter).isText())
    fail(callee_ + ": '" + names_[parameter] + "' must be a text, not " +
         (value(parameter).isUndefined() ? "undefined: " + value(parameter).undefined().message
                                         : typeName(value(parameter))));
  return value(parameter).text().bytes;
}

} // namespace cadenza::jinja

// Arguments of filters, tests, methods and functions to their parameters.
#pragma once

#include "runtime/chat/jinja/runtime.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza::jinja {

/// The arguments of one call, by the number of the parameter.
class Bound {
public:
  /// `required`: how many of the parameters `names` must be given. An Error, with the name of what is called, for
  /// arguments that are missing, too many, unknown, or given twice.
  Bound(std::string callee, const Arguments &arguments, std::initializer_list<std::string_view> names,
        size_t required = 0);

  bool has(size_t parameter) const { return values_[parameter].has_value(); }
  /// Whether it is given, and not None.
  bool isSet(size_t parameter) const { return has(parameter) && !values_[parameter]->isNone(); }
  Value value(size_t parameter) const { return values_[parameter].value_or(Value()); }
  int64_t integer(size_t parameter, int64_t fallback) const;
  bool isTrue(size_t parameter, bool fallback) const;
  /// The text, or an Error that says that there is another value.
  std::string text(size_t parameter) const;

private:
  std::string callee_;
  std::vector<std::string> names_;
  std::vector<std::optional<Value>> values_;
};

} // namespace cadenza::jinja

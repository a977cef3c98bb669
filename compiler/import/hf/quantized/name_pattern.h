// Names of modules against the patterns of quantization_config.
#pragma once

#include "runtime/support/status.h"

#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace cadenza {

/// A regular expression of Python's module `re`: of its syntax, what ECMAScript's means, too.
class NamePattern {
public:
  /// Unsupported if it uses anything else.
  static StatusOr<NamePattern> compile(std::string_view pattern);
  /// As re.match: from the name's beginning, but not necessarily to its end.
  bool matchesStart(const std::string &name) const;
  /// As re.fullmatch.
  bool matches(const std::string &name) const;

private:
  explicit NamePattern(std::regex regex) : regex_(std::move(regex)) {}

  std::regex regex_;
};

/// Whether a list of modules_to_not_convert names the module: as a whole, by one of the modules that it is in
/// ("model.layers.3"), by the end of its name ("mlp.gate"), or by a regular expression.
/// The libraries also let "gate" be a part of "gate_proj" and "layers.1" the beginning of "layers.10", each another
/// way: what depends on that is not said to be named.
bool namesModule(const std::vector<std::string> &list, const std::string &module);

} // namespace cadenza

// The options of cadenza-run that restrict what the model writes.
#pragma once

#include "runtime/cadenza.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

namespace cadenza {

struct ConstraintArguments {
  std::string schema, regex; // schema: a file, or the JSON itself
  std::vector<std::string> choices;
  bool json = false;
};

/// Declares them: at most one counts. The options, for what excludes them.
std::vector<CLI::Option *> declareConstraint(CLI::App &app, ConstraintArguments &arguments);

/// Null if nothing is asked for. Errors of reading the file, of the grammar, and of Session::constrain.
StatusOr<std::shared_ptr<TokenConstraint>> makeConstraint(Session &session, const ConstraintArguments &arguments);

} // namespace cadenza

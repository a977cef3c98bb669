// Completions for shells and manual pages, made of the options that a tool declares.
#pragma once

#include "tools/option_table.h"

#include <string>

namespace cadenza {

/// What the hidden option --generate makes: "bash", "zsh" and "fish" (a completion), "man" (a page in roff).
std::string optionScript(CLI::App &app, const std::string &kind);

} // namespace cadenza

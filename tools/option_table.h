// The options that a tool declares, as data: for suggestions, completions and manual pages.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace cadenza {

struct OptionRow {
  std::vector<std::string> names;  // "-p", "--prompt"
  bool takesValue = false;         // always: one that it may have does not count
  std::vector<std::string> values; // the closed list that a value is of; empty: any
  std::string description;
  std::string group; // "Options", "Sampling"
};

/// Those that --help shows, in its order, with those in groups.
std::vector<OptionRow> optionTable(CLI::App &app);

/// Lines for standard error about names that are no options and values that are of no closed list, where it shows what
/// was meant: "--promt: did you mean --prompt?". Empty if it does not.
std::string mistypedOptions(CLI::App &app, const CLI::ParseError &error);

} // namespace cadenza

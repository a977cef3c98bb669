#include "tools/option_table.h"

#include "runtime/support/printable.h"
#include "runtime/support/suggestion.h"

namespace cadenza {
namespace {

/// "auto", "launch" of "... {auto,launch}...", as CLI11 writes a closed list.
std::vector<std::string> listIn(const std::string &text) {
  const size_t begin = text.find('{');
  const size_t end = text.find('}', begin);
  if (begin == std::string::npos || end == std::string::npos)
    return {};
  return CLI::detail::split(text.substr(begin + 1, end - begin - 1), ',');
}

OptionRow rowOf(const CLI::Option &option, const std::string &group) {
  OptionRow row;
  for (const std::string &name : option.get_snames())
    row.names.push_back("-" + name);
  for (const std::string &name : option.get_lnames())
    row.names.push_back("--" + name);
  row.takesValue = option.get_items_expected_min() > 0;
  row.values = listIn(option.get_type_name());
  row.description = option.get_description();
  row.group = group;
  return row;
}

void collect(CLI::App &app, const std::string &group, std::vector<OptionRow> &rows) {
  for (const CLI::Option *option : app.get_options())
    if (!option->get_group().empty() && option->nonpositional())
      rows.push_back(rowOf(*option, group.empty() ? option->get_group() : group));
  for (CLI::App *sub : app.get_subcommands([](CLI::App *) { return true; })) {
    sub->set_help_flag(); // CLI11 gives each group one of its own
    collect(*sub, sub->get_group(), rows);
  }
}

/// "--schedule: persistant not in {auto,launch,graph,persistent}": a value of IsMember.
std::string mistypedValue(const std::string &message) {
  const size_t colon = message.find(": ");
  const size_t notIn = message.find(" not in {");
  if (colon == std::string::npos || notIn == std::string::npos || notIn < colon)
    return "";
  const std::vector<std::string> values = listIn(message.substr(notIn));
  const std::string_view meant = likelyMeant(message.substr(colon + 2, notIn - colon - 2), values);
  return meant.empty() ? "" : message.substr(0, colon) + ": did you mean " + std::string(meant) + "?\n";
}

} // namespace

std::vector<OptionRow> optionTable(CLI::App &app) {
  std::vector<OptionRow> rows;
  collect(app, "", rows);
  return rows;
}

std::string mistypedOptions(CLI::App &app, const CLI::ParseError &error) {
  std::vector<std::string> names; // without dashes
  for (const OptionRow &row : optionTable(app))
    for (const std::string &name : row.names)
      if (name.starts_with("--"))
        names.push_back(name.substr(2));
  std::string lines = mistypedValue(error.what());
  for (const std::string &argument : app.remaining(true)) {
    if (!argument.starts_with("--"))
      continue;
    const std::string name = argument.substr(0, argument.find('='));
    if (const std::string_view meant = likelyMeant(name.substr(2), names); !meant.empty())
      lines += printable(name) + ": did you mean --" + std::string(meant) + "?\n";
  }
  return lines;
}

} // namespace cadenza

#include "tools/option_scripts.h"

#include "runtime/support/version.h"

#include <algorithm>

namespace cadenza {
namespace {

constexpr size_t shortLength = 70; // of a description beside a completion

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string joined(const std::vector<std::string> &items, const char *separator) {
  return CLI::detail::join(items, separator);
}

/// The first words of a description, on one line.
std::string shortened(const OptionRow &row) {
  std::string text = replaced(row.description, "\n", " ");
  text.resize(std::min(text.size(), text.find_first_of(";:(")));
  if (text.size() > shortLength)
    text.resize(text.rfind(' ', shortLength) == std::string::npos ? shortLength : text.rfind(' ', shortLength));
  while (text.ends_with(' ') || text.ends_with(','))
    text.pop_back();
  return text;
}

/// In single quotes, for any of the shells; fish takes '' for a quote of its own, so that there is none.
std::string shellQuoted(const std::string &text) { return "'" + replaced(replaced(text, "\\", ""), "'", "’") + "'"; }

std::string functionName(const CLI::App &app) { return "_" + replaced(app.get_name(), "-", "_"); }

std::string bashScript(const CLI::App &app, const std::vector<OptionRow> &rows) {
  std::string values, names;
  for (const OptionRow &row : rows) {
    names += (names.empty() ? "" : " ") + joined(row.names, " ");
    if (!row.values.empty())
      values += "  " + joined(row.names, " | ") + ") COMPREPLY=($(compgen -W '" + joined(row.values, " ") +
                "' -- \"$word\")); return ;;\n";
    else if (row.takesValue)
      values += "  " + joined(row.names, " | ") + ") return ;;\n";
  }
  // Bash cuts --option=value at the '='.
  return functionName(app) + "() {\n" +
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n" +
         "  [[ $before == '=' ]] && before=${COMP_WORDS[COMP_CWORD - 2]}\n" + "  [[ $word == '=' ]] && word=\n" +
         "  COMPREPLY=()\n" + "  case $before in\n" + values + "  esac\n" +
         "  [[ $word == -* ]] && COMPREPLY=($(compgen -W '" + names + "' -- \"$word\"))\n" + "  return 0\n" + "}\n" +
         "complete -o default -F " + functionName(app) + " " + app.get_name() + "\n";
}

std::string zshScript(const CLI::App &app, const std::vector<OptionRow> &rows) {
  std::string script = "#compdef " + app.get_name() + "\n_arguments -S \\\n";
  for (const OptionRow &row : rows)
    for (const std::string &name : row.names) {
      std::string text = replaced(replaced(shortened(row), "[", "("), "]", ")");
      std::string spec = "*" + name;
      if (row.takesValue)
        spec += name.starts_with("--") ? "=" : "+";
      spec.append("[").append(text).append("]");
      if (row.takesValue)
        spec += ":value:" + (row.values.empty() ? "_files" : "(" + joined(row.values, " ") + ")");
      script += "  " + shellQuoted(spec) + " \\\n";
    }
  return script + "  '*:file:_files'\n";
}

std::string fishScript(const CLI::App &app, const std::vector<OptionRow> &rows) {
  std::string script;
  for (const OptionRow &row : rows) {
    script += "complete -c " + app.get_name();
    for (const std::string &name : row.names)
      script += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (row.takesValue)
      script += row.values.empty() ? " -r" : " -x -a " + shellQuoted(joined(row.values, " "));
    script += " -d " + shellQuoted(shortened(row)) + "\n";
  }
  return script;
}

/// Text of a roff page: nothing in it is a request or an escape.
std::string roff(const std::string &text) {
  std::string escaped = replaced(replaced(text, "\\", "\\e"), "-", "\\-");
  escaped = replaced(escaped, "\n", "\n.br\n\\&");
  return "\\&" + escaped;
}

std::string manualPage(const CLI::App &app, const std::vector<OptionRow> &rows) {
  const std::string &name = app.get_name();
  const std::string description = app.get_description();
  std::string page = ".TH " + replaced(name, "-", "\\-") + " 1 \"\" \"Cadenza " + std::string(version()) + "\"\n" +
                     ".SH NAME\n" + roff(name) + " \\- " +
                     roff(description.substr(0, description.find_first_of(".:,;("))) + "\n.SH SYNOPSIS\n.B " +
                     roff(name) + "\n";
  std::string operands;
  for (const CLI::Option *option : app.get_options())
    if (option->get_positional()) {
      const std::string operand = option->get_single_name().empty() ? "file" : option->get_name(true);
      page += "[" + roff(operand) + "] ";
      operands += ".TP\n.I " + roff(operand) + "\n" + roff(option->get_description()) + "\n";
    }
  page += "[options]\n.SH DESCRIPTION\n" + roff(description) + "\n" + operands;
  std::string group;
  for (const OptionRow &row : rows) {
    if (row.group != group) {
      group = row.group;
      page += ".SH " + (group == "Options" ? "OPTIONS" : roff(group)) + "\n";
    }
    page += ".TP\n.B " + roff(joined(row.names, ", ")) + (row.takesValue ? " \\fIVALUE\\fR" : "") + "\n" +
            roff(row.description + (row.values.empty() ? "" : " {" + joined(row.values, ", ") + "}")) + "\n";
  }
  return page + ".SH NOTES\n" + roff(app.get_footer()) + "\n";
}

} // namespace

std::string optionScript(CLI::App &app, const std::string &kind) {
  std::vector<OptionRow> rows = optionTable(app);
  if (kind == "man") {
    std::ranges::stable_sort(rows, {}, [](const OptionRow &row) { return row.group == "Options" ? "" : row.group; });
    return manualPage(app, rows);
  }
  return kind == "bash" ? bashScript(app, rows) : kind == "zsh" ? zshScript(app, rows) : fishScript(app, rows);
}

} // namespace cadenza

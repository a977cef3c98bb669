#include "tools/constraint.h"

#include "runtime/grammar/json_schema.h"
#include "runtime/token_constraint.h"
#include "tools/read_file.h"
#include "tools/tool.h"

namespace cadenza {
namespace {

StatusOr<grammar::Grammar> readGrammar(const ConstraintArguments &arguments) {
  if (arguments.json)
    return grammar::jsonObject();
  if (!arguments.regex.empty())
    return grammar::regexGrammar(arguments.regex);
  if (!arguments.choices.empty())
    return grammar::oneOf(arguments.choices);
  const size_t first = arguments.schema.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && arguments.schema[first] == '{')
    return grammar::parseJsonSchema(arguments.schema);
  CADENZA_ASSIGN_OR_RETURN(const std::string text, readFile(arguments.schema));
  auto grammar = grammar::parseJsonSchema(text);
  if (!grammar.isOk())
    return grammar.status().withPrefix(arguments.schema);
  return grammar;
}

} // namespace

std::vector<CLI::Option *> declareConstraint(CLI::App &app, ConstraintArguments &arguments) {
  CLI::Option_group *group = app.add_option_group(
      "Constraint", "at most one of these: what the model may write (docs/grammar.md); it ends where that is complete");
  group->add_option("--json-schema", arguments.schema, "JSON of this schema: a file, or the schema itself: {...}")
      ->check(notEmpty, "");
  group->add_flag("--json", arguments.json, "a JSON object");
  group->add_option("--regex", arguments.regex, "what this expression matches as a whole")->check(notEmpty, "");
  addRepeatable(*group, "--choice", arguments.choices, "this text, or another one of --choice; may be repeated")
      ->check(notEmpty, "");
  group->require_option(0, 1);
  std::vector<CLI::Option *> options;
  for (const char *name : {"--json-schema", "--json", "--regex", "--choice"})
    options.push_back(group->get_option(name));
  return options;
}

StatusOr<std::shared_ptr<TokenConstraint>> makeConstraint(Session &session, const ConstraintArguments &arguments) {
  if (arguments.schema.empty() && arguments.regex.empty() && arguments.choices.empty() && !arguments.json)
    return std::shared_ptr<TokenConstraint>();
  CADENZA_ASSIGN_OR_RETURN(const grammar::Grammar grammar, readGrammar(arguments));
  return session.constrain(grammar);
}

} // namespace cadenza

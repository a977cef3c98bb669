// Shows what a plan holds. Needs neither a GPU nor the compiler.
#include "runtime/plan/describe.h"
#include "runtime/plan/extract.h"
#include "runtime/report/report.h"
#include "runtime/support/json.h"
#include "runtime/support/output_file.h"
#include "tools/read_file.h"
#include "tools/tool.h"

#include <cstdio>

namespace {

using namespace cadenza;

struct Options {
  std::string plan, source, extract, html, bench, trace;
  bool json = false, program = false, weights = false, ir = false, verify = false, chat = false, sourceGiven = false;
};

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void printJson(const nlohmann::ordered_json &json) {
  print(printable(json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)) + "\n");
}

Status printSources(const Plan &plan, const std::string &wanted) {
  std::string known;
  for (const SourceFile &source : plan.sources()) {
    known += (known.empty() ? "" : ", ") + source.path;
    if (wanted.empty())
      print("// ---- " + source.path + "\n");
    if (wanted.empty() || wanted == source.path)
      print(source.text);
    if (wanted == source.path)
      return Status::ok();
  }
  if (wanted.empty())
    return Status::ok();
  return Status(StatusCode::InvalidArgument, plan.path() + ": no source '" + wanted + "'; it has: " + known);
}

/// The one there is as it is; of several each behind a line with its name.
Status printChatTemplates(const Plan &plan) {
  const auto json = parseJson(plan.chatJson());
  if (!json.isOk() || !json->contains("templates"))
    return Status(StatusCode::InvalidArgument, plan.path() + ": has no chat template");
  for (const nlohmann::json &entry : (*json)["templates"]) {
    if ((*json)["templates"].size() > 1)
      print("{# ---- " + entry.value("name", "") + " #}\n");
    print(printable(entry.value("text", "")) + "\n");
  }
  return Status::ok();
}

/// The JSON of a file; null if there is no file.
StatusOr<nlohmann::json> jsonOf(const std::string &path) {
  if (path.empty())
    return nlohmann::json();
  CADENZA_ASSIGN_OR_RETURN(const std::string text, readFile(path));
  auto json = parseJson(text, {.bytes = size_t(1) << 30, .values = 50'000'000}); // traces are long
  if (!json.isOk())
    return Status(json.status().code(), path + ": " + json.status().message());
  return json;
}

Status writeReport(const Plan &plan, const Options &options) {
  CADENZA_ASSIGN_OR_RETURN(const nlohmann::json bench, jsonOf(options.bench));
  CADENZA_ASSIGN_OR_RETURN(const nlohmann::json trace, jsonOf(options.trace));
  CADENZA_ASSIGN_OR_RETURN(const std::string page, htmlReport(plan, bench, trace));
  return writeOutput(options.html, page);
}

Status run(const Options &options) {
  CADENZA_ASSIGN_OR_RETURN(const std::shared_ptr<const Plan> plan, Plan::open(options.plan));
  if (options.verify)
    CADENZA_RETURN_IF_ERROR(plan->verifyWeights());
  if (!options.extract.empty()) {
    CADENZA_ASSIGN_OR_RETURN(const std::vector<std::string> names, extractPlan(*plan, options.extract));
    for (const std::string &name : names)
      print(options.extract + "/" + name + "\n");
    return Status::ok();
  }
  if (!options.html.empty())
    return writeReport(*plan, options);
  if (options.sourceGiven)
    return printSources(*plan, options.source);
  if (options.ir)
    print(plan->ir());
  else if (options.chat)
    return printChatTemplates(*plan);
  else if (options.program && options.json)
    printJson(toJson(plan->program()));
  else if (options.program)
    print(printable(describeProgram(plan->program())));
  else if (options.weights && options.json)
    printJson(toJson(plan->program())["weights"]);
  else if (options.weights)
    print(printable(describeWeights(plan->program())));
  else if (options.json)
    printJson(planToJson(*plan));
  else
    print(printable(describePlan(*plan)));
  if (options.verify && !options.json)
    print("\nall checksums are right\n");
  return Status::ok();
}

constexpr const char *description =
    "Shows what a Cadenza plan holds: header, model, targets, program, memory needs, kernels.\n"
    "Exit codes: docs/exit-codes.md.";

void declareOptions(CLI::App &app, Options &options) {
  app.add_option("PLAN", options.plan, "the .plan file");
  app.add_flag("--json", options.json, "JSON instead of text (with --program and --weights too)");
  CLI::Option *source = app.add_option("--source", options.source, "print the generated source, or one FILE of it")
                            ->expected(0, 1)
                            ->type_name("[FILE]");
  CLI::Option *program = app.add_flag("--program", options.program, "print every phase of the step program");
  CLI::Option *weights = app.add_flag("--weights", options.weights, "print every weight");
  CLI::Option *ir = app.add_flag("--ir", options.ir, "print the step IR that the plan was made from");
  CLI::Option *chat = app.add_flag("--chat-template", options.chat, "print the model's chat templates");
  CLI::Option *extract =
      app.add_option("--extract", options.extract, "write source, code, program and metadata to a folder")
          ->type_name("DIR");
  CLI::Option *html =
      app.add_option("--html", options.html, "write a page that shows the plan in a browser, without network")
          ->type_name("FILE");
  app.add_option("--bench", options.bench, "with --html: what 'cadenza-bench --json' measured")
      ->type_name("FILE")
      ->needs(html);
  app.add_option("--trace", options.trace, "with --html: what 'cadenza-bench --trace' wrote")
      ->type_name("FILE")
      ->needs(html);
  app.add_flag("--verify", options.verify, "check the weights' checksum too (reads the whole file)");
  const std::vector<CLI::Option *> views = {source, program, weights, ir, chat, extract, html};
  for (size_t i = 0; i < views.size(); ++i) {
    for (size_t j = i + 1; j < views.size(); ++j)
      views[i]->excludes(views[j]);
  }
  app.final_callback([&options, source] {
    options.sourceGiven = source->count() > 0;
    if (options.plan.empty())
      options.plan.swap(options.source); // `--source PLAN`: the name was the plan's
    if (options.plan.empty())
      throw CLI::RequiredError("PLAN");
  });
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  return runTool(
      "cadenza-inspect", description, argc, argv, [&](CLI::App &app) { declareOptions(app, options); },
      [&] { return run(options); });
}

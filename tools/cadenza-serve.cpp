// cadenza-serve: a plan behind OpenAI's API.
#include "runtime/plan/plan.h"
#include "runtime/serve/server.h"
#include "runtime/support/printable.h"
#include "tools/other_names.h"
#include "tools/plan_cache.h"
#include "tools/read_file.h"

#include <cstdio>
#include <cstdlib>

using namespace cadenza;

namespace {

struct Arguments {
  std::string plan, templateFile, reuse = "on";
  serve::ServerOptions server;
  SessionOptions session;
  CompileArguments compile;
  int64_t bodyMegabytes = 16;
  bool quiet = false;
};

constexpr const char *description =
    "Serves a plan to programs that speak OpenAI's API: /v1/chat/completions, /v1/completions, /v1/models; also "
    "/tokenize, /detokenize, /health, /metrics (Prometheus) and a page to chat at /. Requests are answered one after "
    "another.";
constexpr const char *footer =
    "Ctrl-C (or SIGTERM) ends the server once what runs and waits is answered; a second one ends it at once.\n"
    "docs/server.md has examples. Exit codes: docs/exit-codes.md.";

void declareOptions(CLI::App &app, Arguments &args) {
  app.footer(footer);
  app.add_option("plan,-m,--model", args.plan,
                 "the .plan file; or a model, which is compiled first: a directory, a .gguf or .onnx file, OWNER/NAME "
                 "in the cache of the Hugging Face hub");
  declareCompile(app, args.compile);
  app.final_callback([&args] {
    if (args.plan.empty() && args.compile.cache.empty())
      throw CLI::RequiredError("plan");
  });
  app.add_option(
         "--host", args.server.host,
         "the address to listen on; 0.0.0.0: every one, so that other machines can connect (use --api-key then)")
      ->capture_default_str();
  app.add_option("--port", args.server.port, "0: any free one, which is printed")->capture_default_str();
  app.add_option("--api-key", args.server.apiKey,
                 "what clients have to send as 'Authorization: Bearer KEY'; default: $CADENZA_API_KEY, or none")
      ->envname("CADENZA_API_KEY")
      ->check(notEmpty, "");
  app.add_option("--model-name", args.server.model, "the model's name in the API; default: the plan's");
  app.add_option("--queue", args.server.queueLimit, "requests that may wait; more of them get status 429")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--timeout", args.server.seconds, "seconds that a request may take, with waiting")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  app.add_option("--max-body", args.bodyMegabytes, "MiB that a request may have")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_flag("--logprobs", args.session.logits,
               "answer requests for log-probabilities; every token takes a little longer then");
  app.add_option("--chat-template", args.templateFile, "a file with the chat template, in place of the plan's");
  app.add_option("--reuse", args.reuse,
                 "which tokens of the request before are not processed again, if both begin with them: on (all), exact "
                 "(not those that the model wrote, so that the bits are those of off) or off")
      ->check(CLI::IsMember({"on", "exact", "off"}))
      ->capture_default_str();
  app.add_option("--device", args.session.device,
                 "auto (the first GPU that the plan has code for, else the CPU), cpu, cuda:N")
      ->capture_default_str();
  app.add_option("--context", args.session.context, "positions to allocate; default: the model's maximum, at most 4096")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--schedule", args.session.schedule,
                 "on a GPU: auto (the fastest there is), launch, graph, persistent")
      ->check(CLI::IsMember({"auto", "launch", "graph", "persistent"}))
      ->capture_default_str();
  app.add_option("--threads", args.session.threads, "on the CPU; default: as many as there are cores")
      ->check(CLI::Range(1, 4096));
  app.add_flag("--quiet", args.quiet, "no line for each request");
}

Status run(Arguments &args) {
  if (!args.compile.cache.empty())
    return runCacheAction(args.compile.cache);
  CADENZA_ASSIGN_OR_RETURN(args.plan, planOf("cadenza-serve", args.plan, args.session.device, args.compile));
  CADENZA_ASSIGN_OR_RETURN(Session session, Session::open(args.plan, args.session));
  if (!session.hasTokenizer())
    return {StatusCode::Unsupported,
            args.plan +
                ": has no tokenizer, so there is no text to serve: its model's directory had no tokenizer.json"};
  args.server.reuse = args.reuse == "off"     ? PrefixReuse::Off
                      : args.reuse == "exact" ? PrefixReuse::Exact
                                              : PrefixReuse::On;
  args.server.limits.bodyBytes = static_cast<size_t>(args.bodyMegabytes) << 20;
  if (!args.templateFile.empty()) {
    CADENZA_ASSIGN_OR_RETURN(args.server.chatTemplate, readFile(args.templateFile));
  }
  if (!args.quiet)
    args.server.log = [](const std::string &line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  std::string &host = args.server.host;
  if (host.starts_with('[') && host.ends_with(']')) // as an address with a port is written
    host = host.substr(1, host.size() - 2);
  const bool isLocal = host == "localhost" || host == "::1" || host.starts_with("127.");
  const bool isOpen = !isLocal && args.server.apiKey.empty();
  CADENZA_ASSIGN_OR_RETURN(const std::unique_ptr<serve::Server> server,
                           serve::Server::start(session, args.session.logits, args.server));
  if (!session.notice().empty())
    std::fprintf(stderr, "cadenza-serve: %s\n", printable(session.notice()).c_str());
  const std::string shownHost = host.find(':') == std::string::npos ? host : "[" + host + "]";
  std::fprintf(
      stderr, "cadenza-serve: %s on %s, context %lld: http://%s:%u (a page to chat), http://%s:%u/v1 (the API)\n",
      printable(session.plan().program().model.name).c_str(), session.deviceName().c_str(),
      static_cast<long long>(session.context()), shownHost.c_str(), server->port(), shownHost.c_str(), server->port());
  if (isOpen)
    std::fputs("cadenza-serve: whoever reaches this address may use the server: --api-key restricts that\n", stderr);
  server->run();
  return Status::ok();
}

constexpr OtherName otherNames[] = {
    {"-a", "--model-name NAME"},
    {"--alias", "--model-name NAME"},
    {"--served-model-name", "--model-name NAME"},
    {"-c", "--context N"},
    {"--ctx-size", "--context N"},
    {"--max-model-len", "--context N"},
    {"-t", "--threads N"},
    {"-np", "not there: requests are answered one after another, --queue of them wait"},
    {"--parallel", "not there: requests are answered one after another, --queue of them wait"},
    {"--chat-template-file", "--chat-template FILE"},
    {"--jinja", "not needed: /v1/chat/completions always renders the model's template"},
    {"--metrics", "not needed: /metrics is always there"},
    {"-ngl", "not needed: the whole model runs on the device, --device=cpu or cuda:N"},
};

} // namespace

int main(int argc, char **argv) {
  Arguments args;
  return runTool(
      otherNames, "cadenza-serve", description, argc, argv, [&](CLI::App &app) { declareOptions(app, args); },
      [&] { return run(args); });
}

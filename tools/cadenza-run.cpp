// cadenza-run: generates text from a plan, or runs a plan that is no decoder on tensors.
#include "runtime/api/inspect.h"
#include "runtime/api/npy.h"
#include "runtime/cadenza.h"
#include "runtime/decode/sequence.h"
#include "runtime/plan/plan.h"
#include "runtime/support/output_file.h"
#include "tools/cancel_on_signal.h"
#include "tools/chat.h"
#include "tools/constraint.h"
#include "tools/other_names.h"
#include "tools/plan_cache.h"
#include "tools/prompt_progress.h"
#include "tools/read_file.h"
#include "tools/run_tensors.h"
#include "tools/sampling.h"
#include "tools/tool.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <iostream>
#include <memory>
#include <utility>

using namespace cadenza;

namespace {

struct Arguments {
  std::string plan, prompt, promptFile, tokens, scoreFile, against, logits, statsJson, dump, save, load;
  GenerateOptions generate;
  SessionOptions session;
  CompileArguments compile;
  TensorArguments tensors;
  ChatArguments chat;
  SamplingArguments sampling;
  ConstraintArguments constraint;
  int64_t window = 512;
  bool compare = false;
  bool tokensGiven = false;
  bool maxTokensGiven = false;
  bool inputGiven = false; // any of what there can be to run on
};

constexpr const char *description = "Continues a prompt, token by token, with the most likely next token (greedy "
                                    "decoding) unless an option says that tokens are drawn, or talks to the model "
                                    "(--chat). A prompt is taken as it is; a talk becomes one by the model's chat "
                                    "template. What the model writes goes to standard output as it is made, "
                                    "everything else to standard error.";
constexpr const char *footer =
    "A plan that is no decoder runs on tensors: cadenza-run PLAN --input x=x.npy --output y=y.npy\n"
    "Ctrl-C (or SIGTERM, SIGHUP) ends the generation after the current token; a second one ends the program at once.\n"
    "Exit codes: docs/exit-codes.md (9: the context is full, 13: interrupted; the text so far was printed).";

constexpr int maximum = 1 << 30; // of every count on the command line

void declareOptions(CLI::App &app, Arguments &args) {
  app.footer(footer);
  app.add_option("plan,-m,--model", args.plan,
                 "the .plan file; or a model, which is compiled first: a directory, a .gguf or .onnx file, OWNER/NAME "
                 "in the cache of the Hugging Face hub");
  declareCompile(app, args.compile);

  auto *input = app.add_option_group("Input", "exactly one of these");
  input->add_option("-p,--prompt", args.prompt, "the text to continue");
  input->add_option("-f,--prompt-file", args.promptFile,
                    "a file with it; '-' for standard input. A newline at its end is not part of the prompt");
  input->add_option("--tokens", args.tokens, "token ids to continue, such as 1,2,3")
      ->each([&args](const std::string &) { args.tokensGiven = true; });
  CLI::Option *score = input->add_option(
      "--score", args.scoreFile,
      "print the perplexity of this text file instead of generating: windows of --window tokens, each from an "
      "empty cache; every token of a window but the first is predicted; exp of the mean -ln p");
  CLI::Option *tensor = addRepeatable(*input, "--input", args.tensors.inputs,
                                      "of a plan that is no decoder: NAME=FILE.npy, a tensor that it takes (C order; "
                                      "floats are rounded to its type); may be "
                                      "repeated. Runs it once and writes what --output asks for");
  declareChat(app, *input, args.chat);
  input->require_option(0, 1); // none: run() says what this plan needs
  app.final_callback([&app, &args, input] {
    args.inputGiven = input->count_all() > 0;
    args.chat.isAsked = input->get_option("--chat")->count() > 0;
    args.maxTokensGiven = app.get_option("--max-tokens")->count() > 0;
    if (args.plan.empty())
      args.plan.swap(args.chat.question); // `--chat PLAN`: the name was the plan's
    if (args.plan.empty() && args.compile.cache.empty())
      throw CLI::RequiredError("plan");
  });
  CLI::Option *output =
      addRepeatable(app, "--output", args.tensors.outputs, "NAME=FILE.npy, a tensor that it gives; may be repeated");
  CLI::Option *entry = app.add_option("--entry", args.tensors.entry,
                                      "which of the plan's entries to run; default: the only one, or, of several, the "
                                      "one for the inputs' shapes")
                           ->check(notEmpty, "");
  output->needs(tensor);
  entry->needs(tensor);

  app.add_option("-n,--max-tokens", args.generate.maxTokens,
                 "tokens to generate; default of a talk: until the model ends, or the context is full")
      ->check(CLI::Range(0, maximum))
      ->capture_default_str();
  addRepeatable(app, "--stop", args.generate.stopTexts,
                "end where this text appears (not printed), or the special token of this name; may be repeated");
  addRepeatable(app, "--stop-token", args.generate.stopTokens, "end after this token id; a list, or repeated")
      ->delimiter(',');
  app.add_flag("--ignore-eos", args.generate.ignoreEos, "go on after the model's end-of-text token");
  const std::vector<std::string> samplingOptionNames = declareSampling(app, args.sampling);
  const std::vector<CLI::Option *> constraints = declareConstraint(app, args.constraint);
  CLI::Option *logprobs = app.add_option(
      "--logprobs", args.generate.logprobs,
      "show the natural logarithm of the probability of each generated token, and of the N most likely ones: the "
      "model's, before any of the above; on standard error, and in --stats-json");
  logprobs->check(CLI::Range(0, maximum))->group(app.get_option("--seed")->get_group());
  app.add_option("--against", args.against,
                 "another .plan of the same model, such as one with weights of 16 bits: --score also says how far the "
                 "distributions of tokens are apart (KL divergence, equal top tokens); the way to judge a quantisation "
                 "(docs/quantization.md)")
      ->needs(score);
  app.add_option("--window", args.window, "tokens a window for --score")
      ->check(CLI::Range(1, maximum))
      ->capture_default_str();

  app.add_option("--device", args.session.device,
                 "auto (the first GPU that the plan has code for, else the CPU), cpu, cuda:N")
      ->capture_default_str();
  app.add_option("-c,--context,--ctx-size", args.session.context,
                 "positions to allocate; default: the model's maximum, at most 4096")
      ->check(CLI::Range(1, maximum));
  app.add_option(
         "--schedule", args.session.schedule,
         "on a GPU: launch (a kernel a phase), graph (the same kernels, several steps a launch), persistent (one "
         "kernel for many steps) or auto (the fastest that the plan and the GPU have)")
      ->check(CLI::IsMember({"auto", "launch", "graph", "persistent"}))
      ->capture_default_str();
  app.add_option(
         "--division", args.session.division,
         "of the persistent schedule, by its name (15x8): all schedules, and the CPU, follow its order of sums; "
         "default: the one with the most blocks that the GPU holds")
      ->check(notEmpty, "");
  app.add_option_function<std::string>(
         "--prefill", [&args](const std::string &value) { args.session.prefill = value == "on"; },
         "on: a prompt goes through the plan's prefill entries, if it has any, many tokens at once; off: token by "
         "token, "
         "like decoding [on]")
      ->check(CLI::IsMember({"on", "off"}));
  CLI::Option *save = app.add_option("--save", args.save,
                                     "afterwards write keys and values of all tokens to this file (docs/chat.md); of a "
                                     "talk: with the talk");
  CLI::Option *load = app.add_option("--load", args.load,
                                     "a file of --save: what the prompt has in common with it is not processed again; "
                                     "of a talk: go on with it");
  for (CLI::Option *state : {save, load}) {
    state->check(notEmpty, "");
    for (CLI::Option *other : {score, tensor})
      other->excludes(state);
  }
  load->excludes(app.get_option("--messages"));
  app.add_option("-t,--threads", args.session.threads, "CPU threads; default: all cores")->check(CLI::Range(1, 4096));

  app.add_option("--stats-json", args.statsJson,
                 "write speeds, token ids and settings to this file; '-': to standard output");
  CLI::Option *logits =
      app.add_option("--logits", args.logits,
                     "write teacher-forced logits to this .npy file ('-': to standard output): float32 [T, "
                     "vocabulary]; row t follows token t of prompt and "
                     "generated tokens together (a token beyond the context has no row). -n 0: of the prompt alone");
  CLI::Option *dump = app.add_option(
      "--dump", args.dump,
      "run the prompt phase by phase and write the activations to this folder, one .npy [tokens, n] for each "
      "Hugging Face module (examples/compare_activations.py compares them); generates nothing");
  CLI::Option *compare = app.add_flag(
      "--compare", args.compare,
      "run the prompt on the device and on the CPU, phase by phase, and name the first phase whose output leaves "
      "tolerance (relative L2 1e-3 for fp32, 2^-8 for 16-bit outputs); generates nothing");
  for (CLI::Option *other : {logits, dump, compare, logprobs})
    score->excludes(other);
  for (CLI::Option *other : {logits, dump, compare}) { // they overwrite what there is to keep
    other->excludes(save);
    other->excludes(load);
  }
  for (CLI::Option *other : {dump, compare}) // they generate nothing
    other->excludes(logprobs);
  for (const std::string &name : samplingOptionNames)
    for (CLI::Option *other : {score, dump, compare, tensor})
      other->excludes(app.get_option(name));
  for (CLI::Option *constraint : constraints)
    for (CLI::Option *other : {score, dump, compare, tensor})
      other->excludes(constraint);
  for (CLI::Option *other : {dump, compare})
    logits->excludes(other);
  for (const char *text : {"--max-tokens", "--stop", "--stop-token", "--ignore-eos", "--window", "--context",
                           "--division", "--prefill", "--stats-json", "--logits", "--dump", "--compare", "--logprobs"})
    tensor->excludes(app.get_option(text));
  for (const char *text :
       {"--stats-json", "--logits", "--dump", "--compare", "--window", "--entry", "--output", "--logprobs"})
    input->get_option("--chat")->excludes(app.get_option(text));
}

/// "1,2,3", or "1, 2, 3"
StatusOr<std::vector<int32_t>> parseTokens(std::string_view list) {
  std::vector<int32_t> tokens;
  while (!list.empty()) {
    std::string_view item = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), item.size() + 1));
    item.remove_prefix(std::min(item.size(), item.find_first_not_of(' ')));
    item.remove_suffix(item.size() - (item.find_last_not_of(' ') + 1));
    int32_t token = 0;
    auto [end, problem] = std::from_chars(item.data(), item.data() + item.size(), token);
    if (problem != std::errc() || end != item.data() + item.size())
      return Status(StatusCode::InvalidArgument, "--tokens: '" + std::string(item) + "' is not a token id");
    tokens.push_back(token);
  }
  return tokens;
}

/// The text that is continued or scored, if it is not given as tokens.
StatusOr<std::string> readText(const Arguments &args) {
  if (!args.scoreFile.empty())
    return readFile(args.scoreFile);
  if (args.promptFile.empty())
    return args.prompt;
  CADENZA_ASSIGN_OR_RETURN(std::string text, readFile(args.promptFile));
  if (text.ends_with('\n')) // editors and echo end their last line
    text.resize(text.size() - (text.ends_with("\r\n") ? 2 : 1));
  return text;
}

nlohmann::ordered_json describe(const Session &session, const Arguments &args) {
  const ModelInfo &model = session.plan().program().model;
  const Session::ScheduleFigures schedule = session.schedule();
  return {{"plan", args.plan},
          {"model", model.name},
          {"weights", model.weights},
          {"device", session.deviceName()},
          {"schedule", schedule.name.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(schedule.name)},
          {"launches_per_token", schedule.kernelsPerToken},
          {"host_launches_per_token", schedule.hostLaunchesPerToken},
          {"context", session.context()}};
}

Status writeStats(const Arguments &args, const nlohmann::ordered_json &stats) {
  if (args.statsJson.empty())
    return Status::ok();
  return writeOutput(args.statsJson, stats.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void printScore(const char *of, const Score &score, int64_t window) {
  std::printf("%sperplexity %.6g (mean nll %.6g nats, %lld tokens predicted in %lld windows of %lld)\n", of,
              score.perplexity(), score.nll / static_cast<double>(score.tokens), static_cast<long long>(score.tokens),
              static_cast<long long>(score.windows), static_cast<long long>(window));
}

/// The session of --against, if its model has the same tokens.
StatusOr<Session> openReference(const Arguments &args, const std::string &text, std::span<const int32_t> tokens) {
  CADENZA_ASSIGN_OR_RETURN(Session reference, Session::open(args.against, args.session));
  CADENZA_ASSIGN_OR_RETURN(const std::vector<int32_t> others, reference.tokenize(text, /*addSpecialTokens=*/false));
  if (std::ranges::equal(others, tokens))
    return reference;
  return Status(StatusCode::InvalidArgument, args.against + ": its tokenizer gives other tokens than that of " +
                                                 args.plan + ": they are not the same model");
}

nlohmann::ordered_json describe(const Agreement &agreement, const std::string &reference) {
  return {{"plan", reference},
          {"perplexity_per_token", agreement.reference.perplexity()},
          {"kl_mean_nats", agreement.meanKl},
          {"kl_p999_nats", agreement.kl999},
          {"kl_largest_nats", agreement.largestKl},
          {"same_top_share", agreement.sameTop}};
}

Status runScore(Session &session, const Arguments &args, const std::string &text) {
  CADENZA_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, session.tokenize(text, /*addSpecialTokens=*/false));
  Score score;
  nlohmann::ordered_json stats = describe(session, args);
  if (args.against.empty()) {
    CADENZA_ASSIGN_OR_RETURN(score, session.score(tokens, args.window));
    printScore("", score, args.window);
  } else {
    CADENZA_ASSIGN_OR_RETURN(Session reference, openReference(args, text, tokens));
    CADENZA_ASSIGN_OR_RETURN(const Agreement agreement, session.scoreAgainst(reference, tokens, args.window));
    score = agreement.score;
    printScore("", score, args.window);
    printScore("reference: ", agreement.reference, args.window);
    std::printf("KL divergence from the reference: mean %.4g nats, 99.9th percentile %.4g; same top token %.2f %%\n",
                agreement.meanKl, agreement.kl999, 100 * agreement.sameTop);
    stats["against"] = describe(agreement, args.against);
  }
  stats["window"] = args.window;
  stats["text_tokens"] = tokens.size();
  stats["scored_tokens"] = score.tokens;
  stats["nll_nats"] = score.nll;
  stats["perplexity_per_token"] = score.perplexity();
  return writeStats(args, stats);
}

Status runCompare(Session &session, const Arguments &args, std::span<const int32_t> prompt) {
  const Plan &plan = session.plan();
  ExecutorOptions options{.context = session.context(), .logits = true};
  CADENZA_ASSIGN_OR_RETURN(
      std::unique_ptr<CpuExecutor> reference,
      // in the order of sums of the device
      makeCpuExecutor(session.executor().program(), plan.weights(), options, args.session.threads));
  CADENZA_ASSIGN_OR_RETURN(Comparison comparison, compareExecutors(session.executor(), *reference, prompt));
  std::printf("%-24s %-28s %-12s %-12s\n", "phase", "output", "relative L2", "tolerance");
  for (const PhaseDifference &d : comparison.largest)
    std::printf("%-24s %-28s %-12.3g %-12.3g\n", d.phase.c_str(), d.output.c_str(), d.relativeL2, d.tolerance);
  if (!comparison.firstMismatch)
    return Status::ok();
  const PhaseDifference &d = *comparison.firstMismatch;
  char numbers[80];
  std::snprintf(numbers, sizeof(numbers), "relative L2 %.3g, tolerance %.3g", d.relativeL2, d.tolerance);
  return {StatusCode::NumericMismatch, "phase '" + d.phase + "', output '" + d.output + "', iteration " +
                                           std::to_string(d.iteration) + ", token " + std::to_string(d.position) +
                                           ": " + numbers};
}

/// " (20 of them kept)"
std::string keptText(int64_t tokens) { return tokens == 0 ? "" : " (" + std::to_string(tokens) + " of them kept)"; }

/// " in 2 tiles"
std::string tilesText(int64_t tiles) {
  return tiles == 0 ? "" : " in " + std::to_string(tiles) + (tiles == 1 ? " tile" : " tiles");
}

Status writeLogits(Session &session, const std::string &path, std::vector<int32_t> tokens) {
  tokens.resize(std::min<size_t>(tokens.size(), session.context()));
  std::string header = npyHeader(std::vector<int64_t>{std::ssize(tokens), session.vocabulary()});
  uint64_t rowBytes = session.vocabulary() * sizeof(float);
  CADENZA_ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
  CADENZA_RETURN_IF_ERROR(file.reserve(header.size() + tokens.size() * rowBytes));
  CADENZA_RETURN_IF_ERROR(file.append(header));
  CADENZA_RETURN_IF_ERROR(session.forEachLogits(
      tokens, [&](int64_t, std::span<const float> logits) { return file.append(std::as_bytes(logits)); }));
  return file.commit();
}

Status runGenerate(Session &session, const Arguments &args, std::vector<int32_t> prompt) {
  GenerateOptions options = args.generate;
  PromptProgress progress(prompt.size());
  options.onPrompt = [&](int64_t done) { progress.show(done); };
  options.onToken = [&, prints = !session.hasTokenizer()](int32_t token) {
    progress.end();
    return !prints || (std::printf("%d ", token) > 0 && std::fflush(stdout) == 0);
  };
  if (session.hasTokenizer())
    options.onText = [&](std::string_view text) {
      progress.end();
      std::fwrite(text.data(), 1, text.size(), stdout);
      std::fflush(stdout);
    };
  CADENZA_ASSIGN_OR_RETURN(options.sampling, samplingOptions(args.sampling, {}));
  printSampling(options.sampling);
  if (!args.load.empty()) {
    CADENZA_RETURN_IF_ERROR(session.loadState(args.load).status());
    options.reuse = PrefixReuse::On;
  }
  CADENZA_ASSIGN_OR_RETURN(Generation result, session.generate(prompt, options));
  progress.end();
  if (options.maxTokens > 0)
    std::puts("");
  std::fflush(stdout); // before the statistics, also where both go to one file
  printLogprobs(session, result);

  const Timing &timing = result.timing;
  const std::string schedule = session.schedule().name;
  std::fprintf(
      stderr,
      "[%s%s%s] prompt: %lld tokens%s%s, %.1f tok/s; first token after %.1f ms; decode: %lld tokens, %.1f tok/s\n",
      session.deviceName().c_str(), schedule.empty() ? "" : ", schedule ", schedule.c_str(),
      static_cast<long long>(timing.promptTokens), keptText(timing.keptTokens).c_str(),
      tilesText(timing.promptTiles).c_str(), timing.promptTokensPerSecond(), timing.promptSeconds * 1e3,
      static_cast<long long>(timing.decodeTokens), timing.decodeTokensPerSecond());
  nlohmann::ordered_json stats = describe(session, args);
  stats["prompt_tokens"] = timing.promptTokens;
  stats["prompt_tiles"] = timing.promptTiles;
  stats["prompt_seconds"] = timing.promptSeconds;
  stats["prompt_tokens_per_second"] = timing.promptTokensPerSecond();
  stats["decode_tokens"] = timing.decodeTokens;
  stats["decode_seconds"] = timing.decodeSeconds;
  stats["decode_tokens_per_second"] = timing.decodeTokensPerSecond();
  stats["finish_reason"] = finishReasonName(result.reason);
  stats["prompt_ids"] = prompt;
  stats["generated_ids"] = result.tokens;
  stats["text"] = result.text;
  stats["sampling"] = samplingJson(options.sampling);
  stats["kept_tokens"] = timing.keptTokens;
  if (options.logprobs)
    stats["logprobs"] = logprobsJson(session, result);
  CADENZA_RETURN_IF_ERROR(writeStats(args, stats));
  if (!args.save.empty())
    CADENZA_RETURN_IF_ERROR(session.saveState(args.save));
  if (!args.logits.empty() && result.reason != FinishReason::Cancelled) {
    std::vector<int32_t> all = std::move(prompt);
    all.insert(all.end(), result.tokens.begin(), result.tokens.end());
    CADENZA_RETURN_IF_ERROR(writeLogits(session, args.logits, std::move(all)));
  }
  return result.status();
}

/// As the model's directory recommends, unless something else is asked for.
StatusOr<SamplingOptions> talkSampling(const Session &session, const SamplingArguments &asked) {
  SamplingOptions defaults;
  if (!asked.greedy) {
    CADENZA_ASSIGN_OR_RETURN(defaults, session.samplingDefaults());
  }
  return samplingOptions(asked, defaults);
}

/// Nothing to run on: what there could be depends on the plan.
Status noInput(const std::string &path) {
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(path));
  CADENZA_RETURN_IF_ERROR(requireDecoder(*plan));
  return {StatusCode::InvalidArgument, "give one of --prompt, --prompt-file, --chat, --tokens and --score"};
}

/// Somebody at a terminal, who named a model and nothing else, wants to talk to it.
bool talksByDefault(const Arguments &args) {
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && args.statsJson.empty() && args.logits.empty() &&
         args.dump.empty() && !args.compare;
}

Status run(Arguments &args) {
  if (!args.compile.cache.empty())
    return runCacheAction(args.compile.cache);
  for (const std::string &output : {args.statsJson, args.logits, args.save})
    CADENZA_RETURN_IF_ERROR(checkOutput(output));
  CADENZA_ASSIGN_OR_RETURN(args.plan, planOf("cadenza-run", args.plan, args.session.device, args.compile));
  if (!args.tensors.inputs.empty())
    return runTensors(
        args.plan, args.tensors,
        {.device = args.session.device, .threads = args.session.threads, .schedule = args.session.schedule});
  if (!args.inputGiven && talksByDefault(args)) {
    args.chat.isAsked = true;
  } else if (!args.inputGiven) {
    return noInput(args.plan);
  }
  CADENZA_ASSIGN_OR_RETURN(std::string text, readText(args));
  CADENZA_ASSIGN_OR_RETURN(std::vector<int32_t> prompt, parseTokens(args.tokens));
  args.session.logits =
      !args.logits.empty() || args.generate.logprobs || !args.scoreFile.empty() || !args.dump.empty() || args.compare;
  if ((!args.dump.empty() || args.compare) && args.session.schedule == "auto")
    args.session.schedule = "launch"; // they look at phases, which are that schedule's
  CADENZA_ASSIGN_OR_RETURN(Session session, Session::open(args.plan, args.session));
  if (!session.notice().empty())
    std::cerr << "cadenza-run: " << printable(session.notice()) << "\n";
  if (args.scoreFile.empty() && !args.tokensGiven && !args.chat.isAsked) {
    CADENZA_ASSIGN_OR_RETURN(prompt, session.tokenize(text));
  }
  CADENZA_ASSIGN_OR_RETURN(args.generate.constraint, makeConstraint(session, args.constraint));
  if (args.chat.isAsked) {
    args.generate.maxTokens = args.maxTokensGiven ? args.generate.maxTokens : 0;
    CADENZA_ASSIGN_OR_RETURN(args.generate.sampling, talkSampling(session, args.sampling));
    args.chat.load = args.load;
    args.chat.save = args.save;
    return runChat(session, args.chat, args.generate);
  }
  if (!args.dump.empty())
    CADENZA_RETURN_IF_ERROR(dumpActivations(session.executor(), prompt, args.dump));
  if (args.compare)
    return runCompare(session, args, prompt);
  if (!args.dump.empty())
    return Status::ok();
  const CancelOnSignal cancelOnSignal(session); // only what looks for it: the others end at once
  return args.scoreFile.empty() ? runGenerate(session, args, std::move(prompt)) : runScore(session, args, text);
}

constexpr OtherName otherNames[] = {
    {"run", "cadenza-run MODEL --chat"},
    {"-cnv", "--chat"},
    {"--conversation", "--chat"},
    {"-i", "--chat"},
    {"--interactive", "--chat"},
    {"-sys", "--system TEXT"},
    {"--system-prompt", "--system TEXT"},
    {"--max-new-tokens", "--max-tokens N"},
    {"--max_new_tokens", "--max-tokens N"},
    {"--jinja", "not needed: --chat always renders the model's template"},
    {"--chat-template-file", "--chat-template FILE"},
    {"--repeat-penalty", "--repetition-penalty R"},
    {"--repetition_penalty", "--repetition-penalty R"},
    {"--top_k", "--top-k K"},
    {"--top_p", "--top-p P"},
    {"--min_p", "--min-p P"},
    {"-j", "--json-schema SCHEMA"},
    {"--grammar", "--json-schema SCHEMA, --regex PATTERN or --choice TEXT"},
    {"--grammar-file", "--json-schema FILE"},
    {"--do_sample", "--temperature 1"},
    {"--do-sample", "--temperature 1"},
    {"-ngl", "not needed: the whole model runs on the device, --device=cpu or cuda:N"},
};

} // namespace

int main(int argc, char **argv) {
  Arguments args;
  return runTool(
      otherNames, "cadenza-run", description, argc, argv, [&](CLI::App &app) { declareOptions(app, args); },
      [&] { return run(args); });
}

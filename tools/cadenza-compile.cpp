// cadenza-compile: one model to one .plan. Reads arguments; the work is in compiler/driver.
#include "compiler/driver/compile.h"
#include "compiler/import/hf/published.h"

#include <CLI/CLI.hpp>

#include <iostream>
#include <map>

using namespace cadenza;

namespace {

constexpr const char *examples = R"(examples:
  cadenza-compile Qwen3-0.6B/ -o qwen.plan --target=sm_90
  cadenza-compile --model=Qwen3-0.6B --weights=random:1 -o q.plan && cadenza-bench q.plan
  cadenza-compile Qwen3-0.6B/ --check
  cadenza-compile Qwen3-0.6B/ --emit=cuda --target=sm_90 -o model.cu)";

/// "random:SEED" to the seed.
std::string parseWeights(const std::string &text, std::optional<uint64_t> &seed) {
  if (text == "checkpoint")
    return "";
  char *end = nullptr;
  if (text.starts_with("random:") && text.size() > 7 && std::isdigit(text[7])) {
    errno = 0;
    seed = std::strtoull(text.c_str() + 7, &end, 10);
    if (errno == 0 && *end == '\0')
      return "";
  }
  return "'" + text + "' is neither 'checkpoint' nor 'random:SEED' with a whole number";
}

} // namespace

int main(int argc, char **argv) {
  CompileOptions options;
  bool quiet = false;
  std::string passes = "default";

  CLI::App app("Compiles a language model into a plan for batch-1 decoding on one GPU.", "cadenza-compile");
  app.footer(examples);
  app.set_version_flag("--version", compilerVersion());
  app.add_option("directory", options.import.directory,
                 "Hugging Face directory: config.json, *.safetensors, tokenizer.json");
  app.add_option("--model", options.import.publishedName,
                 "instead of a directory, a published configuration (needs --weights=random:SEED): " +
                     publishedNames());
  app.add_option_function<std::string>(
         "--weights",
         [&](const std::string &text) {
           if (std::string error = parseWeights(text, options.import.randomSeed); !error.empty())
             throw CLI::ValidationError("--weights", error);
         },
         "'checkpoint' (default), or 'random:SEED' to make weights up: for measuring speed")
      ->type_name("SOURCE");
  app.add_option("-o,--output", options.output, "where to write; text stages write to standard output without it");
  app.add_option(
      "--target", options.targets,
      "GPUs to compile for, separated by commas: sm_80 sm_86 sm_89 sm_90 sm_100 sm_120, compute_80 compute_90 "
      "(PTX), all, host (the emulation); default: the GPU of this machine");
  std::map<std::string, Stage> stages = {{"nn", Stage::NN},     {"step", Stage::Step}, {"schedule", Stage::Schedule},
                                         {"cuda", Stage::Cuda}, {"ptx", Stage::Ptx},   {"cubin", Stage::Cubin},
                                         {"plan", Stage::Plan}};
  app.add_option("--emit", options.emit,
                 "stop at a stage and write what it has: nn, step, schedule, cuda, ptx, cubin, plan")
      ->transform(CLI::Transformer(stages))
      ->type_name("STAGE");
  app.add_option_function<std::string>(
         "--schedule", [&](const std::string &name) { options.persistent = name == "persistent"; },
         "'launch' (default): a kernel a phase; 'persistent': whole steps in one kernel, for sm_90 and sm_100")
      ->check(CLI::IsMember({"launch", "persistent"}));
  app.add_option(
         "--sms", options.multiprocessors,
         "multiprocessors that the persistent schedule divides the work over; default: those of an H100 or B200")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--check", options.check,
               "list everything in the model that is wrong or unsupported; nothing is written");
  app.add_flag("--strict", options.import.strict, "warnings (non-finite weights, say) are errors");
  app.add_option("--passes", passes, "'default', or 'none' for the unfused program: one op, one kernel")
      ->check(CLI::IsMember({"default", "none"}));
  app.add_option("--disable-pass", options.pipeline.disabled, "leave out a pass by name; may be repeated");
  app.add_option("--print-ir-after", options.printIrAfter,
                 "print the IR after a pass to standard error; may be repeated");
  app.add_option("--crash-reproducer", options.crashReproducer,
                 "on a crash in a pass, write IR and pipeline to this file for cadenza-opt --run-reproducer");
  app.add_flag("--stats", options.stats, "print ops before and after, phases a layer, kernels a token");
  app.add_option("--stats-json", options.statsJson, "the same as JSON, to a file");
  app.add_option("--override-source", options.overrideSource,
                 "compile edited kernels from a folder that cadenza-inspect --extract wrote");
  app.add_flag("--embed-ir", options.embedIr, "put the step IR into the plan");
  app.add_option("--threads", options.threads, "threads for packing and compiling; default: one a core")
      ->check(CLI::Range(0, 4096));
  app.add_flag("-q,--quiet", quiet, "no progress on standard error");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(StatusCode::InvalidArgument);
  }

  options.pipeline.none = passes == "none";
  Status status;
  if (options.import.directory.empty() == options.import.publishedName.empty())
    status = {StatusCode::InvalidArgument, "give either a model directory or --model=NAME; --help says more"};
  else {
    Progress progress(quiet || options.check);
    status = compileModel(options, progress);
  }
  if (status.isOk())
    return 0;
  std::cerr << "cadenza-compile: " << statusCodeName(status.code()) << ": " << status.message() << "\n";
  return static_cast<int>(status.code());
}

// cadenza-bench: how fast a plan decodes, and how close that is to the speed of the memory. Arguments only; the rest is
// in runtime/bench.
#include "runtime/bench/command.h"
#include "tools/tool.h"

#include <iostream>

namespace {

constexpr const char *description =
    "Measures how fast a plan decodes one token after another, and the share of the memory floor it reaches; of a\n"
    "plan that is no decoder, how long a run takes.\n"
    "The exit code is the error's, see docs/exit-codes.md.";

void declareKernelOptions(CLI::App &app, cadenza::bench::BenchCommand &command) {
  cadenza::bench::KernelOptions &kernels = command.kernels;
  auto *group = app.add_option_group("Kernels", "one generated kernel instead of a plan (docs/profiling.md)");
  group
      ->add_option("--kernel", kernels.kernel,
                   "attention, linear, linear_silu or linear_gelu: compile it (cadenza-compile lies beside this "
                   "program), check its result, and time it alone")
      ->check(cadenza::notEmpty, "");
  cadenza::addRepeatable(*group, "--shape", kernels.shapes,
                         "a list: attention BxHxSxD (1x16x2048x128), linear MxNxK (128x16384x4096: y = x W^T of 128 "
                         "rows, 16384 outputs, depth 4096)")
      ->delimiter(',');
  cadenza::addRepeatable(*group, "--encoding", kernels.encodings,
                         "of the matrix, a list: plain (default: row-major), or as a decoder packs it: tiles16, int8, "
                         "int4, fp8, ...; rows of x are 1 or a multiple of 16 then")
      ->delimiter(',');
  group->add_flag("--causal", kernels.causal, "attention: a position sees none that follow it");
  group->add_flag("!--no-wgmma", kernels.wgmma, "compile with cadenza-compile --no-wgmma");
  group->add_option("--dtype", kernels.dtype, "f16 or bf16")->capture_default_str();
  group->add_flag("--csv", command.csv, "print comma-separated values");
}

void declareOptions(CLI::App &app, cadenza::bench::BenchCommand &command) {
  cadenza::bench::BenchOptions &options = command.options;
  app.add_option("plan", command.plan, "the .plan file");
  declareKernelOptions(app, command);
  CLI::Option *context = cadenza::addRepeatable(app, "--context", options.contexts,
                                                "positions already in the cache (seeded values), a list: 128,1024");
  context->delimiter(',')->capture_default_str();
  CLI::Option *prompt = cadenza::addRepeatable(
      app, "--prompt", options.prompts,
      "measure prompts of so many tokens, a list: 16,128,512,2048; and no decoding, unless --context is given, too");
  prompt->delimiter(',');
  app.final_callback([&options, context, prompt] {
    if (prompt->count() > 0 && context->count() == 0)
      options.contexts.clear();
  });
  app.add_option("--tokens", options.tokens, "timed tokens, a repeat")->capture_default_str();
  app.add_option("--repeat", options.repeats, "repeats; the median counts")->capture_default_str();
  app.add_option_function<int>(
      "--warmup", [&command](const int &warmup) { command.options.warmup = command.graph.warmup = warmup; },
      "untimed tokens before the first repeat [" + std::to_string(options.warmup) + "], or runs of a graph [" +
          std::to_string(command.graph.warmup) + "]");
  app.add_option("--runs", command.graph.runs, "timed runs of a graph: of an entry of named tensors")
      ->capture_default_str();
  cadenza::addRepeatable(app, "--input", command.graph.inputs.files,
                         "NAME=FILE.npy: a tensor that a graph takes; default: random values, ones in masks");
  cadenza::addRepeatable(app, "--input-range", command.graph.inputs.ranges,
                         "NAME=LOW,HIGH: what a tensor's random values lie in, without HIGH");
  app.add_option("--entry", command.graph.entry, "the graph's entry; default: the only one")
      ->check(cadenza::notEmpty, "");
  app.add_option("--device", command.device, "cuda (the first GPU), cuda:N, cpu or auto (a GPU if there is one)")
      ->capture_default_str();
  app.add_option("--schedule", options.schedule,
                 "auto (the fastest that the plan and the GPU have), launch, graph or persistent")
      ->check(CLI::IsMember({"auto", "launch", "graph", "persistent"}));
  app.add_option(
         "--division", options.division,
         "of the persistent schedule, by its name (15x8); default: the one with the most blocks that the GPU holds")
      ->check(cadenza::notEmpty, "");
  app.add_option("--graph-steps", options.graph.steps, "steps a graph of the graph schedule")
      ->check(CLI::Range(1, cadenza::maximumGraphSteps))
      ->capture_default_str();
  app.add_flag("!--no-dependent-launch", options.graph.dependentLaunch,
               "graph schedule: launch a kernel only after the one before it has ended");
  cadenza::SamplingOptions &sampling = options.sampling;
  CLI::Option *temperature = app.add_option("--temperature", sampling.temperature,
                                            "draw the tokens that are decoded, as cadenza-run does; 0: do not")
                                 ->capture_default_str();
  app.add_option("--top-k", sampling.topK, "the same")->needs(temperature);
  app.add_option("--top-p", sampling.topP, "the same")->needs(temperature);
  app.add_option("--min-p", sampling.minP, "the same")->needs(temperature);
  app.add_option("--seed", sampling.seed, "of what is drawn; default: 1")->needs(temperature);
  app.add_flag("--phases", options.phases, "also time every kernel, in a separate pass");
  app.add_option_function<std::string>(
      "--trace",
      [&command](const std::string &path) {
        command.tracePath = path;
        command.options.trace = true;
      },
      "write what each multiprocessor does in a few tokens to this file, for Perfetto or chrome://tracing, and print "
      "where the time goes; for plans of cadenza-compile --traced");
  app.add_flag("--markdown", command.markdown, "print markdown");
  app.add_option("--json", command.jsonPath, "write everything as JSON to this file; '-': to standard output");
  app.add_option("--record", command.recordPath, "append the figures to this JSON array (docs/benchmarks/README.md)");
  app.add_flag("--quiet", command.quiet, "no progress lines on standard error");
}

} // namespace

int main(int argc, char **argv) {
  cadenza::bench::BenchCommand command;
  return cadenza::runTool(
      "cadenza-bench", description, argc, argv, [&](CLI::App &app) { declareOptions(app, command); },
      [&] { return cadenza::bench::runBench(command, std::cout, std::cerr); });
}

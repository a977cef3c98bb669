// Models where a tool expects a plan: compiled once, by cadenza-compile, into a folder of plans
// ($XDG_CACHE_HOME/cadenza, by default ~/.cache/cadenza), and taken from there the next time.
#pragma once

#include "runtime/support/status.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace cadenza {

struct CompileArguments {
  std::vector<std::string> options; // for cadenza-compile
  std::string cache;                // "list" or "clear", instead of everything else
};

/// Declares --compile-option and --cache.
void declareCompile(CLI::App &app, CompileArguments &compile);

/// The plan to open for what the user named: a plan is itself; a model (a directory, a .gguf, .onnx or .mlir file, or a
/// name of the hub cache) is compiled for `device` unless its plan is there. A plan is found again by the model's path,
/// the names, sizes and times of its files, the contents of those up to 1 MiB, the options, the GPU and the compiler.
/// Two that compile the same at once: the second waits for the first. Notices go to standard error, with `tool` before
/// them. Errors: of the hub cache; Io without a compiler or a folder to write to; what cadenza-compile ended with.
StatusOr<std::string> planOf(const char *tool, const std::string &model, const std::string &device,
                             const CompileArguments &compile);

/// Prints the plans in the cache, with their sizes and the days of their last use, or removes them.
Status runCacheAction(const std::string &action);

} // namespace cadenza

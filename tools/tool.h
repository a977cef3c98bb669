// What the main functions of the tools share (but for cadenza-opt, whose arguments and errors are MLIR's): an error,
// whatever way it took, becomes one line on standard error and the exit code of docs/exit-codes.md.
#pragma once

#include "runtime/support/status.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <functional>
#include <new>
#include <string>

namespace cadenza {

/// For options whose default is the empty text: a name that is given has characters.
inline std::string notEmpty(const std::string &text) { return text.empty() ? "expected a name" : ""; }

/// Parses the arguments that `declare` declares and does `work`. Returns the exit code.
inline int runTool(const char *name, const char *description, int argc, char **argv,
                   const std::function<void(CLI::App &)> &declare, const std::function<Status()> &work) noexcept {
  Status status;
  try {
    CLI::App app(description, name);
    declare(app);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError &error) {
      return app.exit(error) == 0 ? 0 : static_cast<int>(StatusCode::InvalidArgument);
    }
    status = work();
    if ((std::fflush(stdout) != 0 || std::ferror(stdout)) && status.isOk())
      status = Status(StatusCode::Io, "cannot write to standard output");
  } catch (const std::bad_alloc &) {
    status = Status(StatusCode::OutOfMemory, "no host memory is left");
  } catch (const std::exception &error) {
    status = Status(StatusCode::Internal, error.what());
  }
  if (!status.isOk())
    std::fprintf(stderr, "%s: %s: %s\n", name, std::string(statusCodeName(status.code())).c_str(),
                 status.message().c_str());
  return static_cast<int>(status.code());
}

} // namespace cadenza

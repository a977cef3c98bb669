// What the main functions of the tools share (but for cadenza-opt, whose arguments and errors are MLIR's): an error,
// whatever way it took, becomes one line on standard error and the exit code of docs/exit-codes.md.
#pragma once

#include "runtime/support/interrupt.h"
#include "runtime/support/printable.h"
#include "runtime/support/status.h"
#include "runtime/support/version.h"
#include "tools/option_scripts.h"
#include "tools/option_table.h"

#include <CLI/CLI.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <unistd.h>
#include <vector>

namespace cadenza {

/// An option that may be repeated, with one value each time, as it is given. By itself CLI11 cuts "[a,b]" at its commas
/// and takes the argument that follows for another value.
template <typename Value>
CLI::Option *addRepeatable(CLI::App &app, const std::string &names, std::vector<Value> &values,
                           const std::string &description) {
  return app.add_option(names, values, description)->allow_extra_args(false);
}

/// Memory that is given back when there is no other, so that what the program still has to do has some: destructors of
/// JSON values allocate, and what one of them throws would end the program without a word.
class MemoryReserve {
public:
  MemoryReserve() {
    memory = std::malloc(size_t(8) << 20);
    std::set_new_handler([] {
      std::free(memory.exchange(nullptr));
      throw std::bad_alloc();
    });
  }
  MemoryReserve(const MemoryReserve &) = delete;
  MemoryReserve &operator=(const MemoryReserve &) = delete;
  ~MemoryReserve() {
    std::set_new_handler(nullptr);
    std::free(memory.exchange(nullptr));
  }

private:
  static inline std::atomic<void *> memory{nullptr};
};

/// Says that memory is out, without any. Returns the exit code.
inline int outOfMemory(const char *name) noexcept {
  for (const char *text : {name, ": out of memory: no host memory is left\n"})
    if (write(STDERR_FILENO, text, std::strlen(text)) < 0)
      break;
  return static_cast<int>(StatusCode::OutOfMemory);
}

/// Ends with that exit code if memory is out where no exception may pass: a destructor of nlohmann::json needs memory.
inline void endWhenOutOfMemory(const char *name) noexcept {
  static const char *tool;
  tool = name;
  std::set_terminate([] {
    try {
      if (const std::exception_ptr error = std::current_exception())
        std::rethrow_exception(error);
    } catch (const std::bad_alloc &) {
      _exit(outOfMemory(tool));
    } catch (...) {
      std::abort();
    }
    std::abort();
  });
}

/// For options whose default is the empty text.
inline std::string notEmpty(const std::string &text) { return text.empty() ? "is empty" : ""; }

/// Numbers have digits, and whole numbers are decimal: CLI11 by itself reads an empty text as 0 and 010 as octal.
inline void readNumbers(CLI::App &app) {
  for (CLI::Option *option : app.get_options({})) {
    const std::string type = option->get_type_name();
    if (type.starts_with("INT") || type.starts_with("UINT") || type.starts_with("FLOAT"))
      option->transform(CLI::Validator(
          [](std::string &text) {
            if (text.empty())
              return std::string("is empty");
            const size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
            const bool isDecimal = text.find_first_not_of("0123456789", sign) == std::string::npos;
            while (isDecimal && text.size() > sign + 1 && text[sign] == '0')
              text.erase(sign, 1);
            return std::string();
          },
          ""));
  }
  for (CLI::App *group : app.get_subcommands({}))
    readNumbers(*group);
}

/// Refuses an empty argument that no option takes as its value: CLI11 would look for its place for ever.
inline Status checkArguments(const CLI::App &app, int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    if (*argv[i] != '\0')
      continue;
    const std::string before = argv[i - 1];
    const CLI::Option *option = i > 1 && before.starts_with("-") ? app.get_option_no_throw(before) : nullptr;
    if (!option || option->get_expected_min() == 0)
      return {StatusCode::InvalidArgument, "argument " + std::to_string(i) + " is empty" +
                                               (option ? ": " + before + " takes a text, or none at all" : "")};
  }
  return Status::ok();
}

/// Parses the arguments that `declare` declares and does `work`. Returns the exit code.
inline int runTool(const char *name, const char *description, int argc, char **argv,
                   const std::function<void(CLI::App &)> &declare, const std::function<Status()> &work) noexcept {
  endOnSignals(name);
  endWhenOutOfMemory(name);
  const MemoryReserve reserve;
  try {
    Status status;
    try {
      CLI::App app(description, name);
      app.set_version_flag("--version", versionText());
      declare(app);
      readNumbers(app);
      app.failure_message([](const CLI::App *failed, const CLI::Error &error) {
        std::string message = CLI::FailureMessage::simple(failed, error);
        if (const size_t at = message.find("At Most 1 required but received"); at != std::string::npos)
          message.replace(at, message.find('\n') - at, "is given more than once");
        return message;
      });
      app.add_option_function<std::string>(
             "--generate",
             [&app](const std::string &kind) {
               std::fputs(optionScript(app, kind).c_str(), stdout);
               throw CLI::Success();
             },
             "a completion or a manual page, on standard output")
          ->check(CLI::IsMember({"bash", "zsh", "fish", "man"}))
          ->group(""); // for the build: not in --help
      status = checkArguments(app, argc, argv);
      try {
        if (status.isOk())
          app.parse(argc, argv);
      } catch (const CLI::ParseError &error) {
        if (app.exit(error) == 0)
          return 0;
        std::fputs(mistypedOptions(app, error).c_str(), stderr);
        return static_cast<int>(StatusCode::InvalidArgument);
      }
      if (status.isOk())
        status = work();
      if ((std::fflush(stdout) != 0 || std::ferror(stdout)) && status.isOk())
        status = Status(StatusCode::Io, "cannot write to standard output");
    } catch (const std::bad_alloc &) {
      throw;
    } catch (const std::exception &error) {
      status = Status(StatusCode::Internal, error.what());
    }
    if (!status.isOk())
      std::fprintf(stderr, "%s: %s: %s\n", name, std::string(statusCodeName(status.code())).c_str(),
                   printable(status.message()).c_str());
    return static_cast<int>(status.code());
  } catch (...) { // bad_alloc, or one more while another error was put into words
    return outOfMemory(name);
  }
}

} // namespace cadenza

#include "runtime/bench/compile_tool.h"

#include "runtime/support/compiler_program.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace cadenza::bench {
namespace {

constexpr const char *name = "cadenza-compile";

std::string readAll(const fs::path &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What the compiler said, as our error: its exit code says of what kind it is.
Status failure(int exitCode, std::string text) {
  text.erase(text.find_last_not_of('\n') + 1);
  const std::string prefix = std::string(name) + ": ";
  if (text.starts_with(prefix))
    text.erase(0, prefix.size());
  const StatusCode code = compilerError(exitCode);
  const std::string kind = std::string(statusCodeName(code)) + ": ";
  if (text.starts_with(kind))
    text.erase(0, kind.size());
  return Status(code, text.empty() ? "ended with exit code " + std::to_string(exitCode) : text).withPrefix(name);
}

} // namespace

StatusOr<std::string> compileGraph(const std::string &graph, const std::vector<std::string> &options,
                                   const TemporaryFolder &folder, DeferSignals &signals) {
  const fs::path source = folder.path() / "kernel.mlir", plan = folder.path() / "kernel.plan",
                 log = folder.path() / "log";
  std::ofstream file(source);
  file << graph;
  file.close();
  if (!file)
    return Status(StatusCode::Io, source.string() + ": cannot be written: " + std::strerror(errno));
  CADENZA_ASSIGN_OR_RETURN(const fs::path compiler, findCompiler());
  std::vector<std::string> command = {compiler.string(), source.string(),      "-o",
                                      plan.string(),     "--weights=random:1", "--quiet"};
  command.insert(command.end(), options.begin(), options.end());
  const int status = runProgram(command, folder.path(), log, signals);
  if (status < 0)
    return Status(StatusCode::NoCompiler, "cannot run '" + compiler.string() + "': " + std::strerror(-status) +
                                              "; set CADENZA_COMPILE to where " + name + " is");
  if (status != 0)
    return failure(status, readAll(log));
  return plan.string();
}

} // namespace cadenza::bench

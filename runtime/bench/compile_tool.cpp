#include "runtime/bench/compile_tool.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace cadenza::bench {
namespace {

constexpr const char *name = "cadenza-compile", *variable = "CADENZA_COMPILE";

std::string compilerPath() {
  if (const char *chosen = std::getenv(variable); chosen && *chosen)
    return fs::absolute(chosen).string();
  std::error_code unknown;
  const fs::path beside = fs::read_symlink("/proc/self/exe", unknown).parent_path() / name;
  return fs::exists(beside, unknown) ? beside.string() : name;
}

std::string readAll(const fs::path &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// What the compiler said, as our error: its exit code says of what kind it is.
Status failure(int exitCode, std::string text) {
  const bool isKnown = exitCode > 0 && exitCode <= static_cast<int>(StatusCode::NumericMismatch);
  text.erase(text.find_last_not_of('\n') + 1);
  const std::string prefix = std::string(name) + ": ";
  if (text.starts_with(prefix))
    text.erase(0, prefix.size());
  const StatusCode code = isKnown ? static_cast<StatusCode>(exitCode) : StatusCode::Internal;
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
  const std::string compiler = compilerPath();
  std::vector<std::string> command = {compiler, source.string(), "-o", plan.string(), "--weights=random:1", "--quiet"};
  command.insert(command.end(), options.begin(), options.end());
  const int status = runProgram(command, folder.path(), log, signals);
  if (status < 0)
    return Status(StatusCode::NoCompiler, "cannot run '" + compiler + "': " + std::strerror(-status) + "; set " +
                                              variable + " to where " + name + " is");
  if (status != 0)
    return failure(status, readAll(log));
  return plan.string();
}

} // namespace cadenza::bench

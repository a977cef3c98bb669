#include "codegen/host_compiler.h"
#include "runtime/support/child_process.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace fs = std::filesystem;

namespace cadenza {
namespace {

Status failure(const std::string &what) { return Status(StatusCode::NoCompiler, "target host: " + what); }

StatusOr<std::string> readFile(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file)
    return failure("cannot read " + path.string());
  return text.str();
}

/// The first "model.cu:12:" in a log, or 0.
size_t firstModelLine(std::string_view log) {
  constexpr std::string_view file = "model.cu:";
  size_t line = 0;
  while (line == 0 && log.find(file) != std::string_view::npos) { // "model.cu: In function ..." has none
    log.remove_prefix(log.find(file) + file.size());
    std::from_chars(log.data(), log.data() + log.size(), line);
  }
  return line;
}

} // namespace

StatusOr<CompiledCode> compileForHost(const GeneratedSource &source) {
  DeferSignals signals; // until the folder is gone
  const StatusOr<TemporaryFolder> made = TemporaryFolder::make("cadenza-host");
  if (!made.isOk())
    return failure(made.status().message());
  const TemporaryFolder &folder = made.value();
  std::error_code error;
  for (const SourceFile &file : source.files) {
    const fs::path path = folder.path() / file.path;
    fs::create_directories(path.parent_path(), error);
    std::ofstream stream(path, std::ios::binary);
    stream.write(file.text.data(), static_cast<std::streamsize>(file.text.size()));
    stream.close();
    if (!stream)
      return failure("cannot write " + path.string());
  }

  const char *chosen = std::getenv("CXX");
  const std::string compiler = chosen && *chosen ? chosen : "g++";
  const fs::path library = folder.path() / "model.so", log = folder.path() / "log";
  // -O1: the emulation spends its time between instructions, and half of a test's time is this compiler's.
  std::vector<std::string> command;
  std::istringstream words(compiler); // "ccache g++"
  for (std::string word; words >> word;)
    command.push_back(command.empty() && word.find('/') != std::string::npos ? fs::absolute(word).string() : word);
  for (const char *option : {"-std=c++20", "-O1", "-g1", "-shared", "-fPIC", "-fvisibility=hidden", "-ffp-contract=off",
                             "-fno-gnu-unique", "-Wno-unknown-pragmas", "-DCADENZA_HOST", "-I.", "-x", "c++"})
    command.push_back(option);
  for (const std::string &macro : {std::string(targetMacro()), targetMacro("host")})
    command.push_back("-D" + macro);
  // The debug information names the files as the GPU's line tables do: the same bytes from every directory.
  command.push_back("-ffile-prefix-map=" + folder.path().string() + "=/cadenza");
  command.push_back(source.model().path);
  command.insert(command.end(), {"-o", library.string()});
  const int status = runProgram(command, folder.path(), log, signals);
  if (status < 0)
    return failure("cannot run '" + compiler + "': " + std::strerror(-status) + "; install g++ or set CXX");
  if (status != 0) {
    CADENZA_ASSIGN_OR_RETURN(const std::string text, readFile(log));
    const std::string_view kernel = kernelAtLine(source.model(), firstModelLine(text));
    return failure((kernel.empty() ? "" : "kernel '" + std::string(kernel) + "': ") + compiler + " failed\n" + text);
  }
  CADENZA_ASSIGN_OR_RETURN(const std::string bytes, readFile(library));
  CompiledCode code{"host", ImageKind::Host, {}, {}};
  code.image.resize(bytes.size());
  std::memcpy(code.image.data(), bytes.data(), bytes.size());
  return code;
}

} // namespace cadenza

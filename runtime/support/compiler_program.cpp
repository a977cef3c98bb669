#include "runtime/support/compiler_program.h"

#include <cstdlib>
#include <sstream>
#include <string>
#include <unistd.h>

namespace fs = std::filesystem;

namespace cadenza {

StatusOr<fs::path> findCompiler() {
  if (const char *chosen = std::getenv("CADENZA_COMPILE"); chosen && *chosen)
    return fs::absolute(chosen);
  std::error_code error;
  const fs::path own = fs::read_symlink("/proc/self/exe", error).parent_path();
  const char *path = std::getenv("PATH");
  std::istringstream folders(own.string() + ":" + (path ? path : ""));
  for (std::string folder; std::getline(folders, folder, ':');)
    if (const fs::path compiler = fs::path(folder) / "cadenza-compile";
        !folder.empty() && fs::is_regular_file(compiler, error) && access(compiler.c_str(), X_OK) == 0)
      return compiler;
  return Status(StatusCode::NoCompiler, "cadenza-compile is neither in " + own.string() +
                                            " nor in PATH: install it, or set CADENZA_COMPILE to where it is");
}

StatusCode compilerError(int exitCode) {
  const bool isOurs = exitCode > 0 && exitCode <= static_cast<int>(StatusCode::NumericMismatch);
  return isOurs ? static_cast<StatusCode>(exitCode) : StatusCode::Internal;
}

} // namespace cadenza

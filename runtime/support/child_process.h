// Another program, run to its end, and a folder for what it reads and writes.
#pragma once

#include "runtime/support/interrupt.h"
#include "runtime/support/status.h"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace cadenza {

/// A folder of its own, made with a new name and removed with all that is in it. Signals must not end the program while
/// one lives: declare a DeferSignals before it.
class TemporaryFolder {
public:
  /// "NAME-xxxxxx" where temporary files go. Error: Io.
  static StatusOr<TemporaryFolder> make(const std::string &name);
  TemporaryFolder(TemporaryFolder &&other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder &operator=(TemporaryFolder &&other) = delete;
  ~TemporaryFolder();

  const std::filesystem::path &path() const { return path_; }

private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// Runs a program, found in PATH if its name has no slash, in `folder`, with its output in `log` (empty: on standard
/// error); its exit status, or an errno as a negative number.
int runProgram(const std::vector<std::string> &arguments, const std::filesystem::path &folder,
               const std::filesystem::path &log, DeferSignals &signals);

} // namespace cadenza

#include "runtime/api/inspect.h"
#include "runtime/api/npy.h"
#include "runtime/support/atomic_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <sys/resource.h>
#include <tuple>

namespace cadenza {
namespace {

/// Whether `name`, which comes from a file, can be a file name that stays where it is put.
bool isPlainName(const std::string &name) {
  auto plain = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  return name[0] != '.' && name.size() < 200 && std::all_of(name.begin(), name.end(), plain);
}

Status noFileName(const Phase &phase, const std::string &name) {
  return {StatusCode::InvalidPlan, "phase '" + phase.name + "': output name '" + name + "' is no file name"};
}

/// Where an output was seen first: two phases may name one module.
using Place = std::tuple<uint32_t, uint32_t, size_t>; // block, phase, output

/// The files of a dump, which get their names once all of them are complete: an older dump stays as it is until then.
class DumpFiles {
public:
  DumpFiles(std::filesystem::path directory, int64_t tokens) : directory_(std::move(directory)), tokens_(tokens) {}

  /// Writes the values of a token, in the order of tokens.
  Status append(const std::string &name, std::span<const float> values, int64_t token) {
    auto found = files_.find(name);
    const std::string header = npyHeader(std::vector<int64_t>{tokens_, std::ssize(values)});
    if (found == files_.end()) {
      const std::string path = directory_ / (name + ".npy");
      CADENZA_ASSIGN_OR_RETURN(AtomicFile file,
                               AtomicFile::create(path, header.size() + tokens_ * values.size_bytes()));
      CADENZA_RETURN_IF_ERROR(file.writeAt(0, std::as_bytes(std::span(header))));
      found = files_.emplace(name, std::move(file)).first;
    }
    return found->second.writeAt(header.size() + token * values.size_bytes(), std::as_bytes(values));
  }

  Status commit() {
    for (const auto &[name, file] : files_)
      CADENZA_RETURN_IF_ERROR(file.sync());
    for (auto &[name, file] : files_)
      CADENZA_RETURN_IF_ERROR(file.publish());
    return Status::ok();
  }

private:
  std::filesystem::path directory_;
  int64_t tokens_;
  std::map<std::string, AtomicFile> files_;
};

/// One open file a module may be more than a shell allows by default (1024).
void allowManyFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

} // namespace

std::string moduleName(const Phase &phase, size_t output, int64_t iteration) {
  if (output >= phase.outputNames.size())
    return {};
  std::string name = phase.outputNames[output];
  if (size_t star = name.find('*'); star != std::string::npos)
    name.replace(star, 1, std::to_string(iteration));
  return name;
}

Status dumpActivations(Executor &executor, std::span<const int32_t> tokens, const std::string &directory) {
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem)
    return {StatusCode::Io, directory + ": " + problem.message()};
  allowManyFiles();
  CADENZA_RETURN_IF_ERROR(executor.begin(tokens, {}));
  std::map<std::string, Place> seen;
  DumpFiles files(directory, std::ssize(tokens));
  for (int64_t position = 0; position < std::ssize(tokens); ++position) {
    CADENZA_RETURN_IF_ERROR(executor.stepWithVisitor([&](const PhaseOutput &shown) -> Status {
      const Phase &phase = decodeEntry(executor.program()).blocks[shown.block].phases[shown.phase];
      for (size_t i = 0; i < shown.outputs.size(); ++i) {
        const std::string name = moduleName(phase, i, shown.iteration);
        Place place{shown.block, shown.phase, i};
        if (name.empty() || seen.try_emplace(name, place).first->second != place)
          continue;
        if (!isPlainName(name))
          return noFileName(phase, name);
        CADENZA_RETURN_IF_ERROR(files.append(name, shown.outputs[i], position));
      }
      return Status::ok();
    }));
  }
  return files.commit();
}

} // namespace cadenza

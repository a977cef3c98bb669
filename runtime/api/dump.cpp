#include "runtime/api/inspect.h"
#include "runtime/api/npy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
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
  CADENZA_RETURN_IF_ERROR(executor.begin(tokens, {}));
  std::map<std::string, Place> seen;
  for (size_t position = 0; position < tokens.size(); ++position) {
    CADENZA_RETURN_IF_ERROR(executor.stepWithVisitor([&](const PhaseOutput &shown) -> Status {
      const Phase &phase = decodeEntry(executor.program()).blocks[shown.block].phases[shown.phase];
      for (size_t i = 0; i < shown.outputs.size(); ++i) {
        std::string name = moduleName(phase, i, shown.iteration);
        Place place{shown.block, shown.phase, i};
        if (name.empty() || seen.try_emplace(name, place).first->second != place)
          continue;
        if (!isPlainName(name))
          return noFileName(phase, name);
        const std::string path = std::filesystem::path(directory) / name.append(".npy");
        std::ofstream file(path, std::ios::binary | (position == 0 ? std::ios::trunc : std::ios::app));
        if (position == 0)
          file << npyHeader(std::vector<int64_t>{std::ssize(tokens), std::ssize(shown.outputs[i])});
        file.write(reinterpret_cast<const char *>(shown.outputs[i].data()),
                   static_cast<std::streamsize>(shown.outputs[i].size_bytes()));
        file.close();
        if (!file)
          return {StatusCode::Io, path + ": " + std::strerror(errno)};
      }
      return Status::ok();
    }));
  }
  return Status::ok();
}

} // namespace cadenza

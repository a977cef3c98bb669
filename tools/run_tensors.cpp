#include "tools/run_tensors.h"

#include "runtime/api/npy.h"
#include "runtime/executor.h"
#include "runtime/plan/plan.h"
#include "runtime/support/atomic_file.h"
#include "runtime/support/checked.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

namespace cadenza {
namespace {

/// "x=x.npy" to name and file, one a name.
StatusOr<std::map<std::string, std::string>> parse(const std::vector<std::string> &pairs, const std::string &option) {
  std::map<std::string, std::string> files;
  for (const std::string &pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      return Status(StatusCode::InvalidArgument, option + " '" + pair + "': expected NAME=FILE.npy");
    if (!files.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second)
      return Status(StatusCode::InvalidArgument,
                    option + " '" + pair + "': '" + pair.substr(0, equals) + "' is given twice");
  }
  return files;
}

/// Files for the outputs, in their order, to be written and committed once the entry has run. Outputs that the entry
/// does not have, two that would overwrite each other, and files that cannot be written are errors before anything
/// runs.
StatusOr<std::vector<AtomicFile>> createFiles(const Program &program, const Entry &entry,
                                              const std::map<std::string, std::string> &outputs) {
  std::vector<AtomicFile> files;
  std::set<std::filesystem::path> paths;
  for (const auto &[name, path] : outputs) {
    const auto port = std::find_if(entry.outputs.begin(), entry.outputs.end(),
                                   [&name = name](const Port &port) { return port.name == name; });
    std::string gives;
    for (const Port &other : entry.outputs)
      gives += (gives.empty() ? "" : ", ") + describePort(program, other);
    if (port == entry.outputs.end())
      return Status(StatusCode::InvalidArgument,
                    "nobody computes output \"" + name + "\"; entry '" + entry.name + "' gives " + gives);
    std::error_code unresolved; // what is wrong with the path, create() says
    if (!paths.insert(std::filesystem::weakly_canonical(path, unresolved)).second && !unresolved)
      return Status(StatusCode::InvalidArgument, "two outputs go to " + path);
    const uint64_t bytes =
        npyHeader(port->shape).size() + checked::byteSize(port->shape, sizeof(float)).value(); // below an arena's
    CADENZA_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path, bytes));
    files.push_back(std::move(file));
  }
  return files;
}

} // namespace

Status runTensors(const std::string &planPath, const TensorArguments &arguments, const TensorSessionOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(const auto inputFiles, parse(arguments.inputs, "--input"));
  CADENZA_ASSIGN_OR_RETURN(const auto outputFiles, parse(arguments.outputs, "--output"));
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(planPath));
  const Program &program = plan->program();
  CADENZA_ASSIGN_OR_RETURN(const uint32_t index, findTensorEntry(program, arguments.entry, plan->path()));
  if (outputFiles.empty())
    return {StatusCode::InvalidArgument, "no output is asked for; give --output NAME=FILE.npy"};
  CADENZA_ASSIGN_OR_RETURN(std::vector<AtomicFile> files, createFiles(program, program.entries[index], outputFiles));
  Tensors inputs;
  for (const auto &[name, file] : inputFiles) {
    CADENZA_ASSIGN_OR_RETURN(inputs[name], readNpy(file));
  }
  CADENZA_ASSIGN_OR_RETURN(TensorSession session, TensorSession::open(plan, options));
  if (!session.notice().empty())
    std::cerr << "cadenza-run: " << session.notice() << "\n";
  CADENZA_ASSIGN_OR_RETURN(Tensors outputs, session.run(inputs, program.entries[index].name));
  size_t next = 0;
  for (const auto &[name, path] : outputFiles) {
    const std::string bytes = npyBytes(outputs.at(name));
    CADENZA_RETURN_IF_ERROR(files[next++].writeAt(0, std::as_bytes(std::span(bytes))));
  }
  return AtomicFile::commit(files);
}

} // namespace cadenza

#include "tools/run_tensors.h"

#include "runtime/api/npy.h"
#include "runtime/executor.h"
#include "runtime/plan/plan.h"
#include "runtime/support/output_file.h"
#include "runtime/support/printable.h"

#include <algorithm>
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

/// Outputs that the entry does not have, and two that would overwrite each other, are errors before anything runs.
Status checkOutputs(const Program &program, const Entry &entry, const std::map<std::string, std::string> &outputs) {
  std::set<std::string> files;
  for (const auto &[name, file] : outputs) {
    const bool known = std::any_of(entry.outputs.begin(), entry.outputs.end(),
                                   [&name = name](const Port &port) { return port.name == name; });
    std::string gives;
    for (const Port &port : entry.outputs)
      gives += (gives.empty() ? "" : ", ") + describePort(program, port);
    if (!known)
      return {StatusCode::InvalidArgument,
              "nobody computes output \"" + name + "\"; entry '" + entry.name + "' gives " + gives};
    if (!files.insert(file).second)
      return {StatusCode::InvalidArgument, "two outputs go to " + file};
  }
  return Status::ok();
}

} // namespace

Status runTensors(const std::string &planPath, const TensorArguments &arguments, const TensorSessionOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(const auto inputFiles, parse(arguments.inputs, "--input"));
  CADENZA_ASSIGN_OR_RETURN(const auto outputFiles, parse(arguments.outputs, "--output"));
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(planPath));
  const Program &program = plan->program();
  CADENZA_ASSIGN_OR_RETURN(const uint32_t index, findTensorEntry(program, arguments.entry, plan->path()));
  CADENZA_RETURN_IF_ERROR(checkOutputs(program, program.entries[index], outputFiles));
  if (outputFiles.empty())
    return {StatusCode::InvalidArgument, "no output is asked for; give --output NAME=FILE.npy"};
  for (const auto &[name, file] : outputFiles)
    CADENZA_RETURN_IF_ERROR(checkOutput(file));
  Tensors inputs;
  for (const auto &[name, file] : inputFiles) {
    CADENZA_ASSIGN_OR_RETURN(inputs[name], readNpy(file));
  }
  CADENZA_ASSIGN_OR_RETURN(TensorSession session, TensorSession::open(plan, options));
  if (!session.notice().empty())
    std::cerr << "cadenza-run: " << printable(session.notice()) << "\n";
  CADENZA_ASSIGN_OR_RETURN(Tensors outputs, session.run(inputs, program.entries[index].name));
  for (const auto &[name, file] : outputFiles)
    CADENZA_RETURN_IF_ERROR(writeNpy(file, outputs.at(name)));
  return Status::ok();
}

} // namespace cadenza

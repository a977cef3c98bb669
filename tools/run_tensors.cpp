#include "tools/run_tensors.h"

#include "runtime/api/named_files.h"
#include "runtime/api/npy.h"
#include "runtime/decode/entry_choice.h"
#include "runtime/executor.h"
#include "runtime/plan/plan.h"
#include "runtime/support/checked.h"
#include "runtime/support/output_file.h"
#include "runtime/support/printable.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>

namespace cadenza {
namespace {

Status nobodyComputes(const std::string &output, const Program &program, const Entry &entry) {
  std::string gives;
  for (const Port &port : entry.outputs)
    gives += (gives.empty() ? "" : ", ") + describePort(program, port);
  return {StatusCode::InvalidArgument,
          "nobody computes output \"" + output + "\"; entry '" + entry.name + "' gives " + gives};
}

/// Files for the outputs, in their order, to be written and committed once the entry has run. Outputs that the entry
/// does not have, two that would overwrite each other, and files that cannot be written are errors before anything
/// runs.
StatusOr<std::vector<OutputFile>> createFiles(const Program &program, const EntryChoice &choice,
                                              const std::map<std::string, std::string> &outputs) {
  const Entry &entry = program.entries[choice.entry];
  std::vector<OutputFile> files;
  std::set<std::filesystem::path> paths;
  for (const auto &[name, path] : outputs) {
    const auto port = std::find_if(entry.outputs.begin(), entry.outputs.end(),
                                   [&name = name](const Port &port) { return port.name == name; });
    if (port == entry.outputs.end())
      return nobodyComputes(name, program, entry);
    std::error_code unresolved; // what is wrong with the path, create() says
    if (!paths.insert(std::filesystem::weakly_canonical(path, unresolved)).second && !unresolved)
      return Status(StatusCode::InvalidArgument, "two outputs go to " + path);
    const ElementType type = npyType(program.edges[*port->edge].dtype);
    const nn::Shape shape = choice.outputShape(entry, static_cast<size_t>(port - entry.outputs.begin()));
    const uint64_t bytes =
        npyHeader(shape, type).size() + checked::byteSize(shape, elementBytes(type)).value(); // below twice an arena's
    CADENZA_ASSIGN_OR_RETURN(OutputFile file, OutputFile::create(path));
    CADENZA_RETURN_IF_ERROR(file.reserve(bytes));
    files.push_back(std::move(file));
  }
  return files;
}

} // namespace

Status runTensors(const std::string &planPath, const TensorArguments &arguments, const TensorSessionOptions &options) {
  CADENZA_ASSIGN_OR_RETURN(const auto inputFiles, parsePairs(arguments.inputs, "--input", "NAME=FILE.npy"));
  CADENZA_ASSIGN_OR_RETURN(const auto outputFiles, parsePairs(arguments.outputs, "--output", "NAME=FILE.npy"));
  CADENZA_ASSIGN_OR_RETURN(std::shared_ptr<const Plan> plan, Plan::open(planPath));
  const Program &program = plan->program();
  CADENZA_RETURN_IF_ERROR(requireTensorEntry(program, plan->path()));
  if (outputFiles.empty())
    return {StatusCode::InvalidArgument, "no output is asked for; give --output NAME=FILE.npy"};
  Tensors inputs;
  for (const auto &[name, file] : inputFiles) {
    CADENZA_ASSIGN_OR_RETURN(inputs[name], readNpy(file));
  }
  CADENZA_ASSIGN_OR_RETURN(const EntryChoice choice, chooseEntry(program, arguments.entry, inputs, plan->path()));
  CADENZA_ASSIGN_OR_RETURN(std::vector<OutputFile> files, createFiles(program, choice, outputFiles));
  CADENZA_ASSIGN_OR_RETURN(TensorSession session, TensorSession::open(plan, options));
  if (!session.notice().empty())
    std::cerr << "cadenza-run: " << printable(session.notice()) << "\n";
  CADENZA_ASSIGN_OR_RETURN(Tensors outputs, session.run(inputs, arguments.entry));
  size_t next = 0;
  for (const auto &[name, path] : outputFiles) {
    const Tensor &output = outputs.at(name);
    if (npyType(output.element) != output.element)
      std::cerr << "cadenza-run: output \"" << printable(name) << "\" is " << elementTypeName(output.element)
                << ", which .npy files do not have; it is written as float32\n";
    const std::string bytes = npyBytes(output);
    CADENZA_RETURN_IF_ERROR(files[next++].append(bytes));
  }
  return OutputFile::commit(files);
}

} // namespace cadenza

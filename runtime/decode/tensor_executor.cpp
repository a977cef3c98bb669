// Tensors by name to the ports of an entry, for every executor.
#include "runtime/executor.h"
#include "runtime/support/checked.h"

namespace cadenza {
namespace {

Status invalid(std::string message) { return {StatusCode::InvalidArgument, std::move(message)}; }

std::string listPorts(const Program &program, const std::vector<Port> &ports) {
  std::string text;
  for (const Port &port : ports)
    text += (text.empty() ? "" : ", ") + describePort(program, port);
  return text;
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "[" + text + "]";
}

bool isStep(const Program &program, size_t entry) { return program.decoder && program.decoder->entry == entry; }

} // namespace

Status requireTensorEntry(const Program &program, const std::string &where) {
  for (size_t i = 0; i < program.entries.size(); ++i)
    if (!isStep(program, i))
      return Status::ok();
  return invalid(where + ": is a decoder, it has no entry of named tensors; give it a prompt");
}

StatusOr<uint32_t> findTensorEntry(const Program &program, std::string_view name, const std::string &where) {
  CADENZA_RETURN_IF_ERROR(requireTensorEntry(program, where));
  std::string names;
  uint32_t found = 0, count = 0;
  for (uint32_t i = 0; i < program.entries.size(); ++i) {
    if (isStep(program, i))
      continue;
    if (program.entries[i].name == name)
      return i;
    names += (count++ ? ", " : "") + program.entries[i].name;
    found = i;
  }
  if (!name.empty())
    return invalid(where + ": no entry '" + std::string(name) + "'; it has: " + names);
  if (count > 1)
    return invalid(where + ": has several entries, name one of: " + names);
  return found;
}

StatusOr<Tensors> TensorExecutor::run(std::string_view name, const Tensors &inputs) {
  CADENZA_ASSIGN_OR_RETURN(const uint32_t index, findTensorEntry(program(), name, program().model.name));
  const Entry &entry = program().entries[index];
  const std::string takes = "; entry '" + entry.name + "' takes " + listPorts(program(), entry.inputs);
  std::vector<std::span<const float>> from;
  for (const Port &port : entry.inputs) {
    const auto given = inputs.find(port.name);
    if (given == inputs.end())
      return invalid("input \"" + port.name + "\" is missing" + takes);
    const Tensor &tensor = given->second;
    if (tensor.shape != port.shape)
      return invalid("input \"" + port.name + "\" has shape " + shapeText(tensor.shape) + takes);
    if (checked::byteSize(tensor.shape, 1) != tensor.values.size())
      return invalid("input \"" + port.name + "\" has " + std::to_string(tensor.values.size()) +
                     " values, another number than its shape " + shapeText(tensor.shape));
    from.emplace_back(tensor.values);
  }
  for (const auto &[given, tensor] : inputs) {
    bool known = false;
    for (const Port &port : entry.inputs)
      known |= port.name == given;
    if (!known)
      return invalid("there is no input \"" + given + "\"" + takes);
  }
  Tensors outputs;
  std::vector<std::span<float>> to;
  for (const Port &port : entry.outputs) {
    Tensor &tensor = outputs[port.name];
    tensor.shape = port.shape;
    tensor.values.resize(checked::byteSize(port.shape, 1).value()); // the plan's check has bounded it
    to.emplace_back(tensor.values);
  }
  CADENZA_RETURN_IF_ERROR(runEntry(index, from, to));
  return outputs;
}

} // namespace cadenza

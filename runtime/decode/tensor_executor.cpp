// Tensors by name to the ports of an entry, for every executor.
#include "runtime/decode/entry_choice.h"
#include "runtime/executor.h"
#include "runtime/reference/reference.h"
#include "runtime/support/checked.h"

#include <list>

namespace cadenza {
namespace {

Status invalid(std::string message) { return {StatusCode::InvalidArgument, std::move(message)}; }

std::string listPorts(const Program &program, const std::vector<Port> &ports) {
  std::string text;
  for (const Port &port : ports)
    text += (text.empty() ? "" : ", ") + describePort(program, port);
  return text;
}

/// Whether a value of type `from` may be given for a port of type `to`: floats are rounded, integers have to fit
/// whatever they are.
bool canBecome(ElementType from, ElementType to) {
  if (from == to || (isFloat(from) && isFloat(to)))
    return true;
  if (!isInteger(from) || !isInteger(to) || from == ElementType::boolean || to == ElementType::boolean)
    return false;
  return isSigned(from) == isSigned(to) ? elementBits(from) < elementBits(to)
                                        : isSigned(to) && elementBits(from) < elementBits(to);
}

} // namespace

Status requireTensorEntry(const Program &program, const std::string &where) {
  if (!tensorEntries(program).empty())
    return Status::ok();
  return invalid(where + ": is a decoder, it has no entry of named tensors; give it a prompt");
}

StatusOr<uint32_t> findTensorEntry(const Program &program, std::string_view name, const std::string &where) {
  CADENZA_RETURN_IF_ERROR(requireTensorEntry(program, where));
  std::string names;
  uint32_t found = 0, count = 0;
  for (uint32_t i : tensorEntries(program)) {
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
  for (const auto &[given, tensor] : inputs)
    if (checked::byteSize(tensor.shape, elementBytes(tensor.element)) != tensor.bytes.size())
      return invalid("input \"" + given + "\" has " + std::to_string(tensor.bytes.size()) +
                     " bytes, another number than " + nn::text(tensor) + " takes");
  CADENZA_ASSIGN_OR_RETURN(const EntryChoice choice, chooseEntry(program(), name, inputs, program().model.name));
  if (!choice.pads())
    return runExactly(choice.entry, inputs);
  const Entry &entry = program().entries[choice.entry];
  // With zeros, or something else, where the mask says that nothing is.
  const auto runPadded = [&](bool repeat) -> StatusOr<Tensors> {
    Tensors longer = inputs;
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      if (const auto given = longer.find(entry.inputs[i].name); given != longer.end())
        given->second =
            padded(given->second, choice.inputAxes[i], entry.inputs[i].shape, repeat && !isMask(entry.inputs[i]));
    CADENZA_ASSIGN_OR_RETURN(Tensors outputs, runExactly(choice.entry, longer));
    for (size_t i = 0; i < entry.outputs.size(); ++i) {
      Tensor &output = outputs.at(entry.outputs[i].name);
      output = cut(output, choice.outputShape(entry, i));
    }
    return outputs;
  };
  CADENZA_ASSIGN_OR_RETURN(Tensors outputs, runPadded(false));
  if (!masked_.contains(choice.entry)) {
    CADENZA_ASSIGN_OR_RETURN(const Tensors others, runPadded(true));
    for (const auto &[output, tensor] : outputs)
      if (others.at(output).bytes != tensor.bytes)
        return invalid(
            "entry '" + entry.name + "' cannot run inputs of " + std::to_string(choice.length) +
            " positions: output \"" + output +
            "\" depends on what stands where the mask says that nothing is; compile an entry of that length");
    masked_.insert(choice.entry);
  }
  return outputs;
}

StatusOr<Tensors> TensorExecutor::runExactly(uint32_t index, const Tensors &inputs) {
  const Entry &entry = program().entries[index];
  const std::string takes = "; entry '" + entry.name + "' takes " + listPorts(program(), entry.inputs);
  std::list<Tensor> converted; // those of other types than their ports
  std::vector<std::span<const std::byte>> from;
  for (const Port &port : entry.inputs) {
    const auto given = inputs.find(port.name);
    if (given == inputs.end())
      return invalid("input \"" + port.name + "\" is missing" + takes);
    const Tensor &tensor = given->second;
    if (tensor.shape != port.shape)
      return invalid("input \"" + port.name + "\" has shape " + nn::text(tensor.shape) + takes);
    const ElementType type = program().edges[*port.edge].dtype;
    if (!canBecome(tensor.element, type))
      return invalid("input \"" + port.name + "\" is " + std::string(elementTypeName(tensor.element)) + takes);
    if (tensor.element == type && type != ElementType::boolean) { // whose bytes may be other than 0 and 1
      from.emplace_back(tensor.bytes);
      continue;
    }
    CADENZA_ASSIGN_OR_RETURN(Tensor value, nn::reference::cast(tensor, type));
    from.emplace_back(converted.emplace_back(std::move(value)).bytes);
  }
  for (const auto &[given, tensor] : inputs) {
    bool known = false;
    for (const Port &port : entry.inputs)
      known |= port.name == given;
    if (!known)
      return invalid("there is no input \"" + given + "\"" + takes);
  }
  Tensors outputs;
  std::vector<std::span<std::byte>> to;
  for (const Port &port : entry.outputs) {
    Tensor &tensor = outputs[port.name];
    tensor = nn::zeros({program().edges[*port.edge].dtype, port.shape}); // the plan's check has bounded it
    to.emplace_back(tensor.bytes);
  }
  CADENZA_RETURN_IF_ERROR(runEntry(index, from, to));
  return outputs;
}

Tensor floatTensor(nn::Shape shape, std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  return {{ElementType::f32, std::move(shape)}, {bytes.begin(), bytes.end()}};
}

std::vector<float> floatsOf(const Tensor &tensor) {
  const std::vector<double> values = nn::reals(tensor);
  return {values.begin(), values.end()};
}

} // namespace cadenza

#include "runtime/decode/entry_choice.h"

#include "runtime/executor.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace cadenza {
namespace {

constexpr std::string_view maskName = "attention_mask";

const Port *portNamed(const std::vector<Port> &ports, std::string_view name) {
  const auto port = std::find_if(ports.begin(), ports.end(), [&](const Port &port) { return port.name == name; });
  return port == ports.end() ? nullptr : &*port;
}

bool takesExactly(const Entry &entry, const Tensors &inputs) {
  return std::all_of(entry.inputs.begin(), entry.inputs.end(), [&](const Port &port) {
    const auto given = inputs.find(port.name);
    return given == inputs.end() || given->second.shape == port.shape; // that one is missing is said later
  });
}

/// The dimension of the mask in the entries of a program.
class MaskDimension {
public:
  MaskDimension(const Program &program, const std::vector<uint32_t> &entries) {
    for (uint32_t index : entries)
      entries_.push_back(&program.entries[index]);
    for (const Entry *entry : entries_) {
      const Port *mask = portNamed(entry->inputs, maskName);
      extents_.push_back(mask && !mask->shape.empty() ? mask->shape.back() : 0);
    }
  }

  bool exists() const {
    return std::find(extents_.begin(), extents_.end(), 0) == extents_.end() &&
           std::any_of(extents_.begin(), extents_.end(), [&](int64_t extent) { return extent != extents_[0]; });
  }
  int64_t extent(size_t entry) const { return extents_[entry]; }

  /// The axes of a port with that dimension. `ports`: of an entry, its inputs or its outputs.
  std::set<size_t> axes(const std::string &name, std::vector<Port> Entry::*ports) const {
    std::set<size_t> found;
    const Port *first = portNamed(entries_[0]->*ports, name);
    for (size_t axis = 0; first && axis < first->shape.size(); ++axis) {
      bool same = true;
      for (size_t i = 0; i < entries_.size(); ++i) {
        const Port *port = portNamed(entries_[i]->*ports, name);
        same = same && port && port->shape.size() == first->shape.size() && port->shape[axis] == extents_[i];
      }
      if (same)
        found.insert(axis);
    }
    return found;
  }

private:
  std::vector<const Entry *> entries_;
  std::vector<int64_t> extents_;
};

/// The choice of `entry`, if it runs `inputs` padded.
std::optional<EntryChoice> paddedChoice(const Program &program, uint32_t index, const MaskDimension &dimension,
                                        const Tensors &inputs) {
  const Entry &entry = program.entries[index];
  EntryChoice choice{index};
  choice.length = inputs.find(maskName)->second.shape.back();
  for (const Port &port : entry.inputs) {
    choice.inputAxes.push_back(dimension.axes(port.name, &Entry::inputs));
    nn::Shape shape = port.shape;
    for (size_t axis : choice.inputAxes.back())
      shape[axis] = choice.length;
    if (const auto given = inputs.find(port.name); given != inputs.end() && given->second.shape != shape)
      return std::nullopt;
  }
  for (const Port &port : entry.outputs)
    choice.outputAxes.push_back(dimension.axes(port.name, &Entry::outputs));
  return choice;
}

std::string shapesOf(const Tensors &inputs) {
  std::string text;
  for (const auto &[name, tensor] : inputs)
    text += (text.empty() ? "\"" : ", \"") + name + "\" " + nn::text(tensor.shape);
  return text;
}

/// body(offset in bytes, of `outer`; offset of `inner`) for each row along the last axis of `inner`, whose extents are
/// no larger than those of `outer`.
template <class Body> void forRows(const nn::Shape &outer, const nn::Shape &inner, size_t elementBytes, Body body) {
  size_t rows = 1;
  for (size_t i = 0; i + 1 < inner.size(); ++i)
    rows *= static_cast<size_t>(inner[i]);
  const size_t innerRow = inner.empty() ? 1 : static_cast<size_t>(inner.back());
  const size_t outerRow = outer.empty() ? 1 : static_cast<size_t>(outer.back());
  for (size_t row = 0; row < rows; ++row) {
    size_t rest = row, place = 0, stride = 1;
    for (size_t axis = inner.size(); axis-- > 1;) {
      const auto extent = static_cast<size_t>(inner[axis - 1]);
      place += rest % extent * stride;
      rest /= extent;
      stride *= static_cast<size_t>(outer[axis - 1]);
    }
    body(place * outerRow * elementBytes, row * innerRow * elementBytes);
  }
}

/// Repeats the first element along `axis` from `length` on.
void repeatFirst(Tensor &tensor, size_t axis, int64_t length) {
  size_t inner = elementBytes(tensor.element), outer = 1;
  for (size_t i = axis + 1; i < tensor.shape.size(); ++i)
    inner *= static_cast<size_t>(tensor.shape[i]);
  for (size_t i = 0; i < axis; ++i)
    outer *= static_cast<size_t>(tensor.shape[i]);
  const auto extent = static_cast<size_t>(tensor.shape[axis]);
  for (size_t i = 0; i < outer; ++i) {
    std::byte *first = tensor.bytes.data() + i * extent * inner;
    for (auto j = static_cast<size_t>(length); j < extent; ++j)
      std::memcpy(first + j * inner, first, inner);
  }
}

} // namespace

std::vector<uint32_t> tensorEntries(const Program &program) {
  std::vector<uint32_t> indices;
  for (uint32_t i = 0; i < program.entries.size(); ++i)
    if (tileOf(program.entries[i]) == 0)
      indices.push_back(i);
  return indices;
}

nn::Shape EntryChoice::outputShape(const Entry &entry, size_t number) const {
  nn::Shape shape = entry.outputs[number].shape;
  if (pads())
    for (size_t axis : outputAxes[number])
      shape[axis] = length;
  return shape;
}

StatusOr<EntryChoice> chooseEntry(const Program &program, std::string_view name, const Tensors &inputs,
                                  const std::string &where) {
  const std::vector<uint32_t> entries = tensorEntries(program);
  if (!name.empty() || entries.size() <= 1) {
    CADENZA_ASSIGN_OR_RETURN(const uint32_t index, findTensorEntry(program, name, where));
    return EntryChoice{index};
  }
  for (uint32_t index : entries)
    if (takesExactly(program.entries[index], inputs))
      return EntryChoice{index};
  const MaskDimension dimension(program, entries);
  const auto mask = inputs.find(maskName);
  std::optional<EntryChoice> best;
  if (dimension.exists() && mask != inputs.end() && !mask->second.shape.empty() && mask->second.shape.back() > 0) {
    int64_t smallest = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      const int64_t extent = dimension.extent(i);
      if (extent < mask->second.shape.back() || (best && extent >= smallest))
        continue;
      if (std::optional<EntryChoice> choice = paddedChoice(program, entries[i], dimension, inputs)) {
        best = std::move(choice);
        smallest = extent;
      }
    }
  }
  if (best)
    return *best;
  std::string takes;
  for (uint32_t index : entries) {
    takes += "; entry '" + program.entries[index].name + "' takes ";
    for (const Port &port : program.entries[index].inputs)
      takes += (&port == program.entries[index].inputs.data() ? "" : ", ") + describePort(program, port);
  }
  return Status(StatusCode::InvalidArgument, where + ": no entry takes " + shapesOf(inputs) +
                                                 (dimension.exists() ? "" : ", and none has a mask for shorter ones") +
                                                 takes);
}

bool isMask(const Port &port) { return port.name == maskName; }

Tensor padded(const Tensor &tensor, const std::set<size_t> &axes, const nn::Shape &shape, bool repeat) {
  if (axes.empty())
    return tensor;
  Tensor result = nn::zeros({tensor.element, shape});
  const size_t bytes = elementBytes(tensor.element), row = static_cast<size_t>(tensor.shape.back()) * bytes;
  forRows(shape, tensor.shape, bytes,
          [&](size_t to, size_t from) { std::memcpy(result.bytes.data() + to, tensor.bytes.data() + from, row); });
  if (repeat)
    for (size_t axis : axes)
      repeatFirst(result, axis, tensor.shape[axis]);
  return result;
}

Tensor cut(const Tensor &tensor, const nn::Shape &shape) {
  if (tensor.shape == shape)
    return tensor;
  Tensor result = nn::zeros({tensor.element, shape});
  const size_t bytes = elementBytes(tensor.element), row = static_cast<size_t>(shape.back()) * bytes;
  forRows(tensor.shape, shape, bytes,
          [&](size_t from, size_t to) { std::memcpy(result.bytes.data() + to, tensor.bytes.data() + from, row); });
  return result;
}

} // namespace cadenza

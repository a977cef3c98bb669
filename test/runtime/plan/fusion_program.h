// Programs of fusions, made op by op, with their weights. For tests only.
#pragma once

#include "runtime/plan/program.h"

#include <map>
#include <string>

namespace cadenza::testing {

/// An entry "run" of fusions. Calls between two fusion() make the body of the first.
class FusionProgram {
public:
  FusionProgram() {
    program.model = {"fusions", "random:1"};
    program.entries = {{"run", {}, {}, {{"start", 1, {}}}}};
  }

  Program program;
  std::vector<std::byte> weights; // the weight section

  uint32_t weight(const std::string &name, const nn::TensorValue &value) {
    weights.resize((weights.size() + weightAlignment - 1) / weightAlignment * weightAlignment);
    Weight made{name, Encoding::tensor, value.element, value.elements()};
    made.shape = value.shape;
    made.offset = weights.size();
    made.bytes = value.bytes.size();
    weights.insert(weights.end(), value.bytes.begin(), value.bytes.end());
    program.weights.push_back(made);
    return static_cast<uint32_t>(program.weights.size() - 1);
  }

  uint32_t edge(const std::string &name, const nn::TensorSpec &spec) {
    Edge made{name, spec.element, spec.elements(), program.arenaBytes, 1, spec.shape};
    program.arenaBytes += edgeStride(made);
    program.edges.push_back(made);
    edges_[name] = static_cast<uint32_t>(program.edges.size() - 1);
    return edges_[name];
  }
  uint32_t edgeOf(const std::string &name) const { return edges_.at(name); }
  uint32_t input(const std::string &name, const nn::TensorSpec &spec) {
    const uint32_t made = edge(name, spec);
    program.entries[0].inputs.push_back({PortKind::Tensor, name, spec.shape, made});
    return made;
  }
  void outputs(const std::vector<std::string> &names) {
    for (const std::string &name : names)
      program.entries[0].outputs.push_back({PortKind::Tensor, name, *program.edges[edgeOf(name)].shape, edgeOf(name)});
    number();
  }

  /// Begins a phase, whose kernel nobody has made.
  void fusion(const std::string &name) {
    if (!phases().empty())
      number();
    Phase phase;
    phase.name = name;
    phase.kind = PhaseKind::Fusion;
    phases().push_back(std::move(phase));
    specs_.clear();
  }

  // Values of the phase. Those of inputs come first once it is complete, so numbers are handles until then.
  uint32_t read(uint32_t edge) {
    phase().inputs.push_back(edge);
    return static_cast<uint32_t>(phase().inputs.size() - 1) | isInput;
  }
  uint32_t getWeight(uint32_t index) {
    const Weight &weight = program.weights[index];
    TensorOp op{"get_weight", nlohmann::json::object(), {}, {{weight.dtype, weight.shape}}};
    op.weight = index;
    return add(std::move(op));
  }
  uint32_t constant(const nn::TensorValue &value) {
    TensorOp op{"constant", nlohmann::json::object(), {}, {value}};
    op.value = value.bytes;
    return add(std::move(op));
  }
  /// The first result.
  uint32_t op(const std::string &name, nlohmann::json attributes, std::vector<uint32_t> operands,
              std::vector<nn::TensorSpec> results) {
    if (attributes.is_null())
      attributes = nlohmann::json::object();
    return add({name, std::move(attributes), std::move(operands), std::move(results)});
  }
  /// A result of the body to a new edge of that name.
  void store(const std::string &name, uint32_t value) {
    phase().outputs.push_back(edge(name, specs_.at(value)));
    phase().outputNames.push_back(name);
    phase().results.push_back(value);
  }

private:
  static constexpr uint32_t isInput = 1U << 31;

  std::vector<Phase> &phases() { return program.entries[0].blocks[0].phases; }
  Phase &phase() { return phases().back(); }
  uint32_t add(TensorOp op) {
    const auto first = static_cast<uint32_t>(specs_.size());
    specs_.insert(specs_.end(), op.results.begin(), op.results.end());
    phase().body.push_back(std::move(op));
    return first;
  }
  /// Handles become numbers.
  void number() {
    const auto inputs = static_cast<uint32_t>(phase().inputs.size());
    const auto numbered = [&](uint32_t &value) { value = (value & isInput) != 0 ? value & ~isInput : value + inputs; };
    for (TensorOp &op : phase().body)
      for (uint32_t &operand : op.operands)
        numbered(operand);
    for (uint32_t &result : phase().results)
      numbered(result);
  }

  std::map<std::string, uint32_t> edges_;
  std::vector<nn::TensorSpec> specs_; // of the body's results
};

} // namespace cadenza::testing

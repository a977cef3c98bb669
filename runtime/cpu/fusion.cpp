#include "runtime/cpu/fusion.h"

#include "runtime/cpu/matmul.h"

#include <cstring>

namespace cadenza::cpu {
namespace {

using nn::TensorValue;
using nn::TensorView;

bool computes(const TensorOp &op) { return op.name != "get_weight" && op.name != "constant"; }

/// Where a weight or a constant lies.
TensorView stored(const TensorOp &op, const Machine &machine) {
  if (!op.weight)
    return {op.results[0], op.value};
  const Weight &weight = machine.program.weights[*op.weight];
  return {op.results[0], machine.weightSection.subspan(weight.offset, weight.bytes)};
}

} // namespace

StatusOr<BoundFusion> BoundFusion::bind(const Phase &phase) {
  BoundFusion fusion;
  fusion.phase_ = &phase;
  fusion.values_ = phase.inputs.size();
  for (const TensorOp &op : phase.body) {
    Step step{&op, {}, static_cast<uint32_t>(fusion.values_), {}};
    if (computes(op)) {
      CADENZA_ASSIGN_OR_RETURN(step.call,
                               nn::reference::bindOp(op.name, op.attributes, op.operands.size(), op.results));
    }
    fusion.values_ += op.results.size();
    fusion.steps_.push_back(std::move(step));
  }
  std::vector<bool> isRead(fusion.values_); // after a step, or as a result
  for (uint32_t result : phase.results)
    isRead[result] = true;
  for (size_t i = fusion.steps_.size(); i-- > 0;) {
    Step &step = fusion.steps_[i];
    for (uint32_t operand : step.op->operands) {
      if (!isRead[operand])
        step.lastReadBy.push_back(operand);
      isRead[operand] = true;
    }
  }
  return fusion;
}

Status BoundFusion::run(Machine &machine) {
  std::vector<std::optional<TensorView>> views(values_);
  std::vector<TensorValue> values(values_); // of those that an op computed
  for (size_t i = 0; i < phase_->inputs.size(); ++i) {
    const Edge &edge = machine.program.edges[phase_->inputs[i]];
    views[i] = TensorView(tensorSpec(edge), {machine.arena.data() + edge.offset, edgeBytes(edge)});
  }
  for (const Step &step : steps_)
    CADENZA_RETURN_IF_ERROR(runStep(step, machine, views, values));
  for (size_t i = 0; i < phase_->outputs.size(); ++i) {
    const std::span<const std::byte> bytes = views[phase_->results[i]]->bytes;
    std::memmove(machine.arena.data() + machine.program.edges[phase_->outputs[i]].offset, bytes.data(), bytes.size());
  }
  return Status::ok();
}

Status BoundFusion::runStep(const Step &step, Machine &machine, std::vector<std::optional<TensorView>> &views,
                            std::vector<TensorValue> &values) const {
  const TensorOp &op = *step.op;
  if (!computes(op)) {
    views[step.first] = stored(op, machine);
    return Status::ok();
  }
  std::vector<TensorView> operands;
  operands.reserve(op.operands.size());
  for (uint32_t operand : op.operands)
    operands.push_back(*views[operand]);
  auto results = compute(step, operands, machine.pool);
  if (!results.isOk())
    return failed(op, results.status().message());
  for (size_t i = 0; i < results->size(); ++i) {
    if ((*results)[i] != op.results[i])
      return failed(op, "computes " + nn::text((*results)[i]) + "; the plan says " + nn::text(op.results[i]));
    values[step.first + i] = std::move((*results)[i]);
    views[step.first + i] = values[step.first + i];
  }
  for (uint32_t value : step.lastReadBy) {
    views[value].reset();
    values[value] = {};
  }
  return Status::ok();
}

StatusOr<std::vector<TensorValue>> BoundFusion::compute(const Step &step, std::span<const TensorView> operands,
                                                        ThreadPool &pool) const {
  if (step.op->name != "matmul" || !multiplies(step.op->results[0].element))
    return step.call.evaluate(operands);
  std::vector<TensorValue> product;
  product.push_back(multiply(operands[0], operands[1], step.op->results[0], pool));
  return product;
}

Status BoundFusion::failed(const TensorOp &op, const std::string &what) const {
  return {StatusCode::InvalidInput, "phase '" + phase_->name + "', " + op.name + ": " + what};
}

} // namespace cadenza::cpu

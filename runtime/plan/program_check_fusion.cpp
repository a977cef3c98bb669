// A fusion: that each op of its body has operands, a value of the plan is the one it says, and that what goes in and
// out has the types of the edges.
#include "runtime/plan/program_check.h"
#include "runtime/reference/bound_op.h"
#include "runtime/support/checked.h"

#include <set>

namespace cadenza {
namespace {

class FusionChecker {
public:
  FusionChecker(const Program &program, const Phase &phase, const std::string &path, FieldErrors &errors)
      : program_(program), phase_(phase), path_(path), errors_(errors) {}

  void check();

private:
  void fail(const std::string &field, const std::string &what) { errors_.add(path_ + "." + field, what); }
  void checkOp(const TensorOp &op, const std::string &field);
  /// An op that computes: it exists, and gives what it declares.
  void checkCall(const TensorOp &op, const std::vector<nn::TensorSpec> &operands, const std::string &field);
  void checkWeight(const TensorOp &op, const std::string &field);
  void checkConstant(const TensorOp &op, const std::string &field);
  void checkOutputs();

  const Program &program_;
  const Phase &phase_;
  const std::string &path_;
  FieldErrors &errors_;
  std::vector<nn::TensorSpec> values_; // of the body, by number
};

void FusionChecker::check() {
  for (size_t i = 0; i < phase_.inputs.size(); ++i) {
    const Edge &edge = program_.edges[phase_.inputs[i]];
    if (!edge.shape)
      return fail(at("inputs", i), "edge '" + edge.name + "' is of tokens; a fusion takes tensors");
    values_.push_back(tensorSpec(edge));
  }
  for (size_t i = 0; errors_.none() && i < phase_.body.size(); ++i)
    checkOp(phase_.body[i], at("body", i));
  if (errors_.none())
    checkOutputs();
}

void FusionChecker::checkOp(const TensorOp &op, const std::string &field) {
  std::vector<nn::TensorSpec> operands;
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if (!checkIndex(op.operands[i], values_.size(), "value", path_ + "." + field + "." + at("operands", i), errors_))
      return;
    operands.push_back(values_[op.operands[i]]);
  }
  for (size_t i = 0; i < op.results.size(); ++i)
    if (!checked::byteSize(op.results[i].shape, elementBytes(op.results[i].element)))
      return fail(field + "." + at("results", i), nn::text(op.results[i]) + " is more than any memory holds");
  const bool isWeight = op.name == "get_weight", isConstant = op.name == "constant";
  if ((isWeight || isConstant) && (!op.operands.empty() || !op.attributes.empty()))
    fail(field, op.name + " has neither operands nor attributes");
  if (op.weight && !isWeight)
    fail(field + ".weight", "only get_weight has one");
  if (!op.value.empty() && !isConstant)
    fail(field + ".value", "only a constant has one");
  if (isWeight)
    checkWeight(op, field);
  else if (isConstant)
    checkConstant(op, field);
  else
    checkCall(op, operands, field);
  values_.insert(values_.end(), op.results.begin(), op.results.end());
}

void FusionChecker::checkCall(const TensorOp &op, const std::vector<nn::TensorSpec> &operands,
                              const std::string &field) {
  const auto bound = nn::reference::bindOp(op.name, op.attributes, op.operands.size(), op.results);
  const Status status = bound.isOk() ? nn::reference::checkTypes(*bound, operands, op.results) : bound.status();
  if (!status.isOk())
    fail(field, (bound.isOk() ? op.name + ": " : "") + status.message());
}

void FusionChecker::checkWeight(const TensorOp &op, const std::string &field) {
  if (!op.weight)
    return fail(field + ".weight", "is missing");
  if (!checkIndex(*op.weight, program_.weights.size(), "weight", path_ + "." + field + ".weight", errors_))
    return;
  const Weight &weight = program_.weights[*op.weight];
  if (weight.encoding != Encoding::tensor)
    return fail(field + ".weight",
                "'" + weight.name + "' is stored as " + encodingName(weight.encoding) + "; a fusion reads tensors");
  const nn::TensorSpec spec{weight.dtype, weight.shape};
  if (op.results.size() != 1 || op.results[0] != spec)
    fail(field + ".results", "expected one, " + nn::text(spec));
}

void FusionChecker::checkConstant(const TensorOp &op, const std::string &field) {
  if (op.results.size() != 1)
    return fail(field + ".results", std::to_string(op.results.size()) + "; a constant has one");
  const auto bytes = checked::byteSize(op.results[0].shape, elementBytes(op.results[0].element));
  if (bytes != op.value.size())
    fail(field + ".value", std::to_string(op.value.size()) + " bytes; " + nn::text(op.results[0]) + " has " +
                               std::to_string(bytes.value_or(0)));
}

void FusionChecker::checkOutputs() {
  if (phase_.outputs.empty())
    return fail("outputs", "is empty");
  if (phase_.results.size() != phase_.outputs.size())
    return fail("results", std::to_string(phase_.results.size()) + " values for " +
                               std::to_string(phase_.outputs.size()) + " outputs");
  std::set<uint32_t> written;
  for (size_t i = 0; errors_.none() && i < phase_.outputs.size(); ++i) {
    const Edge &edge = program_.edges[phase_.outputs[i]];
    if (!checkIndex(phase_.results[i], values_.size(), "value", path_ + "." + at("results", i), errors_))
      return;
    const nn::TensorSpec &value = values_[phase_.results[i]];
    if (!edge.shape || tensorSpec(edge) != value)
      fail(at("outputs", i), "edge '" + edge.name + "' is " + (edge.shape ? nn::text(tensorSpec(edge)) : "of tokens") +
                                 "; the value is " + nn::text(value));
    if (!written.insert(phase_.outputs[i]).second)
      fail(at("outputs", i), "edge '" + edge.name + "' is written twice");
  }
}

} // namespace

void checkFusion(const Program &program, const Phase &phase, const std::string &path, FieldErrors &errors) {
  FusionChecker(program, phase, path, errors).check();
}

} // namespace cadenza

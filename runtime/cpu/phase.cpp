#include "runtime/cpu/phase.h"
#include "runtime/plan/functions.h"

#include <numeric>

namespace cadenza::cpu {
namespace {

using BindBody = BoundBody (*)(BodyBinding);
constexpr std::pair<PhaseKind, BindBody> bodies[] = {
    {PhaseKind::Embed, bindEmbed}, {PhaseKind::Project, bindProject}, {PhaseKind::Attend, bindAttend},
    {PhaseKind::Select, bindMap},  {PhaseKind::Map, bindMap},
};

StatusOr<BoundBody> bindBody(BodyBinding binding) {
  for (const auto &[kind, bind] : bodies)
    if (kind == binding.phase.kind)
      return bind(std::move(binding));
  return Status(StatusCode::Internal,
                "the CPU executor has no phase kind '" + std::string(phaseKindName(binding.phase.kind)) + "'");
}

} // namespace

StatusOr<BoundPhase> BoundPhase::bind(const Machine &machine, const Phase &phase) {
  BoundPhase bound;
  if (phase.kind == PhaseKind::Fusion) {
    CADENZA_ASSIGN_OR_RETURN(bound.fusion_, BoundFusion::bind(phase));
    return bound;
  }
  Prologue prologue;
  if (!phase.prologue.empty()) {
    CADENZA_ASSIGN_OR_RETURN(prologue, bindPrologue({machine, phase.prologue[0], {}}));
  }
  CADENZA_ASSIGN_OR_RETURN(BoundBody body, bindBody({machine, phase, std::move(prologue)}));

  bound.body_ = std::move(body.body);
  std::vector<bool> consumed(body.segmentSizes.size());
  for (const Function &function : phase.epilogues) {
    CADENZA_ASSIGN_OR_RETURN(Epilogue epilogue, bindEpilogue({machine, function, body.segmentSizes}));
    bound.epilogues_.push_back(std::move(epilogue));
    for (const ParameterSpec &parameter : findFunction(FunctionRole::Epilogue, function.name)->parameters)
      if (parameter.type == ParameterType::ConsumedSlot)
        consumed[function.parameters.at(std::string(parameter.name)).get<size_t>()] = true;
  }

  bound.storage_.resize(std::accumulate(body.segmentSizes.begin(), body.segmentSizes.end(), int64_t{0}));
  float *next = bound.storage_.data();
  for (size_t slot = 0; slot < body.segmentSizes.size(); next += body.segmentSizes[slot], ++slot) {
    bound.segments_.emplace_back(next, static_cast<size_t>(body.segmentSizes[slot]));
    if (!consumed[slot])
      bound.outputSlots_.push_back(slot);
  }
  bound.outputEdges_ = phase.outputs;
  bound.tokens_ = phaseTokens(machine.program, phase);
  bound.selects_ = selectsToken(phase);
  return bound;
}

Status BoundPhase::run(Machine &machine) {
  if (fusion_)
    return fusion_->run(machine);
  body_->run(machine, segments_);
  for (Epilogue &epilogue : epilogues_)
    epilogue(machine, segments_);
  for (size_t i = 0; i < outputEdges_.size(); ++i)
    machine.writeEdge(outputEdges_[i], segments_[outputSlots_[i]]);
  return Status::ok();
}

} // namespace cadenza::cpu

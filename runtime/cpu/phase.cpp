#include "runtime/cpu/phase.h"
#include "runtime/plan/functions.h"

#include <algorithm>
#include <numeric>

namespace cadenza::cpu {
namespace {

using BindBody = BoundBody (*)(BodyBinding);
constexpr std::pair<PhaseKind, BindBody> bodies[] = {
    {PhaseKind::Embed, bindEmbed}, {PhaseKind::Project, bindProject}, {PhaseKind::Attend, bindAttend},
    {PhaseKind::Select, bindMap},  {PhaseKind::Map, bindMap},         {PhaseKind::Last, bindLast},
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
  bound.tokens_ = phase.kind == PhaseKind::Last ? 1 : phaseTokens(machine.program, phase);
  const int64_t batch = std::min(bound.tokens_, maximumBatch);
  CADENZA_ASSIGN_OR_RETURN(BoundBody body, bindBody({machine, phase, std::move(prologue), batch}));

  bound.body_ = std::move(body.body);
  std::vector<bool> consumed(body.segmentSizes.size());
  for (const Function &function : phase.epilogues) {
    CADENZA_ASSIGN_OR_RETURN(Epilogue epilogue, bindEpilogue({machine, function, body.segmentSizes}));
    bound.epilogues_.push_back(std::move(epilogue));
    for (const ParameterSpec &parameter : findFunction(FunctionRole::Epilogue, function.name)->parameters)
      if (parameter.type == ParameterType::ConsumedSlot)
        consumed[function.parameters.at(std::string(parameter.name)).get<size_t>()] = true;
  }

  const auto workers = static_cast<size_t>(std::min<int64_t>(batch, machine.pool.threads()));
  const int64_t elements = std::accumulate(body.segmentSizes.begin(), body.segmentSizes.end(), int64_t{0});
  bound.storage_.resize(workers * static_cast<size_t>(elements));
  bound.segments_.resize(workers);
  float *next = bound.storage_.data();
  for (std::vector<Segment> &segments : bound.segments_)
    for (size_t slot = 0; slot < body.segmentSizes.size(); next += body.segmentSizes[slot], ++slot)
      segments.emplace_back(next, static_cast<size_t>(body.segmentSizes[slot]));
  for (size_t slot = 0; slot < body.segmentSizes.size(); ++slot)
    if (!consumed[slot])
      bound.outputSlots_.push_back(slot);
  bound.outputEdges_ = phase.outputs;
  bound.selects_ = selectsToken(phase);
  return bound;
}

Status BoundPhase::run(Machine &machine, int64_t live) {
  if (fusion_)
    return fusion_->run(machine);
  const int64_t tokens = std::min(tokens_, live);
  for (int64_t first = 0; first < tokens; first += maximumBatch) {
    const Batch batch{machine, first, std::min(tokens - first, maximumBatch)};
    body_->prepare(batch);
    const int64_t workers = std::min<int64_t>(batch.count, std::ssize(segments_));
    machine.pool.parallelFor(workers, 1, [&](int64_t begin, int64_t end) {
      for (int64_t worker = begin; worker < end; ++worker)
        for (int64_t i = worker; i < batch.count; i += workers)
          runToken(batch.token(i), segments_[static_cast<size_t>(worker)]);
    });
  }
  return Status::ok();
}

void BoundPhase::runToken(const Token &token, std::span<const Segment> segments) {
  body_->run(token, segments);
  for (Epilogue &epilogue : epilogues_)
    epilogue(token, segments);
  for (size_t i = 0; i < outputEdges_.size(); ++i)
    token.writeEdge(outputEdges_[i], segments[outputSlots_[i]]);
}

} // namespace cadenza::cpu

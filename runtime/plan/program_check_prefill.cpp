// Prefill entries: each is the decoder's step on a tile of tokens, phase by phase.
#include "runtime/plan/program_check.h"

#include <algorithm>
#include <map>

namespace cadenza {
namespace {

std::string text(int64_t value) { return std::to_string(value); }

bool same(const Ref &a, const Ref &b) { return a.perLayer == b.perLayer && a.index == b.index; }
bool same(const std::vector<Ref> &a, const std::vector<Ref> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Ref &x, const Ref &y) { return same(x, y); });
}
/// All but operands, which are edges.
bool same(const std::vector<Function> &a, const std::vector<Function> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Function &x, const Function &y) {
    return x.name == y.name && x.parameters == y.parameters && same(x.weights, y.weights) && same(x.caches, y.caches);
  });
}

/// Of attention, all but the order of its sums.
nlohmann::json withoutOrder(nlohmann::json parameters) {
  parameters.erase("splits");
  parameters.erase("warps");
  return parameters;
}

/// The first field in which a phase computes something else than a phase of the step; empty if there is none.
std::string_view difference(const Phase &phase, const Phase &of) {
  const bool matrix = phase.kind == PhaseKind::Project || phase.kind == PhaseKind::Embed;
  if (phase.kind != of.kind)
    return "kind";
  if (matrix && !same(phase.matrix, of.matrix))
    return "matrix";
  if (phase.positions.has_value() != of.positions.has_value() ||
      (phase.positions && !same(*phase.positions, *of.positions)))
    return "positions";
  if (phase.segmentRows != of.segmentRows)
    return "segment_rows";
  if (phase.interleaved != of.interleaved)
    return "interleaved";
  if (!same(phase.prologue, of.prologue))
    return "prologue";
  if (!same(phase.epilogues, of.epilogues))
    return "epilogues";
  if (withoutOrder(phase.parameters) != withoutOrder(of.parameters))
    return "parameters";
  if (!same(phase.caches, of.caches))
    return "caches";
  return same(phase.scalars, of.scalars) ? "" : "scalars";
}

/// The edges that a phase reads, in order.
std::vector<uint32_t> reads(const Phase &phase) {
  std::vector<uint32_t> edges = phase.inputs;
  for (const Function &epilogue : phase.epilogues)
    edges.insert(edges.end(), epilogue.operands.begin(), epilogue.operands.end());
  return edges;
}

bool usesCache(const Phase &phase) {
  return !phase.caches.empty() || std::any_of(phase.epilogues.begin(), phase.epilogues.end(),
                                              [](const Function &epilogue) { return !epilogue.caches.empty(); });
}

class PrefillChecker {
public:
  PrefillChecker(const Program &program, uint32_t index, const KernelsByName &kernels, FieldErrors &errors)
      : program_(program), kernels_(kernels), entry_(program.entries[index]), path_(at("program.entries", index)),
        decodePath_("'" + decodeEntry(program).name + "'"), errors_(errors) {}

  void check() {
    for (const Block &block : decodeEntry(program_).blocks)
      for (const Phase &phase : block.phases)
        step_.push_back({&phase, block.count});
    for (size_t b = 0; b < entry_.blocks.size(); ++b)
      for (size_t i = 0; errors_.none() && i < entry_.blocks[b].phases.size(); ++i)
        checkPlace(entry_.blocks[b], entry_.blocks[b].phases[i], at(at(path_ + ".blocks", b) + ".phases", i));
    if (errors_.none() && next_ != step_.size())
      errors_.add(path_ + ".blocks", "ends before phase '" + step_[next_].phase->name + "' of " + decodePath_);
    if (errors_.none() && !ended_)
      errors_.add(path_ + ".blocks", "no last phase; a prefill ends its tile with one");
  }

private:
  struct StepPhase {
    const Phase *phase;
    int64_t count; // of its block
  };

  void checkPlace(const Block &block, const Phase &phase, const std::string &place) {
    if (phase.kind == PhaseKind::Last)
      return checkLast(block, phase, place);
    if (next_ == step_.size() || step_[next_].count != block.count)
      return errors_.add(place, next_ == step_.size()
                                    ? "no phase of " + decodePath_ + " is left"
                                    : "runs " + text(block.count) + " times; '" + step_[next_].phase->name + "' of " +
                                          decodePath_ + " runs " + text(step_[next_].count) + " times");
    const Phase &of = *step_[next_++].phase;
    if (const std::string_view field = difference(phase, of); !field.empty())
      return errors_.add(place + "." + std::string(field), "is not that of phase '" + of.name + "' of " + decodePath_);
    if (ended_ && usesCache(phase))
      return errors_.add(place + ".caches", "a phase after the last one uses no cache");
    checkEdges(phase, of, place);
    if (phaseTokens(program_, phase) != (ended_ ? 1 : tileOf(entry_)))
      return errors_.add(place + ".inputs",
                         text(phaseTokens(program_, phase)) + " tokens; expected " + text(ended_ ? 1 : tileOf(entry_)));
    checkTileLaunches(phase, !ended_, kernels_, place, errors_);
  }

  void checkLast(const Block &block, const Phase &phase, const std::string &place) {
    if (ended_ || block.count != 1)
      return errors_.add(place + ".kind", "last; expected once, in a block of count 1");
    ended_ = true;
    std::map<uint32_t, uint32_t> after; // what else the tile has is not for the head
    for (auto &[ofStep, edge] : edges_)
      if (edge == phase.inputs[0])
        after[ofStep] = phase.outputs[0];
    if (after.empty() || phaseTokens(program_, phase) != tileOf(entry_))
      errors_.add(place + ".inputs[0]",
                  "edge '" + program_.edges[phase.inputs[0]].name + "' holds nothing of the tile");
    edges_ = std::move(after);
    if (phase.prepare)
      errors_.add(place + ".prepare", "only a project phase of a tile has one");
  }

  /// Reads what the phase of the step reads, and writes edges like that one's.
  void checkEdges(const Phase &phase, const Phase &of, const std::string &place) {
    const std::vector<uint32_t> read = reads(phase), ofStep = reads(of);
    for (size_t i = 0; i < read.size() && i < ofStep.size(); ++i) // as many: the phases have the same functions
      if (const auto edge = edges_.find(ofStep[i]); edge == edges_.end() || edge->second != read[i])
        errors_.add(place + ".inputs", "edge '" + program_.edges[read[i]].name + "' does not stand for edge '" +
                                           program_.edges[ofStep[i]].name + "' of " + decodePath_);
    if (read.size() != ofStep.size() || phase.outputs.size() != of.outputs.size())
      return errors_.add(place + (read.size() != ofStep.size() ? ".inputs" : ".outputs"),
                         "not as many edges as those of phase '" + of.name + "' of " + decodePath_);
    for (size_t i = 0; i < phase.outputs.size(); ++i) {
      const Edge &edge = program_.edges[phase.outputs[i]], &step = program_.edges[of.outputs[i]];
      if (edge.elements != step.elements || edge.dtype != step.dtype)
        errors_.add(place + ".outputs",
                    "edge '" + edge.name + "' is not like edge '" + step.name + "' of " + decodePath_);
      edges_[of.outputs[i]] = phase.outputs[i];
    }
  }

  const Program &program_;
  const KernelsByName &kernels_;
  const Entry &entry_;
  const std::string path_, decodePath_;
  FieldErrors &errors_;
  std::vector<StepPhase> step_;
  size_t next_ = 0;                    // of step_
  bool ended_ = false;                 // whether the last phase has been
  std::map<uint32_t, uint32_t> edges_; // of the step, to the entry's with the same value
};

} // namespace

void checkPrefill(const Program &program, uint32_t index, const KernelsByName &kernels, FieldErrors &errors) {
  PrefillChecker(program, index, kernels, errors).check();
}

} // namespace cadenza

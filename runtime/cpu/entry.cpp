#include "runtime/cpu/entry.h"

namespace cadenza::cpu {

StatusOr<BoundEntry> BoundEntry::bind(const Machine &machine, const Entry &entry) {
  BoundEntry result;
  for (const Block &block : entry.blocks) {
    BoundBlock bound{block.count, {}};
    for (const Phase &phase : block.phases) {
      CADENZA_ASSIGN_OR_RETURN(BoundPhase boundPhase, BoundPhase::bind(machine, phase));
      bound.phases.push_back(std::move(boundPhase));
    }
    result.blocks_.push_back(std::move(bound));
  }
  return result;
}

Status BoundEntry::run(Machine &machine, const Part &part, const AfterPhase &after) {
  for (auto block = static_cast<uint32_t>(part.firstBlock); block < part.endBlock; ++block) {
    for (machine.iteration = 0; machine.iteration < blocks_[block].count; ++machine.iteration) {
      std::vector<BoundPhase> &phases = blocks_[block].phases;
      for (uint32_t phase = 0; phase < phases.size(); ++phase) {
        CADENZA_RETURN_IF_ERROR(phases[phase].run(machine, part.live));
        if (after)
          CADENZA_RETURN_IF_ERROR(after(block, phase, phases[phase]));
      }
    }
  }
  return Status::ok();
}

} // namespace cadenza::cpu

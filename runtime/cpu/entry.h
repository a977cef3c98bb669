// An entry of the program, bound: its blocks, ready to run in a machine.
#pragma once

#include "runtime/cpu/phase.h"

#include <functional>
#include <vector>

namespace cadenza::cpu {

class BoundEntry {
public:
  static StatusOr<BoundEntry> bind(const Machine &machine, const Entry &entry);

  /// Called after every phase, of all its tokens: `phase` of `block`.
  using AfterPhase = std::function<Status(uint32_t block, uint32_t phase, const BoundPhase &bound)>;

  struct Part {
    size_t firstBlock = 0, endBlock = 0;
    int64_t live = INT64_MAX; // the first so many tokens of edges that have more
  };
  /// Runs a part. Errors are those of `after`, and of values that a fusion cannot compute with.
  Status run(Machine &machine, const Part &part, const AfterPhase &after = {});
  size_t blocks() const { return blocks_.size(); }

private:
  struct BoundBlock {
    int64_t count = 1;
    std::vector<BoundPhase> phases;
  };
  std::vector<BoundBlock> blocks_;
};

} // namespace cadenza::cpu

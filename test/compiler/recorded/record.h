// What an emulated persistent kernel exchanged (test/emulation/record.h), in the terms of its schedule.
#pragma once

#include "compiler/ir/sched/Sched.h"
#include "compiler/schedule/division.h"

#include <string>
#include <vector>

namespace cadenza::test {

/// One thread's part in an exchange.
struct RecordedEvent {
  int64_t block, thread;
  bool write;
  std::string what;    // as in ExchangeBuffer
  int64_t writer = -1; // a block; -1: all ranks of the group that have something
  int64_t reader = -1; // a block; -1: everyone who reads it
};

/// The events of a file that the emulation wrote, in their order. Addresses are those of the layout that
/// codegen/kernels/persistent_block.cuh and persistent_hop.cuh give the schedule's barriers and packets.
std::vector<RecordedEvent> readRecord(const std::string &path, sched::GridOp grid, const LayerShape &shape);

/// "", or the first thing that a thread did that its block's list does not have there, or that the lists have and no
/// thread did: those of `steps` steps, the first `headless` of which select nothing. `parts` and `sharing` as of
/// exchangesOf.
std::string compareRecord(const std::vector<RecordedEvent> &events, sched::GridOp grid, int64_t steps, int64_t headless,
                          int64_t parts, int64_t sharing = 0);

} // namespace cadenza::test

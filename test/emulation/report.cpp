// What a fault says: who runs, who waits, and for what.
#include "test/emulation/faults.h"
#include "test/emulation/scheduler.h"

#include <bit>
#include <cstdio>

namespace cadenza::emulation {

std::string Scheduler::describe(const Launch &launch, const host::Thread &thread) const {
  return "kernel '" + launch.kernel->name + "', block " + std::to_string(thread.block_index) + ", thread " +
         std::to_string(thread.thread_index) + " (warp " + std::to_string(thread.thread_index / 32) + ", lane " +
         std::to_string(thread.thread_index % 32) + "): ";
}

/// The warps that wait for something, with the lanes that do.
std::string Scheduler::describeWaiting() const {
  static constexpr const char *collectives[] = {"nothing",
                                                "warp_barrier",
                                                "shuffle",
                                                "mma_m16n8k16<bf16>",
                                                "mma_m16n8k16<f16>",
                                                "mma_m16n8k8",
                                                "load_matrices",
                                                "load_matrices_transposed",
                                                "wgmma",
                                                "wgmma_fence",
                                                "wgmma_commit",
                                                "wgmma_wait",
                                                "take_registers or give_registers"};
  std::string text;
  int lines = 0;
  auto mbarrierOf = [&](const Block &block, const Lane &lane) -> std::string {
    for (const MbarrierState &barrier : block.mbarriers)
      if (block.shared + barrier.offset == lane.address)
        return "wait for parity " + std::to_string(lane.number) + " of " + nameMbarrier(block, barrier);
    return "wait for an mbarrier";
  };
  for (const auto &block : resident_) {
    for (const auto &warp : block->warps) {
      const uint32_t waiting = warp->atBarrier | warp->atGridWait | warp->atCollective | warp->atMbarrier |
                               warp->atNamed | warp->atCluster | warp->polling;
      if (waiting == 0)
        continue;
      if (++lines > 40)
        return text + "\n  ...";
      text += "\n  '" + block->grid->launch->kernel->name + "', block " + std::to_string(block->index) + ", warp " +
              std::to_string(warp->index) + ": lanes";
      auto add = [&](const char *where, uint32_t lanes) {
        char mask[16];
        std::snprintf(mask, sizeof mask, "%08x", lanes);
        if (lanes != 0)
          text += std::string(" ") + mask + " " + where;
      };
      add("wait at block_barrier,", warp->atBarrier);
      add("in grid_dependency_wait,", warp->atGridWait);
      add((std::string("in ") + collectives[static_cast<int>(warp->collective)] + ",").c_str(), warp->atCollective);
      if (warp->atNamed != 0)
        add(("wait at named_barrier " + std::to_string(warp->lanes[std::countr_zero(warp->atNamed)].number) + ",")
                .c_str(),
            warp->atNamed);
      add("wait at cluster_barrier,", warp->atCluster);
      for (uint32_t left = warp->atMbarrier; left != 0;) { // lanes of one barrier together
        const Lane &first = warp->lanes[std::countr_zero(left)];
        uint32_t same = 0;
        for (uint32_t mask = left; mask != 0; mask &= mask - 1)
          if (const Lane &other = warp->lanes[std::countr_zero(mask)];
              other.address == first.address && other.number == first.number)
            same |= mask & -mask;
        add((mbarrierOf(*block, first) + ",").c_str(), same);
        left &= ~same;
      }
      if (warp->polling != 0)
        add(("poll " + formatAddress(warp->lanes[std::countr_zero(warp->polling)].address) + ",").c_str(),
            warp->polling);
      add("run,", warp->runnable & ~warp->polling);
      add("exited,", warp->exited);
      text.pop_back();
    }
  }
  return text;
}

} // namespace cadenza::emulation
